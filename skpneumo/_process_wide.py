"""Change something of the whole process while at least one thread needs the change."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from threading import Lock

__all__ = ["process_wide"]


class _Threads:
    """The threads inside a context, which the first has entered and the last will leave."""

    def __init__(self, make: Callable[[], AbstractContextManager[None]]) -> None:
        self._make = make
        self._lock = Lock()
        self._n_inside = 0

    def enter(self) -> None:
        with self._lock:
            if not self._n_inside:
                self._context = self._make()
                self._context.__enter__()
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._context.__exit__(None, None, None)


def process_wide(
    change: Callable[[], Iterator[None]],
) -> Callable[[], AbstractContextManager[None]]:
    """Make a context of a generator, as ``contextmanager`` does, that all threads share.

    With a context for each thread, the first one to leave would undo the change for the others.

    Examples
    --------
    >>> from skpneumo._process_wide import process_wide
    >>> @process_wide
    ... def shouting():
    ...     print("on")
    ...     yield
    ...     print("off")
    >>> with shouting(), shouting():
    ...     print("once")
    on
    once
    off
    """
    threads = _Threads(contextmanager(change))

    def renew() -> None:
        nonlocal threads
        threads._lock = Lock()  # the forking thread may be inside, and will leave this one
        threads = _Threads(contextmanager(change))

    # If a thread holds the lock while another forks, it would never be released in the child.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)

    @wraps(change)
    @contextmanager
    def context() -> Iterator[None]:
        entered = threads
        entered.enter()
        try:
            yield
        finally:
            entered.leave()

    return context
