"""Each metric of one set of predictions, with its interval."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo._bootstrap import bootstrap
from skpneumo._predictions import Predictions
from skpneumo.evaluation._calibration import CalibrationBins, calibration_error_limits
from skpneumo.evaluation._intervals import (
    ClusteredEstimate,
    Interval,
    clustered_share,
    effective_size,
    logit_interval,
    mover_mean,
    mover_ratio,
    newcombe_auc_interval,
    wilson_interval,
)
from skpneumo.evaluation._metrics import RankedScores

__all__ = [
    "METRICS",
    "NO_SPREAD",
    "Estimate",
    "ScoreStatistic",
    "Settings",
    "estimate_metrics",
    "score_type_interval",
    "warn_of_undefined",
    "why_undefined",
]

Floats = NDArray[np.float64]

DECISION_METRICS = (
    "accuracy",
    "recall",
    "specificity",
    "precision",
    "f1",
    "balanced_accuracy",
)
SCORE_METRICS = ("roc_auc", "average_precision", "brier_score", "ece")
RATIO_METRICS = ("positive_likelihood_ratio", "negative_likelihood_ratio")
METRICS = DECISION_METRICS + SCORE_METRICS + RATIO_METRICS
"""The rows of an evaluation in order, by scikit-learn's names where it has one."""

# With fewer, the patients in error are no sample of those to come: one wholly misread child may
# weigh more than all seen so far.
_ENOUGH_PATIENTS_IN_ERROR = 10

NO_SPREAD = 1e-9
"""Of resamples that are all alike: summed in another order, equal numbers differ by rounding."""


