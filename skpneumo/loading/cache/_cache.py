"""The decode cache, which saves decoded images in a folder.

A process has one database for each folder, which is closed while it forks.
"""

import atexit
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from skpneumo._paths import refuse_empty_path
from skpneumo.loading.cache._directory import DATA, refuse_foreign, remove_data
from skpneumo.loading.cache._errors import explained
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._lmdb import Store, import_lmdb, using_lmdb

__all__ = ["DecodeCache", "store_at"]

_LEAST_BYTES = 2**20


@dataclass(frozen=True)
class DecodeCache:
    """A folder of decoded images, for :class:`ImageLoader` in any number of processes.

    It is an LMDB database: memory-mapped, readable by many processes while one writes, and
    consistent after a crash. The key of an image depends on the path of its file, its size, inode
    number and modification times, the parameters of the loader and the version of the decoder, so
    that nothing has to be cleared when files change.

    Parameters
    ----------
    directory : str or path-like
        A folder for the cache only, created at first use. ``~`` is the home folder. It must be on
        a local disk, because memory maps and locks are unreliable on network file systems; there,
        each machine needs a separate cache.
    max_bytes : int, default=10 GiB
        Maximum size on disk. The oldest images are removed first, but none that were saved since
        this process opened the cache: images that do not fit besides these are decoded each time,
        with a warning. 10 GiB hold half a million grey images of 128 × 128 pixels.

    Attributes
    ----------
    path : Path
        Absolute path of the folder.

    See Also
    --------
    ImageLoader : Accepts it, or only the folder, as ``cache``.

    Notes
    -----
    ``skpneumo cache DIR`` prints :meth:`info` and ``skpneumo cache DIR --clear`` clears it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import ImageLoader
    >>> from skpneumo.loading import DecodeCache
    >>> with TemporaryDirectory() as folder:
    ...     cache = DecodeCache(folder, max_bytes=2**24)
    ...     print(ImageLoader(cache=cache).cache.info().entries)
    0
    """

    directory: str | os.PathLike[str]
    max_bytes: int = 10 * 2**30

    def __post_init__(self) -> None:
        refuse_empty_path(self.directory, "directory")
        if self.max_bytes < _LEAST_BYTES:
            raise ValueError(
                f"max_bytes={self.max_bytes!r}; expected at least {_LEAST_BYTES:,}, enough for "
                "about fifty images."
            )

    @property
    def path(self) -> Path:
        """Absolute path of the folder."""
        return Path(os.path.expanduser(self.directory)).absolute()

    def info(self) -> CacheInfo:
        """Describe the contents of the cache, which may be missing or empty.

        Returns
        -------
        info : CacheInfo

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache, or is damaged.
        """
        refuse_foreign(self.path)
        if not (self.path / DATA).exists():
            return CacheInfo(0, 0, self.max_bytes, 0, 0, None)
        return store_at(self.path, self.max_bytes).describe()

    def clear(self) -> None:
        """Remove all images and free their disk space; this also works for damaged caches.

        Processes that are using the cache continue with the images they had open.

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache; then nothing is removed.
        """
        refuse_foreign(self.path)
        if not self.path.exists():
            return
        with using_lmdb:
            # The store stays registered, because threads may be using it.
            if store := _stores.get(os.path.realpath(self.path)):
                store.close()
            with explained(self.path, import_lmdb()):
                remove_data(self.path)


_stores: dict[str, Store] = {}


def store_at(folder: Path, max_bytes: int) -> Store:
    """Return the only store of this process for a folder, with this maximum size from now on."""
    name = os.path.realpath(folder)
    with using_lmdb:
        if name not in _stores:
            _stores[name] = Store(folder, max_bytes)
        _stores[name].max_bytes = max_bytes
        return _stores[name]


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
