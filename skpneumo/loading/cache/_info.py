"""Information about a decode cache."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["CacheInfo"]


@dataclass(frozen=True)
class CacheInfo:
    """Information about the contents of a decode cache.

    Attributes
    ----------
    entries : int
        Number of images in the cache.
    bytes_on_disk : int
        Size of the files of the cache.
    max_bytes : int
        Maximum size.
    decoded : int
        Number of images decoded for this cache so far.
    served : int
        Number of images read from the cache instead of being decoded, by processes that have
        ended or have written to it since.
    oldest : datetime or None
        When the oldest image was saved; None if there is none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo.loading import DecodeCache
    >>> with TemporaryDirectory() as folder:
    ...     info = DecodeCache(folder, max_bytes=2**24).info()
    >>> info.entries, info.max_bytes, info.oldest is None
    (0, 16777216, True)
    """

    entries: int
    bytes_on_disk: int
    max_bytes: int
    decoded: int
    served: int
    oldest: datetime | None
