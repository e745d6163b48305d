"""Fixed preprocessing of images: contrast and crop, the same in training and prediction."""

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
from skpneumo._images import check_images
from skpneumo._sklearn import Interval, StrOptions, _fit_context
from skpneumo.loading import ImageArray

__all__ = ["BorderCropper", "ContrastEqualizer", "MarkerRemover"]

# Below this share of the height or width, what lies inside the borders is a marker, not an image.
_SMALLEST_FILM = 0.25


class _ImageEnhancer(ABC, DocumentationLinks, TransformerMixin, BaseEstimator):
    """A step that changes each image by itself and learns nothing."""

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
            Images. They are left as they are.

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
        # Images have four dimensions, for which there is no tag.
        tags.input_tags.two_d_array = False
        return tags


class ContrastEqualizer(_ImageEnhancer):
    """Bring each image to the full range of grey levels.

    Exposure and windowing differ between X-ray machines. Spreading the grey levels of every
    image over the same range takes that difference out before the network can learn it.

    Parameters
    ----------
    method : {"stretch", "equalize"}, default="stretch"
        "stretch" maps the grey levels of an image linearly onto 0 to 255; "equalize" makes
        each range of grey levels about equally frequent (histogram equalisation), which also
        brings out noise.
    cutoff : float, default=1.0
        Percentage of the darkest and of the brightest pixels to leave out when "stretch" looks
        for the ends of the range, from 0 to below 50. They become 0 or 255. More than 0 keeps
        a lead marker or a black border from hiding a faint image. "equalize" does not use it.

    See Also
    --------
    BorderCropper : Takes black and white borders off; put it first.

    Notes
    -----
    The channels of an image share one histogram and one mapping, so that no tint arises. An
    image of a single grey level is left as it is. The work is done by Pillow's ``ImageOps``.

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
        # Channels side by side make a grey picture, and so one histogram.
        grey = Image.fromarray(image.reshape(len(image), -1))
        if self.method == "equalize":
            grey = ImageOps.equalize(grey)
        else:
            grey = ImageOps.autocontrast(grey, cutoff=self.cutoff)
        return np.asarray(grey).reshape(image.shape)


class BorderCropper(_ImageEnhancer):
    """Crop black and white borders off each image and scale it back to its size.

    Scans and screenshots come with frames that say where an image is from, and nothing about
    the lungs.

    Parameters
    ----------
    tolerance : int, default=20
        How far, in grey levels from 0 to 127, a pixel may be from black or from white to count
        as border. A row or column at an edge is border when all of its pixels are near black,
        or all near white.

    See Also
    --------
    skpneumo.ImageLoader : Its ``resize="pad"`` adds bars, which this step takes off again.

    Notes
    -----
    An image without a border is returned bit for bit, and so is one of which less than a
    quarter of the height or width would remain. Scaling back is bilinear and does not keep the
    aspect ratio, as ``ImageLoader(resize="stretch")`` does not.

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
        left, top, right, bottom = box = inside_borders(image, self.tolerance)
        if box == (0, 0, width, height) or (
            min((right - left) / width, (bottom - top) / height) < _SMALLEST_FILM
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

    An exposure, a time or a lead marker says where an image was made, and a network may learn the
    class from it.

    Parameters
    ----------
    margin : float, default=0.17
        How far the centre of what is painted over lies from an edge at most, as a share of the
        height or width; 0 to 0.5. What lies further inside is left alone.

    See Also
    --------
    ImageAugmenter : Its `marks` burns in marks at random instead, alike in all classes.

    Notes
    -----
    What is painted over is brighter than all around it, nearly as bright as anything in the
    image, small, and has steep edges. It is filled with a blur of what surrounds it. Clips and
    wires are taken for markers, and thin letters on bright tissue are missed;
    ``benchmarks/marker_remover.py`` counts how much of burnt-in text is removed, and how often
    the lungs are touched.

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
    """What is left of an image without its borders: (left, top, right, bottom)."""
    black = image.max(axis=-1) <= tolerance
    white = image.min(axis=-1) >= 255 - tolerance
    top, left, (bottom, right) = 0, 0, black.shape
    # A border on one side may hide another: a black bar is seen once the white one above it
    # is gone.
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
