"""Format numbers with intervals and sample sizes, and names for display."""

import math
from collections.abc import Iterable, Sequence, Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

__all__ = [
    "based_on",
    "class_name",
    "counted",
    "hours_and_minutes",
    "in_one_line",
    "printable",
    "quoted",
    "require_one_name_each",
    "rounded",
    "today",
    "with_interval",
    "written_on",
]

# The control characters C0 and C1 of terminals, and those that change the direction of text.
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
    """Format a value with its interval and the numbers of images and patients.

    Parameters
    ----------
    value, low, high : float
        The value and the limits of its interval.
    n_images, n_patients : int, default=None
        Numbers of images and patients; None omits them.
    undefined : str, default="undefined"
        Text in place of NaN, such as the reason.
    form : str, default=".3f"
        Format of each number.
    unit : str, default=""
        Text after the value, such as " points".

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


def rounded(number: float) -> str:
    """Round a number to two significant digits, and write it without an exponent.

    Examples
    --------
    >>> from skpneumo._formatting import rounded
    >>> rounded(153.2), rounded(0.00312)
    ('150', '0.0031')
    """
    return f"{Decimal(f'{number:.2g}'):,f}"


def based_on(n_images: int | None = None, n_patients: int | None = None) -> str:
    """Format the numbers of images and patients.

    Parameters
    ----------
    n_images, n_patients : int, default=None
        The numbers; None omits them.

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
    """Format a number with its noun.

    Parameters
    ----------
    n : int
        The number.
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


def hours_and_minutes(minutes: int) -> str:
    """Format a duration of one minute or more.

    Parameters
    ----------
    minutes : int
        The duration.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skpneumo._formatting import hours_and_minutes
    >>> hours_and_minutes(12), hours_and_minutes(125)
    ('12 minutes', '2 hours 5 minutes')
    """
    hours, minutes = divmod(minutes, 60)
    return " ".join(counted(n, unit) for n, unit in ((hours, "hour"), (minutes, "minute")) if n)


def class_name(*labels: Any) -> str:
    """Format labels for readers: text unchanged, and a number as "class 1".

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


def require_one_name_each(
    target_names: Sized, classes: Sequence[Any], parameter: str = "target_names"
) -> None:
    """Raise unless there is one name for each class.

    Parameters
    ----------
    target_names : sequence of str
        Names of the classes.
    classes : sequence of label
        The classes.
    parameter : str, default="target_names"
        Name of the caller's parameter.

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
            f"{parameter} has {len(target_names)} names, but there are {len(classes)} classes: "
            f"{classes}. Pass one name for each, in this order."
        )


def in_one_line(error: Exception) -> str:
    """Write an error in one line, without what Python adds to errors of the system."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def printable(text: str) -> str:
    r"""Escape a file name for UTF-8 and terminals.

    Parameters
    ----------
    text : str
        A name from Python's file functions, with surrogates for bytes that are not UTF-8.

    Returns
    -------
    text : str
        The name with escapes for these bytes, and for control characters except tabs and line
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


def quoted(names: Iterable[Any], most: int | None = None, rest: str = ", ...") -> str:
    """List names in quotation marks, or only the first, followed by words for the rest.

    Examples
    --------
    >>> from skpneumo._formatting import quoted
    >>> quoted("abc"), quoted("abc", 2), quoted("abc", 2, " and {} more")
    ("'a', 'b', 'c'", "'a', 'b', ...", "'a', 'b' and 1 more")
    """
    listed = [repr(name) for name in names]
    shown = listed[:most]
    left = len(listed) - len(shown)
    return ", ".join(shown) + (rest.format(left) if left else "")


def today() -> str:
    """Return the date of today, in UTC, such as "2026-03-01"."""
    return datetime.now(UTC).date().isoformat()


def written_on(what: str, date: str) -> str:
    """Write the sentence of a page about when it was written, and by which version.

    Parameters
    ----------
    what : str
        What the page is, such as "Report".
    date : str

    Returns
    -------
    sentence : str

    Examples
    --------
    >>> from skpneumo._formatting import written_on
    >>> written_on("Audit", "2026-03-01").partition(", by")[0]
    'Audit of 2026-03-01'
    """
    from skpneumo import __version__

    return f"{what} of {date}, by skpneumo {__version__}."
