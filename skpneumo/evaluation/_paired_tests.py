"""McNemar's and DeLong's paired tests, with patients as the unit."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from skpneumo._predictions import Predictions
from skpneumo.evaluation._influence import placements

__all__ = ["auc_with_influence", "exact_swap_test"]


def exact_swap_test(net: NDArray[np.int_]) -> float:
    """Compute the chance of a sum of ``net`` this large if every patient's sign were random.

    ``net`` is the number of images of a patient that only A gets right, minus those that only B
    gets right. The distribution is exact: patients with the same absolute value have a binomial
    distribution, and those of different values are convolved.
    """
    sizes, counts = np.unique(np.abs(net[net != 0]), return_counts=True)
    chance = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        flips = np.zeros(size * count + 1)
        flips[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chance = np.convolve(chance, flips)
    sums = 2 * np.arange(len(chance)) - np.abs(net).sum()
    return float(min(1.0, chance[np.abs(sums) >= abs(net.sum())].sum()))


def auc_with_influence(predictions: Predictions) -> tuple[float, NDArray[np.float64]]:
    """Compute the AUC and each patient's influence; its squares sum to DeLong's variance."""
    positive, patient = predictions.positive, predictions.patient
    n_patients = predictions.n_patients
    placement = placements(predictions)
    if np.isnan(placement).any():
        return np.nan, np.full(n_patients, np.nan)
    auc = float(placement[positive].mean())
    influence = np.zeros(n_patients)
    for rows in (positive, ~positive):
        n_clusters = len(np.unique(patient[rows]))
        if n_clusters < 2:
            return auc, np.full(n_patients, np.nan)
        scale = np.sqrt(n_clusters / (n_clusters - 1)) / np.count_nonzero(rows)
        moved = np.bincount(patient[rows], placement[rows] - auc, minlength=n_patients)
        influence += scale * moved
    return auc, influence
