"""The database of a decode cache. Only this module uses LMDB.

data.mdb, lock.mdb    files of LMDB: three tables, mapped into memory, and the readers
- table images        key (16 bytes) -> checksum of key and pixels (4 bytes), pixels
- table order         sequence number -> key, cost, time; the lowest are removed first
- table counts        "next" number, "bytes" of all costs, "decoded", "served", "layout"
locks/opening.lock    locked while a process opens or clears: the two files belong together
locks/00.lock to ff   locked while a process decodes images whose keys begin with that byte
"""

import os
import struct
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from mmap import PAGESIZE
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo.loading.cache._checksums import CHECKSUM_BYTES, copy_if_sound, with_checksum
from skpneumo.loading.cache._directory import (
    DATA,
    LOCKS,
    allocate_lock,
    bytes_on_disk,
    exclusive_access,
    identity,
    make_or_check,
)
from skpneumo.loading.cache._errors import DISK_FAULTS, DecodeCacheError, explained
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._locks import lock_some

__all__ = ["Store", "import_lmdb", "using_lmdb"]

# Address space, not disk or memory: the size is limited by removing images. A map that never
# grows does not affect processes that have it open.
_MAP_BYTES = 2**40
_MAX_READERS = 1024

# LMDB writes its lock file through a memory map, where a full disk would kill the process, so the
# file is allocated beforehand: 64 bytes per reader, and some more.
_LOCK_BYTES = 64 * _MAX_READERS + 2**14

# Share of the maximum size that images may use. Pages of removed images are reused only by later
# transactions, the trees need some, and images of different sizes leave gaps (few, because the
# oldest images lie next to each other).
_FILL = 0.6
_BYTES_PER_TRANSACTION = 1 / 20
_TREES_PER_IMAGE = 256

_ENTRY = struct.Struct("<16sqd")  # key, cost, time
_NUMBER = struct.Struct(">Q")  # so that the order of bytes is the order of numbers
_LAYOUT = 2


# LMDB must not be open while the process forks, nor twice in one process. So this lock covers all
# uses of it in this process.
using_lmdb = RLock()


