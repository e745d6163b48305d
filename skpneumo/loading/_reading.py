"""Read many files into one stack: from the cache if saved, and by decoding otherwise."""

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

# A small image takes a third of a millisecond, of which joblib's own batching would cost a fifth.
_IMAGES_PER_TASK = 16

_Keys = Sequence[bytes | None]


class _Store(Protocol):
    """A store of decoded images. Rows are positions in both ``keys`` and ``images``."""

    def fetch(self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]) -> list[int]:
        """Copy the saved rows into ``images``, and return the other rows."""

    def divide_work(
        self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]
    ) -> Generator[list[int]]:
        """Yield rows to decode and save until none is missing."""

    def save(self, rows: Sequence[int], keys: _Keys, images: NDArray[np.uint8]) -> None:
        """Save decoded rows."""


@dataclass(frozen=True)
class ImageReader:
    """Read files with the given parameters of :class:`~skpneumo.loading.ImageLoader`.

    Parameters
    ----------
    size : (height, width)
        In pixels.
    color_mode, resize, cache, dicom_window, white
        As in the loader.
    """

    size: tuple[int, int]
    color_mode: str
    resize: str
    cache: Cache
    dicom_window: int | None
    white: float | None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (*self.size, CHANNELS[self.color_mode])

    @property
    def _parameters(self) -> tuple[tuple[int, int], str, str, int | None, float | None]:
        """What the pixels of a file depend on."""
        return self.size, self.color_mode, self.resize, self.dicom_window, self.white

    def read(
        self,
        paths: Sequence[str] | NDArray[np.object_],
        n_jobs: int | None = None,
        share_work: bool = True,
    ) -> NDArray[np.uint8]:
        """Load files, each path once even if it is repeated.

        Parameters
        ----------
        paths : sequence of str
            Paths of the files.
        n_jobs : int, default=None
            Number of threads.
        share_work : bool, default=True
            Whether to share the work with other processes that need the same files from the same
            cache now. For a few images, waiting takes longer than decoding them twice.

        Returns
        -------
        images : ndarray of uint8, shape (n_images, height, width, channels)

        Raises
        ------
        UnreadableImagesError
            If files cannot be read. All others have been decoded and saved.
        """
        images = np.empty((len(paths), *self.image_shape), dtype=np.uint8)
        if not len(paths):
            return images
        first: dict[str, int] = {}
        copied = [(row, first.setdefault(path, row)) for row, path in enumerate(paths)]
        rows = list(first.values())
        failures = self._read_rows(paths, rows, images, n_jobs, share_work)
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
        share_work: bool,
    ) -> dict[str, Exception]:
        store = self._store()
        if store is None:
            return self._decode(paths, rows, images, n_jobs)
        tag = parameters_tag(*self._parameters)
        keys: list[bytes | None] = [None] * len(paths)
        for row in rows:
            keys[row] = image_key(paths[row], tag)
        missing = store.fetch(rows, keys, images)
        failures: dict[str, Exception] = {}
        if not missing:
            return failures
        shares = (
            store.divide_work(missing, keys, images)
            if share_work
            else (rows for rows in [missing])
        )
        with closing(shares):  # so that an error releases the locks at once
            for share in shares:
                failed = self._decode(paths, share, images, n_jobs)
                failures |= failed
                unchanged = [
                    row
                    for row in share
                    # Not files that changed while they were read.
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
        cancelled = Event()

        def decode_row(row: int) -> tuple[str, Exception] | None:
            path = paths[row]
            if cancelled.is_set():
                return None
            try:
                with pillow_warnings.about(path):
                    image = decode_image(path, *self._parameters)
            except (OSError, ValueError, ImportError) as error:
                # Its traceback would keep the partly decoded image of every bad file in memory.
                error.__cause__ = error.__context__ = None
                return path, error.with_traceback(None)
            images[row] = image
            return None

        try:
            with PillowWarnings() as pillow_warnings:
                outcomes = Parallel(
                    n_jobs=n_jobs, require="sharedmem", batch_size=_IMAGES_PER_TASK
                )(delayed(decode_row)(row) for row in rows)
        finally:
            cancelled.set()  # after Ctrl-C, threads stop at the next image
        return dict(outcome for outcome in outcomes if outcome is not None)
