"""The decode cache: a folder in which decoded images outlive the process."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

__all__ = ["CacheInfo", "DecodeCache", "DecodeCacheError"]

_LEAST_BYTES = 2**20


class DecodeCacheError(OSError):
    """A decode cache cannot be opened, read or written.

    The message names its folder and the remedy.
    """


@dataclass(frozen=True)
class CacheInfo:
    """What a decode cache holds.

    Attributes
    ----------
    entries : int
        Images kept.
    bytes_on_disk : int
        Size of the cache's files.
    max_bytes : int
        Their bound.
    decoded : int
        Images ever decoded for this cache.
    served : int
        Images ever read from it instead of being decoded, by processes that have ended or have
        written to it since.
    oldest : datetime or None
        When the oldest image was kept; None when there is none.
    """

    entries: int
    bytes_on_disk: int
    max_bytes: int
    decoded: int
    served: int
    oldest: datetime | None


@dataclass(frozen=True)
class DecodeCache:
    """A folder of decoded images, for :class:`ImageLoader` in any number of processes.

    An LMDB database: memory-mapped, read by many while one writes, whole after a crash. Each
    image is kept under the path of its file, its size and time of change, the loader's
    parameters and the version of the decoder, so that nothing has to be cleared when files
    change.

    Parameters
    ----------
    directory : str or path-like
        Folder of its own, made when it is first used. ``~`` is the home folder. On a local disk:
        memory maps and locks do not hold on network file systems, where each machine needs its
        own.
    max_bytes : int, default=10 GiB
        Bound of its size on disk. The images kept first are dropped first, but none that was
        kept since this process opened the cache: what does not fit beside those is decoded each
        time, with a warning. 10 GiB hold half a million grey images of 128 × 128 pixels.

    Attributes
    ----------
    path : Path
        The folder, absolute.

    See Also
    --------
    ImageLoader : Takes it, or the folder alone, as ``cache``.

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
        if self.max_bytes < _LEAST_BYTES:
            raise ValueError(
                f"max_bytes={self.max_bytes!r}; expected at least {_LEAST_BYTES:,}, which hold "
                "some fifty images."
            )

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return Path(self.directory).expanduser().absolute()

    def info(self) -> CacheInfo:
        """Say what the cache holds; a folder that is not there or empty holds nothing.

        Returns
        -------
        info : CacheInfo

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache, or a damaged one.
        """
        from skpneumo.loading.cache import _lmdb

        return _lmdb.describe(self)

    def clear(self) -> None:
        """Remove all images and give their disk space back. Damaged caches are cleared too.

        Processes that are using the cache go on with what they had open.

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache; nothing is removed then.
        """
        from skpneumo.loading.cache import _lmdb

        _lmdb.clear(self)
