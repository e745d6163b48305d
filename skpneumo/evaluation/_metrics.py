"""Metrics of many weightings of the same predictions at once.

A bootstrap asks for the metric of thousands of resamples. A resample is a row of weights (how
often each image was drawn), so every function here takes a matrix of weights, one row a
resample, and sorts or bins the scores only once. Row by row the values are those of
:mod:`sklearn.metrics` with ``sample_weight``; the tests hold them to it.
"""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d
from sklearn.utils.validation import _check_pos_label_consistency

__all__ = [
    "CalibrationBins",
    "RankedScores",
    "expected_calibration_error",
    "ratio_or_nan",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class RankedScores:
    """Scores sorted once: AUC and average precision of any weighting are cumulative sums.

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
        """Area under the ROC curve for each row of weights (n_weightings, n_images)."""
        true, false = self._accumulate(weights)
        area: Any = np.trapezoid(_from_zero(true), _from_zero(false), axis=1)
        return ratio_or_nan(area, true[:, -1] * false[:, -1])

    def average_precision(self, weights: Floats) -> Floats:
        """Average precision for each row of weights (n_weightings, n_images)."""
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


class CalibrationBins:
    """Probabilities binned once, summed by patient: the calibration error is a product away.

    The bins are those of :func:`sklearn.calibration.calibration_curve`: of equal width, closed
    on the right.
    """

    def __init__(
        self, positive: Bools, probability: Floats, patient: NDArray[np.intp], n_bins: int
    ):
        check_scalar(n_bins, "n_bins", Integral, min_val=1)
        edges = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
        cell = patient * n_bins + np.searchsorted(edges, probability)
        n_patients = int(patient.max()) + 1
        # Within a bin, |observed - predicted| * share is |sum of (y - p)| / n.
        self._surplus = np.bincount(
            cell, positive - probability, minlength=n_patients * n_bins
        ).reshape(n_patients, n_bins)
        self._size = np.bincount(patient, minlength=n_patients).astype(float)

    def error(self, patient_weights: Floats) -> Floats:
        """Expected calibration error for each row of weights (n_weightings, n_patients)."""
        gaps = np.abs(patient_weights @ self._surplus).sum(axis=1)
        return gaps / (patient_weights @ self._size)


def expected_calibration_error(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_bins: int = 10, pos_label: Any = None
) -> float:
    """Distance between predicted probabilities and observed frequencies, averaged over bins.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, binary.
    y_prob : array-like of shape (n_samples,)
        Probability of the positive class.
    n_bins : int, default=10
        Number of bins of equal width on [0, 1], those of
        :func:`sklearn.calibration.calibration_curve`.
    pos_label : int, float, bool or str, default=None
        Label of the positive class; 1 when the labels are 0/1 or -1/1.

    Returns
    -------
    error : float
        Between 0 and 1. The plug-in estimate is biased upwards: a perfectly calibrated model
        scores above 0 by chance, the more so the fewer the images in a bin.

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015.

    Examples
    --------
    >>> from skpneumo.evaluation import expected_calibration_error
    >>> expected_calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75])
    0.25
    """
    labels: NDArray[Any] = column_or_1d(y_true)
    probability = column_or_1d(y_prob).astype(float)
    check_consistent_length(labels, probability)
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError(
            f"y_prob ranges from {probability.min():g} to {probability.max():g}; expected "
            "probabilities between 0 and 1. Scores of decision_function have no calibration error."
        )
    pos_label = _check_pos_label_consistency(pos_label, labels)
    one_patient = np.zeros(len(labels), dtype=np.intp)
    bins = CalibrationBins(labels == pos_label, probability, one_patient, n_bins)
    return float(bins.error(np.ones((1, 1)))[0])


def _from_zero(curve: Floats) -> Floats:
    return np.pad(curve, ((0, 0), (1, 0)))


def ratio_or_nan(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient that is NaN, silently, where a resample leaves the metric undefined."""
    undefined = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
