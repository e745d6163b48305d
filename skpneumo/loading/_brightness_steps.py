"""Find the place from which on all units of a JPEG are brighter or darker than before.

The brightness of a unit, such as a block of 8 x 8 pixels, is stored as its difference from the
last one. Where a bit has changed, the decoder soon finds its way again, but the error of that
difference stays, with all that follows in the order in which units are stored, row by row. The
image then has a seam of one height through its whole width: to the left of the place, and
downwards beneath its row; to the right, above it. No object looks like that, and an edge between
units is as smooth elsewhere as one within them.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["has_brightness_step"]

# In grey levels, and the greatest deviation from it along the seam, as a share.
_LEAST_STEP = 6.0
_MOST_DEVIATION = 0.6
# Both parts of the seam, above the row of the place and beneath it, have its height in most of
# their units, and nearly the same: the edge of a bar across the image, or of a frame, has no part
# beneath. In shares.
_HEIGHTS = (0.3, 2.0)
_MOST = 0.75
_ALIKE = 0.55
# Of 1,000 radiographs of 224 pixels and 100 of 399 to 2890 none has such a seam where a unit has
# this side, in pixels; between smaller ones a slope cannot be told from a seam.
_LEAST_SIDE = 4
_FEWEST_COLUMNS = 12


def has_brightness_step(image: Image.Image, unit: tuple[int, int]) -> bool:
    """Whether there is such a step.

    Parameters
    ----------
    image : Image of mode "L"
        Decoded, at a scale or not.
    unit : (width, height)
        Of a unit, in pixels of the image.

    Returns
    -------
    found : bool
        False where the units are too few, or too small in the image, to tell.
    """
    width, height = unit
    n_columns = -(-image.width // width)
    if min(unit) < _LEAST_SIDE or n_columns < _FEWEST_COLUMNS or image.height < 3 * height:
        return False
    # First what costs little and says no of nearly all images.
    seams = _seams(np.asarray(image.reduce((width, 1))), height).ravel()
    # With the place at column k of a row, n_columns steps in this order: those above the row
    # from k on, then those beneath it up to k.
    sums = np.cumsum(seams, dtype=np.int32)
    sums = sums[n_columns:] - sums[:-n_columns]  # from the second on: no place is in column 0
    least = 2 * _LEAST_STEP * n_columns
    if sums.max() < least and sums.min() > -least:
        return False
    places = np.flatnonzero(np.abs(sums) > least)
    squares = np.cumsum(seams.astype(np.int32) ** 2, dtype=np.int64)
    means = sums[places] / n_columns
    variances = (squares[places + n_columns] - squares[places]) / n_columns - means**2
    places = places[variances < (_MOST_DEVIATION * means) ** 2] + 1
    return any(_goes_through(seams[k : k + n_columns], -k % n_columns) for k in places.tolist())


def _goes_through(steps: NDArray[np.int16], n_above: int) -> bool:
    """Whether both parts of a seam have its height, those above and those beneath."""
    low, high = _HEIGHTS
    heights = steps / steps.mean()
    as_high = (low < heights) & (heights < high)
    if not all(
        part.size and part.mean() >= _MOST for part in (as_high[:n_above], as_high[n_above:])
    ):
        return False
    # The edges of a thin bar, which lie in two rows, are seldom of one height.
    return _ALIKE < heights[:n_above].mean() / heights[n_above:].mean() < 1 / _ALIKE


def _seams(pixels: NDArray[np.uint8], height: int) -> NDArray[np.int16]:
    """Twice the height of the seam beneath each row of units: what its slope does not say."""
    below = pixels[height::height].astype(np.int16)
    above = pixels[height - 1 :: height][: len(below)]
    further_above = pixels[height - 2 :: height][: len(below)]
    further_below = pixels[height + 1 :: height]
    n = len(further_below)  # the last edge may have one row beneath it only
    return (3 * (below - above) + further_above)[:n] - further_below
