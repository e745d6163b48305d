"""Run ONNX files that have been checked."""

import os
import stat
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from skpneumo.persistence.onnx._guard import MAX_BYTES, check_model
from skpneumo.persistence.onnx._metadata import ModelFacts

__all__ = ["MAX_PIXELS", "OnnxSession", "Predicted", "read_bytes"]

# The same limit as for image files.
MAX_PIXELS = 89_478_485
_MAX_WORKING_BYTES = 768 * 2**20
_SAME_AS_REQUESTED = 1
_FATAL = 4


class Predicted(NamedTuple):
    """Outputs of the graph for one image."""

    probabilities: NDArray[np.float64]
    label: int
    decision: int
    gate: NDArray[np.float64] | None = None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a file of bounded size.

    Raises
    ------
    OSError
        If there is no such regular file.
    ValueError
        If it is too large.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(
            f"{os.fspath(path)} is a folder, not a model file. Name the file in it."
        )
    if not stat.S_ISREG(mode):
        raise OSError(f"{os.fspath(path)} is a pipe, socket or device, not a model file.")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than the limit of {MAX_BYTES:,} bytes")
    return data


class OnnxSession:
    """Runs a model on images, one at a time.

    Parameters
    ----------
    data : bytes
        The file.

    Raises
    ------
    ValueError
        If it was not written by this package.
    """

    def __init__(self, data: bytes) -> None:
        self.facts: ModelFacts = check_model(data)
        try:
            self._session = onnxruntime.InferenceSession(
                data,
                _options(),
                providers=["CPUExecutionProvider"],
                # Constant folding would run before the memory is bounded.
                disabled_optimizers=["ConstantFolding"],
            )
        except Exception as error:  # onnxruntime has no common class of errors
            raise ValueError(f"onnxruntime cannot run it ({_first_line(error)})") from error
        inputs = [(each.type, len(each.shape)) for each in self._session.get_inputs()]
        if inputs != [("tensor(uint8)", 3)]:
            raise ValueError("its input is not an image of 8-bit pixels")

    def predict(self, image: NDArray[np.uint8]) -> Predicted:
        """Run the model on an image of shape (height, width, channels).

        Raises
        ------
        ValueError
            If the run fails, or its outputs are not those of a classifier.
        """
        n_classes = len(self.facts.classes)
        try:
            outputs: list[Any] = self._session.run(None, {"image": np.ascontiguousarray(image)})
        except Exception as error:  # see above
            raise ValueError(
                f"onnxruntime failed on an image of shape {image.shape} ({_first_line(error)}). "
                "The image may be too large for the memory of a model, or the model file was not "
                "written by skpneumo."
            ) from error
        probabilities, label, decision, *gate = outputs
        n_checks = [] if self.facts.gate is None else [(1, len(self.facts.gate.checks))]
        if (
            probabilities.shape != (1, n_classes)
            or probabilities.dtype != np.float64
            or not (probabilities >= 0).all()
            or not (probabilities <= 1 + 1e-6).all()
            or label.shape != (1,)
            or decision.shape != (1,)
            or label[0] not in range(n_classes)
            or decision[0] not in range(-1, n_classes)
            or [scores.shape for scores in gate] != n_checks
        ):
            raise ValueError(
                "the model does not return a probability for each class and a decision. Export it "
                "again."
            )
        scores = gate[0][0] if gate else None
        return Predicted(probabilities[0], int(label[0]), int(decision[0]), scores)


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    _bound_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@cache
def _bound_memory() -> None:
    """Bound the memory of all models of this package in this process, but not of other models."""
    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    config = onnxruntime.OrtArenaCfg(_MAX_WORKING_BYTES, _SAME_AS_REQUESTED, -1, -1)
    onnxruntime.create_and_register_allocator(info, config)
    onnxruntime.disable_telemetry_events()  # builds for Windows have telemetry


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
