"""Paths to images, as a scikit-learn transformer."""

from numbers import Integral
from threading import Event
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from skpneumo.loading._decoding import CHANNELS, decode_image
from skpneumo.loading._errors import unreadable_images_error
from skpneumo.loading._image_array import ImageArray
from skpneumo.paths import check_paths

__all__ = ["ImageLoader"]

# Small images take a third of a millisecond each, of which joblib's own batching costs a fifth.
_IMAGES_PER_TASK = 16


class ImageLoader(TransformerMixin, BaseEstimator):
    """Load X-ray files as one stack of 8-bit images of one size.

    The step that turns paths into images. It learns nothing, so that ``transform`` works without
    ``fit``; rows stay in order; JPEG, PNG and TIFF are told apart by their content.

    Parameters
    ----------
    size : int or (height, width), default=(128, 128)
        Size of the images in pixels; one number stands for a square.
    color_mode : {"grayscale", "rgb"}, default="grayscale"
        One channel (luma, ITU-R 601) or three. Grey files are repeated over the three.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        How a picture of another aspect ratio becomes ``size``:

        - "stretch" scales height and width each by its own ratio;
        - "pad" keeps the ratio, centres the picture and fills up with black bars;
        - "crop" keeps the ratio and cuts equal parts off both ends of the longer side.
    n_jobs : int, default=None
        Number of threads. None means 1 unless in a :func:`joblib.parallel_config` context; -1
        means all processors. The images do not depend on it.

    See Also
    --------
    ImageArray : What ``transform`` returns.

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
    ============================ ==========================================================

    A TIFF in which white is zero is inverted. Transparent pixels are laid over black, the EXIF
    orientation is applied, colour profiles are not. A 12-bit radiograph in a 16-bit file
    without a mark to say so comes out dark; rescale such files once.

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

    The largest differences lie at the picture's edges and at burnt-in letters; 99.9 % of the
    pixels differ by 2 or less.

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
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        size: int | tuple[int, int] = (128, 128),
        color_mode: str = "grayscale",
        resize: str = "stretch",
        n_jobs: int | None = None,
    ) -> None:
        self.size = size
        self.color_mode = color_mode
        self.resize = resize
        self.n_jobs = n_jobs

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
        check_paths(X)
        return self

    def transform(self, X: Any) -> ImageArray:
        """Load the images.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, 1)
            Paths as str or :class:`os.PathLike`.

        Returns
        -------
        images : ImageArray of uint8, shape (n_images, height, width, channels)
            In the order of the paths, which it carries as ``filenames``.

        Raises
        ------
        MissingImagesError
            If files do not exist; a :class:`FileNotFoundError`.
        UnreadableImagesError
            If files cannot be read for other reasons as well; an :class:`OSError` and a
            :class:`ValueError`. All of them are in its ``failures``.
        RuntimeError
            If ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES`` has been set, which would pass truncated
            images.
        """
        self._validate_params()
        size = self._height_and_width()
        paths = check_paths(X)
        images = np.empty((len(paths), *size, CHANNELS[self.color_mode]), dtype=np.uint8)
        abandoned = Event()

        def decode_row(row: int) -> tuple[str, Exception] | None:
            path = paths[row]
            if abandoned.is_set():
                return None
            try:
                image = decode_image(path, size, self.color_mode, self.resize)
            except (OSError, ValueError) as error:
                # Its frames would keep the half-decoded image of every bad file alive.
                error.__cause__ = error.__context__ = None
                return path, error.with_traceback(None)
            images[row] = image
            return None

        try:
            outcomes = Parallel(
                n_jobs=self.n_jobs, require="sharedmem", batch_size=_IMAGES_PER_TASK
            )(delayed(decode_row)(row) for row in range(len(paths)))
        finally:
            abandoned.set()  # after Ctrl-C, threads stop at the next image
        if failures := dict(outcome for outcome in outcomes if outcome is not None):
            raise unreadable_images_error(failures)
        return ImageArray(images, paths)

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
