"""Check the images, labels and weights that are passed to a classifier."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skpneumo._documentation import DocumentationLinks
from skpneumo._formatting import quoted
from skpneumo._images import check_is_array, is_stream, misplaced_channels
from skpneumo._messages import by_interface
from skpneumo._missing_labels import refuse_missing_or_mixed_labels
from skpneumo._pixel_values import (
    MORE_BITS,
    UINT8,
    OtherPixelsError,
    dark_files,
    ranges_of_files,
    refuse_other_pixels,
    same_kind_of_pixels,
    white_of,
)
from skpneumo._sklearn import _check_sample_weight, _check_y

_TWO_LEVELS = (
    "Convert images from 0 to 1 with (X * 255).round().astype(np.uint8), and masks with "
    "X.astype(bool)"
)


def check_labels(y: Any, name: str = "y") -> None:
    """Refuse labels that are one-hot encoded, missing or mixed, with a remedy.

    Raises
    ------
    ValueError
        If they are; the first row with a missing label is named.
    TypeError
        If scikit-learn does not know their type.
    """
    refuse_missing_or_mixed_labels(y, name)
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        if one_hot:
            # The columns of a frame can be in any order, so their numbers could swap the classes.
            own = (f"{name}.{each}" for each in ("idxmax", "argmax") if hasattr(y, each))
            how = next(own, f"np.asarray({name}).argmax")
            raise ValueError(
                f"{name} should be a 1d array of labels, got one-hot labels of shape "
                f"{labels.shape}. Pass {how}(axis=1)."
            )


def encode_labels(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Convert labels to their indices in the classes.

    Raises
    ------
    ValueError
        If a label is not one of the classes.
    """
    unseen = np.setdiff1d(y, classes)
    if len(unseen):
        raise ValueError(
            f"y contains the labels {unseen.tolist()}, which are not among the classes "
            f"{classes.tolist()} seen at the beginning of training. Pass all classes then, or fit "
            "again."
        )
    return np.searchsorted(classes, y)


def combined_weights(
    X: Any, y: NDArray[Any], sample_weight: Any, class_weight: Any
) -> NDArray[np.float32]:
    """Check the weights of images and of classes, and multiply them.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or there is not one for each image.
    """
    of_images = _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
    of_classes = compute_sample_weight(class_weight, y).astype(np.float32)
    if not (np.isfinite(of_classes).all() and of_classes.min() >= 0):
        raise ValueError(f"class_weight={class_weight}: expected finite weights of 0 or more.")
    return of_images * of_classes


def check_weight_of_classes(
    y: NDArray[np.intp], weights: NDArray[np.float32], classes: NDArray[Any]
) -> None:
    """Refuse weights that leave only one class; training refuses weights that are all zero.

    Raises
    ------
    ValueError
        If only one class has images with a weight.
    """
    of_class = np.bincount(y, weights, len(classes))
    there = np.bincount(y, minlength=len(classes)) > 0
    weightless = classes[there & (of_class == 0)]
    if len(weightless) and np.count_nonzero(of_class) == 1:
        named = quoted(weightless.tolist())
        raise ValueError(
            f"All images of class {named} have weight zero (sample_weight times class_weight), "
            "so that only one class is left to learn. Give some of them a positive weight."
        )


