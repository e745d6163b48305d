"""Progress of long work on a terminal; silence elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_batches", "progress"]

T = TypeVar("T")

_counting = ContextVar("_counting", default=False)


def progress(items: Sequence[T], description: str) -> Iterator[T]:
    """Hand the items on, counting them on a terminal if there are several.

    What is counted inside is part of an item, and not shown.
    """
    if len(items) < 2 or _counting.get() or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    outer = _counting.set(True)
    try:
        yield from track(items, description, console=Console(stderr=True), transient=True)
    finally:
        _counting.reset(outer)


def in_batches(n_items: int, batch_size: int, description: str) -> Iterator[NDArray[np.intp]]:
    """Hand on the numbers of the items, in batches of about the same size, counting these."""
    return progress(np.array_split(np.arange(n_items), -(-n_items // batch_size)), description)
