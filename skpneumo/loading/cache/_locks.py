"""Who decodes what, when several processes want the same images at the same time."""

from collections.abc import Collection, Iterator, Mapping, Sized
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["claim_some"]

# Enough that an end is in sight, few enough that others find work.
_IMAGES_AT_ONCE = 128
_PATIENCE = 60.0  # seconds


@contextmanager
def claim_some(folder: Path, wanted: Mapping[int, Sized]) -> Iterator[Collection[int]]:
    """Hold the claims to some of the numbered parts; wait only if all are taken.

    A claim is the lock of a file, which the system releases when its process dies. Nobody waits
    while holding one, so no two wait for each other.

    Parameters
    ----------
    folder : Path
        Where the files are.
    wanted : mapping of int to sized
        What there is to do in each part.

    Yields
    ------
    claimed : list of int
        At least one of the parts.
    """
    from filelock import FileLock, Timeout

    # Not thread-local: a generator may be closed by another thread than it was begun by. No two
    # threads share such a lock, and two locks of one file exclude each other.
    folder.mkdir(exist_ok=True)  # gone when the cache has been cleared meanwhile
    locks = {part: FileLock(folder / f"{part:02x}.lock", thread_local=False) for part in wanted}
    claimed: list[int] = []
    n_images = 0
    with ExitStack() as held:
        for part, lock in locks.items():
            try:
                held.enter_context(lock.acquire(blocking=False))
            except Timeout:
                continue
            claimed.append(part)
            n_images += len(wanted[part])
            if n_images >= _IMAGES_AT_ONCE:
                break
        if not claimed:
            part, lock = next(iter(locks.items()))
            with suppress(Timeout):  # whoever holds it has been stopped: it is done twice then
                held.enter_context(lock.acquire(timeout=_PATIENCE))
            claimed.append(part)
        yield claimed
