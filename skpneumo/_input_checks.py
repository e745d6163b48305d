"""What an input gate looks at, here and in the files that models are exported to."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_NEIGHBORS", "REASONS", "SIDE", "cell_shares", "labels_withheld"]

SIDE = 32
"""Rows and columns of the small images."""

N_NEIGHBORS = 5
"""The distance to this nearest reference is what counts."""

REASONS = {
    "features": "unlike the training images to the network",
    "pixels": "unlike the training images",
    "orientation": "upside down",
    "polarity": "a negative",
}
"""Why an image is withheld, by the name of the check."""


@lru_cache(maxsize=8)
def cell_shares(n: int) -> NDArray[np.float32]:
    """Give how much of each cell each of n pixels fills, along one axis.

    Parameters
    ----------
    n : int
        Pixels.

    Returns
    -------
    shares : ndarray of shape (SIDE, n)
        Rows add up to 1.

    Examples
    --------
    >>> from skpneumo._input_checks import cell_shares
    >>> cell_shares(64)[0, :3]
    array([0.5, 0.5, 0. ], dtype=float32)
    """
    edges = np.linspace(0, n, SIDE + 1)
    low = np.maximum(edges[:-1, np.newaxis], np.arange(n))
    high = np.minimum(edges[1:, np.newaxis], np.arange(1, n + 1))
    return (np.clip(high - low, 0, None) * (SIDE / n)).astype(np.float32)


def labels_withheld(labels: NDArray[Any], withheld: NDArray[np.bool_]) -> NDArray[Any]:
    """Labels with NaN where they are withheld: numbers as float, text as objects."""
    labels = labels.astype(np.float64 if labels.dtype.kind in "biuf" else object)
    labels[withheld] = np.nan
    return labels
