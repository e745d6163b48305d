"""Parts of the input gate that exported models use as well."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_NEIGHBORS", "REASONS", "SIDE", "cell_shares", "labels_withheld"]

SIDE = 32
"""Rows and columns of the small images."""

N_NEIGHBORS = 5
"""The score is the distance to the nearest reference of this rank."""

REASONS = {
    "features": "unlike the training images to the network",
    "pixels": "unlike the training images",
    "orientation": "upside down",
    "polarity": "a negative",
}
"""Why an image is withheld, by the name of the check."""


@lru_cache(maxsize=8)
def cell_shares(n: int) -> NDArray[np.float32]:
    """Compute the share of each cell that each of n pixels covers, along one axis.

    Parameters
    ----------
    n : int
        Number of pixels.

    Returns
    -------
    shares : ndarray of shape (SIDE, n)
        Rows sum to 1.

    Examples
    --------
    >>> from skpneumo._gate_parts import cell_shares
    >>> cell_shares(64)[0, :3]
    array([0.5, 0.5, 0. ], dtype=float32)
    """
    edges = np.linspace(0, n, SIDE + 1)
    low = np.maximum(edges[:-1, np.newaxis], np.arange(n))
    high = np.minimum(edges[1:, np.newaxis], np.arange(1, n + 1))
    return (np.clip(high - low, 0, None) * (SIDE / n)).astype(np.float32)


def labels_withheld(labels: NDArray[Any], withheld: NDArray[np.bool_]) -> NDArray[Any]:
    """Replace withheld labels by NaN: numbers become floats, and text objects."""
    labels = labels.astype(np.float64 if labels.dtype.kind in "biuf" else object)
    labels[withheld] = np.nan
    return labels
