"""Compute metrics of many weightings of the same predictions at once.

A bootstrap needs the metric of thousands of resamples. A resample is a row of weights (how often
each image was drawn), so every function here takes a matrix of weights with one row per resample,
and sorts the scores only once. The value of each row equals that of :mod:`sklearn.metrics` with
``sample_weight``, which the tests check.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RankedScores", "ratio_or_nan"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class RankedScores:
    """Sorted scores, for AUC and average precision of many weightings by cumulative sums.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_images,)
    score : ndarray of float, shape (n_images,)
        Greater means more likely positive. Ties share a threshold, as in scikit-learn.
    """

    def __init__(self, positive: Bools, score: Floats):
        self._order = np.argsort(-score, kind="stable")
        self._positive = positive[self._order]
        ranked = score[self._order]
        self._level_ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def roc_auc(self, weights: Floats) -> Floats:
        """Compute the ROC AUC for each row of weights (n_weightings, n_images)."""
        true, false = self._accumulate(weights)
        area: Any = np.trapezoid(_from_zero(true), _from_zero(false), axis=1)
        return ratio_or_nan(area, true[:, -1] * false[:, -1])

    def average_precision(self, weights: Floats) -> Floats:
        """Compute the average precision for each row of weights (n_weightings, n_images)."""
        true, false = self._accumulate(weights)
        flagged = true + false
        precision = np.divide(true, flagged, out=np.zeros_like(true), where=flagged > 0)
        steps = np.diff(_from_zero(true), axis=1)
        return ratio_or_nan((steps * precision).sum(axis=1), true[:, -1])

    def _accumulate(self, weights: Floats) -> tuple[Floats, Floats]:
        ranked = weights[:, self._order]
        true = np.cumsum(ranked * self._positive, axis=1)[:, self._level_ends]
        false = np.cumsum(ranked * ~self._positive, axis=1)[:, self._level_ends]
        return true, false


def _from_zero(curve: Floats) -> Floats:
    return np.pad(curve, ((0, 0), (1, 0)))


def ratio_or_nan(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, silently giving NaN if a resample leaves the metric undefined."""
    undefined = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
