"""The error of a decode cache, and its messages."""

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any

__all__ = ["DISK_FAULTS", "DecodeCacheError", "explained"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ALMOST_FULL = 2**20  # bytes that are free

_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}

# Errors after which a loader can continue without its cache.
DISK_FAULTS = _FULL | _UNWRITABLE | {errno.EIO}


class DecodeCacheError(OSError):
    """A decode cache cannot be opened, read or written.

    The message names its folder and the remedy.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo.loading import DecodeCache, DecodeCacheError
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "notes.txt").write_text("This folder is for something else.")
    ...     try:
    ...         DecodeCache(folder).clear()
    ...     except DecodeCacheError as error:
    ...         print(error)
    The folder '...' is not a decode cache: it contains notes.txt. Name an empty or a new folder.
    """


@contextmanager
def explained(folder: Path, lmdb: Any) -> Iterator[None]:
    """Convert errors of LMDB and the system to a :class:`DecodeCacheError`."""
    try:
        yield
    except DecodeCacheError:
        raise
    except struct.error as error:  # an entry has the wrong length
        raise _damaged(folder, error) from error
    except (lmdb.Error, OSError) as error:  # OSError from locks and the folder
        number = _number_of(error, lmdb, folder)
        if number in _FULL:
            text = (
                f"the disk of the decode cache {str(folder)!r} is full "
                f"({os.strerror(number)}). Make room, name a folder on another disk, or limit "
                "its size: DecodeCache(DIR, max_bytes=...)"
            )
        elif number in _UNWRITABLE:
            text = (
                f"the decode cache {str(folder)!r} cannot be written ({os.strerror(number)}). "
                "Allow writing to it, or name another folder"
            )
        elif number == errno.EIO:
            text = (
                f"the disk of the decode cache {str(folder)!r} fails or is full "
                f"({os.strerror(number)}). Check the disk, or name a folder on another one"
            )
        elif number == errno.ENOMEM:
            text = (
                f"the decode cache {str(folder)!r} does not fit in the address space of this "
                "process, which is limited but costs no memory. Lift the limit: "
                "ulimit -v unlimited"
            )
        else:
            raise _damaged(folder, error) from error
        raise DecodeCacheError(number, text) from error


def _number_of(error: Exception, lmdb: Any, folder: Path) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, (lmdb.DiskError, lmdb.MapFullError)):
        return errno.ENOSPC
    if isinstance(error, lmdb.ReadonlyError):
        return errno.EACCES
    if isinstance(error, lmdb.MemoryError):
        return errno.ENOMEM
    # LMDB has no class for every system error, and gives its number only in words.
    number = next((n for n in DISK_FAULTS if os.strerror(n) in str(error)), None)
    # LMDB reports a partly written page as an input/output error.
    if number == errno.EIO and disk_usage(folder).free < _ALMOST_FULL:
        return errno.ENOSPC
    return number


def _damaged(folder: Path, error: Exception) -> DecodeCacheError:
    return DecodeCacheError(
        f"The decode cache {str(folder)!r} is damaged or cannot be used ({error}). Clear it, "
        f"which only costs time: skpneumo cache {str(folder)!r} --clear"
    )
