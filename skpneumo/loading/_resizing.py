"""Resize decoded images to the size of the stack."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "DecodedImage",
    "eight_bits",
    "height_and_width",
    "resize_image",
    "scaled_size",
    "turned",
]

# Antialiased: the triangle spans the source pixels of each target pixel. Of Pillow's filters, this
# is the one with which scaled JPEG decoding differs least from full decoding; sharper filters ring
# at burnt-in letters.
_FILTER = Image.Resampling.BILINEAR

_TURN_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Check a size, of which a single number means a square."""
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise ValueError(
            f"size={size!r} is not a size; expected a positive int or (height, width), for "
            "example (128, 128)."
        )
    return int(sides[0]), int(sides[1])


@dataclass
class DecodedImage:
    """A decoded image before it is resized.

    Attributes
    ----------
    image : Image of mode "L", "RGB" or "F"
        The pixels as stored.
    width, height : float
        Exact size of the image in pixels. Scaled JPEG decoding rounds up to whole pixels, so that
        the last column and row may extend beyond the edge of the image.
    orientation : int
        EXIF orientation, which tells how to turn it upright.
    black, white : float
        The values of a mode "F" image that become 0 and 255. For mode "L", 0 and 255, or 255 and
        0 if the pixels are those of a negative.
    format, mode : str
        Format and mode of the file, as named by Pillow.
    bits : int
        Bits per sample in the file.
    """

    image: Image.Image
    width: float
    height: float
    orientation: int = 1
    black: float = 0.0
    white: float = 255.0
    format: str = ""
    mode: str = ""
    bits: int = 8


def turned(sides: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Exchange two sides if an image of this EXIF orientation is stored on its side."""
    return sides[::-1] if orientation >= 5 else sides


def scaled_size(
    width: float, height: float, size: tuple[int, int], resize: str
) -> tuple[int, int]:
    """Return the width and height of the whole image after scaling, before padding or cropping."""
    target_height, target_width = size
    if resize == "stretch":
        return target_width, target_height
    ratios = target_width / width, target_height / height
    ratio = min(ratios) if resize == "pad" else max(ratios)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def resize_image(decoded: DecodedImage, size: tuple[int, int], resize: str) -> NDArray[np.uint8]:
    """Scale, turn upright, crop or pad; the result has a third axis for "RGB"."""
    # Turned last, when few pixels are left, because cropping and scaling are symmetric.
    stored_size = turned(size, decoded.orientation)
    scaled = scaled_size(decoded.width, decoded.height, stored_size, resize)
    width, height = decoded.width, decoded.height
    if resize == "crop":
        target_height, target_width = stored_size
        ratio = max(target_width / width, target_height / height)
        width, height = min(width, target_width / ratio), min(height, target_height / ratio)
        scaled = target_width, target_height
    left, top = (decoded.width - width) / 2, (decoded.height - height) / 2
    image = decoded.image.resize(scaled, _FILTER, box=(left, top, left + width, top + height))
    if decoded.orientation in _TURN_UPRIGHT:
        image = image.transpose(_TURN_UPRIGHT[decoded.orientation])
    pixels = eight_bits(image, decoded.black, decoded.white)
    return _add_bars(pixels, size) if resize == "pad" else pixels


def eight_bits(image: Image.Image, black: float, white: float) -> NDArray[np.uint8]:
    """Convert an image of mode "L", "RGB" or "F" to 8 bits; black becomes 0 and white 255."""
    pixels = np.asarray(image)
    if image.mode == "F":
        grey = (pixels - black) * (255 / (white - black))
        return np.rint(grey).clip(0, 255).astype(np.uint8)
    return 255 - pixels if black > white else pixels


def _add_bars(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    padded = np.zeros((*size, *pixels.shape[2:]), dtype=np.uint8)
    padded[top : top + height, left : left + width] = pixels
    return padded
