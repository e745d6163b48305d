"""What the values of pixels stand for, and how to bring one kind of them to another."""

from typing import Any

from numpy.typing import NDArray

__all__ = ["how_to_convert", "how_to_make_uint8", "same_kind_of_pixels", "white_of"]

Range = tuple[float, float]

_WHITES = (1, 255, 1023, 4095, 16383, 65535)  # 10, 12, 14 and 16 bits besides

# Interpolation other than linear goes beyond the range of what it reads, by less than this share.
_OVERSHOOT = 0.25

# How many times as bright, or as dark, as all that was seen a set of images may be. A tenth of the
# white of 12 bits is that of 8; one image alone may well be dark.
_BRIGHTER, _DARKER = 3, 8

# Rows of numbers need not be pixels, and one row may have small ones only.
_OTHER_UNITS = 100


def white_of(values: Range) -> int | None:
    """Give the white that values from 0 on are measured by; None where values are negative.

    Parameters
    ----------
    values : tuple of (low, high)
        The range of some pixels.

    Returns
    -------
    white : int or None
        The least of 1, 255 and the whites of 10, 12, 14 and 16 bits that is not exceeded.

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
    """Say whether values of two ranges may be measured alike.

    Parameters
    ----------
    learned : tuple of (low, high)
        The range of what was trained on.
    given : tuple of (low, high)
        The range of what is to be predicted; of one black image it is (0, 0).
    are_pixels : bool, default=True
        False for rows of numbers of unknown meaning. They are told apart only where one of two
        ranges from 0 on is a hundred times the other.

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
    if _is_signed(learned) != _is_signed(given) and not _may_be_part_of(learned, given):
        return False
    brighter = 1 + _OVERSHOOT if learned == (0, 255) else _BRIGHTER
    return 1 / _DARKER < found / highest <= brighter


def _is_signed(values: Range) -> bool:
    low, high = values
    return low < -_OVERSHOOT * (high - low)


def _may_be_part_of(learned: Range, given: Range) -> bool:
    """Whether these have no negative values by chance; those that end at 0 are none of that."""
    if _is_signed(given):
        return False
    low, high = given
    return low == high or low > 0.05 * (high - low)


def how_to_convert(given: Range, learned: Range, to_uint8: bool = False) -> str:
    """Say in Python what makes pixels of one range those of another.

    Parameters
    ----------
    given, learned : tuple of (low, high)
        The range that X has, and the one that it should have.
    to_uint8 : bool, default=False
        Whether the result should be uint8.

    Returns
    -------
    remedy : str
        An expression, or what to do where no factor follows from the ranges.

    Examples
    --------
    >>> from skpneumo._pixel_values import how_to_convert
    >>> how_to_convert((0, 0.97), (0, 255)), how_to_convert((0, 250), (-1, 1))
    ('X * 255', 'X / 127.5 - 1')
    """
    expression = _conversion(given, learned)
    if expression is None:
        return "scale them as the images that it was fitted on were scaled"
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
    """Say in Python what makes grey levels from 0 to 255 of these pixels, without wrapping.

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
