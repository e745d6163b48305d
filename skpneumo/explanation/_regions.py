"""Where on an image a point lies: lungs, burnt-in text, corners, border, rest of the body.

1. The lungs are where ``lung_field`` estimates them.
2. Text is what is small and much brighter than all around it, outside the chest.
3. Corners, border and body are shares of the sides; a point belongs to the first region it is in.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._burnt_in_text import find_text
from skpneumo._lung_field import chest_field, lung_field, relative_grey
from skpneumo._typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REGIONS", "attribution_shares", "chest_field", "lung_field", "region_codes"]

# A point belongs to the first of these that holds it.
REGIONS = ("text", "lungs", "corners", "border", "body")

_BORDER = 0.1  # shares of a side
_CORNER = 0.2


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
    text = np.array([find_text(relative_grey(image)) for image in images]) & ~chest_field(images)
    everywhere = np.ones_like(lungs)
    held = np.stack([text, lungs, everywhere & corners, everywhere & border, everywhere], axis=0)
    return held.argmax(axis=0)


def _from_side(length: int) -> NDArray[np.float64]:
    """How far each pixel's centre is from the nearer end, as a share of the length."""
    place = (np.arange(length) + 0.5) / length
    return np.minimum(place, 1.0 - place)
