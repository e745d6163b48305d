"""Fixed preprocessing of images, the same in training and prediction."""

from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skpneumo._burnt_in_text import without_text
from skpneumo._documentation import DocumentationLinks
from skpneumo._image_output import ImageOutputMixin
from skpneumo._images import check_images
from skpneumo._sklearn import Interval, StrOptions, _fit_context
from skpneumo.loading import ImageArray

__all__ = ["BorderCropper", "ContrastEqualizer", "MarkerRemover"]

# If less than this share of the height or width is inside the borders, it is a marker, not an
# image.
_MIN_INNER_SHARE = 0.25


class _ImageEnhancer(ABC, DocumentationLinks, ImageOutputMixin, TransformerMixin, BaseEstimator):
    """Base class of steps that change each image independently and learn nothing."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the images; nothing is learned.

        Parameters
        ----------
        X : ndarray of uint8 of shape (n_samples, height, width, channels)
            Images.
        y : object
            Ignored.

        Returns
        -------
        self : estimator
            The step itself.
        """
        check_images(X)
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Change each image.

        Parameters
        ----------
        X : ndarray of uint8 of shape (n_samples, height, width, channels)
            Images, which are not modified.

        Returns
        -------
        X_new : ndarray of uint8 of shape (n_samples, height, width, channels)
            The changed images, with the file names and patients that ``X`` carries.

        Raises
        ------
        ValueError
            If ``X`` is not a stack of uint8 images.
        """
        self._validate_params()
        images = check_images(X)
        enhanced = np.empty_like(images)
        for i, image in enumerate(images):
            enhanced[i] = self._enhance(image)
        return ImageArray.carrying(enhanced, X)

    @abstractmethod
    def _enhance(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change one image of shape (height, width, channels)."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        # Images have four dimensions; there is no tag for them.
        tags.input_tags.two_d_array = False
        return tags


class ContrastEqualizer(_ImageEnhancer):
    """Spread the grey levels of each image over the full range.

    Exposure and windowing differ between X-ray machines. Spreading the grey levels of every image
    over the same range removes this difference before the network can learn it.

    Parameters
    ----------
    method : {"stretch", "equalize"}, default="stretch"
        "stretch" maps the grey levels of an image linearly to 0 to 255; "equalize" makes all
        grey levels about equally frequent (histogram equalisation), which also amplifies noise.
    cutoff : float, default=1.0
        Percentage of the darkest and of the brightest pixels that "stretch" ignores when it finds
        the ends of the range, from 0 to below 50. They become 0 or 255. With more than 0, a lead
        marker or a black border does not hide a faint image. "equalize" does not use it.

    See Also
    --------
    BorderCropper : Removes black and white borders; put it first.

    Notes
    -----
    The channels of an image share one histogram and one mapping, so that grey stays grey. An
    image of a single grey level is unchanged. Pillow's ``ImageOps`` does the computation.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.enhancement import ContrastEqualizer
    >>> faint = np.array([[90, 100], [110, 120]], dtype=np.uint8).reshape(1, 2, 2, 1)
    >>> ContrastEqualizer(cutoff=0).fit_transform(faint).reshape(2, 2)
    array([[  0,  85],
           [170, 255]], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "method": [StrOptions({"stretch", "equalize"})],
        "cutoff": [Interval(Real, 0, 50, closed="left")],
    }

    def __init__(self, method: str = "stretch", *, cutoff: float = 1.0) -> None:
        self.method = method
        self.cutoff = cutoff

    def _enhance(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # The channels are put side by side as one grey image, so that they share one histogram.
        grey = Image.fromarray(image.reshape(len(image), -1))
        if self.method == "equalize":
            grey = ImageOps.equalize(grey)
        else:
            grey = ImageOps.autocontrast(grey, cutoff=self.cutoff)
        return np.asarray(grey).reshape(image.shape)


class BorderCropper(_ImageEnhancer):
    """Crop black and white borders off each image and scale it back to its size.

    Scans and screenshots have frames that reveal where an image comes from, but nothing about the
    lungs.

    Parameters
    ----------
    tolerance : int, default=20
        Largest difference from black or white, in grey levels from 0 to 127, of a pixel in a
        border. A row or column at an edge is a border if all of its pixels are nearly black, or
        all are nearly white.

    See Also
    --------
    skpneumo.ImageLoader : Its ``resize="pad"`` adds bars, which this step would remove.

    Notes
    -----
    An image without a border is unchanged, and so is one of which less than a quarter of the
    height or width would remain. Scaling is bilinear and does not preserve the aspect ratio, like
    ``ImageLoader(resize="stretch")``.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.enhancement import BorderCropper
    >>> framed = np.zeros((1, 6, 6, 1), dtype=np.uint8)
    >>> framed[:, 1:5, 2:6] = 100
    >>> cropped = BorderCropper().fit_transform(framed)
    >>> cropped.shape, cropped.min(), cropped.max()
    ((1, 6, 6, 1), np.uint8(100), np.uint8(100))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "tolerance": [Interval(Integral, 0, 127, closed="both")],
    }

    def __init__(self, tolerance: int = 20) -> None:
        self.tolerance = tolerance

    def _enhance(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width, n_channels = image.shape
        left, top, right, bottom = box = inside_borders(image, int(self.tolerance))
        if box == (0, 0, width, height) or (
            min((right - left) / width, (bottom - top) / height) < _MIN_INNER_SHARE
        ):
            return image
        inner = image[top:bottom, left:right]
        scaled = np.empty_like(image)
        for k in range(n_channels):
            channel = Image.fromarray(inner[:, :, k])
            scaled[:, :, k] = np.asarray(
                channel.resize((width, height), Image.Resampling.BILINEAR)
            )
        return scaled


class MarkerRemover(_ImageEnhancer):
    """Paint over burnt-in text and lead markers near the edges of each image.

    Exposure data, a time or a lead marker reveals where an image was acquired, and a network may
    learn the class from it.

    Parameters
    ----------
    margin : float, default=0.17
        Largest distance of the centre of a mark from an edge, as a share of the height or width;
        0 to 0.5. Marks further inside are not changed.

    See Also
    --------
    skpneumo.ImageAugmenter : Its parameter `marks` adds random marks to all classes instead.

    Notes
    -----
    A mark is brighter than its surroundings, nearly as bright as anything in the image, small,
    and has steep edges. It is filled with a blur of its surroundings. Clips and wires are treated
    as markers, and thin letters on bright tissue are missed; ``benchmarks/marker_remover.py``
    measures how much of burnt-in text is removed, and how often the lungs are changed.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.enhancement import MarkerRemover
    >>> marked = np.full((1, 40, 40, 1), 80, dtype=np.uint8)
    >>> marked[:, 2:6, 3:8] = 255
    >>> MarkerRemover().fit_transform(marked).max()
    np.uint8(80)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "margin": [Interval(Real, 0, 0.5, closed="both")],
    }

    def __init__(self, margin: float = 0.17) -> None:
        self.margin = margin

    def _enhance(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return without_text(image, self.margin)


def inside_borders(image: NDArray[np.uint8], tolerance: int) -> tuple[int, int, int, int]:
    """Find the box of an image without its borders: (left, top, right, bottom)."""
    black = image.max(axis=-1) <= tolerance
    white = image.min(axis=-1) >= 255 - tolerance
    top, left, (bottom, right) = 0, 0, black.shape
    # A border on one side may hide another: a black bar is detected once the white bar above it
    # is removed.
    while True:
        inside = np.s_[top:bottom, left:right]
        rows, columns = (
            np.flatnonzero(~(black[inside].all(axis) | white[inside].all(axis))) for axis in (1, 0)
        )
        if not len(rows) or not len(columns):
            return 0, 0, 0, 0
        smaller = (
            left + int(columns[0]),
            top + int(rows[0]),
            left + int(columns[-1]) + 1,
            top + int(rows[-1]) + 1,
        )
        if smaller == (left, top, right, bottom):
            return smaller
        left, top, right, bottom = smaller
