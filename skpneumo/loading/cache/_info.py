"""Information about a decode cache."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["CacheInfo"]


@dataclass(frozen=True)
class CacheInfo:
    """Contents of a decode cache.

    Attributes
    ----------
    entries : int
        Images in it.
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
        When the oldest image was saved; None when there is none.
    """

    entries: int
    bytes_on_disk: int
    max_bytes: int
    decoded: int
    served: int
    oldest: datetime | None
