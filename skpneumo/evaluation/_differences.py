"""Estimate the difference of each metric between two sets of predictions."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from skpneumo._predictions import Predictions
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._influence import (
    SHARES,
    degrees_of_freedom,
    influence_of,
    shrunk_correlation,
)
from skpneumo.evaluation._intervals import (
    ClusteredEstimate,
    Interval,
    clustered_difference,
    mover_difference,
    mover_mean,
)
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.evaluation._paired_tests import auc_with_influence, exact_swap_test
from skpneumo.evaluation._score_estimates import NO_SPREAD, score_interval, score_value

__all__ = ["DIFFERENCE_METRICS", "Difference", "estimate_differences"]

Bools = NDArray[np.bool_]
_Single = tuple[float, Interval]

_PAIRED = ("accuracy", "recall", "specificity")
_MOVER_OF_DECISIONS = ("precision", "negative_predictive_value", "f1")
DIFFERENCE_METRICS = (
    "accuracy",
    "recall",
    "specificity",
    "balanced_accuracy",
    "roc_auc",
    "precision",
    "negative_predictive_value",
    "f1",
    "average_precision",
    "brier_score",
)
"""Metrics of a comparison, in the order of its rows."""


@dataclass(frozen=True)
class Difference:
    """One row of a comparison, A minus B."""

    metric: str
    value_a: float
    value_b: float
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    n: int
    n_patients: int
    interval: str


def estimate_differences(
    a: Predictions, b: Predictions, metrics: Iterable[str], confidence_level: float
) -> list[Difference]:
    """Estimate the differences of metrics, in order; of scores only if both have scores."""
    metrics = list(metrics)
    shares = {metric: _share_difference(a, b, metric, confidence_level) for metric in _PAIRED}
    of_decisions = [metric for metric in metrics if metric in _MOVER_OF_DECISIONS]
    singles = [
        {
            each.metric: (each.value, (each.low, each.high))
            for each in estimate_metrics(predictions, of_decisions, Settings(confidence_level))
        }
        for predictions in (a, b)
    ]
    both_score = a.score is not None and b.score is not None
    both_probable = a.has_probabilities and b.has_probabilities
    rows = []
    for metric in metrics:
        if metric in _PAIRED:
            rows.append(shares[metric][0])
        elif metric == "balanced_accuracy":
            rows.append(_balanced_accuracy(a, shares))
        elif metric in _MOVER_OF_DECISIONS:
            rows.append(_mover(a, b, metric, *(each[metric] for each in singles)))
        elif both_score and (metric != "brier_score" or both_probable):
            of_scores = (_score_metric(each, metric, confidence_level) for each in (a, b))
            rows.append(_mover(a, b, metric, *of_scores))
    return rows


def _share_difference(
    a: Predictions, b: Predictions, metric: str, confidence_level: float
) -> tuple[Difference, ClusteredEstimate]:
    among = SHARES[metric](a)[1]
    interval, test = "Bonett-Price", "McNemar, exact"
    if a.clustered:
        interval, test = f"{interval}, by patient", f"{test}, by patient"
    right_a, right_b = (each.predicted == each.positive for each in (a, b))
    found = clustered_difference(right_a, right_b, among, a.patient, confidence_level)
    net = np.bincount(a.patient[among], right_a[among].astype(int) - right_b[among].astype(int))
    row = Difference(
        metric=metric,
        value_a=_mean(right_a[among]),
        value_b=_mean(right_b[among]),
        difference=found.value,
        low=found.low,
        high=found.high,
        p_value=exact_swap_test(net.astype(int)) if found.n else np.nan,
        test=test,
        n=found.n,
        n_patients=found.n_patients,
        interval=interval,
    )
    return row, found


def _balanced_accuracy(
    a: Predictions,
    shares: dict[str, tuple[Difference, ClusteredEstimate]],
) -> Difference:
    (recall, of_recall), (specificity, of_specificity) = shares["recall"], shares["specificity"]
    low, high = mover_mean(of_recall, of_specificity)
    return Difference(
        metric="balanced_accuracy",
        value_a=(recall.value_a + specificity.value_a) / 2,
        value_b=(recall.value_b + specificity.value_b) / 2,
        difference=(recall.difference + specificity.difference) / 2,
        low=low,
        high=high,
        p_value=np.nan,
        test="",
        n=len(a),
        n_patients=a.n_patients,
        interval="MOVER",
    )


def _mover(
    a: Predictions, b: Predictions, metric: str, single_a: _Single, single_b: _Single
) -> Difference:
    (value_a, interval_a), (value_b, interval_b) = single_a, single_b
    r = shrunk_correlation(influence_of(a, metric), influence_of(b, metric))
    low, high = mover_difference(value_a, interval_a, value_b, interval_b, r)
    p_value, test = _delong(a, b) if metric == "roc_auc" else (np.nan, "")
    return Difference(
        metric=metric,
        value_a=value_a,
        value_b=value_b,
        difference=value_a - value_b,
        low=low,
        high=high,
        p_value=p_value,
        test=test,
        n=len(a),
        n_patients=a.n_patients,
        interval="undefined" if np.isnan(value_a - value_b) else "MOVER, paired",
    )


def _score_metric(predictions: Predictions, metric: str, confidence_level: float) -> _Single:
    """Compute a metric of scores, and the interval that its difference is derived from.

    This is not the interval that is widened for few errors. Unseen errors are equally unknown for
    both models, and two widened intervals would never show a difference.
    """
    value = score_value(predictions, metric)
    if np.isnan(value):
        return value, (np.nan, np.nan)
    interval, _ = score_interval([predictions], metric, value, confidence_level, cautious=False)
    return value, interval


def _delong(a: Predictions, b: Predictions) -> tuple[float, str]:
    """Test for equal AUC by DeLong's method, with a t distribution for the estimated variance."""
    test = "DeLong, by patient" if a.clustered else "DeLong"
    (value_a, influence_a), (value_b, influence_b) = map(auc_with_influence, (a, b))
    difference, influence = value_a - value_b, influence_a - influence_b
    standard_error = float(np.sqrt(influence @ influence))
    if standard_error > NO_SPREAD:
        statistic = abs(difference) / standard_error
        return float(2 * t.sf(statistic, degrees_of_freedom(influence))), test
    # Without variance, equal rankings show no difference, and others cannot be tested.
    return (1.0 if abs(difference) <= NO_SPREAD else np.nan), test


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else np.nan
