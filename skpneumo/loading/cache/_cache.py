"""The decode cache: a folder in which decoded images outlive the process."""

import os
from dataclasses import dataclass
from pathlib import Path

from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._stores import clear, describe

__all__ = ["DecodeCache"]

_LEAST_BYTES = 2**20


@dataclass(frozen=True)
class DecodeCache:
    """A folder of decoded images, for :class:`ImageLoader` in any number of processes.

    An LMDB database: memory-mapped, read by many while one writes, whole after a crash. Each
    image is saved under the path of its file, its size, number and times of change, the loader's
    parameters and the version of the decoder, so that nothing has to be cleared when files
    change.

    Parameters
    ----------
    directory : str or path-like
        Folder of its own, made when it is first used. ``~`` is the home folder. On a local disk:
        memory maps and locks do not hold on network file systems, where each machine needs its
        own.
    max_bytes : int, default=10 GiB
        Bound of its size on disk. The images saved first are dropped first, but none that was
        saved since this process opened the cache: what does not fit beside those is decoded each
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
        """Describe the contents of the cache; a missing or empty folder has none.

        Returns
        -------
        info : CacheInfo

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache, or a damaged one.
        """
        return describe(self.path, self.max_bytes)

    def clear(self) -> None:
        """Remove all images and free their disk space. Damaged caches are cleared too.

        Processes that are using the cache continue with what they had open.

        Raises
        ------
        DecodeCacheError
            If the folder is not a decode cache; nothing is removed then.
        """
        clear(self.path)