class ImageInputMixin(DocumentationLinks):
    """Mixin that checks X for a classifier with the parameter ``image_shape``."""

    image_shape: Any
    value_range_: tuple[float, float]

    def _check_images(self, X: Any, y: Any = "no_validation", reset: bool = False) -> Any:
        """Convert X to images (n_samples, height, width, channels); check y if given."""
        check_is_array(X)
        filenames = getattr(X, "filenames", None)
        if not (y is None or isinstance(y, str)):
            check_labels(y)
        if not reset:
            self._check_known_shape(getattr(X, "shape", ()))
        try:
            if is_stream(X):
                checked = self._check_stream(X, y, reset)
            else:
                checked = validate_data(self, X, y, reset=reset, allow_nd=True, dtype="numeric")
        except (TypeError, ValueError) as error:
            if remedy := _input_remedy(X, y):
                raise ValueError(f"{type(self).__name__} expects images: {remedy}") from error
            raise
        with_labels = isinstance(checked, tuple)
        X = checked[0] if with_labels else checked
        if X.dtype == np.longdouble:
            X = X.astype(np.float64)  # backends have no wider type
        if X.ndim == 2:
            X = X.reshape(len(X), *self._strip_shape(X.shape[1]))
        else:
            self._check_shape(X.shape, reset)
        if reset:
            self.input_shape_ = X.shape[1:]
        if is_stream(X):
            X = self._with_checked_batches(X, reset)
        elif reset:
            self._check_first_range(X, filenames)
        else:
            self._check_known_range(X, filenames)
        if not with_labels:
            return X
        check_classification_targets(checked[1])
        return X, checked[1]

    def _check_shape(self, shape: tuple[int, ...], reset: bool) -> None:
        """Refuse shapes other than (n_samples, height, width, channels)."""
        if 0 in shape[1:]:
            raise ValueError(f"X of shape {shape} has no pixels. Check how it was cropped.")
        if len(shape) != 4:
            remedy = "Add the channel of grey images with X[..., None]"
            if len(shape) > 4:
                remedy = f"Merge the extra axes: X.reshape(-1, *X.shape[{len(shape) - 3}:])"
                if shape[-1] == 1:
                    remedy = "Remove the last axis with X[..., 0], or another of length 1"
            raise ValueError(
                f"Expected images of shape (n_samples, height, width, channels) or rows of "
                f"numbers, got shape {shape}. {remedy}."
            )
        if reset and (correction := misplaced_channels(shape)):
            raise ValueError(
                f"Expected images of shape (n_samples, height, width, channels), got {shape}, "
                f"whose last axis does not seem to be the channels. Pass {correction}."
            )
        if self.image_shape is not None and tuple(self.image_shape) != shape[1:]:
            raise ValueError(
                f"image_shape={tuple(self.image_shape)}, but X contains images of {shape[1:]}. "
                "Set image_shape=None for images; it is for rows of pixels."
            )

    def _check_stream(self, X: Any, y: Any, reset: bool) -> Any:
        """Check a stream without decoding it; its images are always uint8 of one shape."""
        if len(X) == 0:
            raise ValueError("got an empty stream of images. Check how its rows were selected.")
        with_labels = not (isinstance(y, str) and y == "no_validation")
        if with_labels and np.ndim(y) == 1 and len(y) != len(X):
            raise ValueError(
                f"{type(self).__name__} expects images: got {len(X)} of them and {len(y)} labels. "
                "Pass one label for each."
            )
        validate_data(self, X, y, reset=reset, skip_check_array=True)
        return (X, _check_y(y, estimator=self)) if with_labels else X

    def _check_known_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse another shape, in terms of images instead of features as in scikit-learn."""
        if shape == self.input_shape_:
            raise ValueError(
                f"X has the shape {shape} of a single image. Pass a stack with one image: X[None]."
            )
        if len(shape) == 4 and shape[1:] != self.input_shape_:
            if remedy := misplaced_channels(shape):
                raise ValueError(
                    f"X has the shape {shape}, but this {type(self).__name__} was fitted on "
                    f"images of shape {self.input_shape_}, channels last. Pass {remedy}."
                )
            raise ValueError(
                f"X contains images of shape {shape[1:]}, but this {type(self).__name__} was "
                f"fitted on {self.input_shape_}. Load them with "
                f"ImageLoader(size={self.input_shape_[:2]})."
            )
        if len(shape) == 2 and self.input_shape_[0] > 1 and self.image_shape is None:
            raise ValueError(
                f"X has {shape[1]} features per row, but this {type(self).__name__} was fitted on "
                f"images of shape {self.input_shape_}. Reshape them with X.reshape(-1, "
                f"{', '.join(map(str, self.input_shape_))}) if they are rows of pixels."
            )

    def _with_checked_batches(self, X: Any, reset: bool) -> Any:
        """Check the files of a stream as they are decoded, which is later."""
        if reset:
            return X.checked_by(self._refuse_dark_files)
        white = np.array([UINT8], dtype=X.dtype)
        refuse_other_pixels(self, self.value_range_, white, None, self._are_pixels(X))
        return X.checked_by(self._check_known_range)

    def _check_known_range(self, X: Any, filenames: Any) -> None:
        """Refuse pixels whose range cannot be on the same scale as in ``fit``."""
        refuse_other_pixels(self, self.value_range_, X, filenames, self._are_pixels(X))

    def _check_first_range(self, X: Any, filenames: Any) -> None:
        """Refuse 8-bit images that are nearly black, which prediction would refuse as well."""
        if X.dtype != np.uint8 or not self._are_pixels(X):
            return
        given = _range_of(X)
        if given[1] <= 1 or not same_kind_of_pixels(UINT8, given):
            raise ValueError(_too_dark(f"none of its values exceeds {given[1]:g}", given[1]))
        self._refuse_dark_files(X, filenames)

    def _refuse_dark_files(self, X: Any, filenames: Any) -> None:
        if self._are_pixels(X) and (dark := dark_files(X, filenames)):
            given = _range_of(X)
            raise OtherPixelsError(
                _too_dark(f"its values are only {ranges_of_files(dark)}", given[1]),
                {
                    name: ValueError(_too_dark("it is nearly black", high))
                    for name, (_, high) in dark.items()
                },
            )

    def _value_range(self, X: Any, is_all: bool) -> tuple[float, float]:
        """Return black and white: the range of X, or a wider one if X is not all data."""
        if X.dtype == np.uint8:
            return UINT8
        low, high = _range_of(X)
        if is_all or not self._are_pixels(X):
            return low, high
        if -1 <= low < 0 and high <= 1:
            return -1.0, 1.0
        white = white_of((low, high))
        return (low, high) if white is None else (0.0, float(white))

    def _are_pixels(self, X: Any) -> bool:
        """Return whether these are images, not rows of arbitrary numbers."""
        return self.image_shape is not None or X.shape[1] > 1

    def _strip_shape(self, n_features: int) -> tuple[int, int, int]:
        if self.image_shape is None:
            return 1, n_features, 1
        if len(self.image_shape) != 3 or min(self.image_shape) < 1:
            raise ValueError(
                f"image_shape={tuple(self.image_shape)}; expected three positive numbers: "
                "height, width and channels (1 for grey images)."
            )
        height, width, channels = self.image_shape
        if height * width * channels != n_features:
            raise ValueError(
                f"image_shape={(height, width, channels)} needs {height * width * channels} "
                f"numbers per row, but X has {n_features} features. Pass the shape of one image."
            )
        return height, width, channels


def _too_dark(said: str, highest: float) -> str:
    remedy = _TWO_LEVELS
    if highest > 1:
        remedy = by_interface(
            python=f"{MORE_BITS} read them with ImageLoader(white=4095) or another value of "
            "white; otherwise leave them out, or scale X to 255",
            shell=f"{MORE_BITS} add --white 4095 or another value of white; otherwise remove them",
        )
    return f"X is uint8, but {said}: white is 255. {remedy}."


def _range_of(X: Any) -> tuple[float, float]:
    return float(X.min()), float(X.max())


def _input_remedy(X: Any, y: Any) -> str | None:
    """Describe what is wrong with X in terms of images, not features as in scikit-learn."""
    if is_stream(X):
        return None
    array = np.asarray(X)
    if array.ndim == 4 and np.ndim(y) == 1 and len(y) != len(array):
        return f"got {len(array)} of them and {len(y)} labels. Pass one label for each."
    if array.ndim == 4 and array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2, 3)))
        if len(bad):
            return (
                f"Input X contains NaN or infinity in {len(bad)} of {len(array)} images, the "
                f"first of them image {bad[0]}. Remove or fix them."
            )
    if array.ndim == 1 and array.size == 0:
        return "got an empty array. Check where they were loaded from."
    first = next(iter(np.asarray(X, dtype=object).flat), None)
    if isinstance(first, (str, os.PathLike)):
        return (
            f"got text such as {str(first)!r}. Put an ImageLoader before the classifier: "
            "make_pipeline(ImageLoader(), ...)."
        )
    return None
