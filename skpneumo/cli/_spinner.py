"""A sign of life on a terminal while something runs that cannot count its steps."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["working"]


@contextmanager
def working(on: str) -> Iterator[None]:
    """Say on a terminal what is being done, until it is; silence in a pipe."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(on):
        yield
