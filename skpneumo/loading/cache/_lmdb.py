"""The database behind a decode cache. Only this module knows LMDB.

data.mdb, lock.mdb    LMDB's own: three tables, mapped into memory, and who reads them
- table images        key (16 bytes) -> checksum of key and pixels (4 bytes), pixels
- table order         number of saving -> key, cost, time; the lowest are dropped first
- table counts        "next" number, "bytes" of all costs, "decoded", "served", "layout"
locks/opening.lock    locked by who opens or clears: the two files belong together
locks/00.lock to ff   locked by who decodes images whose keys begin with that byte
"""

import os
import struct
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from mmap import PAGESIZE
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from skpneumo.loading.cache._directory import (
    DATA,
    LOCKS,
    allocate_lock,
    alone,
    bytes_on_disk,
    enter,
    identity,
)
from skpneumo.loading.cache._errors import DISK_FAULTS, DecodeCacheError, explained
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._locks import lock_some

__all__ = ["Store", "import_lmdb", "using_lmdb"]

# Address space, not disk or memory: the bound is kept by dropping images, and a map that never
# has to grow cannot surprise processes that have it open.
_MAP_BYTES = 2**40
_MAX_READERS = 1024

# LMDB writes its lock file through memory, where a full disk kills the process: its place on the
# disk is allocated before. 64 bytes a reader, and some.
_LOCK_BYTES = 64 * _MAX_READERS + 2**14

# Deleted images leave pages that only later transactions fill again, the trees take some, and
# images of other sizes leave gaps: few, because the oldest lie beside each other.
_FILL = 0.6
_BYTES_PER_TRANSACTION = 1 / 20
_TREES_PER_IMAGE = 256

_ENTRY = struct.Struct("<16sqd")  # key, cost, time
_NUMBER = struct.Struct(">Q")  # so that the order of bytes is the order of numbers
_LAYOUT = 2

# Against what a disk does to bytes that lie there. Copying and checking an image takes a hundredth
# of decoding it.
_CHECKSUM = struct.Struct("<I")


# LMDB must not be open while the process forks, nor twice in one process. So all of its use in
# this process happens under one lock.
using_lmdb = RLock()


class Store:
    """A cache, open when needed. Rows are positions in ``keys`` and ``images`` alike."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._folder = folder
        self._lmdb = import_lmdb()
        self._environment: Any = None
        self._file: tuple[int, int] | None = None
        self._first_own: int | None = None
        self._served = 0
        self._warned: set[Any] = set()
        self._why_read_only: DecodeCacheError | None = None

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Any]:
        with using_lmdb, explained(self._folder, self._lmdb):
            if self._file is None or self._file != identity(self._folder):
                self._open()  # for the first time, after a fork, or after it has been cleared
            if self._why_read_only and options.get("write"):
                raise DecodeCacheError(*self._why_read_only.args)
            with self._environment.begin(**options) as transaction:
                yield transaction

    def _open(self) -> None:
        self.close()
        self._why_read_only = None
        try:
            with explained(self._folder, self._lmdb):
                enter(self._folder)
                with alone(self._folder):
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
                metasync=False,  # a crash may lose the last images, and no more than those
                meminit=False,
                create=not readonly,
                readonly=readonly,
                lock=lock,
            )
            self._refuse_a_cut_file()
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
        """Refuse what another version has written; return the number of the next image."""
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
        """Fill in the rows that are saved; return those that are not."""
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
                    if not _copy_if_sound(key, saved, into):
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
                "are decoded again. See to its disk.",
            )
        return missing

    def shares(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Divide the rows to decode among the processes that need them now.

        What is yielded is locked until the next is asked for, and by then must have been saved:
        whoever waits for it looks again.
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
        """Save these rows, dropping the oldest where the bound asks for it."""
        keyed = [(key, row) for row in rows if (key := keys[row]) is not None]
        source, size = _bytes_of(images)
        cost = _cost(size + _CHECKSUM.size)
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
            if _copy_if_sound(key, saved, memoryview(bytearray(pixels))):
                return  # another process was faster
            transaction.delete(key, db=self._images)
        if not self._make_room(transaction, cost):
            return
        checksum = _CHECKSUM.pack(crc32(pixels, crc32(key)))
        transaction.put(key, checksum + pixels, db=self._images)
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
        """Write down what has been read since the last image was saved."""
        # Not to a cache that has been cleared meanwhile: that would make it again.
        there = identity(self._folder)
        if self._served and there is not None and self._file in (None, there):
            with self._transaction(write=True) as transaction:
                self._count(transaction, "served", add=self._reset_served())

    def forget_counts(self) -> None:
        """Leave them to the process that this one was forked from."""
        self._served = 0

    def _reset_served(self) -> int:
        served, self._served = self._served, 0
        return served

    def _count(self, transaction: Any, name: str, add: int | None = None) -> int:
        """Read a counter, or write and read it."""
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
            f"The decode cache {str(self._folder)!r} {reason}; further ones are decoded each "
            f"time. Give it more than max_bytes={self.max_bytes:,}: "
            "ImageLoader(cache=DecodeCache(DIR, max_bytes=...)).",
        )

    def _continue_without(self, error: DecodeCacheError) -> None:
        """Load without the cache where its disk is what is wrong, and say so."""
        # Without its locks, what another machine writes meanwhile may look like damage.
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

    def _refuse_a_cut_file(self) -> None:
        # Reading the mapped pages behind the end of the file would kill the process.
        pages = self._environment.info()["last_pgno"] + 1
        size = os.path.getsize(self._folder / DATA)
        if size < pages * self._environment.stat()["psize"]:
            raise self._lmdb.CorruptedError(f"{DATA} has been cut to {size:,} bytes")


def import_lmdb() -> Any:
    try:
        import filelock  # noqa: F401  - of the same extra
        import lmdb
    except ImportError as error:
        raise ImportError(
            'The decode cache needs LMDB: pip install "skpneumo[cache]". Without it, cache=None '
            "keeps decoded images in memory."
        ) from error
    return lmdb


def _bytes_of(images: Any) -> tuple[memoryview, int]:
    """The bytes of a stack, and how many of them an image has."""
    return memoryview(images).cast("B"), images[0].nbytes


def _copy_if_sound(key: bytes, saved: Any, into: memoryview) -> bool:
    """Copy pixels out of the database; False if they are not those that were saved."""
    if len(saved) != _CHECKSUM.size + len(into):
        return False
    into[:] = saved[_CHECKSUM.size :]
    # The copy is what is checked: what is mapped may change at any moment.
    return crc32(into, crc32(key)) == _CHECKSUM.unpack(saved[: _CHECKSUM.size])[0]


def _cost(n_bytes: int) -> int:
    """Bytes on disk of an image: whole pages of its own, or a part of one that it shares."""
    if n_bytes > PAGESIZE // 4:
        n_bytes = -(-(n_bytes + 16) // PAGESIZE) * PAGESIZE
    else:
        n_bytes *= 2
    return n_bytes + _TREES_PER_IMAGE
