"""Progress on a terminal, silence in a pipe. It goes to standard error, beside the output."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["fit_progress", "progress"]

T = TypeVar("T")


@contextmanager
def fit_progress(*estimators: Any, depth: int = 0) -> Iterator[None]:
    """Show scikit-learn's progress bars while these, and what they hold, are fitted."""
    shown = [each for each in estimators if hasattr(each, "set_callbacks")]
    if not (sys.stderr.isatty() and shown):
        yield
        return
    import rich
    from sklearn.callback import ProgressBar

    rich.reconfigure(stderr=True)
    for estimator in shown:
        estimator.set_callbacks(ProgressBar(max_propagation_depth=depth))
    try:
        yield
    finally:
        for estimator in shown:
            estimator.set_callbacks()  # they are not part of the model that is kept


def progress(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """Hand the items on, counting them on a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description, total, console=Console(stderr=True), transient=True)
