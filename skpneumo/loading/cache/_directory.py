"""Create, recognise and empty the folder of a decode cache."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from skpneumo._file_state import FileIdentity, file_identity
from skpneumo.loading.cache._errors import DecodeCacheError

__all__ = [
    "DATA",
    "LOCKS",
    "allocate_lock",
    "bytes_on_disk",
    "exclusive_access",
    "identity",
    "make_or_check",
    "refuse_foreign",
    "remove_data",
]

# The tag by which backup programs recognise a cache (bford.info/cachedir), and we our own.
TAG_NAME = "CACHEDIR.TAG"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A decode cache of skpneumo.\n"

# The files of LMDB, and the folder of our locks.
DATA, LOCK, LOCKS = "data.mdb", "lock.mdb", "locks"


def make_or_check(folder: Path) -> None:
    """Create the folder, or check that it is a cache."""
    refuse_foreign(folder)
    try:
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(folder / TAG_NAME, "x", encoding="utf-8") as tag:
            tag.write(_TAG)
    except OSError as error:
        raise DecodeCacheError(
            error.errno,
            f"no decode cache can be created in {str(folder)!r} ({error.strerror}). Name a folder "
            "that you can write to, on a disk with free space",
        ) from error


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that is not a cache before anything is written or removed."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DecodeCacheError(
            errno.ENOTDIR, f"the decode cache {str(folder)!r} is a file; name a folder"
        )
    names = set(os.listdir(folder))
    tag = folder / TAG_NAME
    # An empty tag is just being written by another process.
    ours = tag.is_file() and tag.read_text(encoding="utf-8", errors="replace") in ("", _TAG)
    strange = sorted(names - {DATA, LOCK, TAG_NAME, LOCKS})
    if not ours and names - {LOCKS}:
        strange = sorted(names)
    if strange:
        raise DecodeCacheError(
            f"The folder {str(folder)!r} is not a decode cache: it contains "
            f"{', '.join(strange[:3])}{' and more' if len(strange) > 3 else ''}. "
            "Name an empty or a new folder."
        )


@contextmanager
def exclusive_access(folder: Path) -> Iterator[None]:
    """Wait until no other process opens or clears the cache, and exclude others meanwhile.

    The two files of LMDB belong together: a process that opened one before and the other after
    the cache was cleared would write without the lock of all others.
    """
    from filelock import FileLock

    (folder / LOCKS).mkdir(exist_ok=True)
    with FileLock(folder / LOCKS / "opening.lock", thread_local=False):
        yield


def remove_data(folder: Path) -> None:
    """Remove the images but not the tag and locks, which other processes may be using."""
    if not any((folder / name).exists() for name in (DATA, LOCK)):
        return
    with exclusive_access(folder):
        for name in (DATA, LOCK):
            (folder / name).unlink(missing_ok=True)


def identity(folder: Path) -> FileIdentity | None:
    """Identify the data file, to notice when it is replaced; None if there is none."""
    try:
        return file_identity(folder / DATA)
    except OSError:
        return None


def allocate_lock(folder: Path, n_bytes: int) -> None:
    """Allocate the lock file of LMDB on the disk, or raise an error if there is no space."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(folder / LOCK, "ab") as lock:
        if os.fstat(lock.fileno()).st_blocks * 512 < n_bytes:
            os.posix_fallocate(lock.fileno(), 0, n_bytes)


def bytes_on_disk(folder: Path) -> int:
    """Return the disk space that the files of the cache use."""
    # A copy on a read-only disk may lack the lock.
    statuses = [path.stat() for path in (folder / DATA, folder / LOCK) if path.exists()]
    return sum(
        status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size
        for status in statuses
    )
