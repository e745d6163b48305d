"""Stream of images that are decoded on demand."""

import math
import os
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from hashlib import blake2b
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from skpneumo._machine import require_memory
from skpneumo._paths import carried_patients, check_paths
from skpneumo._typing import ArrayLike
from skpneumo.loading._image_array import ImageArray
from skpneumo.loading._reading import Cache, ImageReader
from skpneumo.loading._resizing import height_and_width

__all__ = ["ImageStream"]

_IMAGES_AT_ONCE = 32


class ImageStream:
    """Stream of images that are decoded on demand.

    :class:`ImageLoader` returns it with ``stream=True``. The networks of this package train and
    predict with it a batch at a time, while threads decode the next batches. Splitters, searches,
    scorers and :class:`~skpneumo.ImageResampler` select rows of it without decoding any. The
    results are the same, bit for bit, as with the images in memory. Any other function, such as
    ``np.asarray``, decodes all images into memory.

    ``X[5]`` is an image. ``X[2:7]``, ``X[[3, 1, 3]]`` and ``X[mask]`` are streams of these rows;
    any further index decodes them.

    Parameters
    ----------
    filenames : array-like of shape (n_images,) or (n_images, 1), or DataFrame
        The file of each image, as str or :class:`os.PathLike`; or a frame with the column
        ``path`` and, if known, the column ``patient``.
    size : int or (height, width), default=(128, 128)
        Size of the images in pixels; a single number means a square.
    color_mode : {"grayscale", "rgb"}, default="grayscale"
        One channel or three.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        See :class:`ImageLoader`.
    cache : str, path-like, DecodeCache, None or False, default=None
        A folder in which decoded images are saved. With None or False, none are saved.
    n_jobs : int, default=None
        Number of threads that decode ahead; None means 1 unless in a
        :func:`joblib.parallel_config` context, -1 means all processors. At most this many batches
        and two more are in memory at a time.
    dicom_window : int or None, default=0
        See :class:`ImageLoader`.
    white : float, default=None
        See :class:`ImageLoader`.

    Attributes
    ----------
    filenames : ndarray of shape (n_images,), dtype object
        The file of each image.
    patients : ndarray of shape (n_images,), dtype object, or None
        The patient of each image, if the frame has them.
    shape : tuple of (n_images, height, width, channels)
        Shape of the images, as if they were in memory.
    dtype : dtype
        Type of the pixels, uint8.
    ndim : int
        Number of dimensions, 4.

    See Also
    --------
    ImageLoader : Makes a stream from paths after checking that the files exist.

    Notes
    -----
    Each epoch decodes each image again; with a ``cache`` in a folder, only the first epoch does.
    Files must not change meanwhile.

    **Inner validation** keeps the images of a patient together. Identical images are kept together
    if their files are identical, byte for byte, which needs reading but no decoding; for images in
    memory, pixels are compared.

    Examples
    --------
    >>> from skpneumo import ImageLoader, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> X = ImageLoader(size=64, stream=True).transform(xrays.filenames)
    >>> X[:5]
    ImageStream of 5 images, 64 x 64 x 1
    >>> X[0].shape
    (64, 64, 1)
    >>> for batch in X.batches(4):
    ...     print(batch.shape, batch.dtype)
    ...     break
    (4, 64, 64, 1) uint8
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        filenames: ArrayLike,
        *,
        size: int | tuple[int, int] = (128, 128),
        color_mode: str = "grayscale",
        resize: str = "stretch",
        cache: Cache = None,
        n_jobs: int | None = None,
        dicom_window: int | None = 0,
        white: float | None = None,
    ) -> None:
        self.filenames = check_paths(filenames)
        self.patients = carried_patients(filenames)
        self._reader = ImageReader(
            height_and_width(size),
            color_mode,
            resize,
            False if cache is None else cache,
            dicom_window,
            white,
        )
        self._n_jobs = n_jobs
        self._check: Callable[[NDArray[Any], Any], None] | None = None

    @property
    def resize(self) -> str:
        """How an image of another aspect ratio is resized."""
        return self._reader.resize

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the images, if they were in memory."""
        return (len(self.filenames), *self._reader.image_shape)

    def __len__(self) -> int:
        return len(self.filenames)

    def __repr__(self) -> str:
        n_images, *image_shape = self.shape
        return f"ImageStream of {n_images} images, {' x '.join(map(str, image_shape))}"

    def __getitem__(self, key: Any) -> Any:
        index = key if isinstance(key, tuple) else (key,)
        rows, *others = index or (Ellipsis,)
        if rows is Ellipsis:
            return np.asarray(self)[key] if others else self
        if not _selects_rows(rows):
            raise IndexError(
                "An ImageStream is indexed by rows: a number, a slice, a list of numbers or a "
                f"mask, not {rows!r}. np.asarray(X) decodes all images into an ordinary array."
            )
        names = self.filenames[rows]
        if isinstance(names, str):
            image = self._reader.read([names], 1, share_work=False)[0]
            return image[tuple(others)] if others else image
        part = self._part(rows)
        if all(_is_everything(other) for other in others):
            return part
        return np.asarray(part)[:, *others]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for batch in self.batches(_IMAGES_AT_ONCE):
            yield from batch

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("The images are not in memory yet, so copy=False is not possible.")
        require_memory(
            math.prod(self.shape) * self.dtype.itemsize,
            f"An array of this stream of {len(self)} images",
            "Pass the stream itself to functions that accept it, load smaller images with size=, "
            "or convert a few rows at a time.",
        )
        pixels = self._reader.read(self.filenames, self._n_jobs)
        images = ImageArray(pixels, self.filenames, self.patients)
        return images if dtype is None else images.astype(dtype, copy=False)

    def batches(self, batch_size: int) -> Iterator[NDArray[np.uint8]]:
        """Decode all images in order.

        Parameters
        ----------
        batch_size : int
            Images per batch; the last batch may be smaller.

        Yields
        ------
        images : ndarray of uint8, shape (batch_size, height, width, channels)
        """
        return self.prefetch(gen_batches(len(self), batch_size) if len(self) else ())

    def prefetch(self, selections: Iterable[Any]) -> Iterator[NDArray[np.uint8]]:
        """Decode batches of rows in order, and the next ones in advance.

        Parameters
        ----------
        selections : iterable of slice or array of int
            The rows of each batch.

        Yields
        ------
        images : ndarray of uint8, shape (n_rows, height, width, channels)

        Raises
        ------
        UnreadableImagesError
            If files of a batch cannot be read.
        """
        n_threads = effective_n_jobs(self._n_jobs)
        ahead: deque[tuple[NDArray[Any], Future[NDArray[np.uint8]]]] = deque()
        threads = ThreadPoolExecutor(n_threads, thread_name_prefix="skpneumo-decoding")
        try:
            for rows in selections:
                names = self.filenames[rows]
                decoding = threads.submit(self._reader.read, names, 1, share_work=False)
                ahead.append((names, decoding))
                if len(ahead) > n_threads:
                    yield self._checked(*ahead.popleft())
            while ahead:
                yield self._checked(*ahead.popleft())
        finally:
            threads.shutdown(cancel_futures=True)

    def checked_by(self, check: Callable[[NDArray[Any], Any], None]) -> "ImageStream":
        """Return this stream with a check of every batch that is decoded from it.

        Parameters
        ----------
        check : callable
            Function of the images and their file names that raises if it refuses them.

        Returns
        -------
        stream : ImageStream
            The same rows; their selections are checked as well.
        """
        stream = copy(self)
        stream._check = check
        return stream

    def _checked(self, names: Any, decoding: Future[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        images = decoding.result()
        if self._check is not None:
            self._check(images, names)
        return images

    def content_digests(self) -> list[bytes]:
        """Compute digests that tell different files apart, reading as little as possible.

        Returns
        -------
        digests : list of bytes, length n_images
            Equal for rows of the same file or of files with the same bytes.
        """
        states = {name: os.stat(name) for name in set(self.filenames)}
        files = {name: (state.st_dev, state.st_ino) for name, state in states.items()}
        files_of_size: dict[int, set[tuple[int, int]]] = {}
        for name, state in states.items():
            files_of_size.setdefault(state.st_size, set()).add(files[name])
        digests: dict[tuple[int, int], bytes] = {}
        for name, state in states.items():
            if files[name] in digests:
                continue
            if len(files_of_size[state.st_size]) == 1 or not stat.S_ISREG(state.st_mode):
                digests[files[name]] = struct.pack("<q", state.st_size)
            else:
                with open(name, "rb") as file:
                    digests[files[name]] = blake2b(file.read(), digest_size=16).digest()
        return [digests[files[name]] for name in self.filenames]

    def _part(self, rows: Any) -> "ImageStream":
        part = copy(self)
        part.filenames = self.filenames[rows]
        part.patients = None if self.patients is None else self.patients[rows]
        return part


def _selects_rows(rows: Any) -> bool:
    if isinstance(rows, slice):
        return True
    if rows is None or isinstance(rows, (bool, np.bool_)):
        return False
    rows = np.asarray(rows)
    return rows.ndim <= 1 and (rows.dtype.kind in "iub" or rows.size == 0)


def _is_everything(index: Any) -> bool:
    return index is Ellipsis or (isinstance(index, slice) and index == slice(None))
