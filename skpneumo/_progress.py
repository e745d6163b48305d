"""Show the progress of long work: a line that changes on a terminal, and nothing elsewhere.

It goes to standard error, so it is not mixed with the output. Only the outermost work is shown.
Without a terminal, the commands print a line each minute, see :func:`lines_in_pipes`.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, TypeVar

from skpneumo._formatting import counted, hours_and_minutes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ProgressLine",
    "byte_progress",
    "in_batches",
    "lines_in_pipes",
    "may_show",
    "on_terminal",
    "progress",
    "time_left",
    "working",
]

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 60.0

_shown = ContextVar("_shown", default=False)
_lines_in_pipes = ContextVar("_lines_in_pipes", default=False)


@contextmanager
def lines_in_pipes() -> Iterator[None]:
    """Print a line each minute during long work if standard error is not a terminal.

    Examples
    --------
    >>> from skpneumo._progress import lines_in_pipes
    >>> with lines_in_pipes():
    ...     pass
    """
    before = _lines_in_pipes.set(True)
    try:
        yield
    finally:
        _lines_in_pipes.reset(before)


class ProgressLine:
    """A line that shows progress: updated on a terminal, or printed each minute.

    Parameters
    ----------
    text : str
        What is being done.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = time.monotonic()
        self._status: Any = None
        self._ended = Event()

    def update(self, text: str) -> None:
        """Change the text of the line."""
        self._text = text
        if self._status is not None:
            self._status.update(text)

    def __enter__(self) -> "ProgressLine":
        self._token = _shown.set(True)
        if on_terminal(sys.stderr):
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status(self._text)
            self._status.__enter__()
        else:
            Thread(target=self._say_each_minute, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        _shown.reset(self._token)
        self._ended.set()
        if self._status is not None:
            self._status.__exit__(*error)

    def _say_each_minute(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LINES):
            if sys.stderr is not None:
                print(self._text, file=sys.stderr, flush=True)


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, and show how many are done unless there is only one.

    Parameters
    ----------
    items : iterable
        The items.
    description : str
        Name of the items, in the plural.
    total : int, default=None
        Number of items; by default ``len(items)``, if it has one.

    Yields
    ------
    item : object

    Examples
    --------
    >>> from skpneumo._progress import progress
    >>> list(progress(range(3), "Images"))
    [0, 1, 2]
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if total in (0, 1) or not may_show():
        yield from items
        return
    start = time.monotonic()
    with ProgressLine(description) as line:
        for n_done, item in enumerate(items):
            if n_done:
                line.update(f"{description}: {_so_far(n_done, total, time.monotonic() - start)}")
            yield item


def _so_far(n_done: int, total: int | None, seconds: float) -> str:
    if total is None:
        return f"{n_done:,}"
    return f"{n_done:,} of {total:,}{time_left(n_done, total, seconds)}"


def time_left(n_done: float, total: float, seconds: float) -> str:
    """Estimate the time left from the time so far.

    Parameters
    ----------
    n_done, total : float
        Amount that is done, and total amount.
    seconds : float
        Time so far.

    Returns
    -------
    text : str
        Text that begins with a comma; "" if nothing is done yet.

    Examples
    --------
    >>> from skpneumo._progress import time_left
    >>> time_left(3, 30, 60)
    ', about 9 minutes left'
    >>> time_left(29, 30, 60)
    ', less than a minute left'
    """
    if n_done <= 0:
        return ""
    minutes = round(seconds * (total - n_done) / n_done / 60)
    if minutes < 1:
        return ", less than a minute left"
    left = hours_and_minutes(minutes) if minutes > 90 else counted(minutes, "minute")
    return f", about {left} left"


def in_batches(n_items: int, batch_size: int, description: str) -> "Iterator[NDArray[np.intp]]":
    """Yield the numbers of the items in batches of similar size, and show how many are done.

    Parameters
    ----------
    n_items : int
        Number of items.
    batch_size : int
        Largest size of a batch.
    description : str
        Name of the batches, in the plural.

    Yields
    ------
    numbers : ndarray of int

    Examples
    --------
    >>> from skpneumo._progress import in_batches
    >>> [len(batch) for batch in in_batches(10, 4, "Maps")]
    [4, 3, 3]
    """
    import numpy as np

    return progress(np.array_split(np.arange(n_items), -(-n_items // batch_size)), description)


@contextmanager
def working(description: str) -> Iterator[None]:
    """Show the name of work whose steps cannot be counted.

    Parameters
    ----------
    description : str
        What is being done.

    Examples
    --------
    >>> from skpneumo._progress import working
    >>> with working("Evaluating"):
    ...     pass
    """
    if not may_show():
        yield
        return
    with ProgressLine(description):
        yield


@contextmanager
def byte_progress(description: str, n_bytes: int) -> Iterator[Callable[[int], Any]]:
    """Show the progress of a download.

    Parameters
    ----------
    description : str
        Name of the download.
    n_bytes : int
        Its size; 0 if unknown.

    Yields
    ------
    advance : callable
        Function to call with the number of bytes since the last call.

    Examples
    --------
    >>> from skpneumo._progress import byte_progress
    >>> with byte_progress("images", 100) as advance:
    ...     advance(100)
    """
    if not may_show():
        yield lambda _: None
        return
    start, n_done = time.monotonic(), 0
    with ProgressLine(description) as line:

        def advance(n_more: int) -> None:
            nonlocal n_done
            n_done += n_more
            text = f"{description}: {n_done / 2**20:,.0f} MiB"
            if n_bytes:
                left = time_left(n_done, n_bytes, time.monotonic() - start)
                text += f" of {n_bytes / 2**20:,.0f}{left}"
            line.update(text)

        yield advance


def may_show() -> bool:
    """Tell whether to show progress: it is wanted, and no surrounding work shows its own.

    Examples
    --------
    >>> from skpneumo._progress import may_show
    >>> may_show() in (True, False)
    True
    """
    return not _shown.get() and (on_terminal(sys.stderr) or _lines_in_pipes.get())


def on_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a standard stream is a terminal; a program without a console has none.

    Parameters
    ----------
    stream : text file or None
        Such as ``sys.stderr``.

    Examples
    --------
    >>> from skpneumo._progress import on_terminal
    >>> on_terminal(None)
    False
    """
    return stream is not None and stream.isatty()
