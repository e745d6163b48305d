"""What a training step sees: which rows, in what order, and how they are changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._images import batches_of
from skpneumo.augmentation import ImageAugmenter


@dataclass
class Batches:
    """One epoch a call: the rows in a new order, and newly drawn changes.

    The last batch is filled up with rows from the beginning of the order: a program is compiled
    for each size of batch, and a smaller last one would have its own.

    Parameters
    ----------
    n_classes : int
        Number of classes; targets are one column for two, else one column a class.
    batch_size : int
        Rows a batch; fewer if there are not that many in all.
    balanced : bool
        Draw as many rows of each class in every epoch; rows of a small class come repeatedly.
    augmentation : ImageAugmenter or None
        Changes to draw for every row.
    mixup : float
        Both parameters of the beta distribution from which the share of each image in a mixture
        of two is drawn; 0 mixes nothing.
    rng : Generator
        Source of all of it.
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
                drawn = self.rng.beta(self.mixup, self.mixup, size=(len(rows), 1))
                share = np.maximum(drawn, 1 - drawn).astype(np.float32)
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
        """Draw n rows, none more than once oftener than another."""
        rounds = [self.rng.permutation(rows) for _ in range(-(-n // len(rows)))]
        return np.concatenate(rounds)[:n] if rounds else rows[:0]

    def _targets(self, y: NDArray[np.intp]) -> NDArray[np.float32]:
        if self.n_classes == 2:
            return y.astype(np.float32)[:, None]
        return np.eye(self.n_classes, dtype=np.float32)[y]
