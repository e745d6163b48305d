"""Random augmentation, as a sampler step and as a parameter of a classifier."""

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
from skpneumo.augmentation._cover_params import cover_columns
from skpneumo.augmentation._params import (
    IDENTITY_INTENSITY,
    AugmentationParams,
    affine_maps,
    band_gains,
    crop_boxes,
    sample_uniforms,
    scale_by_strength,
    symmetric,
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
_INTENSITY = (
    "brightness",
    "contrast",
    "gamma",
    "noise",
    "collimation",
    *_DETAIL,
    "erasing",
    "marks",
)


class ImageAugmenter(DocumentationLinks, SamplerMixin, BaseEstimator):
    """Change geometry and exposure of images at random, for training only.

    Every parameter is a limit, within which a value is sampled for each image. All geometric
    changes are composed into one map, and the image is interpolated once. With the default
    parameters images are unchanged.

    It is used in one of two ways, which share one implementation:

    - sampled again in each epoch of training, ``CNNClassifier(augmentation=ImageAugmenter(...))``;
    - as a step of an imbalanced-learn pipeline, where `fit_resample` appends `n_copies` augmented
      copies of the training images, once. ``predict`` skips such steps.

    It is intentionally not a transformer: ``transform`` would also augment images to be predicted.

    Parameters
    ----------
    rotation : float, default=0.0
        Degrees, 0 to 180, by which images rotate at most in either direction.
    width_shift, height_shift : float, default=0.0
        Share of the width or height, 0 to 1, by which images shift at most in either direction.
    shear : float, default=0.0
        Degrees, 0 to 90 (exclusive), by which vertical lines lean at most in either direction,
        like ``shear_range`` in Keras's ``ImageDataGenerator``. The ``shear=0.1`` of published
        recipes is therefore a tenth of a degree, hardly any change; 5.7 is a slope of .1.
    zoom : float, default=0.0
        Images are enlarged by a factor between ``1 - zoom`` and ``1 + zoom``, the same in both
        directions; 0 to 1 (exclusive).
    crop_scale : tuple of two floats or None, default=None
        Smallest and largest share of the area, such as (0.08, 1.0), of a box that is cropped
        anywhere in the image and stretched to its full size. A share above 1, up to 4, is a box
        around the image: a wider field of view, filled according to `fill_mode`. None does not
        crop.
    aspect : float or None, default=None
        The aspect ratio of the box, relative to that of the image, is sampled log-uniformly
        between ``1 / (1 + aspect)`` and ``1 + aspect``, 0 to 3, for any area, so that images that
        are not cropped are stretched as well; a box that would not fit is made smaller. With
        None, it is 3/4 to 4/3, if the area leaves room, so images that are not cropped are not
        stretched. Files of one class are often wider than those of another: after resizing, the
        stretching reveals the class unless it is random.
    horizontal_flip, vertical_flip : bool, default=False
        Mirror half of the images, at random, left to right or upside down. A horizontally flipped
        chest has the heart on the right.
    brightness : float, default=0.0
        Grey levels are multiplied by a factor between ``1 - brightness`` and
        ``1 + brightness``; 0 to 1.
    contrast : float, default=0.0
        Differences from the mean grey level of the image are multiplied by a factor between
        ``1 - contrast`` and ``1 + contrast``; 0 to 1.
    gamma : float, default=0.0
        Grey levels, as shares of white, are raised to an exponent sampled log-uniformly between
        ``1 / (1 + gamma)`` and ``1 + gamma``; 0 or more.
    noise : float, default=0.0
        Normal noise is added, with a standard deviation of up to this many grey levels of 255.
    collimation : float, default=0.0
        Half of the images, at random, become black at all four sides, as by the blades of a
        collimator, each by up to this share of the width or height; 0 to 0.5.
    sharpness : float, default=0.0
        Structures finer than 1/64 of a side are multiplied by a factor: for half of the images,
        at random, between ``1 - sharpness``, at least 0, and 1, which blurs them, and for the
        others between 1 and ``1 + sharpness``; 0 or more. With 1, images are blurred at most like
        images that were reduced to 64 pixels per side and enlarged again.
    local_contrast : float, default=0.0
        Differences from the surroundings are multiplied by a factor between
        ``1 / (1 + local_contrast)`` and ``1 + local_contrast``, a different one for each scale
        from 1/64 to 1/4 of a side; 0 or more. Image processing of X-ray machines differs in this.
    erasing : float, default=0.0
        Probability, 0 to 1, of each of two boxes in the corners or along the sides of an image
        that are filled with black, a grey level, or the mean of the image: random erasing [2]_ of
        the surroundings of the lungs.
    marks : float, default=0.0
        Probability, 0 to 1, of each of two marks that are burnt in, most of them near a side:
        letters, lines of text, lead markers and lines.
    random_strength : bool, default=False
        Whether to multiply all limits by a random number from 0 to 1 for each image, so that
        images with small changes are as frequent as those with large ones. Predictions are made
        for unchanged images; if training has hardly any of them, their probabilities are
        inaccurate. Flips, `aspect`, `erasing` and `marks` are not affected: in images whose
        aspect ratio is unchanged, it would still reveal the class.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default="nearest"
        How pixels from outside the image are filled: with the nearest border pixel,
        `fill_value`, the image mirrored about its edge, or the opposite side.
    fill_value : float, default=0.0
        The grey level, 0 black to 255 white, for ``fill_mode="constant"``.
    n_copies : int, default=1
        Number of augmented copies of every image that `fit_resample` appends. Classifiers ignore
        it.
    random_state : int, RandomState instance, Generator or None, default=None
        Seed of `fit_resample` and `augment_images`; an int gives the same result at every call
        and, up to rounding, on every Keras backend. None uses fresh entropy, not the global
        generator of NumPy. A classifier uses its own `random_state` instead.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_samples * (1 + n_copies),)
        For every row returned by `fit_resample`, the row of `X` that it is a copy of.

    See Also
    --------
    skpneumo.ImageResampler : Balance classes by repeating or removing images.

    Notes
    -----
    Each augmented image depends only on its own parameters, never on its batch. Enabling or
    changing a parameter does not change the random numbers of the others, so that candidates of a
    grid search differ in nothing else.

    Cropping to a share of the area is the augmentation of [1]_; the intensity factors follow the
    formulas of torchvision's ``ColorJitter``, with a single clip at the end.

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
    def has_covers(self) -> bool:
        """Whether any parameter covers parts of images."""
        return bool(self.erasing or self.marks)

    @property
    def has_intensity(self) -> bool:
        """Whether any parameter changes grey levels."""
        return any(getattr(self, name) for name in _INTENSITY)

    def sample_params(
        self, n: int, image_shape: Sequence[int], rng: np.random.Generator
    ) -> AugmentationParams:
        """Sample the parameters of n images.

        Parameters
        ----------
        n : int
            Number of images.
        image_shape : sequence of int
            Height and width in pixels; further entries are ignored.
        rng : numpy.random.Generator
            The generator, which advances by the same amount for any parameters.

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
            u = scale_by_strength(u, strength)
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

        They do not contain the limits, so augmenters that differ only in these share one program.

        Parameters
        ----------
        value_range : tuple of two floats, default=(0.0, 255.0)
            Values of black and white in the input images of the layer.

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
            "covers": self.has_covers,
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
            In the order of `X`, with the file names that `X` carries.

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
        augmented = images[np.arange(len(images))]  # a copy with the file names
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
            The unchanged images, followed `n_copies` times by an augmented copy of each in the
            same order; uint8. Copies also have the file names that `X` carries.
        y_resampled : array-like of shape (n_samples * (1 + n_copies),)
            Labels of these rows, in a container of the same type as `y`.

        Raises
        ------
        ValueError
            If `X` is not a stack of images, not uint8, not finite or empty, if `y` is missing
            or of another length, or if a parameter is out of its range.
        """
        self._validate_params()
        images = check_images(X)
        _check_labels(images, y)
        n, n_copies = len(images), int(self.n_copies)  # a small type of NumPy would overflow
        require_memory(
            images.nbytes * (1 + n_copies),
            f"The stack of {n} images and {n_copies} augmented copies of each",
            "Load smaller images with ImageLoader(size=...), or augment in training: "
            "CNNClassifier(augmentation=...), which accepts images loaded with stream=True.",
        )
        params = self.sample_params(n * n_copies, images.shape[1:], _generator(self.random_state))
        self.sample_indices_ = np.tile(np.arange(n), 1 + n_copies)
        # Indexing copies the rows with their file names, unlike np.concatenate.
        X_resampled = images[self.sample_indices_]
        self._augment_in_place(X_resampled[n:], params)
        y_resampled = _safe_indexing(y, self.sample_indices_)
        if hasattr(y_resampled, "reset_index"):  # copies must not repeat index labels
            y_resampled = y_resampled.reset_index(drop=True)
        return X_resampled, y_resampled

    def _fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        # Abstract in SamplerMixin, whose own fit_resample is for rows of features.
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
            covers=self.has_covers,
            to_uint8=True,
        )
        for start in range(0, len(images), _BATCH_SIZE):
            rows = np.arange(start, min(start + _BATCH_SIZE, len(images)))
            # Every batch size is compiled once, and its program is never freed. Rows are repeated
            # up to a power of two, so that there are few sizes.
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
        tags = BaseSampler.__sklearn_tags__(self)  # not a base class, but its tags apply
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
