"""Decoded images of this process, for searches that read the same files again and again."""

import os
from collections import OrderedDict
from collections.abc import Generator, Sequence
from itertools import count
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from skpneumo.loading.cache._keys import ImageKey

__all__ = ["Memo", "MemoVisit", "memo"]

_MAX_BYTES = 2**30
_SHARE_OF_MEMORY = 1 / 16


class Memo:
    """Images by key, least recently used first, no more than ``max_bytes`` of them.

    It keeps copies, and hands out copies: images that a caller writes into change nothing here.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.visits = count()
        self.images: OrderedDict[ImageKey, tuple[int, NDArray[np.uint8]]] = OrderedDict()
        self.lock = Lock()

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self.images.clear()
            self.n_bytes = 0


class MemoVisit:
    """One call of a loader. What it has used, it does not push out for the rest of itself.

    Otherwise a collection larger than the memo, read from end to end over and over, would find
    each image just pushed out.
    """

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._number = next(memo.visits)

    def fetch(
        self, rows: Sequence[int], keys: Sequence[ImageKey | None], images: NDArray[np.uint8]
    ) -> list[int]:
        """Fill in the rows that are known; return those that are not."""
        known, missing = [], []
        memo = self._memo
        with memo.lock:
            for row in rows:
                key = keys[row]
                entry = None if key is None else memo.images.get(key)
                if key is None or entry is None:
                    missing.append(row)
                    continue
                memo.images[key] = self._number, entry[1]
                memo.images.move_to_end(key)
                known.append((row, entry[1]))
        for row, image in known:
            images[row] = image
        return missing

    def shares(
        self, rows: Sequence[int], keys: Sequence[ImageKey | None], images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """All the rows at once: nobody else decodes for this process."""
        yield list(rows)

    def keep(
        self, rows: Sequence[int], keys: Sequence[ImageKey | None], images: NDArray[np.uint8]
    ) -> None:
        """Remember these rows, as far as there is room."""
        memo = self._memo
        with memo.lock:
            for row in rows:
                key = keys[row]
                if key is None or key in memo.images:
                    continue
                if not self._make_room(images[row].nbytes):
                    return
                memo.images[key] = self._number, images[row].copy()
                memo.n_bytes += images[row].nbytes

    def _make_room(self, n_bytes: int) -> bool:
        memo = self._memo
        if n_bytes > memo.max_bytes:
            return False
        while memo.n_bytes + n_bytes > memo.max_bytes:
            oldest = next(iter(memo.images.values()), None)
            if oldest is None or oldest[0] >= self._number:
                return False
            memo.n_bytes -= memo.images.popitem(last=False)[1][1].nbytes
        return True


def _share_of_memory() -> int:
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return _MAX_BYTES
    return min(_MAX_BYTES, int(physical * _SHARE_OF_MEMORY))


memo = Memo(_share_of_memory())


def _renew_lock() -> None:
    memo.lock = Lock()


# A thread may hold the lock while another forks; in the child nobody would ever release it. What
# the dictionary holds is whole at any moment.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
