"""Batches for training: which rows, in what order, and with which changes.

Their images are moved to the device with each batch, or all of them once (``DeviceImages``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from skpneumo._images import batches_of
from skpneumo.augmentation import ImageAugmenter

__all__ = ["Batch", "Batches", "DeviceImages", "DeviceRows"]

Batch = tuple[list[Any], NDArray[Any], NDArray[Any]]  # inputs, targets, weights


@dataclass
class Batches:
    """Make the batches of an epoch at each call, in a new order and with new random changes.

    The last batch is filled up with the first rows, because a program is compiled for each batch
    size, and a smaller last batch would need another one.

    Parameters
    ----------
    n_classes : int
        Number of classes; targets have one column for two classes, else one column per class.
    batch_size : int
        Rows per batch; fewer if there are not so many rows.
    balanced : bool
        Whether to sample the same number of rows of each class; those of small classes repeat.
    augmentation : ImageAugmenter or None
        Changes to sample for every row.
    mixup : float
        Both parameters of the beta distribution of the shares with which pairs of images are
        mixed; 0 mixes none.
    rng : Generator
        Generator for all random numbers.
    """

    n_classes: int
    batch_size: int
    balanced: bool
    augmentation: ImageAugmenter | None
    mixup: float
    rng: np.random.Generator

    def __call__(
        self, X: NDArray[Any], y: NDArray[np.intp], sample_weight: NDArray[Any]
    ) -> Iterator[Batch]:
        order = self._order(y)
        if len(order) > self.batch_size:
            order = np.resize(order, self.n_batches(len(order)) * self.batch_size)
        params = None
        if self.augmentation is not None:
            params = self.augmentation.sample_params(len(order), X.shape[1:], self.rng)
        batches = list(gen_batches(len(order), self.batch_size))
        stacks = batches_of(X, (order[batch] for batch in batches))
        for batch, images in zip(batches, stacks, strict=True):
            rows = order[batch]
            inputs = [images if X.dtype == np.uint8 else images.astype(np.float32)]
            if params is not None:
                inputs += [params.affine[batch], params.intensity[batch]]
            targets = self._targets(y[rows])
            weights = sample_weight[rows]
            if self.mixup:
                sampled = self.rng.beta(self.mixup, self.mixup, size=(len(rows), 1))
                share = np.maximum(sampled, 1 - sampled).astype(np.float32)
                partner = self.rng.permutation(len(rows)).astype(np.int32)
                inputs += [share, partner[:, None]]
                targets = share * targets + (1 - share) * targets[partner]
                weights = share[:, 0] * weights + (1 - share[:, 0]) * weights[partner]
            yield inputs, targets, weights

    def n_batches(self, n_rows: int) -> int:
        return -(-n_rows // self.batch_size)

    def _order(self, y: NDArray[np.intp]) -> NDArray[np.intp]:
        if not self.balanced:
            return self.rng.permutation(len(y))
        members = [np.flatnonzero(y == label) for label in np.unique(y)]
        n_each = np.diff(np.linspace(0, len(y), len(members) + 1).astype(int))
        chosen = [self._cycle(rows, n) for rows, n in zip(members, n_each, strict=True)]
        return self.rng.permutation(np.concatenate(chosen))

    def _cycle(self, rows: NDArray[np.intp], n: int) -> NDArray[np.intp]:
        """Sample n rows; the numbers of repetitions differ by at most one."""
        rounds = [self.rng.permutation(rows) for _ in range(-(-n // len(rows)))]
        return np.concatenate(rounds)[:n] if rounds else rows[:0]

    def _targets(self, y: NDArray[np.intp]) -> NDArray[np.float32]:
        if self.n_classes == 2:
            return y.astype(np.float32)[:, None]
        return np.eye(self.n_classes, dtype=np.float32)[y]


@dataclass(frozen=True)
class DeviceRows:
    """Rows of images in the memory of the device, which are gathered when they are used."""

    images: Any
    rows: NDArray[np.intp]

    def gather(self) -> Any:
        return keras.ops.take(self.images, self.rows, axis=0)


class DeviceImages:
    """Images in the memory of the device; indexing selects rows without copying.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n_images, height, width, channels)
        Images.
    n_rows : int
        Number of rows to allocate, of which those after the images are not used: a program is
        compiled for a number of rows, and folds differ by a few.
    """

    def __init__(self, images: NDArray[np.uint8], n_rows: int) -> None:
        self.shape, self.dtype = images.shape, images.dtype
        moved = keras.ops.convert_to_tensor(np.asarray(images))
        if n_rows > len(images):
            moved = keras.ops.pad(moved, [(0, n_rows - len(images)), (0, 0), (0, 0), (0, 0)])
        self._images = moved

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> DeviceRows:
        return DeviceRows(self._images, rows)
