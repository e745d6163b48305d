"""Estimate where the lungs are on chest X-rays.

1. ``_templates`` draws two lungs in some thousand boxes, and turns each into a filter that
   measures how much darker the lungs are than their surroundings.
2. ``_shrunk_and_equalized`` shrinks each image to 48 pixels a side, and equalizes its grey levels.
3. The lungs are the drawing with the largest response, minus a small penalty for unusual boxes.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.utils import gen_batches

from skpneumo._typing import ArrayLike

__all__ = ["chest_field", "lung_boxes", "lung_field", "relative_grey", "share_of_lungs"]

# Templates are fitted to images of this many pixels a side.
_SIDE = 48
_AT_ONCE = 1024  # images, so that memory is bounded


class _Box(NamedTuple):
    """Location of a template, in shares of the sides of the image."""

    left: float
    top: float
    width: float
    height: float


def lung_field(images: ArrayLike) -> NDArray[np.bool_]:
    """Estimate where the lungs are.

    A drawing of two lungs is moved and stretched to the place and size where it best separates
    dark from bright. So it also finds lungs that pneumonia has turned white, which a threshold
    would miss. It does not follow the outline, and is off by a few percent of the image's width.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width, channels)
        Frontal chest X-rays, air dark.

    Returns
    -------
    field : ndarray of bool, shape (n_images, height, width)
        True in the lungs, and behind the left edge of the heart.

    Examples
    --------
    >>> from skpneumo import ImageLoader, make_chest_xray
    >>> from skpneumo.explanation import lung_field
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> field = lung_field(ImageLoader(size=64).transform(xrays.filenames))
    >>> bool(field[0, 32, 20]), bool(field[0, 32, 32])  # in the right lung; in the spine
    (True, False)
    """
    return np.array([lungs for lungs, _ in _lungs_and_chests(images)])


def chest_field(images: Any) -> NDArray[np.bool_]:
    """Estimate the lungs and the area between them."""
    return np.array([chest for _, chest in _lungs_and_chests(images)])


def lung_boxes(images: Any) -> NDArray[np.float64]:
    """Estimate the box around both lungs: left, top, width and height, in shares of the sides."""
    return _templates()[0][_best_templates(images)]


def share_of_lungs(boxes: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Compute for each pixel the share of images in which it is in the lungs."""
    distinct, n = np.unique(boxes, axis=0, return_counts=True)
    shares = np.zeros((height, width))
    for box, count in zip(distinct, n, strict=True):
        shares += count / len(boxes) * _lungs_and_chest(_Box(*box), height, width)[0]
    return shares


def relative_grey(image: NDArray[Any]) -> NDArray[np.float32]:
    """Scale grey levels from 0 for the darkest to 1 for the brightest."""
    grey = np.asarray(image, dtype=np.float32).mean(axis=-1)
    low, high = grey.min(), grey.max()
    return (grey - low) / (high - low) if high > low else grey - low


def _lungs_and_chests(images: Any) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Draw the lungs and the chest of each image."""
    boxes = lung_boxes(images)
    height, width = np.asarray(images).shape[1:3]
    for box in boxes:
        yield _lungs_and_chest(_Box(*box), height, width)


def _best_templates(images: Any) -> NDArray[np.intp]:
    """Find the template with the largest response to each image."""
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "Expected one or more images of shape (n_images, height, width, channels), got "
            f"{images.shape}."
        )
    _, preference, weights = _templates()
    best = []
    for rows in gen_batches(len(images), _AT_ONCE):
        small = np.stack([_shrunk_and_equalized(relative_grey(each)) for each in images[rows]])
        contrast = small.reshape(len(small), -1) @ weights.T
        best.append((contrast - preference).argmax(axis=1))
    return np.concatenate(best)


def _lungs_and_chest(
    box: _Box, height: int, width: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw two lungs, and the chest around them, in a box."""
    y = (np.arange(height)[:, None] + 0.5) / height
    x = (np.arange(width)[None, :] + 0.5) / width
    across = (x - box.left) / box.width * 2 - 1  # from the right wall, -1, to the left one, 1
    aside = np.abs(across)
    down = (y - box.top) / box.height  # from the tips, 0, to the lowest corners, 1
    wall = np.clip(1 - np.clip(1 - down, 0, None) ** 2.2, 0, 1) ** (1 / 2.4)
    diaphragm = 0.78 + 0.22 * aside
    chest = (aside < wall) & (down > 0) & (down < diaphragm)
    middle = np.interp(down, [0, 0.4, 1], [0.14, 0.16, 0.24])
    heart = np.interp(down, [0.4, 0.7, 1], [0.0, 0.16, 0.22])
    return chest & (aside >= middle + np.where(across > 0, heart, 0.0)), chest


@cache
def _templates() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Boxes to try, a penalty for unlikely ones, and weights that measure their contrast."""
    boxes, weights = [], []
    for width in np.arange(0.56, 1.0, 0.07):
        for height in np.arange(0.5, 0.96, 0.075):
            for centre in np.arange(0.38, 0.63, 0.04):
                for top in np.arange(0.0, min(0.3, 1.1 - height), 0.04):
                    box = _Box(centre - width / 2, top, width, height)
                    lungs, chest = _lungs_and_chest(box, _SIDE, _SIDE)
                    # Bright parts of every chest X-ray: the middle, the wall, the diaphragm.
                    around = ndimage.binary_dilation(chest, iterations=2) & ~lungs
                    boxes.append(box)
                    weights.append((around / around.sum() - lungs / lungs.sum()).ravel())
    left, top, width, height = np.array(boxes).T
    unusual = (
        ((left + width / 2 - 0.5) / 0.1) ** 2
        + ((width - 0.76) / 0.1) ** 2
        + ((height - 0.72) / 0.15) ** 2
        + ((top - 0.12) / 0.1) ** 2
    )
    return np.array(boxes), 0.02 * unusual, np.array(weights, dtype=np.float32)


def _shrunk_and_equalized(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shrink the image and equalize grey levels from 0 to 1, so that exposure does not matter."""
    small = np.asarray(
        Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float32
    )
    ranks = small.ravel().argsort(kind="stable").argsort().reshape(small.shape)
    even = (ranks / small.size).astype(np.float32)
    # Air beside the patient is as dark as lungs, and must not be mistaken for them.
    dark, _ = ndimage.label(small < 0.55 * np.median(small))
    at_edge = np.unique(np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]]))
    even[np.isin(dark, at_edge[at_edge > 0])] = 0.75
    return even
