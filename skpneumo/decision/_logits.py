"""Calibration of the scores that an operating point is chosen by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin

__all__ = ["LogitClassifier", "logits"]

_LEAST_PROBABILITY = 1e-12


class LogitClassifier(ClassifierMixin, BaseEstimator):
    """What decides by its one feature, so that scikit-learn calibrates scores by themselves."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> LogitClassifier:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X[:, 0]

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.classes_[(X[:, 0] > 0).astype(int)]


def logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """One column of log odds, finite at probabilities of 0 and 1."""
    scores = scores.astype(np.float64)  # of a float32, 1 - 1e-12 would be 1
    return logit(np.clip(scores, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))[:, np.newaxis]
