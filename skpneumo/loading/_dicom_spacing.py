"""Find the shape of the pixels of a DICOM image, and the size that it has in square ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["SPACING_TAGS", "size_in_square_pixels"]

# Height and width of a pixel, in this order: in the body, on the detector, on a scanned film, or
# only their ratio, for want of these (PS3.3 C.7.6.3.1.7).
_SPACINGS = {
    "PixelSpacing": 0x00280030,
    "ImagerPixelSpacing": 0x00181164,
    "NominalScannedPixelSpacing": 0x00182010,
    "PixelAspectRatio": 0x00280034,
}
SPACING_TAGS = tuple(_SPACINGS.values())

_ROUNDING = 0.01  # of spacings that are meant to be equal
_LONGEST = 4.0  # side of a pixel, in the other side


def size_in_square_pixels(header: "Dataset", columns: int, rows: int) -> tuple[int, int]:
    """Return the width and height of an image after its pixels are made square.

    Nothing is lost, because the shorter sides of the pixels set the size of the square ones.
    Elements that cannot be right are ignored.
    """
    for keyword in _SPACINGS:
        spacing = _two_lengths(header, keyword)
        if spacing is None:
            continue
        ratio = spacing[0] / spacing[1]
        if abs(ratio - 1) <= _ROUNDING:
            break
        if ratio > 1:
            return columns, round(rows * ratio)
        return round(columns / ratio), rows
    return columns, rows


def _two_lengths(header: "Dataset", keyword: str) -> tuple[float, float] | None:
    """Read height and width of a pixel; None if there are no such lengths."""
    try:
        value = header.get(keyword)
        if not isinstance(value, Sequence) or len(value) != 2:
            return None
        height, width = float(value[0]), float(value[1])
    except (TypeError, ValueError):
        return None  # text that is no number
    if not np.isfinite([height, width]).all() or min(height, width) <= 0:
        return None
    # Longer pixels are an element filled in wrongly, such as the length of a side.
    return (height, width) if max(height, width) <= _LONGEST * min(height, width) else None
