"""Cache of decoded images in memory, for searches that read the same files repeatedly."""

import os
from collections import OrderedDict
from collections.abc import Generator, Sequence
from itertools import count
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from skpneumo._machine import total_memory

__all__ = ["MemoryCache", "MemoryVisit", "memory_cache"]

_MAX_BYTES = 2**30
_SHARE_OF_MEMORY = 1 / 16


class MemoryCache:
    """Images by key, least recently used first, at most ``max_bytes`` in total.

    Images are copied when they are saved and returned, so callers may modify theirs.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.visits = count()
        self.images: OrderedDict[bytes, tuple[int, NDArray[np.uint8]]] = OrderedDict()
        self.lock = Lock()

    def clear(self) -> None:
        """Remove everything."""
        with self.lock:
            self.images.clear()
            self.n_bytes = 0


class MemoryVisit:
    """One call of a loader, which never removes images that it has used itself.

    Otherwise, when a collection larger than the cache is read repeatedly in order, each image
    would be removed just before it is needed.
    """

    def __init__(self, cache: MemoryCache) -> None:
        self._cache = cache
        self._number = next(cache.visits)

    def fetch(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> list[int]:
        """Copy the saved rows into ``images``; return the rows that are not saved."""
        known, missing = [], []
        cache = self._cache
        with cache.lock:
            for row in rows:
                key = keys[row]
                entry = None if key is None else cache.images.get(key)
                if key is None or entry is None:
                    missing.append(row)
                    continue
                cache.images[key] = self._number, entry[1]
                cache.images.move_to_end(key)
                known.append((row, entry[1]))
        for row, image in known:
            images[row] = image
        return missing

    def divide_work(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Yield all rows at once, because no other process shares this memory."""
        yield list(rows)

    def save(
        self, rows: Sequence[int], keys: Sequence[bytes | None], images: NDArray[np.uint8]
    ) -> None:
        """Save these rows while there is room."""
        cache = self._cache
        with cache.lock:
            for row in rows:
                key = keys[row]
                if key is None or key in cache.images:
                    continue
                if not self._make_room(images[row].nbytes):
                    return
                cache.images[key] = self._number, images[row].copy()
                cache.n_bytes += images[row].nbytes

    def _make_room(self, n_bytes: int) -> bool:
        cache = self._cache
        if n_bytes > cache.max_bytes:
            return False
        while cache.n_bytes + n_bytes > cache.max_bytes:
            oldest = next(iter(cache.images.values()), None)
            if oldest is None or oldest[0] >= self._number:
                return False
            cache.n_bytes -= cache.images.popitem(last=False)[1][1].nbytes
        return True


memory_cache = MemoryCache(min(_MAX_BYTES, int(total_memory() * _SHARE_OF_MEMORY)))


def _replace_lock() -> None:
    memory_cache.lock = Lock()


# If a thread has the lock while another forks, the child would never release it. The dictionary is
# consistent at any moment.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)
