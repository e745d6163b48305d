"""The error of decode caches."""

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
_NEXT_TO_NOTHING = 2**20  # bytes

_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}

# What a loader can do without its cache for: the images are as right as with it.
DISK_FAULTS = _FULL | _UNWRITABLE | {errno.EIO}


class DecodeCacheError(OSError):
    """A decode cache cannot be opened, read or written.

    The message names its folder and the remedy.
    """


@contextmanager
def explained(folder: Path, lmdb: Any) -> Iterator[None]:
    """Turn what LMDB and the system raise about a cache into a :class:`DecodeCacheError`."""
    try:
        yield
    except DecodeCacheError:
        raise
    except struct.error as error:  # an entry of another length
        raise _damaged(folder, error) from error
    except (lmdb.Error, OSError) as error:  # the latter of locks and the folder
        number = _number_of(error, lmdb, folder)
        if number in _FULL:
            text = (
                f"the disk of the decode cache {str(folder)!r} is full "
                f"({os.strerror(number)}). Make room, name a folder on another disk, or lower "
                "its bound: DecodeCache(DIR, max_bytes=...)"
            )
        elif number in _UNWRITABLE:
            text = (
                f"the decode cache {str(folder)!r} cannot be written ({os.strerror(number)}). "
                "Allow it, or name a folder of your own"
            )
        elif number == errno.EIO:
            text = (
                f"the disk of the decode cache {str(folder)!r} fails or is full "
                f"({os.strerror(number)}). See to it, or name a folder on another disk"
            )
        elif number == errno.ENOMEM:
            text = (
                f"the decode cache {str(folder)!r} finds no room in the address space of this "
                "process, which costs no memory. Lift its limit: ulimit -v unlimited"
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
    # LMDB has no class for each error of the system, and says its number in words alone.
    number = next((n for n in DISK_FAULTS if os.strerror(n) in str(error)), None)
    # A page that finds room for a part of it only is an input/output error to LMDB.
    if number == errno.EIO and disk_usage(folder).free < _NEXT_TO_NOTHING:
        return errno.ENOSPC
    return number


def _damaged(folder: Path, error: Exception) -> DecodeCacheError:
    return DecodeCacheError(
        f"The decode cache {str(folder)!r} is damaged or cannot be used ({error}). Clear it, "
        f"nothing but time is lost: skpneumo cache {str(folder)!r} --clear"
    )
