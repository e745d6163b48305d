"""What an input gate sees of images: the network's last features, and 32 x 32 grey levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate
from scipy.sparse import issparse

from skpneumo._images import batches_of
from skpneumo.fitted import classifiers_of, split_transformers

__all__ = ["SIDE", "View", "Views", "changed_copies", "small_grey"]

SIDE = 32
"""Rows and columns of the small images."""

Floats = NDArray[np.float32]

_IMAGES_AT_ONCE = 256
_MOST_DEGREES = 10.0


class View(NamedTuple):
    """What is seen of some images.

    Attributes
    ----------
    features : ndarray of shape (n_images, n_features), or None
        The network's last features; the rows themselves, where ``X`` are rows of numbers. None
        without a network.
    pixels : ndarray of shape (n_images, SIDE * SIDE), or None
        Small grey images; None where there are no images.
    """

    features: Floats | None
    pixels: Floats | None

    def rows(self, rows: NDArray[np.intp]) -> View:
        """What is seen of some of the images."""
        return View(*(None if each is None else each[rows] for each in self))

    def with_columns(self, columns: NDArray[np.intp] | None) -> View:
        """The same with some of the features; None for all."""
        if self.features is None or columns is None:
            return self
        return View(self.features[:, columns], self.pixels)

    @classmethod
    def concatenated(cls, views: Sequence[View]) -> View:
        """What is seen of the images of all views, in order."""
        return cls(
            *(
                None if parts[0] is None else np.concatenate(parts)
                for parts in zip(*views, strict=True)
            )
        )


class Views:
    """A fitted estimator and its input, brought to the images that its classifier is given.

    Parameters
    ----------
    estimator : fitted classifier
        In any nest. Of several networks, the first is asked for features.
    X : array-like of shape (n_images, ...)
        What the estimator takes.

    Attributes
    ----------
    predictor : fitted classifier
        Predicts from ``given`` what the estimator predicts from ``X``.
    given : array-like of shape (n_images, ...)
        What the transformers make of ``X``.
    images : array or stream of shape (n_images, height, width, channels), or None
        The last images on the way.
    """

    def __init__(self, estimator: Any, X: Any) -> None:
        transformers, self.predictor = split_transformers(estimator)
        self.images: Any = X if np.ndim(X) == 4 else None
        for transformer in transformers:
            X = transformer.transform(X)
            if np.ndim(X) == 4:
                self.images = X
        self.given = X
        first = classifiers_of(self.predictor)[0]
        has_features = hasattr(first.classifier, "last_features") and not first.transformers
        self._network = first.classifier if has_features else None
        self._folds_rows = has_features and self.images is None
        if self._folds_rows and first.classifier.input_shape_[0] > 1:
            self.images = np.reshape(X, (-1, *first.classifier.input_shape_))

    def batches(self, columns: NDArray[np.intp] | None = None) -> Iterator[tuple[Any, View]]:
        """Yield batches of images, or of rows where there are none, and what is seen of them.

        Parameters
        ----------
        columns : ndarray of int, default=None
            The features that are used, where not all are.
        """
        source = self.given if self.images is None else self.images
        if self.images is None:
            source = _as_rows(source)
        starts = range(0, len(source), _IMAGES_AT_ONCE)
        for batch in batches_of(source, [slice(i, i + _IMAGES_AT_ONCE) for i in starts]):
            yield batch, self.of(batch, columns)

    def of(self, batch: NDArray[Any], columns: NDArray[np.intp] | None = None) -> View:
        """What is seen of a batch of images, or of rows where there are none."""
        features = None
        if self._network is not None:
            given = batch.reshape(len(batch), -1) if self._folds_rows else batch
            features = self._network.last_features(given)
        elif self.images is None:
            features = batch.astype(np.float32)
        pixels = None if self.images is None else small_grey(batch)
        return View(features, pixels).with_columns(columns)


def small_grey(images: NDArray[Any]) -> Floats:
    """Average images over a grid of 32 x 32 cells, of mean 0 and deviation 1 each.

    Two matrix products: of the cells' shares in the rows, and in the columns. Images of one
    level everywhere are 0.
    """
    grey = np.asarray(images).mean(axis=-1, dtype=np.float32)
    rows, columns = (_shares(n) for n in grey.shape[1:])
    small = (rows @ grey @ columns.T).reshape(len(grey), -1)
    small -= small.mean(axis=1, keepdims=True)
    deviation = small.std(axis=1, keepdims=True)
    # Rounding leaves a blank image some deviation.
    blank = deviation <= 1e-5 * (1 + np.abs(grey).max(axis=(1, 2), initial=0))[:, np.newaxis]
    return np.where(blank, 0, small / np.where(blank, 1, deviation)).astype(np.float32)


@lru_cache(maxsize=8)
def _shares(n: int) -> Floats:
    """How much of each cell, of SIDE, each of n pixels fills; rows add up to 1."""
    edges = np.linspace(0, n, SIDE + 1)
    low = np.maximum(edges[:-1, np.newaxis], np.arange(n))
    high = np.minimum(edges[1:, np.newaxis], np.arange(1, n + 1))
    return (np.clip(high - low, 0, None) * (SIDE / n)).astype(np.float32)


def changed_copies(images: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
    """Mirror one half of the images and turn the others by up to 10 degrees."""
    images = np.array(images)
    darkest = images.min()
    for number in range(len(images)):
        if number % 2:
            angle = rng.uniform(-_MOST_DEGREES, _MOST_DEGREES)
            images[number] = rotate(images[number], angle, reshape=False, order=1, cval=darkest)
        else:
            images[number] = images[number][:, ::-1].copy()
    return images


def _as_rows(X: Any) -> NDArray[Any]:
    rows = X.toarray() if issparse(X) else np.asarray(X)
    return rows.reshape(len(rows), -1)
