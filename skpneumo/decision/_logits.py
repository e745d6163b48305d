"""Calibrate the scores that an operating point is chosen on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression

from skpneumo._warning_lines import users_stacklevel

__all__ = ["LogitClassifier", "calibrate", "fit_calibrator", "logits"]

_LEAST_PROBABILITY = 1e-12


class LogitClassifier(ClassifierMixin, BaseEstimator):
    """Classifier whose score is its only feature, so that scikit-learn calibrates plain scores."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> LogitClassifier:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X[:, 0]

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.classes_[(X[:, 0] > 0).astype(int)]


def logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert probabilities to one column of log odds, finite even for 0 and 1."""
    scores = scores.astype(np.float64)  # in float32, 1 - 1e-12 would be 1
    return logit(np.clip(scores, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))[:, np.newaxis]


def fit_calibrator(
    method: str | None, scores: NDArray[np.float64], is_positive: NDArray[np.bool_]
) -> Any:
    """Fit a calibration that keeps the order of the scores.

    Returns None without a method, or, with a warning, if calibration would reverse the order.
    """
    if method is None:
        return None
    if method == "isotonic":
        return IsotonicRegression(out_of_bounds="clip").fit(scores, is_positive)
    everything = np.arange(len(scores))
    scaling = CalibratedClassifierCV(
        LogitClassifier(),
        method=method,
        cv=[(everything, everything)],  # the scores are out of fold already
        ensemble=False,
    ).fit(logits(scores), is_positive)
    low, high = scaling.predict_proba(np.array([[-1.0], [1.0]]))[:, 1]
    if low <= high:
        return scaling
    warnings.warn(
        f"Probabilities are not calibrated, because calibration={method!r} would reverse their "
        "order: out of fold, positive samples score lower than negative samples. Improve the "
        "model, or check pos_label.",
        UserWarning,
        stacklevel=users_stacklevel(),
    )
    return None


def calibrate(calibrator: Any, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a calibrator from :func:`fit_calibrator`; scores that are NaN stay so."""
    if calibrator is None:
        return scores
    known = ~np.isnan(scores)
    if not known.all():
        calibrated = np.full(len(scores), np.nan)
        if known.any():
            calibrated[known] = calibrate(calibrator, scores[known])
        return calibrated
    if isinstance(calibrator, IsotonicRegression):
        return calibrator.predict(scores)
    return calibrator.predict_proba(logits(scores))[:, 1]
