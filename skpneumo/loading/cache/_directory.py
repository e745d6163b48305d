"""The folder of a decode cache: told from folders of other things, made, and emptied."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from skpneumo.loading.cache._errors import DecodeCacheError

__all__ = [
    "DATA",
    "LOCKS",
    "allocate_lock",
    "alone",
    "bytes_on_disk",
    "enter",
    "identity",
    "refuse_foreign",
    "remove_data",
]

# The mark by which backup programs know a cache (bford.info/cachedir), and we our own.
TAG_NAME = "CACHEDIR.TAG"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A decode cache of skpneumo.\n"

# What LMDB calls its files, and our folder of locks.
DATA, LOCK, LOCKS = "data.mdb", "lock.mdb", "locks"


def enter(folder: Path) -> None:
    """Make the folder, or see that it is a cache."""
    refuse_foreign(folder)
    try:
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(folder / TAG_NAME, "x", encoding="utf-8") as tag:
            tag.write(_TAG)
    except OSError as error:
        raise DecodeCacheError(
            error.errno,
            f"no decode cache can be made in {str(folder)!r} ({error.strerror}). Name a folder "
            "that you may write to, on a disk that has room",
        ) from error


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder of other things before anything is written to it or removed from it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DecodeCacheError(
            errno.ENOTDIR, f"the decode cache {str(folder)!r} is a file; name a folder"
        )
    names = set(os.listdir(folder))
    tag = folder / TAG_NAME
    # A tag that is empty is just being written by another process.
    ours = tag.is_file() and tag.read_text(encoding="utf-8", errors="replace") in ("", _TAG)
    strange = sorted(names - {DATA, LOCK, TAG_NAME, LOCKS})
    if not ours and names - {LOCKS}:
        strange = sorted(names)
    if strange:
        raise DecodeCacheError(
            f"The folder {str(folder)!r} is no decode cache: it holds {', '.join(strange[:3])}"
            f"{' and more' if len(strange) > 3 else ''}. Name an empty or a new folder."
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process opens or clears the cache, and lock them out meanwhile.

    LMDB's two files belong together: whoever had one from before and the other from after a
    clearing would write beside the lock of all others.
    """
    from filelock import FileLock

    (folder / LOCKS).mkdir(exist_ok=True)
    with FileLock(folder / LOCKS / "opening.lock", thread_local=False):
        yield


def remove_data(folder: Path) -> None:
    """Remove the images, and leave what says that this is a cache: somebody may be using it."""
    if not any((folder / name).exists() for name in (DATA, LOCK)):
        return
    with alone(folder):
        for name in (DATA, LOCK):
            (folder / name).unlink(missing_ok=True)


def identity(folder: Path) -> tuple[int, int] | None:
    """What tells the images from others that have taken their place; None if there are none."""
    try:
        status = os.stat(folder / DATA)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def allocate_lock(folder: Path, n_bytes: int) -> None:
    """Give LMDB's lock file its place on the disk, or raise where there is none."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(folder / LOCK, "ab") as lock:
        if os.fstat(lock.fileno()).st_blocks * 512 < n_bytes:
            os.posix_fallocate(lock.fileno(), 0, n_bytes)


def bytes_on_disk(folder: Path) -> int:
    """What the cache's files take on the disk."""
    # A copy on a read-only disk may lack the lock.
    statuses = [path.stat() for path in (folder / DATA, folder / LOCK) if path.exists()]
    return sum(
        status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size
        for status in statuses
    )
