"""Paths to images, as a scikit-learn transformer."""

import os
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skpneumo._documentation import DocumentationLinks
from skpneumo._machine import require_memory
from skpneumo._paths import carried_patients, check_paths
from skpneumo._sklearn import Interval, Options, StrOptions, _fit_context
from skpneumo.loading._decoding import CHANNELS, check_regular_file
from skpneumo.loading._errors import unreadable_images_error
from skpneumo.loading._image_array import ImageArray
from skpneumo.loading._reading import Cache, ImageReader
from skpneumo.loading._stream import ImageStream
from skpneumo.loading.cache import DecodeCache

__all__ = ["ImageLoader"]


class ImageLoader(DocumentationLinks, TransformerMixin, BaseEstimator):
    """Load X-ray files as one stack of 8-bit images of one size.

    The step that turns paths into images. It learns nothing, so that ``transform`` works without
    ``fit``; rows stay in order; JPEG, PNG, TIFF and DICOM are told apart by their content.

    Parameters
    ----------
    size : int or (height, width), default=(128, 128)
        Size of the images in pixels; one number stands for a square.
    color_mode : {"grayscale", "rgb"}, default="grayscale"
        One channel (luma, ITU-R 601) or three. Grey files are repeated over the three.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        How an image of another aspect ratio is brought to ``size``:

        - "stretch" scales height and width each by its own ratio;
        - "pad" keeps the ratio, centres the image and fills up with black bars;
        - "crop" keeps the ratio and cuts equal parts off both ends of the longer side.
    cache : str, path-like, DecodeCache, None or False, default=None
        Where decoded images are saved, so that each file is decoded once for the same
        parameters, until it changes:

        - None: in this process, up to 1 GiB or a sixteenth of the machine's memory, whichever
          is less, for all loaders together. A search decodes each file once over all folds and
          candidates.
        - a folder, or a :class:`DecodeCache` that bounds it: on disk, for all processes and
          later runs. Needs ``pip install "skpneumo[cache]"``.
        - False: nowhere.

        Files that were written less than two seconds ago are not saved.
    stream : bool, default=False
        Return an :class:`ImageStream`, which decodes on demand: memory does not grow with the
        number of images, and is not used as a cache. See there what takes it.
    n_jobs : int, default=None
        Number of threads. None means 1 unless in a :func:`joblib.parallel_config` context; -1
        means all processors. The images do not depend on it.
    dicom_window : int or None, default=0
        Which of the grey scales that a DICOM file offers: its VOI LUTs are counted first, its
        windows after them. A file that has none, and 0, is shown from the lowest to the highest
        value of its stored bits, as are all with None. A file that has fewer is among those that
        cannot be read. Other formats are not concerned.
    white : float, default=None
        The value of white in files of more than 8 bits that do not say it: 4095 where twelve bits
        are in files of sixteen, of which :func:`~skpneumo.audit_images` tells. Higher values are
        an error. It is for grey PNG and TIFF of 16 or 32 bits or floating point without a sign,
        and for unsigned DICOM of 16 stored bits that is shown in its full range.
        None: see the table below.

    See Also
    --------
    ImageArray : What ``transform`` returns.
    ImageStream : What it returns with ``stream=True``.

    Notes
    -----
    **Bringing pixels to 8 bits** follows fixed rules, never the content of a file, so that
    exposure stays comparable between images. Per kind of file:

    ============================ ==========================================================
    pixels                       0 and 255 stand for
    ============================ ==========================================================
    1 to 8 bits, palette, CMYK   what the format says
    16-bit grey                  0 and 65535
    12-bit grey TIFF             0 and 4095
    signed 16-bit grey           -32768 and 32767
    32-bit integer               0 and 65535; values beyond are an error
    floating point               0 and 1; values beyond, or NaN, are an error
    16-bit colour                0 and 65535, of which Pillow keeps the upper 8 bits
    DICOM                        what the file says by its LUTs, windows and polarity (PS3.3
                                 C.7.6.3 and C.11), else the ends of the stored bits
    ============================ ==========================================================

    A TIFF in which white is zero is inverted. Transparent pixels are laid over black, the EXIF
    orientation is applied, colour profiles are not. A 12-bit radiograph in a 16-bit file
    without a mark to say so comes out dark, unless ``white=4095`` says it.

    **Scaling** down is antialiased (Pillow's bilinear filter, whose support grows with the
    ratio). A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least twice the
    pixels of the result along each side. Against full decoding and the same resize, 100
    radiographs of 399 to 2890 pixels width differ by this many of 255 grey levels; 80 synthetic
    ones of 800 to 2000 pixels by as much on average and by 3 at most
    (``benchmarks/loading_draft_accuracy.py``):

    ==== ======================= =======
    size mean [95 % interval]    largest
    ==== ======================= =======
    64   0.19 [0.18, 0.20]       18
    128  0.16 [0.16, 0.17]       12
    224  0.11 [0.10, 0.13]       16
    ==== ======================= =======

    The largest differences are at the image's edges and at burnt-in letters; 99.9 % of the
    pixels differ by 2 or less.

    **DICOM** needs ``pip install "skpneumo[dicom]"``. Only radiographs and secondary captures of
    one image are read; padding is black, overlays are not shown, and one inversion is applied
    where the photometric interpretation is MONOCHROME1 or the shape of the presentation LUT
    INVERSE.

    **Files that cannot be read** do not stop the others from being tried: one
    :class:`UnreadableImagesError` at the end names them, each with its reason. A file with
    several images (a multi-page TIFF, an animated PNG) is among them, since nothing says which
    one is the X-ray, and so is a file that claims more than 89 million pixels, which is refused
    before memory is taken.

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
        self._height_and_width()
        if isinstance(X, Iterator):
            raise TypeError(
                f"Expected a list or array of paths, got a {type(X).__name__}, which gives them "
                "once, and fit and transform each read them. Pass list(X)."
            )
        check_paths(X)
        return self

    def transform(self, X: Any) -> ImageArray | ImageStream:
        """Load the images, or make ready to load them.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, 1), or DataFrame
            Paths as str or :class:`os.PathLike`; or a frame with the column ``path`` and, where
            they are known, the column ``patient``.

        Returns
        -------
        images : ImageArray or ImageStream of uint8, shape (n_images, height, width, channels)
            In the order of the paths, which it carries as ``filenames``, as it carries the
            ``patients`` of a frame. A stream has looked
            whether the files exist, and names those that cannot be read when it comes to them.

        Raises
        ------
        MissingImagesError
            If files do not exist; a :class:`FileNotFoundError`.
        UnreadableImagesError
            If files cannot be read for other reasons as well, DICOM files without pydicom among
            them; an :class:`OSError` and a :class:`ValueError`. All of them are in its
            ``failures``.
        MemoryError
            If the stack takes more memory than is free.
        DecodeCacheError
            If the cache cannot be used; an :class:`OSError`.
        RuntimeError
            If ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES`` has been set, which would pass truncated
            images.
        """
        self._validate_params()
        paths = check_paths(X)
        if self.stream:
            _check_files(paths)
            return ImageStream(
                X,
                size=self._height_and_width(),
                color_mode=self.color_mode,
                resize=self.resize,
                cache=self.cache,
                n_jobs=self.n_jobs,
                dicom_window=self.dicom_window,
                white=self.white,
            )
        height, width = self._height_and_width()
        require_memory(
            len(paths) * height * width * CHANNELS[self.color_mode],
            f"The stack of {len(paths)} images of {height} x {width} pixels",
            "Load them smaller by size=, or decode them a batch at a time by stream=True.",
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

    def _height_and_width(self) -> tuple[int, int]:
        size = self.size if isinstance(self.size, tuple | list) else (self.size, self.size)
        if len(size) != 2 or not all(isinstance(side, Integral) and side > 0 for side in size):
            raise ValueError(
                f"size={self.size!r} is not a size; expected a positive int or (height, width), "
                "for example (128, 128)."
            )
        return int(size[0]), int(size[1])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # beyond the one column of paths
        tags.input_tags.string = True
        return tags


def _check_files(paths: NDArray[np.object_]) -> None:
    """Look for missing files now, not in the middle of training; none is opened."""
    failures: dict[str, Exception] = {}
    for path in paths:
        try:
            check_regular_file(path)
        except (OSError, ValueError) as error:
            failures[path] = error
    if failures:
        raise unreadable_images_error(failures)
