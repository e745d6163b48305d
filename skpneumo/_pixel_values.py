"""Recognise the scale of pixel values, and suggest conversions between scales."""

from typing import Any

from numpy.typing import NDArray

__all__ = [
    "OtherPixelsError",
    "how_to_convert",
    "how_to_make_uint8",
    "same_kind_of_pixels",
    "white_of",
]

Range = tuple[float, float]

_WHITES = (1, 255, 1023, 4095, 16383, 65535)  # and of 10, 12, 14 and 16 bits

# Non-linear interpolation can exceed the range of its input by less than this share.
_OVERSHOOT = 0.25

# How much brighter or darker than the training images a set of images can be. The white of 8 bits
# is a sixteenth of that of 12, but one image alone can be dark.
_BRIGHTER, _DARKER = 3, 8

# Rows of numbers need not be pixels, and one row can have only small numbers.
_OTHER_UNITS = 100


class OtherPixelsError(ValueError):
    """Error raised if pixels cannot have the scale of those of training, as in files too dark."""


def white_of(values: Range) -> int | None:
    """Find the white of a scale from 0; None if values are negative.

    Parameters
    ----------
    values : tuple of (low, high)
        The range of some pixels.

    Returns
    -------
    white : int or None
        The smallest of 1, 255 and the whites of 10, 12, 14 and 16 bits that is not exceeded.

    Examples
    --------
    >>> from skpneumo._pixel_values import white_of
    >>> white_of((0, 0.97)), white_of((3, 254)), white_of((0, 4000))
    (1, 255, 4095)
    """
    low, high = values
    if low < 0:
        return None
    return next((white for white in _WHITES if high <= white), None)


def same_kind_of_pixels(learned: Range, given: Range, are_pixels: bool = True) -> bool:
    """Tell whether values of two ranges can have the same scale.

    Parameters
    ----------
    learned : tuple of (low, high)
        The range of the training images.
    given : tuple of (low, high)
        The range of the images to predict; (0, 0) for one black image.
    are_pixels : bool, default=True
        False for rows of numbers of unknown meaning. They differ only if both ranges are not
        negative and one is a hundred times the other.

    Returns
    -------
    same : bool

    Examples
    --------
    >>> from skpneumo._pixel_values import same_kind_of_pixels
    >>> same_kind_of_pixels((0, 255), (0, 1)), same_kind_of_pixels((0, 200), (10, 255))
    (False, True)
    """
    highest, found = (max(map(abs, values)) for values in (learned, given))
    if not highest or not found:
        return True
    if not are_pixels:
        positive = min(*learned, *given) >= 0
        return not positive or 1 / _OTHER_UNITS < found / highest < _OTHER_UNITS
    if _is_signed(learned) != _is_signed(given) and not _may_lack_negative_ones(given):
        return False
    brighter = 1 + _OVERSHOOT if learned == (0, 255) else _BRIGHTER
    return 1 / _DARKER < found / highest <= brighter


def _is_signed(values: Range) -> bool:
    low, high = values
    return low < -_OVERSHOOT * (high - low)


def _may_lack_negative_ones(given: Range) -> bool:
    """Tell whether values lack negative ones by chance; a range that starts at 0 does not."""
    if _is_signed(given):
        return False
    low, high = given
    return low == high or low > 0.05 * (high - low)


def how_to_convert(given: Range, learned: Range, to_uint8: bool = False) -> str:
    """Suggest a Python expression that converts pixels from one range to another.

    Parameters
    ----------
    given, learned : tuple of (low, high)
        The range of X, and the range that it should have.
    to_uint8 : bool, default=False
        Whether the result should be uint8.

    Returns
    -------
    remedy : str
        An expression, or advice if the ranges do not determine the factor.

    Examples
    --------
    >>> from skpneumo._pixel_values import how_to_convert
    >>> how_to_convert((0, 0.97), (0, 255)), how_to_convert((0, 250), (-1, 1))
    ('X * 255', 'X / 127.5 - 1')
    """
    expression = _conversion(given, learned)
    if expression is None:
        return "scale them as the training images were scaled"
    return f"({expression}).round().astype(np.uint8)" if to_uint8 else expression


def _conversion(given: Range, learned: Range) -> str | None:
    white, wanted = white_of(given), white_of(learned)
    if wanted is None:
        if white is None or not _is_plus_minus_one(learned):
            return None
        return "X * 2 - 1" if white == 1 else f"X / {white / 2:g} - 1"
    if white is None:
        if not _is_plus_minus_one(given):
            return None
        return "(X + 1) / 2" if wanted == 1 else f"(X + 1) * {wanted / 2:g}"
    if white == wanted:
        return None
    if white == 1:
        return f"X * {wanted}"
    return f"X / {white}" if wanted == 1 else f"X * ({wanted} / {white})"


def _is_plus_minus_one(values: Range) -> bool:
    return -1 <= values[0] < 0 and values[1] <= 1


def how_to_make_uint8(images: NDArray[Any]) -> str:
    """Suggest a Python expression that converts pixels to grey levels from 0 to 255.

    Parameters
    ----------
    images : ndarray
        Pixels of any numeric type.

    Returns
    -------
    remedy : str

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._pixel_values import how_to_make_uint8
    >>> how_to_make_uint8(np.array([0, 4000]))
    '(X * (255 / 4095)).round().astype(np.uint8)'
    """
    given = float(images.min()), float(images.max())
    if white_of(given) == 255:
        return "X.round().astype(np.uint8)"
    expression = _conversion(given, (0, 255)) or "(X - X.min()) / (X.max() - X.min()) * 255"
    return f"({expression}).round().astype(np.uint8)"
