"""What an input gate checks: the network's last features, and 32 x 32 grey levels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from skpneumo._gate_parts import cell_shares
from skpneumo._images import batches_of
from skpneumo.fitted import classifiers_of, split_transformers

__all__ = ["GateInputs", "ImagesToCheck", "changed_copies", "small_grey"]

Floats = NDArray[np.float32]

_IMAGES_AT_ONCE = 256
_MOST_DEGREES = 10.0


class GateInputs(NamedTuple):
    """What a gate checks of some images.

    Attributes
    ----------
    features : ndarray of shape (n_images, n_features), or None
        The network's last features, or the rows of ``X`` themselves if they are numbers. None if
        neither exists.
    pixels : ndarray of shape (n_images, SIDE * SIDE), or None
        Small grey images; None if ``X`` is not images.
    """

    features: Floats | None
    pixels: Floats | None

    def rows(self, rows: NDArray[np.intp]) -> GateInputs:
        """Select some of the images."""
        return GateInputs(*(None if each is None else each[rows] for each in self))

    def with_columns(self, columns: NDArray[np.intp] | None) -> GateInputs:
        """Select some of the features; None selects all."""
        if self.features is None or columns is None:
            return self
        return GateInputs(self.features[:, columns], self.pixels)

    @classmethod
    def concatenated(cls, batches: Sequence[GateInputs]) -> GateInputs:
        """Join those of several batches, in order."""
        return cls(
            *(
                None if parts[0] is None else np.concatenate(parts)
                for parts in zip(*batches, strict=True)
            )
        )


class ImagesToCheck:
    """Computes what a gate checks of the input of a fitted estimator, batch by batch.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way. Of several networks, the first one computes the features.
    X : array-like of shape (n_images, ...)
        Input of the estimator.

    Attributes
    ----------
    predictor : fitted classifier
        Predicts from ``transformed`` what the estimator predicts from ``X``.
    transformed : array-like of shape (n_images, ...)
        ``X`` after the estimator's transformers.
    images : array or stream of shape (n_images, height, width, channels), or None
        The last images on the way through the transformers.
    """

    def __init__(self, estimator: Any, X: Any) -> None:
        transformers, self.predictor = split_transformers(estimator)
        self.images: Any = X if _are_images(X) else None
        for transformer in transformers:
            X = transformer.transform(X)
            if _are_images(X):
                self.images = X
        self.transformed = X
        first = classifiers_of(self.predictor)[0]
        has_features = hasattr(first.classifier, "last_features") and not first.transformers
        self._network = first.classifier if has_features else None
        self._flattens_images = has_features and self.images is None
        if self._flattens_images and first.classifier.input_shape_[0] > 1:
            self.images = np.reshape(X, (-1, *first.classifier.input_shape_))

    def batches(self, columns: NDArray[np.intp] | None = None) -> Iterator[tuple[Any, GateInputs]]:
        """Yield batches of images, or of rows if there are no images, with their features.

        Parameters
        ----------
        columns : ndarray of int, default=None
            The features to use; all by default.
        """
        source = self.transformed if self.images is None else self.images
        if self.images is None:
            source = _as_rows(source, self.predictor)
        for batch in batches_of(source, gen_batches(len(source), _IMAGES_AT_ONCE)):
            yield batch, self.of(batch, columns)

    def of(self, batch: NDArray[Any], columns: NDArray[np.intp] | None = None) -> GateInputs:
        """Compute the features of a batch of images, or of rows if there are no images."""
        features = None
        if self._network is not None:
            given = batch.reshape(len(batch), -1) if self._flattens_images else batch
            features = self._network.last_features(given)
        elif self.images is None:
            features = batch.astype(np.float32)
        pixels = None if self.images is None else small_grey(batch)
        return GateInputs(features, pixels).with_columns(columns)


def small_grey(images: NDArray[Any]) -> Floats:
    """Average images over 32 x 32 cells, and scale each to mean 0 and standard deviation 1.

    Two matrix products suffice: one over rows, one over columns. Constant images become 0.
    """
    grey = np.asarray(images).mean(axis=-1, dtype=np.float32)
    rows, columns = (cell_shares(n) for n in grey.shape[1:])
    small = (rows @ grey @ columns.T).reshape(len(grey), -1)
    small -= small.mean(axis=1, keepdims=True)
    deviation = small.std(axis=1, keepdims=True)
    # Rounding leaves even a blank image with some deviation.
    blank = deviation <= 1e-5 * (1 + np.abs(grey).max(axis=(1, 2), initial=0))[:, np.newaxis]
    return np.where(blank, 0, small / np.where(blank, 1, deviation)).astype(np.float32)


def changed_copies(images: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
    """Mirror half of the images and rotate the others by up to 10 degrees."""
    images = np.array(images)
    darkest = images.min()
    for number in range(len(images)):
        if number % 2:
            angle = rng.uniform(-_MOST_DEGREES, _MOST_DEGREES)
            images[number] = rotate(images[number], angle, reshape=False, order=1, cval=darkest)
        else:
            images[number] = images[number][:, ::-1].copy()
    return images


def _are_images(X: Any) -> bool:
    # np.ndim would decode a whole stream, so the object itself is asked; a list of paths has none.
    return getattr(X, "ndim", 0) == 4


def _as_rows(X: Any, predictor: Any) -> NDArray[Any]:
    rows = X.toarray() if issparse(X) else np.asarray(X)
    first = next(iter(rows.flat), None)
    if isinstance(first, str | os.PathLike):
        raise ValueError(
            f"The gate checks images or numbers, but {type(predictor).__name__} gets text such as "
            f"{str(first)!r}, and loads images where the gate does not see them. Put ImageLoader "
            "before it, in a pipeline: make_pipeline(ImageLoader(), ...)."
        )
    return rows.reshape(len(rows), -1)
