"""Logarithms of the probabilities that a classifier predicts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogProbaMixin"]


class LogProbaMixin:
    """Mixin of classifiers with ``predict_proba``."""

    predict_proba: Any

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As in :meth:`predict_proba`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Natural logarithms of the result of :meth:`predict_proba`, with its errors and
            warnings. It is -inf for a probability of zero.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities)
