"""Adapt a fitted classifier for the server: from files in memory to plain values."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from skpneumo._formatting import in_one_line
from skpneumo._memory_files import files_in_memory
from skpneumo._pixel_values import OtherPixelsError
from skpneumo._responses import (
    positive_column,
    probabilities_and_labels,
    reasons_to_withhold,
)
from skpneumo.fitted import classes_of, gate_of, threshold_of
from skpneumo.loading import UnreadableImagesError, image_size

__all__ = ["METHODS", "ImageError", "ImageTooLargeError", "ServedModel"]

METHODS = ("occlusion", "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients")

REFER = "refer"
"""The decision if neither class is safe."""

_DIGITS = 6
_LEAST_DPI, _MOST_DPI = 200, 300


class ImageError(ValueError):
    """Error raised if a file is not an image that the model can predict."""


class ImageTooLargeError(ImageError):
    """Error raised if an image has more pixels than the server accepts."""


class Rule(NamedTuple):
    """The class that a model predicts from a probability on, and refers below another."""

    column: int
    lower: float
    upper: float | None


@dataclass(frozen=True)
class ServedModel:
    """A fitted classifier with the names of its classes and facts about it.

    Parameters
    ----------
    estimator : fitted classifier
        A classifier of paths.
    names : list of str
        Names of the classes, in the order of ``classes_``.
    facts : dict, default={}
        Facts about its file.
    """

    estimator: Any
    names: list[str]
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def positive(self) -> int | None:
        """The column of the positive class; None for more than two classes, or if unclear."""
        return positive_column(self.estimator, self.names) if len(self.names) == 2 else None

    @cached_property
    def threshold(self) -> float | None:
        """The probability of the positive class from which on it is predicted."""
        rule = self.rule
        return rule.lower if rule is not None and rule.column == self.positive else None

    @cached_property
    def upper_threshold(self) -> float | None:
        """The probability below which positive predictions are referred, if the model refers."""
        return None if self.threshold is None or self.rule is None else self.rule.upper

    @cached_property
    def rule(self) -> "Rule | None":
        """The thresholds, also if they are on the other class; None if unknown."""
        found = threshold_of(self.estimator)
        if found is None or found.response != "predict_proba" or self.positive is None:
            return None
        # From a RecallFloorClassifier, or from an exported file of one.
        upper = getattr(found.chosen_by, "upper_threshold_", None)
        if upper is not None:
            upper = float(upper) if upper > found.value else None
        return Rule(self._labels.index(found.pos_label), found.value, upper)

    @cached_property
    def withholds(self) -> bool:
        """Whether an input gate withholds predictions, instead of only warning."""
        inner = gate_of(self.estimator)
        return inner is not None and inner.gate.on_outlier != "warn"

    @cached_property
    def _labels(self) -> list[Any]:
        return classes_of(self.estimator)

    def check_size(self, content: bytes, max_pixels: int) -> None:
        """Check the size of an image by its header, before it is decoded.

        Raises
        ------
        ImageTooLargeError
            If it has more pixels.
        ImageError
            If its size cannot be read.
        """
        with files_in_memory([content]) as (path,):
            try:
                height, width = image_size(path)
            except (OSError, ValueError) as error:
                raise ImageError(in_one_line(error)) from None
        if height * width > max_pixels:
            raise ImageTooLargeError(
                f"the image has {width} x {height} pixels, more than the limit of {max_pixels:,}; "
                "export it at a lower resolution"
            )

    def predict(self, contents: Sequence[bytes]) -> list[dict[str, Any] | Exception]:
        """Predict images together; an error of one does not affect the others.

        Parameters
        ----------
        contents : sequence of bytes
            Files.

        Returns
        -------
        answers : list of dict or Exception
            For each image, the prediction, an :class:`ImageError` if it cannot be read, or another
            error of the model.
        """
        with files_in_memory(contents) as paths, warnings.catch_warnings():
            # Answers contain everything about an image; warnings must not get into a log.
            warnings.simplefilter("ignore")
            found = self._predict_readable(paths)
            failed = [path for path in paths if path not in found]
            # After an error that names no image, predict one by one.
            for path in failed:
                found |= self._predict_alone(path)
        return [found[path] for path in paths]

    def _predict_readable(self, paths: Sequence[str]) -> dict[str, Any]:
        """Get answers and errors; after an error that names no image, only of some images."""
        found: dict[str, Any] = {}
        while good := [path for path in paths if path not in found]:
            try:
                return found | dict(zip(good, self._answers(good), strict=True))
            except (UnreadableImagesError, OtherPixelsError) as error:
                named = {path: error.failures[path] for path in good if path in error.failures}
                if not named:
                    break
                found |= {path: ImageError(in_one_line(e)) for path, e in named.items()}
            except Exception:
                # Predicted again one by one, so that the error becomes the answer of its image.
                break
        return found

    def _predict_alone(self, path: str) -> dict[str, Any]:
        try:
            return {path: self._answers([path])[0]}
        except UnreadableImagesError as error:
            reason = error.failures.get(path, error)
            return {path: ImageError(in_one_line(reason))}
        except OtherPixelsError as error:
            return {path: ImageError(in_one_line(error))}
        except Exception as error:
            return {path: error}

    def _answers(self, paths: list[str]) -> list[dict[str, Any]]:
        probabilities, labels = probabilities_and_labels(self.estimator, paths)
        said = [self.names[self._labels.index(label)] for label in np.asarray(labels).tolist()]
        gates = self._gate_answers(paths)
        return [
            self._answer(row, label, gate)
            for row, label, gate in zip(
                np.asarray(probabilities, dtype=float).tolist(), said, gates, strict=True
            )
        ]

    def _gate_answers(self, paths: list[str]) -> list[dict[str, Any] | None]:
        """Report for each image whether it is like the training images; None without a gate."""
        reasons = reasons_to_withhold(self.estimator, paths)
        if reasons is None:
            return [None] * len(paths)
        return [{"passed": not reason, "reason": str(reason)} for reason in reasons]

    def _answer(self, row: list[float], label: str, gate: dict[str, Any] | None) -> dict[str, Any]:
        positive = self.positive
        shown: list[float | None] = [round(value, _DIGITS) for value in row]
        decision: str | None = label
        failed = gate is not None and not gate["passed"]
        if (failed and self.withholds) or any(map(math.isnan, row)):
            shown, said, decision = [None] * len(row), None, None
        else:
            said = label
            if self._refers(row):
                decision = REFER
        return {
            "probability": None if positive is None else shown[positive],
            "probabilities": dict(zip(self.names, shown, strict=True)),
            "label": said,
            "decision": decision,
            "gate": gate,
        }

    def _refers(self, row: list[float]) -> bool:
        """Tell whether a probability lies between the two thresholds."""
        rule = self.rule
        if rule is None or rule.upper is None:
            return False
        return rule.lower <= row[rule.column] < rule.upper

    def explain(self, content: bytes, method: str, target: str | None) -> bytes:
        """Plot the evidence over one image.

        Parameters
        ----------
        content : bytes
            A file.
        method : str
            One of ``METHODS``.
        target : str or None
            Name of the class to plot the evidence for. By default the positive one of two classes,
            or the predicted one of more, or if it is unclear which is positive.

        Returns
        -------
        png : bytes

        Raises
        ------
        ImageError
            If the file cannot be read, there is no such class, the method cannot explain the
            model, or the input gate withholds the image.
        """
        with files_in_memory([content]) as paths, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._refuse_withheld(paths)
                return self._heat_map(paths, method, self._target(paths, target))
            except UnreadableImagesError as error:
                raise ImageError(in_one_line(error.failures.get(paths[0], error))) from None
            except ValueError as error:
                raise ImageError(in_one_line(error).replace(paths[0], "the image")) from None

    def _refuse_withheld(self, paths: list[str]) -> None:
        """Refuse to plot an image whose probability, which a heat map shows, is withheld."""
        if not self.withholds:
            return
        (gate,) = self._gate_answers(paths)
        if gate is not None and not gate["passed"]:
            raise ImageError(
                f"the prediction is withheld ({gate['reason']}), and so is the heat map"
            )

    def _target(self, paths: list[str], target: str | None) -> Any:
        if target is not None:
            if target not in self.names:
                raise ImageError(
                    f"There is no class {target!r}; the classes are {', '.join(self.names)}."
                )
            return self._labels[self.names.index(target)]
        if self.positive is not None:
            return self._labels[self.positive]
        return probabilities_and_labels(self.estimator, paths)[1].tolist()[0]

    def _heat_map(self, paths: list[str], method: str, target: Any) -> bytes:
        from matplotlib.figure import Figure

        from skpneumo.explanation import HeatMapDisplay

        found = HeatMapDisplay.from_estimator(
            self.estimator,
            paths,
            methods=method,
            target=target,
            target_names=self.names,
            ax=Figure().add_subplot(),
        )
        # Replaces the meaningless name of the file in memory.
        captions = [[_SHOWN_NAME, *lines[1:]] for lines in found.captions]
        display = HeatMapDisplay(found.sources, found.maps, captions, found.target_name)
        figure = Figure(figsize=display.figure_size, layout="constrained")
        display.plot(ax=figure.add_subplot())
        width = display.sources[0].pixels.shape[1] * 2 / display.figure_size[0]
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=min(max(width, _LEAST_DPI), _MOST_DPI))
        return drawn.getvalue()


_SHOWN_NAME = "image"
