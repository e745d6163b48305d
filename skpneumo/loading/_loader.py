"""Transformer that loads images from paths."""

import os
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skpneumo._documentation import DocumentationLinks
from skpneumo._image_output import ImageOutputMixin
from skpneumo._machine import require_memory
from skpneumo._paths import carried_patients, check_paths
from skpneumo._sklearn import Interval, Options, StrOptions, _fit_context
from skpneumo.loading._decoding import CHANNELS, check_regular_file
from skpneumo.loading._errors import unreadable_images_error
from skpneumo.loading._image_array import ImageArray
from skpneumo.loading._reading import Cache, ImageReader
from skpneumo.loading._resizing import height_and_width
from skpneumo.loading._stream import ImageStream
from skpneumo.loading.cache import DecodeCache

__all__ = ["ImageLoader"]


class ImageLoader(DocumentationLinks, ImageOutputMixin, TransformerMixin, BaseEstimator):
    """Load X-ray files as one stack of 8-bit images of the same size.

    This step turns paths into images. It learns nothing, so ``transform`` works without ``fit``.
    The order of the rows is preserved. JPEG, PNG, TIFF and DICOM are recognised by their content.

    Parameters
    ----------
    size : int or (height, width), default=(128, 128)
        Size of the images in pixels; a single number means a square.
    color_mode : {"grayscale", "rgb"}, default="grayscale"
        One channel (luma, ITU-R 601) or three. Grey images are repeated over three channels.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        How an image of another aspect ratio is resized to ``size``:

        - "stretch" scales height and width separately;
        - "pad" preserves the aspect ratio, centres the image and adds black bars;
        - "crop" preserves the aspect ratio and cuts equal parts off both ends of the longer side.
    cache : str, path-like, DecodeCache, None or False, default=None
        Where decoded images are saved, so that each file is decoded only once for the same
        parameters, until it changes:

        - None: in the memory of this process, up to 1 GiB or a sixteenth of the memory of the
          machine, whichever is less, for all loaders together. A search decodes each file once
          over all folds and candidates.
        - a folder, or a :class:`DecodeCache` with a maximum size: on disk, for all processes and
          later runs. Needs ``pip install "skpneumo[cache]"``.
        - False: nowhere.

        Images of files that were written less than two seconds ago are not saved.
    stream : bool, default=False
        Return an :class:`ImageStream`, which decodes images on demand, so that memory does not
        grow with the number of images; it is not cached in memory either.
    n_jobs : int, default=None
        Number of threads. None means 1 unless in a :func:`joblib.parallel_config` context; -1
        means all processors. The images do not depend on this number.
    dicom_window : int or None, default=0
        Which of the grey scales in a DICOM file to use: a number that counts its VOI LUTs first
        and its windows after them. With 0, a file that has neither is shown from the lowest to
        the highest value of its stored bits; with None, all files are. A file that has fewer
        grey scales cannot be read. Other formats ignore this.
    white : float, default=None
        The value of white in files of more than 8 bits that do not declare it: 4095 for 12 bits
        in 16-bit files, which :func:`~skpneumo.audit_images` reports. Higher values in a file are
        an error. It applies to grey PNG and TIFF of 16 or 32 unsigned bits or floating point, and
        to unsigned DICOM of 16 stored bits that is shown in its full range.
        None: see the table below.

    See Also
    --------
    ImageArray : The array that ``transform`` returns.
    ImageStream : The stream that ``transform`` returns with ``stream=True``.

    Notes
    -----
    **Conversion to 8 bits** follows fixed rules, whatever the range of values in a file, so that
    exposure stays comparable between images. By kind of file:

    ============================ ==========================================================
    pixels                       0 and 255 stand for
    ============================ ==========================================================
    1 to 8 bits, palette, CMYK   black and white of the format
    16-bit grey                  0 and 65535
    12-bit grey TIFF             0 and 4095
    signed 16-bit grey           -32768 and 32767
    32-bit integer               0 and 65535; values beyond are an error
    floating point               0 and 1; values beyond, or NaN, are an error
    16-bit colour                0 and 65535; Pillow reads the upper 8 bits
    DICOM                        the LUTs, windows and polarity of the file (PS3.3 C.7.6.3
                                 and C.11), else the range of the stored bits
    ============================ ==========================================================

    A TIFF in which white is zero is inverted. Transparent pixels are composed over black. The
    EXIF orientation is applied, but not colour profiles. A 12-bit radiograph in a 16-bit file
    that does not declare it becomes dark, unless ``white=4095`` is passed.

    **Scaling** down is antialiased (Pillow's bilinear filter, whose support grows with the
    ratio). A JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that leaves at least twice the
    pixels of the result along each side. Compared with full decoding and the same resize, 100
    radiographs of 399 to 2890 pixels width differ by the following grey levels of 255; 80
    synthetic ones of 800 to 2000 pixels differ as much on average and by 3 at most
    (``benchmarks/loading_draft_accuracy.py``):

    ==== ======================= =======
    size mean [95 % interval]    largest
    ==== ======================= =======
    64   0.19 [0.18, 0.20]       18
    128  0.16 [0.16, 0.17]       12
    224  0.11 [0.10, 0.13]       16
    ==== ======================= =======

    The largest differences are at the edges of the image and at burnt-in letters; 99.9 % of the
    pixels differ by 2 or less.

    **DICOM** needs ``pip install "skpneumo[dicom]"``. Only radiographs and secondary captures of
    a single image are read. "pad" and "crop" preserve the aspect ratio of the body also where
    the header says that pixels are not square; resolutions in other formats are ignored. A file
    whose window shows all of its values as one grey level is refused. Padding is black, overlays
    are not shown, and the image is inverted once if the photometric interpretation is MONOCHROME1
    or the shape of the presentation LUT is INVERSE.

    **Files that cannot be read** do not stop the others from being tried: a single
    :class:`UnreadableImagesError` at the end names all of them with their reasons. They include
    files with several images (a multi-page TIFF, an animated PNG), because nothing says which one
    is the X-ray, and files that claim more than 89 million pixels, which are refused before
    memory is allocated.

    Examples
    --------
    >>> from skpneumo import ImageLoader, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> X = ImageLoader(size=64).transform(xrays.filenames)
    >>> X.shape[1:], X.dtype
    ((64, 64, 1), dtype('uint8'))
    >>> list(X.filenames) == list(xrays.filenames)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "color_mode": [StrOptions(set(CHANNELS))],
        "resize": [StrOptions({"stretch", "pad", "crop"})],
        "cache": [str, os.PathLike, DecodeCache, Options(bool, {False}), None],
        "stream": ["boolean"],
        "n_jobs": [Integral, None],
        "dicom_window": [Interval(Integral, 0, None, closed="left"), None],
        "white": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        size: int | tuple[int, int] = (128, 128),
        color_mode: str = "grayscale",
        resize: str = "stretch",
        cache: Cache = None,
        stream: bool = False,
        n_jobs: int | None = None,
        dicom_window: int | None = 0,
        white: float | None = None,
    ) -> None:
        self.size = size
        self.color_mode = color_mode
        self.resize = resize
        self.cache = cache
        self.stream = stream
        self.n_jobs = n_jobs
        self.dicom_window = dicom_window
        self.white = white

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "ImageLoader":
        """Check the parameters and the form of the paths; no file is opened.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, 1)
            Paths as str or :class:`os.PathLike`.
        y : object
            Ignored.

        Returns
        -------
        self : ImageLoader
        """
        height_and_width(self.size)
        if isinstance(X, Iterator):
            raise TypeError(
                f"Expected a list or array of paths, got a {type(X).__name__}, which can be read "
                "only once, and fit and transform each read it. Pass list(X)."
            )
        check_paths(X)
        return self

    def transform(self, X: Any) -> ImageArray | ImageStream:
        """Load the images, or return a stream that loads them.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, 1), or DataFrame
            Paths as str or :class:`os.PathLike`; or a frame with the column ``path`` and, if
            known, the column ``patient``.

        Returns
        -------
        images : ImageArray or ImageStream of uint8, shape (n_images, height, width, channels)
            Images in the order of the paths, with the paths as ``filenames`` and the patients of
            a frame as ``patients``. For a stream, missing files are an error now, and unreadable
            files when they are decoded.

        Raises
        ------
        MissingImagesError
            If files do not exist; a :class:`FileNotFoundError`.
        UnreadableImagesError
            If files cannot be read for other reasons as well, such as DICOM files without
            pydicom; an :class:`OSError` and a :class:`ValueError`. Its ``failures`` has all of
            them.
        MemoryError
            If the stack needs more memory than is free.
        DecodeCacheError
            If the cache cannot be used; an :class:`OSError`.
        RuntimeError
            If ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES`` has been set, with which truncated images
            would be accepted.
        """
        self._validate_params()
        paths = check_paths(X)
        if self.stream:
            _check_files(paths)
            return ImageStream(
                X,
                size=self.size,
                color_mode=self.color_mode,
                resize=self.resize,
                cache=self.cache,
                n_jobs=self.n_jobs,
                dicom_window=self.dicom_window,
                white=self.white,
            )
        height, width = height_and_width(self.size)
        require_memory(
            len(paths) * height * width * CHANNELS[self.color_mode],
            f"The stack of {len(paths)} images of {height} x {width} pixels",
            "Load smaller images with size=, or decode a batch at a time with stream=True.",
        )
        reader = ImageReader(
            (height, width),
            self.color_mode,
            self.resize,
            self.cache,
            self.dicom_window,
            self.white,
        )
        return ImageArray(reader.read(paths, self.n_jobs), paths, carried_patients(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # except a single column of paths
        tags.input_tags.string = True
        return tags


def _check_files(paths: NDArray[np.object_]) -> None:
    """Report missing files now instead of during training; none is opened."""
    failures: dict[str, Exception] = {}
    for path in paths:
        try:
            check_regular_file(path)
        except (OSError, ValueError) as error:
            failures[path] = error
    if failures:
        raise unreadable_images_error(failures)
