"""The databases of this process: one per folder, closed while it forks."""

import atexit
import os
from contextlib import suppress
from pathlib import Path

from skpneumo.loading.cache._directory import DATA, refuse_foreign, remove_data
from skpneumo.loading.cache._errors import explained
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._lmdb import Store, import_lmdb, using_lmdb

__all__ = ["clear", "describe", "store_at"]

_stores: dict[str, Store] = {}


def store_at(folder: Path, max_bytes: int) -> Store:
    """Return the only store of this process for a folder, with this maximum size from now on."""
    name = os.path.realpath(folder)
    with using_lmdb:
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
    with using_lmdb:
        # The store stays registered, because threads may be using it.
        if store := _stores.get(os.path.realpath(folder)):
            store.close()
        with explained(folder, import_lmdb()):
            remove_data(folder)


def _write_all_counts() -> None:
    for store in _stores.values():
        with suppress(OSError):  # the counts are only informative
            store.write_counts()


# Before a fork all stores are closed; parent and child open them again when needed.
def _close_before_fork() -> None:
    using_lmdb.acquire()
    for store in _stores.values():
        store.close()


def _reset_in_child() -> None:
    for store in _stores.values():
        store.reset_counts()
    using_lmdb.release()


atexit.register(_write_all_counts)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_close_before_fork,
        after_in_parent=using_lmdb.release,
        after_in_child=_reset_in_child,
    )
