"""Recognise the scale of pixel values, and suggest conversions between scales."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._messages import by_interface

__all__ = [
    "DARKER",
    "MORE_BITS",
    "UINT8",
    "OtherPixelsError",
    "dark_files",
    "how_to_convert",
    "how_to_make_uint8",
    "ranges_of_files",
    "refuse_other_pixels",
    "same_kind_of_pixels",
    "white_of",
]

Range = tuple[float, float]

UINT8: Range = (0.0, 255.0)
"""Black and white of 8 bits."""

MORE_BITS = "If files have more bits than they use, such as 12 in 16,"

_WHITES = (1, 255, 1023, 4095, 16383, 65535)  # and of 10, 12, 14 and 16 bits

# Non-linear interpolation can exceed the range of its input by less than this share.
_OVERSHOOT = 0.25

# How much brighter or darker than the training images a set of images can be. The white of 8 bits
# is a sixteenth of that of 12, but one image alone can be dark.
_BRIGHTER, DARKER = 3, 8

_MOST_NAMED = 5

# Rows of numbers need not be pixels, and one row can have only small numbers.
_OTHER_UNITS = 100


class OtherPixelsError(ValueError):
    """Error raised if pixels cannot have the scale of those of training, as in files too dark.

    Parameters
    ----------
    message : str
        Both ranges, and what to do.
    failures : mapping of str to Exception, default=None
        The reason for each file that is refused by itself; none if X is as a whole.
    """

    def __init__(self, message: str, failures: Mapping[str, Exception] | None = None) -> None:
        super().__init__(message)
        self.failures = dict(failures or {})


def white_of(values: Range) -> int | None:
    """Find the white of a scale from 0; None if values are negative.

    It is the smallest of 1, 255 and the whites of 10, 12, 14 and 16 bits that is not exceeded.

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
    brighter = 1 + _OVERSHOOT if learned == UINT8 else _BRIGHTER
    return 1 / DARKER < found / highest <= brighter


def dark_files(images: NDArray[Any], filenames: Any) -> dict[str, Range]:
    """Find files that are nearly black in 8 bits, each by itself, whatever is beside it.

    Of 5342 radiographs the darkest has a pixel of 137. An image that is all black has no scale. A
    file with several rows, such as one with augmented copies, is as bright as the brightest.

    Parameters
    ----------
    images : ndarray of shape (n_images, ...)
        Pixels of any type; only uint8 is looked at.
    filenames : array-like of shape (n_images,) or None
        Their files. None finds nothing: pixels that come from no file may have been changed, as
        by an explanation, which hides parts of images.

    Returns
    -------
    ranges : dict of str to (low, high)
        The ranges of the files that are too dark.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._pixel_values import dark_files
    >>> images = np.array([[0, 15], [0, 255], [0, 0]], dtype=np.uint8)
    >>> dark_files(images, ["12 bits in 16.png", "8 bits.png", "black.png"])
    {'12 bits in 16.png': (0.0, 15.0)}
    """
    if filenames is None or images.dtype != np.uint8:
        return {}
    of_image = tuple(range(1, images.ndim))
    ranges: dict[str, Range] = {}
    for name, *found in zip(filenames, images.min(of_image), images.max(of_image), strict=True):
        if name is not None:
            values = (*map(float, found), *ranges.get(name, ()))
            ranges[name] = min(values), max(values)
    return {name: each for name, each in ranges.items() if not same_kind_of_pixels(UINT8, each)}


def ranges_of_files(ranges: Mapping[str, Range]) -> str:
    """Describe the ranges of some files; the first few are named.

    Examples
    --------
    >>> from skpneumo._pixel_values import ranges_of_files
    >>> ranges_of_files({"a.png": (0, 15), "b.png": (2, 9)})
    "from 0 to 15 in 'a.png', from 2 to 9 in 'b.png'"
    """
    named = [f"{_from_to(values)} in {name!r}" for name, values in ranges.items()]
    more = f" and in {len(named) - _MOST_NAMED} more files" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more


def refuse_other_pixels(
    of: Any, learned: Range, images: NDArray[Any], filenames: Any, are_pixels: bool = True
) -> None:
    """Refuse images that cannot have the scale of those of training.

    Parameters
    ----------
    of : classifier
        What was fitted.
    learned : tuple of (low, high)
        The range of its training images.
    images : ndarray of shape (n_images, ...)
        The images to predict, or the lowest and the highest value of each.
    filenames : array-like of shape (n_images,) or None
        Their files, which are looked at one by one.
    are_pixels : bool, default=True
        See :func:`same_kind_of_pixels`.

    Raises
    ------
    OtherPixelsError
        If some files are too dark, or the range of all images is another one.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._pixel_values import refuse_other_pixels
    >>> refuse_other_pixels(None, (0, 255), np.array([[0.0, 200.0]]), None)
    >>> refuse_other_pixels(None, (0, 255), np.array([[0.0, 1.0]]), None)
    Traceback (most recent call last):
    skpneumo._pixel_values.OtherPixelsError: NoneType was fitted on values from 0 to 255, but ...
    """
    given = float(images.min()), float(images.max())
    dark = dark_files(images, filenames) if learned == UINT8 and are_pixels else {}
    if not dark and same_kind_of_pixels(learned, given, are_pixels):
        return

    def told(where: str, highest: float) -> str:
        remedy = f"Convert X: {how_to_convert(given, learned, learned == UINT8)}"
        if learned == UINT8 and images.dtype == np.uint8 and highest > 1:
            remedy = by_interface(
                python=f"{MORE_BITS} read them with ImageLoader(white=4095) or another value of "
                "white, which model.set_params(load__white=4095) sets in a fitted pipeline; "
                "otherwise leave them out, or scale X to 255",
                shell=f"{MORE_BITS} convert them to 8 bits, or train a model for such files with "
                "`skpneumo fit --white 4095` or another value of white; otherwise remove them",
            )
        return (
            f"{type(of).__name__} was fitted on values {_from_to(learned)}, but X is "
            f"{images.dtype} {where}, which is another kind of pixel. {remedy}."
        )

    raise OtherPixelsError(
        told(ranges_of_files(dark) if dark else _from_to(given), given[1]),
        {name: ValueError(told(_from_to(each), each[1])) for name, each in dark.items()},
    )


def _from_to(values: Range) -> str:
    low, high = values
    return f"from {low:g} to {high:g}"


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