class Store:
    """A database, opened when needed. Rows are positions in both ``keys`` and ``images``."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._folder = folder
        self._lmdb = import_lmdb()
        self._environment: Any = None
        self._file: tuple[int, int] | None = None
        self._n_bytes = 0
        self._first_own: int | None = None
        self._served = 0
        self._warned: set[Any] = set()
        self._why_read_only: DecodeCacheError | None = None

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Any]:
        with using_lmdb, explained(self._folder, self._lmdb):
            if self._file is None or self._file != identity(self._folder):
                self._open()  # for the first time, after a fork, or after it has been cleared
            self._refuse_file_cut_in_use()
            if self._why_read_only and options.get("write"):
                raise DecodeCacheError(*self._why_read_only.args)
            with self._environment.begin(**options) as transaction:
                yield transaction

    def _open(self) -> None:
        self.close()
        self._why_read_only = None
        try:
            with explained(self._folder, self._lmdb):
                make_or_check(self._folder)
                with exclusive_access(self._folder):
                    allocate_lock(self._folder, _LOCK_BYTES)
                    self._open_files()
        except DecodeCacheError as error:
            if error.errno not in DISK_FAULTS or not (self._folder / DATA).exists():
                raise
            self._why_read_only = error
            try:
                self._open_files(readonly=True, lock=False)
            except self._lmdb.NotFoundError:  # the tables, because nothing has been saved yet
                raise error from None

    def _open_files(self, readonly: bool = False, lock: bool = True) -> None:
        try:
            self._environment = self._lmdb.open(
                str(self._folder),
                map_size=max(_MAP_BYTES, 2 * self.max_bytes),
                max_dbs=3,
                max_readers=_MAX_READERS,
                metasync=False,  # a crash may lose the last images, but no others
                meminit=False,
                create=not readonly,
                readonly=readonly,
                lock=lock,
            )
            self._refuse_truncated_file()
            opened = identity(self._folder)
            if lock:
                self._environment.reader_check()
            self._images, self._order, self._counts = (
                self._environment.open_db(name, create=not readonly)
                for name in (b"images", b"order", b"counts")
            )
            with self._environment.begin(write=not readonly) as transaction:
                following = self._check_layout(transaction, readonly)
        except BaseException:
            self.close()
            raise
        if self._first_own is None or following < self._first_own:
            self._first_own = following
        self._file = opened

    def _check_layout(self, transaction: Any, readonly: bool) -> int:
        """Refuse a cache of another version; return the sequence number of the next image."""
        if self._count(transaction, "layout") == 0 and not readonly:
            self._count(transaction, "layout", add=_LAYOUT)
        if self._count(transaction, "layout") != _LAYOUT:
            raise DecodeCacheError(
                f"The decode cache {str(self._folder)!r} was made by another version of "
                f"skpneumo. Clear it: skpneumo cache {str(self._folder)!r} --clear"
            )
        return self._count(transaction, "next")

    def close(self) -> None:
        """Close the files until the next use."""
        with using_lmdb:
            self._file = None
            if self._environment is not None:
                self._environment.close()
                self._environment = None

    def fetch(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> list[int]:
        """Copy the saved rows into ``images``; return the rows that are not saved."""
        missing, n_damaged = [], 0
        target, size = _bytes_of(images)
        try:
            with self._transaction(buffers=True) as transaction:
                get = partial(transaction.get, db=self._images)
                for row in rows:
                    key = keys[row]
                    saved = None if key is None else get(key)
                    if key is None or saved is None:
                        missing.append(row)
                        continue
                    into = target[row * size : (row + 1) * size]
                    if not copy_if_sound(key, saved, into):
                        missing.append(row)
                        n_damaged += 1
        except DecodeCacheError as error:
            self._continue_without(error)
            return list(rows)
        self._served += len(rows) - len(missing)
        if n_damaged:
            self._warn_once(
                "damaged",
                f"{n_damaged} images in the decode cache {str(self._folder)!r} are damaged and "
                "are decoded again. Check its disk.",
            )
        return missing

    def divide_work(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Divide the rows to decode among the processes that need them now.

        The rows yielded are locked until the next are requested. By then they must have been
        saved, because waiting processes look for them again.
        """
        lockable: dict[int, list[int]] = {}
        for row in rows:
            if (key := keys[row]) is None:
                continue
            lockable.setdefault(key[0], []).append(row)
        if keyless := [row for row in rows if keys[row] is None]:
            yield keyless
        while lockable:
            try:
                with (
                    explained(self._folder, self._lmdb),
                    lock_some(self._folder / LOCKS, lockable) as locked,
                ):
                    share = [row for number in locked for row in lockable.pop(number)]
                    if missing := self.fetch(share, keys, images):
                        yield missing
            except DecodeCacheError as error:
                self._continue_without(error)
                yield [row for share in lockable.values() for row in share]
                return

    def save(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> None:
        """Save these rows, removing the oldest images if the size limit requires it."""
        keyed = [(key, row) for row in rows if (key := keys[row]) is not None]
        source, size = _bytes_of(images)
        cost = _cost(size + CHECKSUM_BYTES)
        at_once = max(1, int(self.max_bytes * _BYTES_PER_TRANSACTION) // cost)
        try:
            for start in range(0, max(1, len(keyed)), at_once):
                with self._transaction(write=True) as transaction:
                    self._count(transaction, "served", add=self._reset_served())
                    for key, row in keyed[start : start + at_once]:
                        self._count(transaction, "decoded", add=1)
                        pixels = source[row * size : (row + 1) * size]
                        self._save_one(transaction, key, pixels, cost)
        except DecodeCacheError as error:
            self._continue_without(error)

    def _save_one(self, transaction: Any, key: bytes, pixels: memoryview, cost: int) -> None:
        saved = transaction.get(key, db=self._images)
        if saved is not None:
            if copy_if_sound(key, saved, memoryview(bytearray(pixels))):
                return  # another process was faster
            transaction.delete(key, db=self._images)
        if not self._make_room(transaction, cost):
            return
        transaction.put(key, with_checksum(key, pixels), db=self._images)
        number = self._count(transaction, "next", add=1) - 1
        entry = _ENTRY.pack(key, cost, time.time())
        transaction.put(_NUMBER.pack(number), entry, db=self._order)
        self._count(transaction, "bytes", add=cost)

    def describe(self) -> CacheInfo:
        with self._transaction() as transaction:
            counts = {name: self._count(transaction, name) for name in ("decoded", "served")}
            oldest = next(iter(transaction.cursor(self._order)), None)
            return CacheInfo(
                entries=transaction.stat(self._images)["entries"],
                bytes_on_disk=bytes_on_disk(self._folder),
                max_bytes=self.max_bytes,
                decoded=counts["decoded"],
                served=counts["served"] + self._served,
                oldest=oldest
                and datetime.fromtimestamp(_ENTRY.unpack(oldest[1])[2], UTC).astimezone(),
            )

    def write_counts(self) -> None:
        """Write the number of images read since the last one was saved."""
        # Not if the cache has been cleared meanwhile, which would create it again.
        there = identity(self._folder)
        if self._served and there is not None and self._file in (None, there):
            with self._transaction(write=True) as transaction:
                self._count(transaction, "served", add=self._reset_served())

    def reset_counts(self) -> None:
        """Reset the counts in a forked process, because the parent writes them."""
        self._served = 0

    def _reset_served(self) -> int:
        served, self._served = self._served, 0
        return served

    def _count(self, transaction: Any, name: str, add: int | None = None) -> int:
        """Read a counter, after adding to it if requested."""
        before = transaction.get(name.encode(), db=self._counts)
        count = 0 if before is None else _NUMBER.unpack(before)[0]
        if add:
            count += add
            transaction.put(name.encode(), _NUMBER.pack(count), db=self._counts)
        return count

    def _make_room(self, transaction: Any, cost: int) -> bool:
        bound = int(self.max_bytes * _FILL)
        if cost > bound:
            self._warn_of_no_room("cannot hold an image of this size")
            return False
        used = self._count(transaction, "bytes")
        with transaction.cursor(self._order) as oldest:
            while used + cost > bound:
                first_own = self._first_own or 0
                if not oldest.first() or _NUMBER.unpack(oldest.key())[0] >= first_own:
                    self._warn_of_no_room("is full of images that this run has saved")
                    return False
                key, freed, _ = _ENTRY.unpack(oldest.value())
                transaction.delete(key, db=self._images)
                oldest.delete()
                used = self._count(transaction, "bytes", add=-freed)
        return True

    def _warn_of_no_room(self, reason: str) -> None:
        self._warn_once(
            "no room",
            f"The decode cache {str(self._folder)!r} {reason}; further images are decoded each "
            f"time. Increase max_bytes={self.max_bytes:,}: "
            "ImageLoader(cache=DecodeCache(DIR, max_bytes=...)).",
        )

    def _continue_without(self, error: DecodeCacheError) -> None:
        """Continue without the cache, with a warning, if the error is one of its disk."""
        # Without locks, writes of another machine may look like damage.
        if error.errno not in DISK_FAULTS and not self._why_read_only:
            raise error
        self._warn_once(
            error.errno,
            f"{error.strerror or error}. Loading continues; images that are not in the cache are "
            "decoded each time.",
        )

    def _warn_once(self, reason: Any, text: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(text, UserWarning, stacklevel=2)

    def _refuse_truncated_file(self) -> None:
        # Reading mapped pages beyond the end of the file would kill the process.
        pages = self._environment.info()["last_pgno"] + 1
        self._n_bytes = pages * self._environment.stat()["psize"]
        self._refuse_shorter(os.path.getsize(self._folder / DATA))

    def _refuse_file_cut_in_use(self) -> None:
        """Raise if the open file, which LMDB only lengthens, has become shorter."""
        with suppress(FileNotFoundError):  # cleared this moment; the open file is whole
            found = os.stat(self._folder / DATA)
            if (found.st_dev, found.st_ino) == self._file:
                self._refuse_shorter(found.st_size)

    def _refuse_shorter(self, size: int) -> None:
        if size < self._n_bytes:
            raise self._lmdb.CorruptedError(f"{DATA} has been cut to {size:,} bytes")
        self._n_bytes = size


def import_lmdb() -> Any:
    try:
        import filelock  # noqa: F401  - from the same extra
        import lmdb
    except ImportError as error:
        raise ImportError(
            'The decode cache needs LMDB: pip install "skpneumo[cache]". Without it, cache=None '
            "saves decoded images in memory."
        ) from error
    return lmdb


def _bytes_of(images: Any) -> tuple[memoryview, int]:
    """Return the bytes of a stack, and the number of bytes per image."""
    return memoryview(images).cast("B"), images[0].nbytes


def _cost(n_bytes: int) -> int:
    """Estimate the bytes on disk of an image, which has whole pages or a part of a shared one."""
    if n_bytes > PAGESIZE // 4:
        n_bytes = -(-(n_bytes + 16) // PAGESIZE) * PAGESIZE
    else:
        n_bytes *= 2
    return n_bytes + _TREES_PER_IMAGE
