"""Format numbers with their interval and sample size, and names so that they can be shown."""

import math
from collections.abc import Sequence, Sized
from typing import Any

__all__ = [
    "based_on",
    "class_name",
    "counted",
    "printable",
    "require_one_name_each",
    "with_interval",
]

# C0 and C1, with which a terminal is told to do something, and those that turn text around.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_CONTROLS |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
for _allowed in "\t\n":
    del _CONTROLS[ord(_allowed)]


def with_interval(
    value: float,
    low: float,
    high: float,
    n_images: int | None = None,
    n_patients: int | None = None,
    *,
    undefined: str = "undefined",
    form: str = ".3f",
    unit: str = "",
) -> str:
    """Write a figure with its interval and the images and patients it rests on.

    Parameters
    ----------
    value, low, high : float
        The figure and the limits of its interval.
    n_images, n_patients : int, default=None
        What it rests on; None leaves it out.
    undefined : str, default="undefined"
        What is written instead of a value of NaN: that it is undefined, and why.
    form : str, default=".3f"
        Format of each number.
    unit : str, default=""
        What follows the figure, " points" for instance.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skpneumo._formatting import with_interval
    >>> with_interval(0.98, 0.95, 0.99, 240, 180)
    '0.980 [0.950, 0.990] (240 images, 180 patients)'
    >>> with_interval(float("nan"), 0, 1, 4, 4, undefined="undefined: no image is positive")
    'undefined: no image is positive (4 images, 4 patients)'
    """
    if math.isnan(value):
        text = undefined
    elif math.isnan(low) or math.isnan(high):
        text = f"{value:{form}}{unit} [no interval]"
    else:
        text = f"{value:{form}}{unit} [{low:{form}}, {high:{form}}]"
    if basis := based_on(n_images, n_patients):
        return f"{text} ({basis})"
    return text


def based_on(n_images: int | None = None, n_patients: int | None = None) -> str:
    """Write the images and patients that a figure rests on.

    Parameters
    ----------
    n_images, n_patients : int, default=None
        None leaves them out.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skpneumo._formatting import based_on
    >>> based_on(1240, 1)
    '1,240 images, 1 patient'
    """
    counts = (n_images, "image"), (n_patients, "patient")
    return ", ".join(counted(n, thing) for n, thing in counts if n is not None)


def counted(n: Any, thing: str) -> str:
    """Write a number with its noun.

    Parameters
    ----------
    n : int
        How many.
    thing : str
        The noun in the singular; its plural must end in s.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skpneumo._formatting import counted
    >>> counted(2, "patient")
    '2 patients'
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def class_name(*labels: Any) -> str:
    """Write one or more labels for readers: text as it is, a number as "class 1".

    Parameters
    ----------
    *labels : label
        Joined by "or". Without any, the name is "negative".

    Returns
    -------
    name : str

    Examples
    --------
    >>> from skpneumo._formatting import class_name
    >>> class_name("NORMAL"), class_name(1), class_name()
    ('NORMAL', 'class 1', 'negative')
    """
    names = [label if isinstance(label, str) else f"class {label}" for label in labels]
    return " or ".join(names) or "negative"


def require_one_name_each(target_names: Sized, classes: Sequence[Any]) -> None:
    """Raise unless there is one name for each class.

    Parameters
    ----------
    target_names : sequence of str
        Names of the classes.
    classes : sequence of label
        The classes.

    Raises
    ------
    ValueError
        If the numbers differ.

    Examples
    --------
    >>> from skpneumo._formatting import require_one_name_each
    >>> require_one_name_each(["NORMAL"], [0, 1])
    Traceback (most recent call last):
        ...
    ValueError: target_names has 1 names, but there are 2 classes: [0, 1]. ...
    """
    if len(target_names) != len(classes):
        raise ValueError(
            f"target_names has {len(target_names)} names, but there are {len(classes)} classes: "
            f"{classes}. Pass one name for each, in this order."
        )


def printable(text: str) -> str:
    r"""Escape a file name so that it can be written as UTF-8, and does nothing to a terminal.

    Parameters
    ----------
    text : str
        Bytes that are no UTF-8 are in it as Python's file functions hand them out.

    Returns
    -------
    text : str
        With those bytes as escapes, and with control characters as such but for tabs and line
        breaks.

    Examples
    --------
    >>> from skpneumo._formatting import printable
    >>> print(printable(b"caf\xe9.png".decode("utf-8", "surrogateescape")))
    caf\udce9.png
    >>> print(printable("\x1b[31mred.png"))
    \x1b[31mred.png
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8").translate(_CONTROLS)
