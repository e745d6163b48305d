"""Compute the calibration error, and its expected value by chance."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d

from skpneumo._bootstrap import blocks
from skpneumo._predictions import check_labels, check_positive_label
from skpneumo._sklearn import _check_pos_label_consistency
from skpneumo._typing import ArrayLike

__all__ = ["CalibrationBins", "calibration_error_limits", "expected_calibration_error"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class CalibrationBins:
    """Binned probabilities, summed by patient, for calibration errors of many resamples.

    The bins are those of :func:`sklearn.calibration.calibration_curve`: of equal width, and closed
    on the right.
    """

    def __init__(
        self, positive: Bools, probability: Floats, patient: NDArray[np.intp], n_bins: int
    ):
        check_scalar(n_bins, "n_bins", Integral, min_val=1)
        edges = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
        self._probability, self._patient = probability, patient
        self._in_bin = np.eye(n_bins)[np.searchsorted(edges, probability)]
        n_patients = int(patient.max()) + 1
        # Within a bin, |observed - predicted| * share is |sum of (y - p)| / n.
        self._surplus = np.zeros((n_patients, n_bins))
        np.add.at(self._surplus, patient, (positive - probability)[:, np.newaxis] * self._in_bin)
        self._size = np.bincount(patient, minlength=n_patients).astype(float)

    def error(self, patient_weights: Floats) -> Floats:
        """Compute the calibration error for each row of weights (n_weightings, n_patients)."""
        gaps = np.abs(patient_weights @ self._surplus).sum(axis=1)
        return gaps / (patient_weights @ self._size)

    def error_by_chance(self, n_draws: int, random_state: np.random.RandomState) -> Floats:
        """Simulate the error that these probabilities would have if they were right (n_draws,).

        Labels are drawn from the probabilities, with the same random number for all images of a
        patient, so that these are as similar as their probabilities allow.
        """
        n_images = len(self._patient)
        drawn = []
        for n in blocks(n_draws, n_images):
            uniform = random_state.random_sample((n, len(self._size)))
            surplus = (uniform[:, self._patient] < self._probability) - self._probability
            drawn.append(np.abs(surplus @ self._in_bin).sum(axis=1) / n_images)
        return np.concatenate(drawn)


def calibration_error_limits(
    error: float, resampled: Floats, by_chance: Floats, confidence_level: float
) -> tuple[float, float]:
    """Compute the limits of the calibration error, which chance alone makes positive.

    The lower limit is the error minus its bias if the probabilities were right, which is the
    greatest possible bias, minus the spread. The upper limit is the error plus the spread, as the
    smallest bias is 0. So the interval contains 0 as often as it should if the probabilities are
    right.
    """
    level = (1 + confidence_level) / 2
    spread = max(float(np.quantile(each, level) - each.mean()) for each in (resampled, by_chance))
    low = error - float(by_chance.mean()) - spread
    return max(0.0, low), min(1.0, error + spread)


def expected_calibration_error(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_bins: int = 10, pos_label: Any = None
) -> float:
    """Average the distance between predicted probabilities and observed frequencies over bins.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels of two classes.
    y_prob : array-like of shape (n_samples,)
        Probability of the positive class.
    n_bins : int, default=10
        Number of bins of equal width on [0, 1], those of
        :func:`sklearn.calibration.calibration_curve`.
    pos_label : int, float, bool or str, default=None
        Label of the positive class; by default 1 if the labels are 0/1 or -1/1.

    Returns
    -------
    error : float
        Between 0 and 1. The estimate is biased upwards: a perfectly calibrated model scores above
        0 by chance, and more so with fewer images in a bin. The interval of :func:`evaluate` takes
        this into account.

    Raises
    ------
    ValueError
        If there are no labels, ``pos_label`` is not one of them, or ``y_prob`` are not
        probabilities.

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
    labels = check_labels(y_true, "y_true")
    probability = column_or_1d(y_prob).astype(float)
    check_consistent_length(labels, probability)
    if not (probability.min() >= 0 and probability.max() <= 1):
        raise ValueError(
            f"y_prob ranges from {probability.min():g} to {probability.max():g}; expected "
            "probabilities between 0 and 1. Pass the output of predict_proba, not of "
            "decision_function."
        )
    pos_label = check_positive_label(labels, _check_pos_label_consistency(pos_label, labels))
    one_patient = np.zeros(len(labels), dtype=np.intp)
    bins = CalibrationBins(labels == pos_label, probability, one_patient, n_bins)
    return float(bins.error(np.ones((1, 1)))[0])
