"""Change sharpness and local contrast by scaling the bands of a Laplacian pyramid."""

from functools import cache
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from skpneumo.augmentation._params import DETAIL_GRIDS

__all__ = ["scale_bands"]


def scale_bands(images: Any, gains: Any) -> Any:
    """Multiply each band of a Laplacian pyramid by its factor.

    Parameters
    ----------
    images : tensor of shape (n, height, width, channels), float32
        Images; all channels are treated alike.
    gains : tensor of shape (n, len(DETAIL_GRIDS))
        Factors, finest band first. With factors of 1 an image is unchanged.

    Returns
    -------
    scaled : tensor of shape (n, height, width, channels)
        Structures coarser than the coarsest grid are unchanged.
    """
    light = ops.transpose(images, (0, 3, 1, 2))
    factors = [ops.reshape(gains[:, i], (-1, 1, 1, 1)) for i in range(len(DETAIL_GRIDS))]
    change = _added_detail(light, list(zip(DETAIL_GRIDS, factors, strict=True)))
    return images if change is None else images + ops.transpose(change, (0, 2, 3, 1))


def _added_detail(light: Any, bands: list[tuple[int, Any]]) -> Any:
    """Compute what scaling the bands adds to the images, exactly 0 for factors of 1.

    All bands except the finest are scaled on a smaller grid, at a fraction of the cost. Return
    None if an image has nothing finer than the coarsest grid.
    """
    height, width = light.shape[2:]
    bands = [(grid, factor) for grid, factor in bands if grid < height or grid < width]
    if not bands:
        return None
    (grid, factor), *coarser = bands
    rows, columns = min(grid, height), min(grid, width)
    small = ops.matmul(_averages(height, rows), ops.matmul(light, _averages(width, columns).T))
    below = _added_detail(small, coarser)
    on_grid = (1 - factor) * small if below is None else below + (1 - factor) * small
    enlarged = ops.matmul(
        _interpolation(height, rows), ops.matmul(on_grid, _interpolation(width, columns).T)
    )
    return (factor - 1) * light + enlarged


@cache
def _averages(n: int, cells: int) -> NDArray[np.float32]:
    """Return a matrix of shape (cells, n) that averages over cells of equal length."""
    edges, pixel = np.linspace(0, n, cells + 1), np.arange(n)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    shares = overlap.clip(0)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@cache
def _interpolation(n: int, cells: int) -> NDArray[np.float32]:
    """Return a matrix of shape (n, cells) that interpolates linearly between cell centres."""
    position = ((np.arange(n) + 0.5) * cells / n - 0.5).clip(0, cells - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells))).astype(np.float32)
