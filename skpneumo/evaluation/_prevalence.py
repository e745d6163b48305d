"""Estimate predictive values and net benefit at a given prevalence."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Real

import numpy as np
from sklearn.utils import check_scalar

from skpneumo._predictions import Predictions
from skpneumo.evaluation._estimate import Estimate, Settings, undefined
from skpneumo.evaluation._intervals import ClusteredEstimate, Interval, mover_sum
from skpneumo.evaluation._metric_estimates import estimate_metrics, recall_and_specificity

__all__ = ["check_share", "estimate_at_prevalence", "net_benefit"]


def check_share(value: float, name: str) -> float:
    """Raise if a value is not a number strictly between 0 and 1."""
    check_scalar(value, name, Real)
    if not 0 < value < 1:
        raise ValueError(
            f"{name}={value} is not between 0 and 1. Pass a share, such as 0.05 for 5 in 100."
        )
    return float(value)


def estimate_at_prevalence(
    predictions: Predictions,
    prevalence: float,
    threshold_probability: float,
    confidence_level: float,
) -> list[Estimate]:
    """Estimate both predictive values and the net benefit at a prevalence.

    The odds of pneumonia after a prediction are those before it times a likelihood ratio (Bayes).
    So the limits of the predictive values follow from those of the likelihood ratios, and those of
    the net benefit from the limits of recall and specificity.
    """
    positive, negative = estimate_metrics(
        predictions,
        ["positive_likelihood_ratio", "negative_likelihood_ratio"],
        Settings(confidence_level),
    )
    odds = prevalence / (1 - prevalence)
    rows = [
        _transformed(
            positive, "precision_at_prevalence", lambda ratio: _share_of_odds(odds * ratio)
        ),
        _transformed(
            negative,
            "negative_predictive_value_at_prevalence",
            lambda ratio: 1 - _share_of_odds(odds * ratio),
        ),
    ]
    recall, specificity = recall_and_specificity(predictions, confidence_level)
    value, (low, high) = net_benefit(recall, specificity, prevalence, threshold_probability)
    metric, size = "net_benefit_at_prevalence", (positive.n, positive.n_patients)
    if np.isnan(value):
        return [*rows, undefined(metric, predictions, *size)]
    return [*rows, Estimate(metric, value, low, high, *size, positive.n_effective, "MOVER")]


def _transformed(ratio: Estimate, metric: str, function: Callable[[float], float]) -> Estimate:
    """Apply a monotonic function to an estimate and its limits."""
    low, value, high = sorted(map(function, (ratio.low, ratio.value, ratio.high)))
    return replace(ratio, metric=metric, value=value, low=low, high=high)


def net_benefit(
    recall: ClusteredEstimate,
    specificity: ClusteredEstimate,
    prevalence: float,
    threshold_probability: float,
) -> tuple[float, Interval]:
    """Compute the net benefit, in true positives per image, with its interval.

    References
    ----------
    A. J. Vickers and E. B. Elkin, "Decision curve analysis: a novel method for evaluating
    prediction models", Medical Decision Making 26 (2006), 565-574.
    """
    harm = (1 - prevalence) * threshold_probability / (1 - threshold_probability)
    value = prevalence * recall.value - harm * (1 - specificity.value)
    low, high = mover_sum(recall, specificity, prevalence, harm)
    return value, (low - harm, high - harm)


def _share_of_odds(odds: float) -> float:
    return 1.0 if np.isinf(odds) else odds / (1 + odds)
