"""Checks of what a classifier is given as images."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skpneumo._containers import check_is_array
from skpneumo._documentation import DocumentationLinks
from skpneumo._images import is_stream, misplaced_channels
from skpneumo._missing_labels import refuse_missing_labels
from skpneumo._pixel_values import how_to_convert, same_kind_of_pixels, white_of
from skpneumo._sklearn import _check_y

_NEARLY_BLACK = (
    "Where files have more bits than they use, ImageLoader(white=4095) or another value of white "
    "reads them right; else scale X to 255"
)

_TWO_LEVELS = (
    "Images from 0 to 1 become uint8 by (X * 255).round().astype(np.uint8), masks become numbers "
    "by X.astype(bool)"
)


def check_labels(y: Any, name: str = "y") -> None:
    """Refuse labels that are one-hot or missing, in words about labels.

    Raises
    ------
    ValueError
        If they are; the rows of those that are missing are named.
    """
    refuse_missing_labels(y, name)
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        if one_hot:
            raise ValueError(
                f"y should be a 1d array of labels, got one-hot labels of shape {labels.shape}. "
                "Pass y.argmax(axis=1)."
            )


def check_weight_of_classes(
    y: NDArray[np.intp], weights: NDArray[np.float32], classes: NDArray[Any]
) -> None:
    """Refuse weights that leave one class to learn; where all are zero, training says so.

    Raises
    ------
    ValueError
        If they do.
    """
    of_class = np.bincount(y, weights, len(classes))
    there = np.bincount(y, minlength=len(classes)) > 0
    weightless = classes[there & (of_class == 0)]
    if len(weightless) and np.count_nonzero(of_class) == 1:
        named = ", ".join(map(repr, weightless.tolist()))
        raise ValueError(
            f"All images of class {named} have weight zero, of "
            "sample_weight times class_weight, so that one class is left to learn. Give some of "
            "them a positive weight."
        )


class ImageInputMixin(DocumentationLinks):
    """Checks X for a classifier with the parameter ``image_shape``."""

    image_shape: Any
    value_range_: tuple[float, float]

    def _check_images(self, X: Any, y: Any = "no_validation", reset: bool = False) -> Any:
        """Bring X to images of shape (n_samples, height, width, channels); check y if given."""
        check_is_array(X)
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
            if remedy := _what_to_do_about(X, y):
                raise ValueError(f"{type(self).__name__} takes images: {remedy}") from error
            raise
        with_labels = isinstance(checked, tuple)
        X = checked[0] if with_labels else checked
        if X.ndim == 2:
            X = X.reshape(len(X), *self._strip_shape(X.shape[1]))
        elif 0 in X.shape[1:]:
            raise ValueError(f"X of shape {X.shape} has no pixels. Check how it was cropped.")
        elif X.ndim != 4:
            remedy = "Add the channel of grey images with X[..., None]"
            if X.ndim > 4:
                remedy = f"Drop the axes too many: X.reshape(-1, *X.shape[{X.ndim - 3}:])"
                if X.shape[-1] == 1:
                    remedy = "Drop the last axis with X[..., 0], or another of length 1"
            raise ValueError(
                f"Expected images of shape (n_samples, height, width, channels) or rows of "
                f"numbers, got shape {X.shape}. {remedy}."
            )
        elif reset and (remedy := misplaced_channels(X.shape)):
            raise ValueError(
                f"Expected images of shape (n_samples, height, width, channels), got {X.shape}, "
                f"where the last axis is not that of the channels. Pass {remedy}."
            )
        elif self.image_shape is not None and tuple(self.image_shape) != X.shape[1:]:
            raise ValueError(
                f"image_shape={tuple(self.image_shape)}, but X holds images of {X.shape[1:]}. "
                "Leave image_shape at None for images; it is for rows of pixels."
            )
        if reset:
            self.input_shape_ = X.shape[1:]
            self._check_first_range(X)
        else:
            self._check_known_range(X)
        if not with_labels:
            return X
        check_classification_targets(checked[1])
        return X, checked[1]

    def _check_stream(self, X: Any, y: Any, reset: bool) -> Any:
        """Check what can be checked without decoding: the images are uint8 of one shape."""
        if len(X) == 0:
            raise ValueError("got a stream of no images. Check how its rows were selected.")
        with_labels = not (isinstance(y, str) and y == "no_validation")
        if with_labels and np.ndim(y) == 1 and len(y) != len(X):
            raise ValueError(
                f"{type(self).__name__} takes images: got {len(X)} of them and {len(y)} labels. "
                "Pass one label for each."
            )
        validate_data(self, X, y, reset=reset, skip_check_array=True)
        return (X, _check_y(y, estimator=self)) if with_labels else X

    def _check_known_shape(self, shape: tuple[int, ...]) -> None:
        """Speak of images before scikit-learn speaks of features."""
        if shape == self.input_shape_:
            raise ValueError(
                f"X has the shape {shape} of a single image. Pass a stack of one: X[None]."
            )
        if len(shape) == 4 and shape[1:] != self.input_shape_:
            if remedy := misplaced_channels(shape):
                raise ValueError(
                    f"X has the shape {shape}, but this {type(self).__name__} was fitted on "
                    f"images of shape {self.input_shape_}, channels last. Pass {remedy}."
                )
            raise ValueError(
                f"X holds images of shape {shape[1:]}, but this {type(self).__name__} was "
                f"fitted on {self.input_shape_}. Load them with "
                f"ImageLoader(size={self.input_shape_[:2]})."
            )
        if len(shape) == 2 and self.input_shape_[0] > 1 and self.image_shape is None:
            raise ValueError(
                f"X has {shape[1]} features a row, but this {type(self).__name__} was fitted on "
                f"images of shape {self.input_shape_}. Fold them with X.reshape(-1, "
                f"{', '.join(map(str, self.input_shape_))}) if they are rows of pixels."
            )

    def _check_known_range(self, X: Any) -> None:
        """Refuse pixels that cannot be measured as those that were learned from."""
        given = _range_of(X)
        if same_kind_of_pixels(self.value_range_, given, self._are_pixels(X)):
            return
        of_eight_bits = self.value_range_ == (0.0, 255.0)
        remedy = f"Convert X: {how_to_convert(given, self.value_range_, of_eight_bits)}"
        if of_eight_bits and X.dtype == np.uint8 and given[1] > 1:
            remedy = _NEARLY_BLACK
        raise ValueError(
            f"{type(self).__name__} was fitted on values from %g to %g, but X is {X.dtype} from "
            "%g to %g, which is another kind of pixel. %s." % (*self.value_range_, *given, remedy)
        )

    def _check_first_range(self, X: Any) -> None:
        """Refuse images of 8 bits that use next to none of them, as prediction does."""
        if X.dtype != np.uint8 or not self._are_pixels(X):
            return
        given = _range_of(X)
        if given[1] > 1 and same_kind_of_pixels((0.0, 255.0), given):
            return
        remedy = _NEARLY_BLACK if given[1] > 1 else _TWO_LEVELS
        raise ValueError(
            f"X is uint8, but none of its values exceeds {given[1]:g}: white is 255. {remedy}."
        )

    def _value_range(self, X: Any, whole: bool) -> tuple[float, float]:
        """Give black and white: what is there where X is the whole, else what may come as well."""
        if X.dtype == np.uint8:
            return 0.0, 255.0
        low, high = _range_of(X)
        if whole or not self._are_pixels(X):
            return low, high
        if -1 <= low < 0 and high <= 1:
            return -1.0, 1.0
        white = white_of((low, high))
        return (low, high) if white is None else (0.0, float(white))

    def _are_pixels(self, X: Any) -> bool:
        """Whether these are images, and not rows of numbers that may be anything."""
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
                f"image_shape={(height, width, channels)} asks for {height * width * channels} "
                f"numbers a row, but X has {n_features} features."
            )
        return height, width, channels


def _range_of(X: Any) -> tuple[float, float]:
    """Give the lowest and the highest value; a stream is not decoded to see them."""
    return (0.0, 255.0) if is_stream(X) else (float(X.min()), float(X.max()))


def _what_to_do_about(X: Any, y: Any) -> str | None:
    """Say what is wrong with X in the words of images, where scikit-learn's are of features."""
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
                f"first of them image {bad[0]}. Drop or fix them."
            )
    if array.ndim == 1 and array.size == 0:
        return "got none at all. Check where they were loaded from."
    first = next(iter(np.asarray(X, dtype=object).flat), None)
    if isinstance(first, (str, os.PathLike)):
        return (
            f"got text such as {str(first)!r}. Put an ImageLoader before it: "
            "make_pipeline(ImageLoader(), ...)."
        )
    return None