@dataclass(frozen=True)
class Estimate:
    """One row of an evaluation.

    ``interval`` names the method. Of a value of NaN it says "undefined: " and why.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    n_patients: int
    interval: str


@dataclass(frozen=True)
class Settings:
    """How to compute intervals."""

    confidence_level: float
    n_resamples: int
    n_bins: int
    random_state: np.random.RandomState


def estimate_metrics(
    predictions: Predictions, metrics: Iterable[str], settings: Settings
) -> list[Estimate]:
    """The metrics asked for, in that order."""
    metrics = list(metrics)
    found = _decision_estimates(predictions, settings.confidence_level)
    found |= _score_estimates(predictions, set(SCORE_METRICS).intersection(metrics), settings)
    return [found[metric] for metric in metrics]


def _decision_estimates(predictions: Predictions, confidence_level: float) -> dict[str, Estimate]:
    positive, predicted = predictions.positive, predictions.predicted
    everything = np.ones(len(predictions), dtype=bool)

    def share(hit: NDArray[np.bool_], among: NDArray[np.bool_]) -> ClusteredEstimate:
        return clustered_share(hit, among, predictions.patient, confidence_level)

    shares = {
        "accuracy": share(positive == predicted, everything),
        "recall": share(predicted, positive),
        "specificity": share(~predicted, ~positive),
        "precision": share(positive, predicted),
    }
    wilson = "Wilson, design effect" if predictions.clustered else "Wilson"
    found = {
        metric: Estimate(metric, p.value, p.low, p.high, p.n, p.n_patients, wilson)
        for metric, p in shares.items()
    }
    # F1 = 2J / (1 + J) of a share J, and so inherits the interval of J.
    jaccard = share(positive & predicted, positive | predicted)
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    found["f1"] = Estimate("f1", value, low, high, jaccard.n, jaccard.n_patients, wilson)
    recall, specificity = shares["recall"], shares["specificity"]
    combined = {
        "balanced_accuracy": (
            (recall.value + specificity.value) / 2,
            mover_mean(recall, specificity),
        ),
        "positive_likelihood_ratio": (
            _quotient(recall.value, 1 - specificity.value),
            mover_ratio(recall, specificity.complement),
        ),
        "negative_likelihood_ratio": (
            _quotient(1 - recall.value, specificity.value),
            mover_ratio(recall.complement, specificity),
        ),
    }
    for metric, (value, (low, high)) in combined.items():
        found[metric] = Estimate(
            metric, value, low, high, len(predictions), predictions.n_patients, "MOVER"
        )
    for metric, each in found.items():
        if np.isnan(each.value):
            nothing = np.nan, np.nan, np.nan
            why = f"undefined: {why_undefined(predictions)}"
            found[metric] = Estimate(metric, *nothing, each.n, each.n_patients, why)
    return found


def _score_estimates(
    predictions: Predictions, metrics: set[str], settings: Settings
) -> dict[str, Estimate]:
    size = len(predictions), predictions.n_patients
    found = {}
    if predictions.score is None:
        lacking = dict.fromkeys(metrics, "undefined: needs scores")
    elif not predictions.has_probabilities:
        lacking = dict.fromkeys(metrics & {"brier_score", "ece"}, "undefined: needs probabilities")
    else:
        lacking = {}
    for metric, reason in lacking.items():
        found[metric] = Estimate(metric, np.nan, np.nan, np.nan, *size, reason)
    defined = [metric for metric in SCORE_METRICS if metric in metrics - lacking.keys()]
    if not defined:
        return found

    statistic = ScoreStatistic(predictions, defined, settings.n_bins)
    values = statistic(np.ones((1, predictions.n_patients)))[0]
    resampled = bootstrap(
        statistic,
        predictions.n_patients,
        len(predictions),
        settings.n_resamples,
        settings.random_state,
    )
    for metric, value, draws in zip(defined, values, resampled.T, strict=True):
        if np.isnan(value):
            why = f"undefined: {why_undefined(predictions)}"
            estimate = Estimate(metric, np.nan, np.nan, np.nan, *size, why)
        else:
            (low, high), method = _score_interval(
                predictions, statistic, metric, float(value), draws, settings
            )
            estimate = Estimate(metric, float(value), low, high, *size, method)
        found[metric] = estimate
    return found


class ScoreStatistic:
    """The metrics of scores for many weightings of the patients."""

    def __init__(self, predictions: Predictions, metrics: list[str], n_bins: int = 10):
        positive, score, patient = predictions.positive, predictions.score, predictions.patient
        assert score is not None
        self._size = np.bincount(patient).astype(float)
        self._squares = np.bincount(patient, (score - positive) ** 2)
        ranked = RankedScores(positive, score)
        self._columns = {
            "roc_auc": lambda weights: ranked.roc_auc(weights[:, patient]),
            "average_precision": lambda weights: ranked.average_precision(weights[:, patient]),
            "brier_score": self._brier_score,
        }
        if "ece" in metrics:
            self.bins = CalibrationBins(positive, score, patient, n_bins)
            self._columns["ece"] = self.bins.error
        self._metrics = metrics

    def __call__(self, patient_weights: Floats) -> Floats:
        return np.column_stack(
            [self._columns[metric](patient_weights) for metric in self._metrics]
        )

    def _brier_score(self, patient_weights: Floats) -> Floats:
        return (patient_weights @ self._squares) / (patient_weights @ self._size)


def _score_interval(
    predictions: Predictions,
    statistic: ScoreStatistic,
    metric: str,
    value: float,
    draws: Floats,
    settings: Settings,
) -> tuple[Interval, str]:
    """Interval of a metric of scores by the bootstrap; wider where that has seen too little."""
    level = settings.confidence_level
    # A resample without a positive or without a negative has no AUC; the others do.
    draws = draws[~np.isnan(draws)]
    spread = float(draws.std(ddof=1)) if len(draws) > 1 else 0.0
    intervals, methods = [], []
    if metric == "ece":
        by_chance = statistic.bins.error_by_chance(settings.n_resamples, settings.random_state)
        intervals.append(calibration_error_limits(value, draws, by_chance, level))
        methods.append("patient bootstrap" if predictions.clustered else "bootstrap")
    elif 0 < value < 1 and spread > NO_SPREAD:
        intervals.append(logit_interval(value, spread, level))
        methods.append("patient bootstrap" if predictions.clustered else "bootstrap")
    if not intervals or _fewest_patients_in_error(predictions) < _ENOUGH_PATIENTS_IN_ERROR:
        intervals.append(score_type_interval(predictions, metric, value, level))
        methods.append("score")
    lows, highs = zip(*intervals, strict=True)
    return (min(lows), max(highs)), ", ".join(methods)


def score_type_interval(
    predictions: Predictions, metric: str, value: float, confidence_level: float
) -> Interval:
    """Interval that does not rest on the errors seen, with the images of a patient all alike."""
    positive = predictions.positive
    n_positive, n_negative = (
        effective_size(np.bincount(predictions.patient[rows]).astype(float))
        for rows in (positive, ~positive)
    )
    if metric == "roc_auc":
        return newcombe_auc_interval(value, n_positive, n_negative, confidence_level)
    if metric in ("brier_score", "ece"):
        # Means of what lies between 0 and 1, and so varies no more than a share of that size.
        n = effective_size(np.bincount(predictions.patient).astype(float))
        return wilson_interval(value, n, confidence_level)
    # K. Boyd, K. H. Eng and C. D. Page, "Area under the precision-recall curve: point estimates
    # and confidence intervals", ECML PKDD 2013: binomial in the number of positives.
    return wilson_interval(value, n_positive, confidence_level)


def _fewest_patients_in_error(predictions: Predictions) -> int:
    """Patients with an image on the wrong side of the threshold that is best in this respect."""
    score, patient = predictions.score, predictions.patient
    assert score is not None
    lowest = np.full(predictions.n_patients, np.inf)
    np.minimum.at(lowest, patient[predictions.positive], score[predictions.positive])
    highest = np.full(predictions.n_patients, -np.inf)
    np.maximum.at(highest, patient[~predictions.positive], score[~predictions.positive])
    lowest = np.sort(lowest[np.isfinite(lowest)])
    highest = np.sort(highest[np.isfinite(highest)])
    thresholds = np.append(lowest, np.inf)
    missed = np.searchsorted(lowest, thresholds)
    false_alarms = len(highest) - np.searchsorted(highest, thresholds)
    return int((missed + false_alarms).min())


def why_undefined(*several: Predictions) -> str:
    """Why a metric that divides by some of these images divides by none."""
    reasons: dict[str, bool] = {}
    for predictions in several:
        n, label = len(predictions), f"(label {predictions.pos_label!r})"
        positive, predicted = predictions.positive, predictions.predicted
        reasons |= {
            reason: True
            for reason, holds in {
                f"none of the {n} images is positive {label}": not positive.any(),
                f"all of the {n} images are positive {label}": positive.all(),
                "no image is called positive": not predicted.any(),
                "every image is called positive": predicted.all(),
            }.items()
            if holds
        }
    return " and ".join(reasons)


def warn_of_undefined(metrics: list[str], why: str) -> None:
    """Warn the caller of the public function that these are NaN, and why."""
    if metrics:
        warnings.warn(
            f"{', '.join(metrics)} cannot be computed and are NaN: {why}.",
            UndefinedMetricWarning,
            stacklevel=4,
        )


def _quotient(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return np.inf if numerator > 0 else np.nan
    return numerator / denominator
