"""Locks that divide decoding among processes that need the same images."""

from collections.abc import Collection, Iterator, Mapping, Sized
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["lock_some"]

# Locked at a time, so that other processes also find work.
_IMAGES_AT_ONCE = 128
_PATIENCE = 60.0  # seconds


@contextmanager
def lock_some(folder: Path, wanted: Mapping[int, Sized]) -> Iterator[Collection[int]]:
    """Lock some of the numbered parts; wait only if others have locked all of them.

    These are file locks, which the system releases when their process dies. A process that has one
    never waits for another, so there are no deadlocks. ``wanted`` has the work in each part.
    """
    from filelock import FileLock, Timeout

    # Not thread-local, because another thread may close the generator. No two threads share such
    # a lock, and two locks of the same file exclude each other.
    folder.mkdir(parents=True, exist_ok=True)  # the cache may have been cleared meanwhile
    locks = {part: FileLock(folder / f"{part:02x}.lock", thread_local=False) for part in wanted}
    locked: list[int] = []
    n_images = 0
    with ExitStack() as stack:
        for part, lock in locks.items():
            try:
                stack.enter_context(lock.acquire(blocking=False))
            except Timeout:
                continue
            locked.append(part)
            n_images += len(wanted[part])
            if n_images >= _IMAGES_AT_ONCE:
                break
        if not locked:
            part, lock = next(iter(locks.items()))
            with suppress(Timeout):  # the other process is stopped; then the work is done twice
                stack.enter_context(lock.acquire(timeout=_PATIENCE))
            locked.append(part)
        yield locked
