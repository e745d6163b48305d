"""How two sets of predictions of the same images differ, metric by metric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skpneumo._bootstrap import bootstrap
from skpneumo._predictions import Predictions
from skpneumo.evaluation._estimates import (
    NO_SPREAD,
    ScoreStatistic,
    Settings,
    estimate_metrics,
    score_type_interval,
)
from skpneumo.evaluation._intervals import (
    clustered_difference,
    mover_difference,
    mover_mean,
    normal_quantile,
)
from skpneumo.evaluation._metrics import ratio_or_nan
from skpneumo.evaluation._paired_tests import auc_with_influence, exact_swap_test

__all__ = ["Difference", "auc_difference", "resampled_differences", "share_differences"]

Floats = NDArray[np.float64]


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


def share_differences(a: Predictions, b: Predictions, confidence_level: float) -> list[Difference]:
    everything = np.ones(len(a), dtype=bool)
    interval, test = "Bonett-Price", "McNemar, exact"
    if a.clustered:
        interval, test = f"{interval}, by patient", f"{test}, by patient"
    right_a, right_b = (each.predicted == each.positive for each in (a, b))
    rows, found = [], {}
    for metric, among in {
        "accuracy": everything,
        "recall": a.positive,
        "specificity": ~a.positive,
    }.items():
        difference = clustered_difference(right_a, right_b, among, a.patient, confidence_level)
        found[metric] = difference
        net = np.bincount(
            a.patient[among], right_a[among].astype(int) - right_b[among].astype(int)
        )
        rows.append(
            Difference(
                metric,
                _mean(right_a[among]),
                _mean(right_b[among]),
                difference.value,
                difference.low,
                difference.high,
                exact_swap_test(net.astype(int)) if difference.n else np.nan,
                test,
                difference.n,
                difference.n_patients,
                interval,
            )
        )
    recall, specificity = found["recall"], found["specificity"]
    low, high = mover_mean(recall, specificity)
    rows.append(
        Difference(
            "balanced_accuracy",
            (rows[1].value_a + rows[2].value_a) / 2,
            (rows[1].value_b + rows[2].value_b) / 2,
            (recall.value + specificity.value) / 2,
            low,
            high,
            np.nan,
            "",
            len(a),
            a.n_patients,
            "MOVER",
        )
    )
    return rows


def auc_difference(a: Predictions, b: Predictions, confidence_level: float) -> Difference:
    value_a, influence_a = auc_with_influence(a)
    value_b, influence_b = auc_with_influence(b)
    difference = value_a - value_b
    standard_error = float(np.sqrt(((influence_a - influence_b) ** 2).sum()))
    low = high = p_value = np.nan
    test = interval = "DeLong, by patient" if a.clustered else "DeLong"
    if standard_error > NO_SPREAD:
        half = normal_quantile(confidence_level) * standard_error
        low, high = max(-1.0, difference - half), min(1.0, difference + half)
        p_value = float(2 * norm.sf(abs(difference) / standard_error))
    elif not np.isnan(difference):
        # Two perfect separations, the same ranks, or one patient on a side: no variance seen,
        # but some there may be.
        low, high = mover_difference(
            value_a,
            score_type_interval(a, "roc_auc", value_a, confidence_level),
            value_b,
            score_type_interval(b, "roc_auc", value_b, confidence_level),
        )
        interval = "MOVER"
        if abs(difference) <= NO_SPREAD:
            p_value = 1.0
    return Difference(
        "roc_auc",
        value_a,
        value_b,
        difference,
        low,
        high,
        p_value,
        test,
        len(a),
        a.n_patients,
        interval,
    )


def resampled_differences(
    a: Predictions,
    b: Predictions,
    settings: Settings,
) -> list[Difference]:
    metrics = ["precision", "f1"]
    statistics: list[tuple[Callable[[Floats], Floats], ...]]
    statistics = [(_DecisionStatistic(a), _DecisionStatistic(b))]
    of_scores = []
    if a.score is not None and b.score is not None:
        of_scores.append("average_precision")
        if a.has_probabilities and b.has_probabilities:
            of_scores.append("brier_score")
        statistics.append((ScoreStatistic(a, of_scores), ScoreStatistic(b, of_scores)))
        metrics += of_scores

    def both(weights: Floats) -> Floats:
        """All metrics of A, then all of B."""
        return np.column_stack(
            [each(weights) for side in zip(*statistics, strict=True) for each in side]
        )

    once = both(np.ones((1, a.n_patients)))[0]
    draws = bootstrap(both, a.n_patients, len(a), settings.n_resamples, settings.random_state)
    k = len(metrics)
    tails = (1 - settings.confidence_level) / 2, (1 + settings.confidence_level) / 2
    rows = []
    for i, metric in enumerate(metrics):
        differences = draws[:, i] - draws[:, k + i]
        differences = differences[~np.isnan(differences)]
        if np.isnan(once[i] - once[k + i]):
            low = high = np.nan
            interval = "undefined"
        elif len(differences) and np.ptp(differences) > NO_SPREAD:
            low, high = (float(q) for q in np.quantile(differences, tails))
            interval = "patient bootstrap" if a.clustered else "bootstrap"
        else:
            # Without a disagreement every resample agrees as well, which proves no equality.
            low, high = _independent_limits(a, b, metric, settings)
            interval = "MOVER"
        rows.append(
            Difference(
                metric,
                float(once[i]),
                float(once[k + i]),
                float(once[i] - once[k + i]),
                low,
                high,
                np.nan,
                "",
                len(a),
                a.n_patients,
                interval,
            )
        )
    return rows


def _independent_limits(
    a: Predictions, b: Predictions, metric: str, settings: Settings
) -> tuple[float, float]:
    (of_a,), (of_b,) = (estimate_metrics(each, [metric], settings) for each in (a, b))
    return mover_difference(of_a.value, (of_a.low, of_a.high), of_b.value, (of_b.low, of_b.high))


class _DecisionStatistic:
    """Precision and F1 for many weightings of the patients."""

    def __init__(self, predictions: Predictions):
        positive, predicted = predictions.positive, predictions.predicted
        n = predictions.n_patients
        self._true, self._flagged, self._either = (
            np.bincount(predictions.patient[rows], minlength=n).astype(float)
            for rows in (positive & predicted, predicted, positive | predicted)
        )

    def __call__(self, patient_weights: Floats) -> Floats:
        true, flagged, either = (
            patient_weights @ counts for counts in (self._true, self._flagged, self._either)
        )
        return np.column_stack(
            [ratio_or_nan(true, flagged), ratio_or_nan(2 * true, true + either)]
        )


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan
