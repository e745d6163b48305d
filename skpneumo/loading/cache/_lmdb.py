"""The database behind a decode cache. Only this module knows LMDB.

data.mdb, lock.mdb    LMDB's own: three tables, mapped into memory, and who reads them
images              key (16 bytes) -> pixels
order               number of saving -> key, cost, time; the lowest are dropped first
counts              "next" number, "bytes" of all costs, "decoded", "served", "layout"
locks/opening.lock    locked by who opens or clears: the two files belong together
locks/00.lock to ff   locked by who decodes images whose keys begin with that byte
"""

import atexit
import errno
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

from skpneumo.loading.cache._directory import (
    DATA,
    LOCKS,
    alone,
    bytes_on_disk,
    enter,
    identity,
    refuse_foreign,
    remedy,
    remove_data,
)
from skpneumo.loading.cache._errors import DecodeCacheError
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._locks import lock_some

__all__ = ["Store", "clear", "describe", "store_at"]

# Address space, not disk or memory: the bound is kept by dropping images, and a map that never
# has to grow cannot surprise processes that have it open.
_MAP_BYTES = 2**40
_MAX_READERS = 1024

# Deleted images leave pages that only later transactions fill again, the trees take some, and
# images of other sizes leave gaps: few, because the oldest lie beside each other.
_FILL = 0.6
_BYTES_PER_TRANSACTION = 1 / 20
_TREES_PER_IMAGE = 256

_ENTRY = struct.Struct("<16sqd")  # key, cost, time
_NUMBER = struct.Struct(">Q")  # so that the order of bytes is the order of numbers
_LAYOUT = 1


# LMDB must not be open while the process forks, nor twice in one process. So all of its use in
# this process happens under one lock, which a fork takes to close everything: it is opened again
# when it is needed next, by parent and child.
_lock = RLock()


