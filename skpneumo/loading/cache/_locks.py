"""Locks that divide decoding among processes that need the same images."""

from collections.abc import Collection, Iterator, Mapping, Sized
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["lock_some"]

# Enough that an end is in sight, few enough that others find work.
_IMAGES_AT_ONCE = 128
_PATIENCE = 60.0  # seconds


@contextmanager
def lock_some(folder: Path, wanted: Mapping[int, Sized]) -> Iterator[Collection[int]]:
    """Lock some of the numbered parts; wait only if others have locked all of them.

    These are locks of files, which the system releases when their process dies. Nobody who has
    one waits for another, so no two wait for each other.

    Parameters
    ----------
    folder : Path
        Where the files are.
    wanted : mapping of int to sized
        What there is to do in each part.

    Yields
    ------
    locked : list of int
        At least one of the parts.
    """
    from filelock import FileLock, Timeout

    # Not thread-local: a generator may be closed by another thread than it was begun by. No two
    # threads share such a lock, and two locks of one file exclude each other.
    folder.mkdir(parents=True, exist_ok=True)  # gone when the cache has been cleared meanwhile
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
            with suppress(Timeout):  # whoever has locked it is stopped: it is done twice then
                stack.enter_context(lock.acquire(timeout=_PATIENCE))
            locked.append(part)
        yield locked
