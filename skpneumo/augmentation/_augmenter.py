"""Random augmentation, as a sampler step and as a classifier's parameter."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from imblearn.base import BaseSampler, SamplerMixin
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length

from skpneumo._documentation import DocumentationLinks
from skpneumo._images import check_images
from skpneumo._machine import require_memory
from skpneumo._random import check_random_state
from skpneumo._sklearn import Interval, StrOptions, _safe_indexing
from skpneumo._typing import ArrayLike
from skpneumo.augmentation._cover_draws import cover_columns
from skpneumo.augmentation._params import (
    IDENTITY_INTENSITY,
    AugmentationParams,
    affine_maps,
    band_gains,
    crop_boxes,
    sample_uniforms,
    symmetric,
    weakened,
)

_BATCH_SIZE = 256  # a power of two

_GEOMETRY = (
    "rotation",
    "width_shift",
    "height_shift",
    "shear",
    "zoom",
    "horizontal_flip",
    "vertical_flip",
)
_DETAIL = ("sharpness", "local_contrast")
_TONE = ("brightness", "contrast", "gamma", "noise", "collimation", *_DETAIL, "erasing", "marks")


class ImageAugmenter(DocumentationLinks, SamplerMixin, BaseEstimator):
    """Random geometry and exposure of images, for training only.

    Every parameter is a limit; what happens to an image is drawn within it, each image on its
    own. All geometric parts are composed into one map and the image is interpolated once. With
    the defaults nothing happens.

    It is used in one of two ways, which share one implementation:

    - sampled again in each epoch of training, ``CNNClassifier(augmentation=ImageAugmenter(...))``;
    - as a step of an imbalanced-learn pipeline, where `fit_resample` appends `n_copies` augmented
      copies of the training images, once. ``predict`` passes such steps by.

    It is no transformer on purpose: a ``transform`` would augment what is predicted, too.

    Parameters
    ----------
    rotation : float, default=0.0
        Degrees, 0 to 180. Images turn by up to this much in either direction.
    width_shift, height_shift : float, default=0.0
        Share of the width or height, 0 to 1, by which images move at most in either direction.
    shear : float, default=0.0
        Degrees, 0 to 90 (exclusive), by which vertical lines lean at most in either direction,
        as ``shear_range`` in Keras's ``ImageDataGenerator``. The ``shear=0.1`` of published
        recipes is thus a tenth of a degree, next to nothing; 5.7 is a slope of .1.
    zoom : float, default=0.0
        Images are enlarged by a factor between ``1 - zoom`` and ``1 + zoom``, the same in both
        directions; 0 to 1 (exclusive).
    crop_scale : tuple of two floats or None, default=None
        Smallest and largest share of the area, such as (0.08, 1.0), of a box that is cut out
        anywhere in the image and stretched to its full size. A share above 1, up to 4, is a box
        around the image: a wider field of view, filled as `fill_mode` says. None leaves images
        whole.
    aspect : float or None, default=None
        The box's aspect ratio, relative to the image's own, is drawn log-uniformly between
        ``1 / (1 + aspect)`` and ``1 + aspect``, 0 to 3, whatever its area is, so that images
        that are shown whole are stretched, too; a box that would not fit is made smaller. None:
        3/4 to 4/3 as far as the area leaves room, which is none where images are shown whole.
        Files of one class are often wider than those of another: stretched to one size, their
        shape tells the class unless it is drawn at random.
    horizontal_flip, vertical_flip : bool, default=False
        Mirror every other image left to right, or upside down. A horizontally flipped chest
        has its heart on the right.
    brightness : float, default=0.0
        Grey levels are multiplied by a factor between ``1 - brightness`` and
        ``1 + brightness``; 0 to 1.
    contrast : float, default=0.0
        Distances from the image's mean grey level are multiplied by a factor between
        ``1 - contrast`` and ``1 + contrast``; 0 to 1.
    gamma : float, default=0.0
        Grey levels, as shares of white, are raised to an exponent drawn log-uniformly between
        ``1 / (1 + gamma)`` and ``1 + gamma``; any limit from 0 on.
    noise : float, default=0.0
        Normal noise is added, of a standard deviation up to this many grey levels of 255.
    collimation : float, default=0.0
        Every other image is blackened at all four sides, as by the blades of a collimator, each
        up to this share of the width or height; 0 to 0.5.
    sharpness : float, default=0.0
        What is finer than 1/64 of a side is multiplied by a factor: for every other image
        between ``1 - sharpness``, at least 0, and 1, which blurs it, and for the others between
        1 and ``1 + sharpness``; any limit from 0 on. 1 reaches down to an image that was reduced
        to 64 pixels a side and enlarged again.
    local_contrast : float, default=0.0
        Distances from the surroundings are multiplied by a factor between
        ``1 / (1 + local_contrast)`` and ``1 + local_contrast``, another one for each scale from
        1/64 to 1/4 of a side; any limit from 0 on. It is what the image processing of a machine
        decides.
    erasing : float, default=0.0
        Chance, 0 to 1, of each of two boxes in the corners or along the sides of an image that
        are covered with black, with a grey level, or with the image's mean: random erasing [2]_
        of what lies about the lungs.
    marks : float, default=0.0
        Chance, 0 to 1, of each of two marks that are burnt in, most of them near a side: letters,
        lines of text, lead markers, and lines.
    random_strength : bool, default=False
        Whether each image draws a number from 0 to 1 by which all limits are multiplied, so that
        images which are hardly altered are as frequent as those that are altered much.
        Predictions are about unaltered images; where training shows next to none of them, their
        probabilities are off. Flips, `aspect`, `erasing` and `marks` are as without it: in
        images whose shape is left alone it would still tell the class.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default="nearest"
        What fills the places that move in from outside the image: the nearest border pixel,
        `fill_value`, the image mirrored about its edge, or the opposite side.
    fill_value : float, default=0.0
        The grey level, 0 black to 255 white, for ``fill_mode="constant"``.
    n_copies : int, default=1
        How many augmented copies of every image `fit_resample` appends. Within a classifier it
        has no meaning.
    random_state : int, RandomState instance, Generator or None, default=None
        Source of what is drawn by `fit_resample` and `augment_images`; an int gives the same
        result at every call and on every Keras backend up to rounding. None draws fresh entropy
        rather than from NumPy's global generator. Within a classifier the classifier's
        `random_state` counts instead.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_samples * (1 + n_copies),)
        For every row that `fit_resample` returned, the row of `X` it came from.

    See Also
    --------
    skpneumo.ImageResampler : Balance classes by repeating or dropping images.

    Notes
    -----
    A row of the augmented images depends on its own sample only, never on the batch it is in. A
    parameter that is turned on or changed leaves what is sampled for the others as it was, so
    that candidates of a grid search differ in nothing else.

    Cropping to a share of the area is the augmentation of [1]_; the intensity factors follow the
    formulas of torchvision's ``ColorJitter``, with one clip at the end rather than one after
    each.

    References
    ----------
    .. [1] Szegedy et al., "Going Deeper with Convolutions", CVPR 2015,
       https://arxiv.org/abs/1409.4842
    .. [2] Zhong et al., "Random erasing data augmentation", AAAI 2020,
       https://arxiv.org/abs/1708.04896

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.augmentation import ImageAugmenter
    >>> X = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 1), dtype=np.uint8)
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> augmenter = ImageAugmenter(rotation=10, brightness=0.2, n_copies=2, random_state=0)
    >>> X_res, y_res = augmenter.fit_resample(X, y)
    >>> X_res.shape, X_res.dtype, y_res.shape
    ((18, 32, 32, 1), dtype('uint8'), (18,))
    >>> bool((X_res[:6] == X).all())
    True
    >>> augmenter.sample_indices_[6:12]
    array([0, 1, 2, 3, 4, 5])
    """

    _sampling_type = "bypass"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "rotation": [Interval(Real, 0, 180, closed="both")],
        "width_shift": [Interval(Real, 0, 1, closed="both")],
        "height_shift": [Interval(Real, 0, 1, closed="both")],
        "shear": [Interval(Real, 0, 90, closed="left")],
        "zoom": [Interval(Real, 0, 1, closed="left")],
        "crop_scale": ["array-like", None],
        "aspect": [Interval(Real, 0, 3, closed="both"), None],
        "horizontal_flip": ["boolean"],
        "vertical_flip": ["boolean"],
        "brightness": [Interval(Real, 0, 1, closed="both")],
        "contrast": [Interval(Real, 0, 1, closed="both")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, 255, closed="both")],
        "collimation": [Interval(Real, 0, 0.5, closed="left")],
        "sharpness": [Interval(Real, 0, None, closed="left")],
        "local_contrast": [Interval(Real, 0, None, closed="left")],
        "erasing": [Interval(Real, 0, 1, closed="both")],
        "marks": [Interval(Real, 0, 1, closed="both")],
        "random_strength": ["boolean"],
        "fill_mode": [StrOptions({"constant", "nearest", "reflect", "wrap"})],
        "fill_value": [Interval(Real, 0, 255, closed="both")],
        "n_copies": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        *,
        rotation: float = 0.0,
        width_shift: float = 0.0,
        height_shift: float = 0.0,
        shear: float = 0.0,
        zoom: float = 0.0,
        crop_scale: tuple[float, float] | None = None,
        aspect: float | None = None,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        brightness: float = 0.0,
        contrast: float = 0.0,
        gamma: float = 0.0,
        noise: float = 0.0,
        collimation: float = 0.0,
        sharpness: float = 0.0,
        local_contrast: float = 0.0,
        erasing: float = 0.0,
        marks: float = 0.0,
        random_strength: bool = False,
        fill_mode: str = "nearest",
        fill_value: float = 0.0,
        n_copies: int = 1,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ):
        self.rotation = rotation
        self.width_shift = width_shift
        self.height_shift = height_shift
        self.shear = shear
        self.zoom = zoom
        self.crop_scale = crop_scale
        self.aspect = aspect
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.brightness = brightness
        self.contrast = contrast
        self.gamma = gamma
        self.noise = noise
        self.collimation = collimation
        self.sharpness = sharpness
        self.local_contrast = local_contrast
        self.erasing = erasing
        self.marks = marks
        self.random_strength = random_strength
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.n_copies = n_copies
        self.random_state = random_state

    @property
    def has_geometry(self) -> bool:
        """Whether any parameter moves pixels."""
        return self._crops or any(getattr(self, name) for name in _GEOMETRY)

    @property
    def _crops(self) -> bool:
        return self.crop_scale is not None or bool(self.aspect)

    @property
    def has_detail(self) -> bool:
        """Whether any parameter changes sharpness or local contrast."""
        return any(getattr(self, name) for name in _DETAIL)

    @property
    def covers(self) -> bool:
        """Whether any parameter covers parts of images."""
        return bool(self.erasing or self.marks)

    @property
    def has_intensity(self) -> bool:
        """Whether any parameter changes grey levels."""
        return any(getattr(self, name) for name in _TONE)

    def sample_params(
        self, n: int, image_shape: Sequence[int], rng: np.random.Generator
    ) -> AugmentationParams:
        """Sample the parameters of n images.

        Parameters
        ----------
        n : int
            Number of images.
        image_shape : sequence of int
            Height and width in pixels; what follows them is ignored.
        rng : numpy.random.Generator
            Advanced by the same amount whatever the parameters are.

        Returns
        -------
        params : AugmentationParams
            Affine maps (n, 8) and intensities (n, 37), float32.

        Raises
        ------
        ValueError
            If a parameter is out of its range.

        Examples
        --------
        >>> import numpy as np
        >>> from skpneumo.augmentation import ImageAugmenter
        >>> augmenter = ImageAugmenter(width_shift=0.5, contrast=0.3)
        >>> params = augmenter.sample_params(3, (64, 64), np.random.default_rng(0))
        >>> params.affine.shape, params.intensity.shape
        ((3, 8), (3, 37))
        """
        self._validate_params()
        crop_scale = self._checked_crop_scale()
        u = sample_uniforms(n, rng)
        strength = u["strength"] if self.random_strength else None
        if strength is not None:
            u = weakened(u, strength)
        affine = affine_maps(
            image_shape,
            rotation=symmetric(u["rotation"], self.rotation),
            width_shift=symmetric(u["width_shift"], self.width_shift),
            height_shift=symmetric(u["height_shift"], self.height_shift),
            shear=symmetric(u["shear"], self.shear),
            zoom=1 + symmetric(u["zoom"], self.zoom),
            crop=crop_boxes(crop_scale or (1.0, 1.0), u, self.aspect, strength)
            if self._crops
            else (1.0, 1.0, 0.0, 0.0),
            horizontal_flip=self.horizontal_flip & (u["horizontal_flip"] < 0.5),
            vertical_flip=self.vertical_flip & (u["vertical_flip"] < 0.5),
        )
        blade = self.collimation * (u["collimated"] < 0.5)
        intensity = {
            "brightness": 1 + symmetric(u["brightness"], self.brightness),
            "contrast": 1 + symmetric(u["contrast"], self.contrast),
            "gamma": (1 + self.gamma) ** symmetric(u["gamma"], 1),
            **{side: blade * u[side] for side in ("left", "top", "right", "bottom")},
            "noise": self.noise * u["noise"],
            "noise_row": u["noise_row"] * bool(self.noise),
            "noise_column": u["noise_column"] * bool(self.noise),
        }
        gains = band_gains(self.sharpness, self.local_contrast, u)
        intensity |= {f"band{i}": gain for i, gain in enumerate(gains.T, start=1)}
        intensity |= cover_columns(self.erasing, self.marks, u)
        columns = [intensity[name] for name in IDENTITY_INTENSITY]
        return AugmentationParams(affine, np.column_stack(columns).astype(np.float32))

    def layer_arguments(self, value_range: tuple[float, float] = (0.0, 255.0)) -> dict[str, Any]:
        """Return the arguments of an :class:`AugmentationLayer` that applies this augmenter.

        Limits are not part of it: augmenters that differ in them share one compiled program.

        Parameters
        ----------
        value_range : tuple of two floats, default=(0.0, 255.0)
            Values of black and white in the images that the layer will be given.

        Returns
        -------
        arguments : dict
            Keyword arguments of :class:`AugmentationLayer`, all hashable.

        Raises
        ------
        ValueError
            If a parameter is out of its range.

        Examples
        --------
        >>> from skpneumo.augmentation import ImageAugmenter
        >>> ImageAugmenter(zoom=0.2).layer_arguments(value_range=(0.0, 1.0))
        {'geometry': True, 'intensity': False, 'detail': False, 'covers': False,
         'fill_mode': 'nearest', 'fill_value': 0.0, 'value_range': (0.0, 1.0)}
        """
        self._validate_params()
        black, white = map(float, value_range)
        return {
            "geometry": self.has_geometry,
            "intensity": self.has_intensity,
            "detail": self.has_detail,
            "covers": self.covers,
            "fill_mode": self.fill_mode,
            "fill_value": black + (white - black) * float(self.fill_value) / 255,
            "value_range": (black, white),
        }

    def augment_images(
        self,
        X: ArrayLike,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ) -> NDArray[np.uint8]:
        """Return one augmented version of every image.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels)
            Images as uint8 grey levels. They are not changed.
        random_state : int, RandomState instance, Generator or None, default=None
            Overrides the `random_state` of the constructor.

        Returns
        -------
        X_augmented : ndarray of shape (n_samples, height, width, channels), dtype uint8
            In the order of `X`; file names that `X` carries are kept.

        Raises
        ------
        ValueError
            If `X` is not a stack of images, not uint8, not finite, or empty.

        Examples
        --------
        >>> import numpy as np
        >>> from skpneumo.augmentation import ImageAugmenter
        >>> X = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)
        >>> flips = ImageAugmenter(horizontal_flip=True).augment_images(X, random_state=1)
        >>> flips[0, :, :, 0]
        array([[ 3,  2,  1,  0],
               [ 7,  6,  5,  4],
               [11, 10,  9,  8]], dtype=uint8)
        """
        images = check_images(X)
        rng = _generator(self.random_state if random_state is None else random_state)
        params = self.sample_params(len(images), images.shape[1:], rng)
        augmented = images[np.arange(len(images))]  # a copy that keeps the file names
        self._augment_in_place(augmented, params)
        return augmented

    def fit(self, X: ArrayLike, y: Any) -> "ImageAugmenter":
        """Check the parameters and the images; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels)
            Images as uint8 grey levels.
        y : array-like of shape (n_samples,)
            Labels of any type.

        Returns
        -------
        self : ImageAugmenter
            The augmenter itself.
        """
        self._validate_params()
        self._checked_crop_scale()
        _check_labels(check_images(X), y)
        return self

    def fit_resample(self, X: ArrayLike, y: Any) -> tuple[NDArray[np.uint8], Any]:
        """Append augmented copies to the images, and their labels to the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels)
            Images as uint8 grey levels.
        y : array-like of shape (n_samples,)
            Labels of any type.

        Returns
        -------
        X_resampled : ndarray of shape (n_samples * (1 + n_copies), height, width, channels)
            The images as they were, followed by one augmented copy of each in the same order,
            `n_copies` times; uint8. File names that `X` carries are carried for the copies too.
        y_resampled : array-like of shape (n_samples * (1 + n_copies),)
            Labels of these rows, in the container that `y` came in.

        Raises
        ------
        ValueError
            If `X` is not a stack of images, not uint8, not finite or empty, if `y` is missing
            or of another length, or if a parameter is out of its range.
        """
        self._validate_params()
        images = check_images(X)
        _check_labels(images, y)
        n = len(images)
        require_memory(
            images.nbytes * (1 + self.n_copies),
            f"The stack of {n} images and {self.n_copies} changed copies of each",
            "Load smaller images by ImageLoader(size=...), or augment in training: "
            "CNNClassifier(augmentation=...), which takes images loaded by stream=True.",
        )
        params = self.sample_params(
            n * self.n_copies, images.shape[1:], _generator(self.random_state)
        )
        self.sample_indices_ = np.tile(np.arange(n), 1 + self.n_copies)
        # Indexing copies the rows and, unlike np.concatenate, keeps the file names.
        X_resampled = images[self.sample_indices_]
        self._augment_in_place(X_resampled[n:], params)
        y_resampled = _safe_indexing(y, self.sample_indices_)
        if hasattr(y_resampled, "reset_index"):  # copies must not repeat the labels of an index
            y_resampled = y_resampled.reset_index(drop=True)
        return X_resampled, y_resampled

    def _fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        # Demanded by SamplerMixin, whose template is for rows of features and for counts.
        return self.fit_resample(X, y)

    def _augment_in_place(self, images: NDArray[np.uint8], params: AugmentationParams) -> None:
        """Overwrite images batch by batch, so that memory does not grow with their number."""
        if not (self.has_geometry or self.has_intensity):
            return
        from keras import ops

        from skpneumo.augmentation._apply import compiled_augment

        apply = compiled_augment(
            images.shape[1:],
            self.fill_mode,
            float(self.fill_value),
            (0.0, 255.0),
            detail=self.has_detail,
            covers=self.covers,
            to_uint8=True,
        )
        for start in range(0, len(images), _BATCH_SIZE):
            rows = np.arange(start, min(start + _BATCH_SIZE, len(images)))
            # Every size of a batch is compiled once and its program never freed: by repeating
            # rows up to a power of two there are few sizes.
            repeated = np.resize(rows, 1 << (len(rows) - 1).bit_length())
            augmented = apply(
                ops.convert_to_tensor(np.asarray(images[repeated])),
                ops.convert_to_tensor(params.affine[repeated]) if self.has_geometry else None,
                ops.convert_to_tensor(params.intensity[repeated]) if self.has_intensity else None,
            )
            images[rows] = ops.convert_to_numpy(augmented)[: len(rows)]

    def _checked_crop_scale(self) -> tuple[float, float] | None:
        if self.crop_scale is None:
            return None
        bounds = np.asarray(self.crop_scale, dtype=float)
        if bounds.shape != (2,) or not 0 < bounds[0] <= bounds[1] <= 4:
            raise ValueError(
                f"crop_scale={self.crop_scale!r} must be two shares of the area, the smaller "
                "first, in (0, 4]; for example (0.08, 1.0)."
            )
        return float(bounds[0]), float(bounds[1])

    def __sklearn_tags__(self) -> Any:
        tags = BaseSampler.__sklearn_tags__(self)  # of which it has nothing else
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = tags.input_tags.dataframe = False
        tags.sampler_tags.sample_indices = True
        return tags


def _generator(
    random_state: int | np.random.RandomState | np.random.Generator | None,
) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    words = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    return np.random.default_rng(words)


def _check_labels(images: NDArray[np.uint8], y: Any) -> None:
    if y is None:
        raise ValueError(
            "ImageAugmenter requires y to be passed, but the target y is None. "
            "For images without labels use augment_images(X)."
        )
    check_consistent_length(images, y)
