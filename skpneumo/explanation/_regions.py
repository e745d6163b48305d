"""Where on an image a point lies: lungs, burnt-in text, corners, border, rest of the body.

1. ``_templates`` draws two lungs in some thousand boxes, and makes of each a filter that measures
   how much darker the lungs are than what is around them.
2. ``_evened`` reduces each image to 48 pixels a side, its grey levels spread evenly.
3. The lungs are the drawing whose filter responds most, less a little for an unusual box.
4. Text is what is small and much brighter than all around it, outside the chest.
5. Corners, border and body are shares of the sides; a point belongs to the first region it is in.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from skpneumo._burnt_in_text import find_text
from skpneumo._typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REGIONS", "attribution_shares", "chest_field", "lung_field", "region_codes"]

# A point belongs to the first of these that holds it.
REGIONS = ("text", "lungs", "corners", "border", "body")

_BORDER = 0.1  # shares of a side
_CORNER = 0.2

# Templates are fitted to images of this many pixels a side.
_SIDE = 48


class _Box(NamedTuple):
    """Where a template lies, in shares of the image's sides."""

    left: float
    top: float
    width: float
    height: float


def lung_field(images: ArrayLike) -> NDArray[np.bool_]:
    """Estimate where the lungs are.

    A drawing of two lungs is moved and stretched to where it best tells dark from bright, in
    any place and size that a chest X-ray may have. So it finds lungs that pneumonia has turned
    white, which a threshold does not; it follows no outline, and lies a few percent of the
    image's width beside it.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width, channels)
        Frontal chest X-rays, air dark.

    Returns
    -------
    field : ndarray of bool, shape (n_images, height, width)
        True in the lungs, and behind the left rim of the heart.

    Examples
    --------
    >>> from skpneumo import ImageLoader, make_chest_xray
    >>> from skpneumo.explanation import lung_field
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> field = lung_field(ImageLoader(size=64).transform(xrays.filenames))
    >>> bool(field[0, 32, 20]), bool(field[0, 32, 32])  # in the right lung; in the spine
    (True, False)
    """
    return _drawn(images, of=0)


def chest_field(images: Any) -> NDArray[np.bool_]:
    """Estimate the lungs and what lies between them."""
    return _drawn(images, of=1)


def attribution_shares(maps: ArrayLike, images: ArrayLike) -> "pd.DataFrame":
    """Say how much of the evidence for a class lies in each region of the image.

    Parameters
    ----------
    maps : ndarray of shape (n_images, height, width)
        Heat maps; what is negative counts as nothing.
    images : ndarray of shape (n_images, height, width, channels)
        The images as the classifier sees them.

    Returns
    -------
    shares : DataFrame of shape (n_images, 5)
        Shares of each map's sum, which add up to 1; NaN where a map has no evidence for the
        class. The columns: "text", bright strokes outside the lungs, as of burnt-in letters and
        lead markers; "lungs", by :func:`lung_field`; "corners", squares of a fifth of the sides;
        "border", a tenth of the sides wide; "body", all else. A point belongs to the first that
        holds it.

    Raises
    ------
    ValueError
        If maps and images differ in number or size.

    Examples
    --------
    >>> from skpneumo import ImageLoader, make_chest_xray
    >>> from skpneumo.explanation import attribution_shares, lung_field
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> images = ImageLoader(size=64).transform(xrays.filenames)
    >>> attribution_shares(lung_field(images), images)["lungs"].unique()
    array([1.])
    """
    import pandas as pd

    maps, images = np.asarray(maps), np.asarray(images)
    if maps.shape != images.shape[:3]:
        raise ValueError(
            f"maps of shape {maps.shape} do not fit images of shape {images.shape}; expected "
            f"{images.shape[:3]}."
        )
    codes = region_codes(images)
    evidence = np.maximum(maps, 0.0).astype(np.float64)
    total = evidence.sum(axis=(1, 2))
    sums = np.stack(
        [(evidence * (codes == code)).sum(axis=(1, 2)) for code in range(len(REGIONS))], axis=1
    )
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(sums / total[:, np.newaxis], columns=list(REGIONS))


def region_codes(images: Any) -> NDArray[np.intp]:
    """Number the region of each pixel by its place in REGIONS, (n_images, height, width)."""
    lungs = lung_field(images)
    height, width = lungs.shape[1:]
    from_side = np.minimum.outer(_from_side(height), np.full(width, 1.0))
    from_end = np.minimum.outer(np.full(height, 1.0), _from_side(width))
    border = np.minimum(from_side, from_end) < _BORDER
    corners = np.maximum(from_side, from_end) < _CORNER
    text = np.array([find_text(_grey(image)) for image in images]) & ~chest_field(images)
    everywhere = np.ones_like(lungs)
    held = np.stack([text, lungs, everywhere & corners, everywhere & border, everywhere], axis=0)
    return held.argmax(axis=0)


def _from_side(length: int) -> NDArray[np.float64]:
    """How far each pixel's centre is from the nearer end, as a share of the length."""
    place = (np.arange(length) + 0.5) / length
    return np.minimum(place, 1.0 - place)


def _grey(image: NDArray[Any]) -> NDArray[np.float32]:
    """Grey levels, from 0 for the darkest to 1 for the brightest."""
    grey = np.asarray(image, dtype=np.float32).mean(axis=-1)
    low, high = grey.min(), grey.max()
    return (grey - low) / (high - low) if high > low else grey - low


def _drawn(images: Any, of: int) -> NDArray[np.bool_]:
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"Expected one image or more, of shape (n_images, height, width, channels); got "
            f"{images.shape}."
        )
    height, width = images.shape[1:3]
    boxes, preference, weights = _templates()
    small = np.stack([_evened(_grey(image)) for image in images])
    contrast = small.reshape(len(small), -1) @ weights.T
    best = (contrast - preference).argmax(axis=1)
    return np.array([_draw(_Box(*boxes[row]), height, width)[of] for row in best])


def _draw(box: _Box, height: int, width: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw two lungs, and the chest that holds them, where the box says."""
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
    """Boxes to try, how little each is to be expected, and weights that measure its contrast."""
    boxes, weights = [], []
    for width in np.arange(0.56, 1.0, 0.07):
        for height in np.arange(0.5, 0.96, 0.075):
            for centre in np.arange(0.38, 0.63, 0.04):
                for top in np.arange(0.0, min(0.3, 1.1 - height), 0.04):
                    box = _Box(centre - width / 2, top, width, height)
                    lungs, chest = _draw(box, _SIDE, _SIDE)
                    # What is bright on every chest X-ray: the middle, the wall, the diaphragm.
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


def _evened(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shrink, and spread the grey levels evenly from 0 to 1, so that exposure does not matter."""
    small = np.asarray(
        Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float32
    )
    ranks = small.ravel().argsort(kind="stable").argsort().reshape(small.shape)
    even = (ranks / small.size).astype(np.float32)
    # Air beside the patient is as dark as lungs, and must not be taken for them.
    dark, _ = ndimage.label(small < 0.55 * np.median(small))
    at_edge = np.unique(np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]]))
    even[np.isin(dark, at_edge[at_edge > 0])] = 0.75
    return even
