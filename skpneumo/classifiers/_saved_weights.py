"""Initial weights from a file, with digests of the images they were trained on."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._file_state import file_state

__all__ = [
    "SHIPPED",
    "SavedWeights",
    "image_digests",
    "read_weights",
    "weights_for",
    "write_weights",
]

_FOLDER = Path(__file__).with_name("weights")
_DIGEST_BYTES = 8

SHIPPED = {path.stem: path for path in sorted(_FOLDER.glob("*.npz"))}
"""Files of the weights that come with the package, by name."""


@dataclass(frozen=True)
class SavedWeights:
    """The weights of a network, its arguments, and digests of its training images.

    Attributes
    ----------
    arrays : list of ndarray of float32
        In the order of ``network.get_weights()``; the last two are those of the logits.
    arguments : dict
        Arguments that the network was built with, without the number of its logits.
    digests : ndarray of uint64
        Digests of the images that it was trained on.
    """

    arrays: list[NDArray[np.float32]]
    arguments: dict[str, Any]
    digests: NDArray[np.uint64]

    def n_seen(self, images: Any) -> int:
        """Count the images that these weights were trained on."""
        if np.asarray(images[:1]).dtype != np.uint8:
            return 0
        return int(np.isin(image_digests(images), self.digests).sum())


def write_weights(
    path: str | PathLike[str],
    weights: Sequence[NDArray[Any]],
    arguments: Mapping[str, Any],
    images: NDArray[np.uint8],
) -> None:
    """Write weights in 16 bits, with digests of the images they were trained on.

    The arguments are those that the network was built with. The images are not saved.

    Raises
    ------
    ValueError
        If a weight is too large for 16 bits.
    """
    if any(np.abs(weight).max(initial=0) > np.finfo(np.float16).max for weight in weights):
        largest = max(float(np.abs(weight).max()) for weight in weights)
        raise ValueError(
            f"The weights do not fit into 16 bits: the largest is {largest:.3g}, but at most "
            "65504 is possible. Train with a lower learning rate or more weight decay."
        )
    arrays = {f"weight_{i:03d}": np.float16(weight) for i, weight in enumerate(weights)}
    network = json.dumps(_comparable(arguments), sort_keys=True)
    digests = np.unique(image_digests(images))
    np.savez_compressed(path, network=np.array(network), digests=digests, **arrays)  # type: ignore[arg-type]


def read_weights(name: str | PathLike[str]) -> SavedWeights:
    """Read weights that come with the package, or those in a file of `write_weights`.

    Raises
    ------
    ValueError
        If neither such a name nor such a file exists, or the file is damaged.
    """
    path = SHIPPED.get(str(name), Path(name))
    if not path.is_file():
        raise ValueError(
            f"There are no weights {str(name)!r}: expected the path of a file of weights, or one "
            f"of those that come with the package: {', '.join(SHIPPED) or 'none'}."
        )
    return _read(path, file_state(path))


@lru_cache(maxsize=4)
def _read(path: Path, state: Any) -> SavedWeights:
    """Read a file; ``state`` makes the cache read it again after a change."""
    try:
        # Opened here, because NumPy leaves damaged files open.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = sorted(name for name in file.files if name.startswith("weight_"))
            arrays = [file[name].astype(np.float32) for name in names]
            return SavedWeights(arrays, json.loads(str(file["network"])), file["digests"])
    except OSError:
        raise
    except Exception as error:  # NumPy and zipfile can raise almost any exception
        raise ValueError(
            f"{os.fspath(path)!r} is not a file of weights, or is incomplete "
            f"({type(error).__name__}). Copy it again, or use one of those that come with the "
            f"package: {', '.join(SHIPPED)}."
        ) from error


def image_digests(images: Any) -> NDArray[np.uint64]:
    """Compute a digest of the pixels of each image; identical images have the same digest."""
    digests = b"".join(
        blake2b(np.ascontiguousarray(image).tobytes(), digest_size=_DIGEST_BYTES).digest()
        for image in images
    )
    return np.frombuffer(digests, dtype=np.uint64)


def weights_for(
    saved: SavedWeights, arguments: Mapping[str, Any], n_outputs: int
) -> list[NDArray[np.float32]]:
    """Return the saved weights for a network, with logits that are zero for every image.

    Raises
    ------
    ValueError
        If the weights are for another network.
    """
    other = json.loads(json.dumps(_comparable(arguments)))
    if wrong := [name for name, value in saved.arguments.items() if other.get(name) != value]:
        theirs = ", ".join(f"{name}={saved.arguments[name]!r}" for name in wrong)
        own = ", ".join(f"{name}={other.get(name)!r}" for name in wrong)
        raise ValueError(
            f"The initial weights are for another network: it has {theirs}, this one {own}. Use "
            "the parameters of that network, or initial_weights=None."
        )
    *body, kernel, _ = saved.arrays
    zeros = [np.zeros((kernel.shape[0], n_outputs)), np.zeros(n_outputs)]
    return [*body, *(each.astype(np.float32) for each in zeros)]


# Arguments that do not affect the shapes of the weights, in which networks may differ.
_IRRELEVANT = {
    "n_outputs",
    "dropout",
    "kernel_initializer",
    "l1",
    "l2",
    "activity_l2",
    "max_norm",
}


def _comparable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in arguments.items() if name not in _IRRELEVANT}
