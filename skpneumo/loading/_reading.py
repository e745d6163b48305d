"""Many files to one stack: what is saved is read from there, the rest is decoded."""

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Literal, Protocol

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skpneumo.loading._decoder_messages import PillowWarnings
from skpneumo.loading._decoding import CHANNELS, decode_image
from skpneumo.loading._errors import unreadable_images_error
from skpneumo.loading.cache import (
    DecodeCache,
    MemoryVisit,
    image_key,
    memory_cache,
    parameters_tag,
    store_at,
)

__all__ = ["Cache", "ImageReader"]

Cache = str | os.PathLike[str] | DecodeCache | Literal[False] | None

# Small images take a third of a millisecond each, of which joblib's own batching costs a fifth.
_IMAGES_PER_TASK = 16

_Keys = Sequence[bytes | None]


class _Store(Protocol):
    """Where decoded images are saved. Rows are positions in ``keys`` and ``images`` alike."""

    def fetch(self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]) -> list[int]:
        """Fill in what is known and return the other rows."""

    def shares(
        self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Hand out rows to decode and save, until none is missing."""

    def save(self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]) -> None:
        """Save rows that have been decoded."""


@dataclass(frozen=True)
class ImageReader:
    """How files are read: the parameters of :class:`~skpneumo.loading.ImageLoader`, checked.

    Parameters
    ----------
    size : (height, width)
        In pixels.
    color_mode, resize : str
        As in the loader.
    cache : path, DecodeCache, False or None
        As in the loader.
    dicom_window : int or None, default=0
        As in the loader.
    white : float, default=None
        As in the loader.
    """

    size: tuple[int, int]
    color_mode: str
    resize: str
    cache: Cache
    dicom_window: int | None = 0
    white: float | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (*self.size, CHANNELS[self.color_mode])

    def read(
        self,
        paths: Sequence[str] | NDArray[np.object_],
        n_jobs: int | None = None,
        in_shares: bool = True,
    ) -> NDArray[np.uint8]:
        """Load files; every path once, however often it comes.

        Parameters
        ----------
        paths : sequence of str
            Files.
        n_jobs : int, default=None
            Threads.
        in_shares : bool, default=True
            Whether to share the work with other processes that want the same files of the same
            cache now. It delays a few images by more than decoding them twice.

        Returns
        -------
        images : ndarray of uint8, shape (n_images, height, width, channels)

        Raises
        ------
        UnreadableImagesError
            If files cannot be read. All others have been decoded, and saved.
        """
        images = np.empty((len(paths), *self.image_shape), dtype=np.uint8)
        if not len(paths):
            return images
        first: dict[str, int] = {}
        copied = [(row, first.setdefault(path, row)) for row, path in enumerate(paths)]
        rows = list(first.values())
        failures = self._read_rows(paths, rows, images, n_jobs, in_shares)
        if failures:
            raise unreadable_images_error({p: failures[p] for p in first if p in failures})
        for row, source in copied:
            if row != source:
                images[row] = images[source]
        return images

    def _read_rows(
        self,
        paths: Sequence[str] | NDArray[np.object_],
        rows: Sequence[int],
        images: NDArray[np.uint8],
        n_jobs: int | None,
        in_shares: bool,
    ) -> dict[str, Exception]:
        store = self._store()
        if store is None:
            return self._decode(paths, rows, images, n_jobs)
        tag = parameters_tag(
            self.size, self.color_mode, self.resize, self.dicom_window, self.white
        )
        keys: list[bytes | None] = [None] * len(paths)
        for row in rows:
            keys[row] = image_key(paths[row], tag)
        missing = store.fetch(rows, keys, images)
        failures: dict[str, Exception] = {}
        if not missing:
            return failures
        shares = store.shares(missing, keys, images) if in_shares else (rows for rows in [missing])
        with closing(shares):  # or an error would leave the locks to the garbage collector
            for share in shares:
                failed = self._decode(paths, share, images, n_jobs)
                failures |= failed
                unchanged = [
                    row
                    for row in share
                    # Not what was on its way to being replaced while it was read.
                    if paths[row] not in failed and keys[row] == image_key(paths[row], tag)
                ]
                if unchanged:
                    store.save(unchanged, keys, images)
        return failures

    def _store(self) -> _Store | None:
        if self.cache is False:
            return None
        if self.cache is None:
            return MemoryVisit(memory_cache)
        cache = self.cache if isinstance(self.cache, DecodeCache) else DecodeCache(self.cache)
        return store_at(cache.path, cache.max_bytes)

    def _decode(
        self,
        paths: Sequence[str] | NDArray[np.object_],
        rows: Sequence[int],
        images: NDArray[np.uint8],
        n_jobs: int | None,
    ) -> dict[str, Exception]:
        abandoned = Event()

        def decode_row(row: int) -> tuple[str, Exception] | None:
            path = paths[row]
            if abandoned.is_set():
                return None
            try:
                with warned.of(path):
                    image = decode_image(
                        path,
                        self.size,
                        self.color_mode,
                        self.resize,
                        self.dicom_window,
                        self.white,
                    )
            except (OSError, ValueError, ImportError) as error:
                # Its frames would keep the half-decoded image of every bad file alive.
                error.__cause__ = error.__context__ = None
                return path, error.with_traceback(None)
            images[row] = image
            return None

        try:
            with PillowWarnings() as warned:
                outcomes = Parallel(
                    n_jobs=n_jobs, require="sharedmem", batch_size=_IMAGES_PER_TASK
                )(delayed(decode_row)(row) for row in rows)
        finally:
            abandoned.set()  # after Ctrl-C, threads stop at the next image
        return dict(outcome for outcome in outcomes if outcome is not None)
