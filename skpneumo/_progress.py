"""Progress of long work on a terminal, and silence elsewhere.

It goes to standard error, beside the output. One thing is shown at a time: what is counted inside
something that is shown is a part of it.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["byte_progress", "fit_progress", "in_batches", "progress", "working"]

T = TypeVar("T")

_shown = ContextVar("_shown", default=False)


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, counting them on a terminal unless there is only one.

    Parameters
    ----------
    items : iterable
        What there is to do.
    description : str
        What it is, in the plural.
    total : int, default=None
        How many items there are; None asks the items.

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
    if total in (0, 1) or not _may_show():
        yield from items
        return
    from rich.progress import track

    with _showing() as console:
        yield from track(items, description, total, console=console, transient=True)


def in_batches(n_items: int, batch_size: int, description: str) -> "Iterator[NDArray[np.intp]]":
    """Yield the numbers of the items, in batches of about the same size, counting these.

    Parameters
    ----------
    n_items : int
        How many there are.
    batch_size : int
        The most of them in a batch.
    description : str
        What they are, in the plural.

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
    """Say on a terminal what is being done, where steps cannot be counted.

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
    if not _may_show():
        yield
        return
    with _showing() as console, console.status(description):
        yield


@contextmanager
def byte_progress(description: str, n_bytes: int) -> Iterator[Callable[[int], Any]]:
    """Count the bytes of a download on a terminal.

    Parameters
    ----------
    description : str
        What is downloaded.
    n_bytes : int
        How much it is; 0 if that is not known.

    Yields
    ------
    advance : callable
        To be called with the number of bytes that have arrived since.

    Examples
    --------
    >>> from skpneumo._progress import byte_progress
    >>> with byte_progress("images", 100) as advance:
    ...     advance(100)
    """
    if not _may_show():
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (description, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _showing() as console, Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=n_bytes or None)
        yield lambda advance: bar.update(task, advance=advance)


@contextmanager
def fit_progress(*estimators: Any, depth: int = 0) -> Iterator[None]:
    """Show scikit-learn's progress bars while these, and what is in them, are fitted.

    Parameters
    ----------
    *estimators : estimator
        Those without callbacks show nothing.
    depth : int, default=0
        How many levels of estimators inside estimators have bars of their own.

    Examples
    --------
    >>> from skpneumo._progress import fit_progress
    >>> with fit_progress():
    ...     pass
    """
    shown = [each for each in estimators if hasattr(each, "set_callbacks")]
    if not (_may_show() and shown):
        yield
        return
    import rich
    from sklearn.callback import ProgressBar

    rich.reconfigure(stderr=True)
    for estimator in shown:
        estimator.set_callbacks(ProgressBar(max_propagation_depth=depth))
    try:
        with _showing():
            yield
    finally:
        for estimator in shown:
            estimator.set_callbacks()  # they are not part of the model that is saved


def _may_show() -> bool:
    return sys.stderr.isatty() and not _shown.get()


@contextmanager
def _showing() -> Iterator[Any]:
    from rich.console import Console

    outer = _shown.set(True)
    try:
        yield Console(stderr=True)
    finally:
        _shown.reset(outer)