class Store:
    """A cache, open when needed. Rows are positions in ``keys`` and ``images`` alike."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._folder = folder
        self._lmdb = _import_lmdb()
        self._environment: Any = None
        self._file: tuple[int, int] | None = None
        self._first_own: int | None = None
        self._served = 0
        self._warned = False

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Any]:
        with _lock, self._explained():
            if self._file is None or self._file != identity(self._folder):
                self._open()  # for the first time, after a fork, or after it has been cleared
            with self._environment.begin(**options) as transaction:
                yield transaction

    def _open(self) -> None:
        self.close()
        enter(self._folder)
        try:
            with alone(self._folder):
                self._environment = self._lmdb.open(
                    str(self._folder),
                    map_size=max(_MAP_BYTES, 2 * self.max_bytes),
                    max_dbs=3,
                    max_readers=_MAX_READERS,
                    metasync=False,  # a crash may lose the last images, and no more than those
                    meminit=False,
                )
                self._refuse_a_cut_file()
                opened = identity(self._folder)
            self._environment.reader_check()
            self._images = self._environment.open_db(b"images")
            self._order = self._environment.open_db(b"order")
            self._counts = self._environment.open_db(b"counts")
            with self._environment.begin(write=True) as transaction:
                if self._count(transaction, "layout") == 0:
                    self._count(transaction, "layout", add=_LAYOUT)
                if self._count(transaction, "layout") != _LAYOUT:
                    raise DecodeCacheError(
                        f"The decode cache {str(self._folder)!r} was made by another version of "
                        f"skpneumo. {remedy(self._folder)}"
                    )
                following = self._count(transaction, "next")
        except BaseException:
            self.close()
            raise
        if self._first_own is None or following < self._first_own:
            self._first_own = following
        self._file = opened

    def close(self) -> None:
        """Close the files until the next use."""
        with _lock:
            self._file = None
            if self._environment is not None:
                self._environment.close()
                self._environment = None

    def fetch(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> list[int]:
        """Fill in the rows that are saved; return those that are not."""
        missing = []
        target, size = _bytes_of(images)
        with self._transaction(buffers=True) as transaction:
            get = partial(transaction.get, db=self._images)
            for row in rows:
                key = keys[row]
                pixels = None if key is None else get(key)
                if pixels is None or len(pixels) != size:
                    missing.append(row)
                else:
                    target[row * size : (row + 1) * size] = pixels
            self._served += len(rows) - len(missing)
        return missing

    def shares(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Share the rows to decode out among the processes that want them at this moment.

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
            with self._explained(), lock_some(self._folder / LOCKS, lockable) as locked:
                share = [row for number in locked for row in lockable.pop(number)]
                if missing := self.fetch(share, keys, images):
                    yield missing

    def save(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> None:
        """Save these rows, dropping the oldest where the bound asks for it."""
        saved = [(key, row) for row in rows if (key := keys[row]) is not None]
        source, size = _bytes_of(images)
        cost = _cost(size)
        at_once = max(1, int(self.max_bytes * _BYTES_PER_TRANSACTION) // cost)
        for start in range(0, max(1, len(saved)), at_once):
            with self._transaction(write=True) as transaction:
                self._count(transaction, "served", add=self._take_served())
                for key, row in saved[start : start + at_once]:
                    self._count(transaction, "decoded", add=1)
                    if not self._make_room(transaction, cost):
                        continue
                    pixels = source[row * size : (row + 1) * size]
                    if transaction.put(key, pixels, overwrite=False, db=self._images):
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
                self._count(transaction, "served", add=self._take_served())

    def forget_counts(self) -> None:
        """Leave them to the process that this one was forked from."""
        self._served = 0

    def _take_served(self) -> int:
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
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"The decode cache {str(self._folder)!r} {reason}; further ones are decoded each "
            f"time. Give it more than max_bytes={self.max_bytes:,}: "
            "ImageLoader(cache=DecodeCache(DIR, max_bytes=...)).",
            UserWarning,
            stacklevel=2,
        )

    def _refuse_a_cut_file(self) -> None:
        # Reading the mapped pages behind the end of the file would kill the process.
        pages = self._environment.info()["last_pgno"] + 1
        size = os.path.getsize(self._folder / DATA)
        if size < pages * self._environment.stat()["psize"]:
            raise self._lmdb.CorruptedError(f"{DATA} has been cut to {size:,} bytes")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        lmdb, folder = self._lmdb, str(self._folder)
        try:
            yield
        except DecodeCacheError:
            raise
        except (lmdb.Error, OSError) as error:  # the latter of locks and the folder
            full = isinstance(error, lmdb.DiskError) or "No space left" in str(error)
            if full or isinstance(error, lmdb.MapFullError):
                raise DecodeCacheError(
                    errno.ENOSPC,
                    f"the disk of the decode cache {folder!r} is full. Make room, name a folder "
                    "on another disk, or lower its bound: DecodeCache(DIR, max_bytes=...)",
                ) from error
            if isinstance(error, (lmdb.ReadonlyError, PermissionError)):
                raise DecodeCacheError(
                    errno.EACCES,
                    f"the decode cache {folder!r} cannot be written. Allow it, or name a folder "
                    "of your own",
                ) from error
            if isinstance(error, lmdb.MemoryError):
                raise DecodeCacheError(
                    errno.ENOMEM,
                    f"the decode cache {folder!r} finds no room in the address space of this "
                    "process, which costs no memory. Lift its limit: ulimit -v unlimited",
                ) from error
            raise DecodeCacheError(
                f"The decode cache {folder!r} is damaged or cannot be used ({error}). "
                f"{remedy(self._folder)}"
            ) from error


_stores: dict[str, Store] = {}


def store_at(folder: Path, max_bytes: int) -> Store:
    """The one store of this process for a folder, with the bound last asked for."""
    name = os.path.realpath(folder)
    with _lock:
        if name not in _stores:
            _stores[name] = Store(folder, max_bytes)
        _stores[name].max_bytes = max_bytes
        return _stores[name]


def describe(folder: Path, max_bytes: int) -> CacheInfo:
    """See :meth:`DecodeCache.info`."""
    refuse_foreign(folder)
    if not (folder / DATA).exists():
        return CacheInfo(0, 0, max_bytes, 0, 0, None)
    return store_at(folder, max_bytes).describe()


def clear(folder: Path) -> None:
    """See :meth:`DecodeCache.clear`."""
    refuse_foreign(folder)
    if not folder.exists():
        return
    with _lock:
        # It stays the one store of this process: threads may be in the middle of using it.
        if store := _stores.get(os.path.realpath(folder)):
            store.close()
        _import_lmdb()
        remove_data(folder)


def _import_lmdb() -> Any:
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


def _cost(n_bytes: int) -> int:
    """Bytes on disk of an image: whole pages of its own, or a part of one that it shares."""
    if n_bytes > PAGESIZE // 4:
        n_bytes = -(-(n_bytes + 16) // PAGESIZE) * PAGESIZE
    else:
        n_bytes *= 2
    return n_bytes + _TREES_PER_IMAGE


def _write_all_counts() -> None:
    for store in _stores.values():
        with suppress(OSError):  # the process is ending, and they are only for information
            store.write_counts()


def _close_before_fork() -> None:
    _lock.acquire()
    for store in _stores.values():
        store.close()


def _begin_in_child() -> None:
    for store in _stores.values():
        store.forget_counts()
    _lock.release()


atexit.register(_write_all_counts)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_close_before_fork, after_in_parent=_lock.release, after_in_child=_begin_in_child
    )
