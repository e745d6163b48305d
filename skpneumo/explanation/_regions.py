"""Divide an image into regions: lungs, burnt-in text, corners, border, rest of the body.

1. The lungs are estimated by ``lung_field``.
2. Text is small, much brighter than its surroundings, and outside the chest.
3. Corners, border and body are defined by shares of the sides.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._burnt_in_text import find_text
from skpneumo._lung_field import chest_field, lung_field, relative_grey
from skpneumo._typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "REGIONS",
    "attribution_shares",
    "lung_field",
    "region_codes",
    "require_one_map_each",
]

# A pixel belongs to the first of these regions that contains it.
REGIONS = ("text", "lungs", "corners", "border", "body")

_BORDER = 0.1  # shares of a side
_CORNER = 0.2


def attribution_shares(maps: ArrayLike, images: ArrayLike) -> "pd.DataFrame":
    """Compute the share of the evidence for a class in each region of the image.

    Parameters
    ----------
    maps : ndarray of shape (n_images, height, width)
        Heat maps; negative values are ignored.
    images : ndarray of shape (n_images, height, width, channels)
        The images as the classifier sees them.

    Returns
    -------
    shares : DataFrame of shape (n_images, 5)
        Shares of each map's sum, which add up to 1; NaN if a map has no evidence for the class.
        The columns are "text", bright strokes outside the chest, such as burnt-in letters and lead
        markers; "lungs", by :func:`lung_field`; "corners", squares of a fifth of the sides;
        "border", a tenth of the sides wide; and "body", the rest. A pixel belongs to the first
        region that contains it.

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
    require_one_map_each(maps, images)
    codes = region_codes(images)
    evidence = np.maximum(maps, 0.0).astype(np.float64)
    total = evidence.sum(axis=(1, 2))
    sums = np.stack(
        [(evidence * (codes == code)).sum(axis=(1, 2)) for code in range(len(REGIONS))], axis=1
    )
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(sums / total[:, np.newaxis], columns=list(REGIONS))


def require_one_map_each(maps: NDArray[Any], images: NDArray[Any]) -> None:
    """Raise unless there is a map of the same size for each image."""
    if maps.shape != images.shape[:3]:
        raise ValueError(
            f"maps have shape {maps.shape}, but images of shape {images.shape} need maps of shape "
            f"{images.shape[:3]}."
        )


def region_codes(images: Any) -> NDArray[np.intp]:
    """Find the index in REGIONS of the region of each pixel, (n_images, height, width)."""
    lungs = lung_field(images)
    down, across = (_distance_from_end(length) for length in lungs.shape[1:])
    down = down[:, np.newaxis]
    border = np.minimum(down, across) < _BORDER
    corners = np.maximum(down, across) < _CORNER
    text = np.array([find_text(relative_grey(image)) for image in images]) & ~chest_field(images)
    regions = np.broadcast_arrays(text, lungs, corners, border, True)  # in the order of REGIONS
    return np.argmax(regions, axis=0)


def _distance_from_end(length: int) -> NDArray[np.float64]:
    """Compute the distance of each pixel from the nearer end, as a share of the length."""
    place = (np.arange(length) + 0.5) / length
    return np.minimum(place, 1.0 - place)
