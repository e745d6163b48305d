"""Batches for training: which rows, in what order, and with which changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._images import batches_of
from skpneumo.augmentation import ImageAugmenter


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
    ) -> Iterator[tuple[list[Any], NDArray[np.float32], NDArray[Any]]]:
        order = self._order(y)
        if len(order) > self.batch_size:
            order = np.resize(order, self.n_batches(len(order)) * self.batch_size)
        params = None
        if self.augmentation is not None:
            params = self.augmentation.sample_params(len(order), X.shape[1:], self.rng)
        starts = range(0, len(order), self.batch_size)
        batches = [slice(start, start + self.batch_size) for start in starts]
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
