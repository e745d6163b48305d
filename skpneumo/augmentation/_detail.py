"""Sharpness and local contrast: more, or less, of what is lost when an image is made smaller."""

from functools import cache
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from skpneumo.augmentation._params import DETAIL_GRIDS

__all__ = ["weigh_bands"]


def weigh_bands(images: Any, gains: Any) -> Any:
    """Multiply each band of a Laplacian pyramid by its factor.

    Parameters
    ----------
    images : tensor of shape (n, height, width, channels), float32
        Images; each channel is treated alike.
    gains : tensor of shape (n, len(DETAIL_GRIDS))
        Factors, finest band first. Where all are 1 an image is left alone.

    Returns
    -------
    weighted : tensor of shape (n, height, width, channels)
        What is coarser than the coarsest grid is left as it is.
    """
    height, width = images.shape[1:3]
    weighted = finer = ops.transpose(images, (0, 3, 1, 2))
    for i, grid in enumerate(DETAIL_GRIDS):
        rows, columns = min(grid, height), min(grid, width)
        if (rows, columns) == (height, width):
            continue  # there is nothing finer
        small = ops.matmul(_averages(height, rows), ops.matmul(finer, _averages(width, columns).T))
        coarser = ops.matmul(_lines(height, rows), ops.matmul(small, _lines(width, columns).T))
        # One less than the factor, so that a factor of 1 leaves the image alone to the last bit.
        weighted = weighted + ops.reshape(gains[:, i] - 1, (-1, 1, 1, 1)) * (finer - coarser)
        finer = coarser
    return ops.transpose(weighted, (0, 2, 3, 1))


@cache
def _averages(n: int, cells: int) -> NDArray[np.float32]:
    """Averages over cells of equal length, as a matrix of shape (cells, n)."""
    edges, pixel = np.linspace(0, n, cells + 1), np.arange(n)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    shares = overlap.clip(0)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@cache
def _lines(n: int, cells: int) -> NDArray[np.float32]:
    """Lines from the centre of each cell to the next, as a matrix of shape (n, cells)."""
    position = ((np.arange(n) + 0.5) * cells / n - 0.5).clip(0, cells - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells))).astype(np.float32)
