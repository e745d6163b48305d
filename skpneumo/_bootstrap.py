"""Resample patients by the bootstrap."""

from collections.abc import Callable, Iterator
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

__all__ = ["blocks", "bootstrap"]

Floats = NDArray[np.float64]

_IMAGE_WEIGHTS_IN_MEMORY = 2_000_000


def bootstrap(
    statistic: Callable[[Floats], Floats],
    n_patients: int,
    n_images: int,
    n_resamples: int,
    random_state: np.random.RandomState,
) -> Floats:
    """Compute a statistic of resamples of the patients.

    Parameters
    ----------
    statistic : callable
        Maps weights of patients, shape (n_block, n_patients), to shape (n_block, ...).

    Returns
    -------
    ndarray of shape (n_resamples, ...)
    """
    check_scalar(n_resamples, "n_resamples", Integral, min_val=2)
    resampled = []
    for rows in blocks(n_resamples, n_images):
        # How often each patient is drawn.
        drawn = random_state.randint(n_patients, size=(rows, n_patients))
        drawn += n_patients * np.arange(rows)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=rows * n_patients)
        resampled.append(statistic(counts.reshape(rows, n_patients).astype(float)))
    return np.concatenate(resampled)


def blocks(n_draws: int, n_images: int) -> Iterator[int]:
    """Split draws of all images into blocks of bounded memory."""
    block = max(1, _IMAGE_WEIGHTS_IN_MEMORY // n_images)
    for start in range(0, n_draws, block):
        yield min(block, n_draws - start)
