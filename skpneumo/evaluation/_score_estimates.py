"""Estimate the metrics of scores and probabilities, with their intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import rankdata

from skpneumo._bootstrap import bootstrap
from skpneumo._predictions import Predictions
from skpneumo.evaluation._calibration import CalibrationBins, calibration_error_limits
from skpneumo.evaluation._estimate import Estimate, Settings, undefined
from skpneumo.evaluation._influence import degrees_of_freedom, influence_of
from skpneumo.evaluation._intervals import (
    Interval,
    dominated,
    effective_size,
    logit_interval,
    newcombe_auc_interval,
    t_quantile,
    wilson_interval,
)
from skpneumo.evaluation._recalibration import Line, calibration_intercept, calibration_slope

__all__ = ["NO_SPREAD", "SCORE_METRICS", "score_estimates", "score_interval", "score_value"]

Size = tuple[int, int, float]  # images, patients, effective patients

RANK_METRICS = ("roc_auc", "average_precision")
PROBABILITY_METRICS = (
    "brier_score",
    "ece",
    "ece_by_chance",
    "calibration_slope",
    "calibration_intercept",
)
SCORE_METRICS = RANK_METRICS + PROBABILITY_METRICS
_LINES: dict[str, Callable[..., Line]] = {
    "calibration_slope": calibration_slope,
    "calibration_intercept": calibration_intercept,
}

# With fewer patients in error, the next one may have more weight than all seen so far.
_ENOUGH_PATIENTS_IN_ERROR = 10

NO_SPREAD = 1e-9
"""Smaller standard errors are rounding errors of influences that are all 0."""


def score_estimates(
    predictions: Predictions, metrics: set[str], settings: Settings
) -> dict[str, Estimate]:
    """Estimate metrics of scores, by name."""
    size = len(predictions), predictions.n_patients, _effective_patients(predictions)
    found = {}
    if predictions.score is None:
        lacking = dict.fromkeys(metrics, "undefined: needs scores")
    elif not predictions.has_probabilities:
        of_probabilities = metrics.intersection(PROBABILITY_METRICS)
        lacking = dict.fromkeys(of_probabilities, "undefined: needs probabilities")
    else:
        lacking = {}
    for metric, reason in lacking.items():
        found[metric] = Estimate(metric, np.nan, np.nan, np.nan, *size, reason)
    defined = metrics - lacking.keys()
    for metric in defined & {*RANK_METRICS, "brier_score"}:
        found[metric] = _score_estimate(predictions, metric, size, settings)
    for metric in defined & _LINES.keys():
        found[metric] = _line_estimate(predictions, metric, size, settings)
    if defined & {"ece", "ece_by_chance"}:
        found |= _calibration_errors(predictions, size, settings)
    return found


def score_value(predictions: Predictions, metric: str) -> float:
    """Compute AUC, average precision or Brier score; NaN if undefined."""
    positive, score = predictions.positive, predictions.score
    assert score is not None
    if metric == "brier_score":
        return float(((score - positive) ** 2).mean())
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or (metric == "roc_auc" and not n_negative):
        return np.nan
    # scikit-learn adds rounded shares, so that perfect scores may have slightly less than 1.
    if metric == "roc_auc":
        wins = rankdata(score)[positive].sum() - n_positive * (n_positive + 1) / 2
        return float(wins / (n_positive * n_negative))
    _, level = np.unique(-score, return_inverse=True)  # from the highest score down
    true, reached = np.bincount(level, positive), np.bincount(level).cumsum()
    return float((true * (true.cumsum() / reached)).sum() / n_positive)


def score_interval(
    several: Sequence[Predictions],
    metric: str,
    value: float,
    confidence_level: float,
    *,
    cautious: bool,
) -> tuple[Interval, str]:
    """Compute the interval of AUC, average precision or Brier score, and the method's name.

    ``value`` is the mean over several predictions of the same images, or that of the only one. It
    is a t interval on the logit scale, from the influences of patients. It is widened to a
    score interval if a few patients have most of the images, if there is no variance and, with
    ``cautious``, if few patients are in error.
    """
    predictions = several[0]
    influence = np.mean([influence_of(each, metric) for each in several], axis=0)
    n = predictions.n_patients
    standard_error = float(np.sqrt(influence @ influence * n / max(1, n - 1)))
    intervals, methods = [], []
    if 0 < value < 1 and standard_error > NO_SPREAD:
        quantile = t_quantile(confidence_level, degrees_of_freedom(influence))
        intervals.append(logit_interval(value, standard_error, quantile))
        methods.append(_named("jackknife", predictions))
    fewest = min(map(_fewest_patients_in_error, several)) if cautious else np.inf
    few_errors = fewest < _ENOUGH_PATIENTS_IN_ERROR
    if not intervals or few_errors or _dominated(predictions):
        intervals.append(_score_type_interval(predictions, metric, value, confidence_level))
        methods.append("score")
    lows, highs = zip(*intervals, strict=True)
    return (min(lows), max(highs)), ", ".join(methods)


def _score_estimate(
    predictions: Predictions, metric: str, size: Size, settings: Settings
) -> Estimate:
    """Estimate AUC, average precision or Brier score."""
    value = score_value(predictions, metric)
    if np.isnan(value):
        return undefined(metric, predictions, *size[:2])
    (low, high), method = score_interval(
        [predictions], metric, value, settings.confidence_level, cautious=True
    )
    return Estimate(metric, value, low, high, *size, method)


def _line_estimate(
    predictions: Predictions, metric: str, size: Size, settings: Settings
) -> Estimate:
    """Estimate the slope or the intercept of the calibration line."""
    positive, score = predictions.positive, predictions.score
    if positive.all() or not positive.any():
        return undefined(metric, predictions, *size[:2])
    assert score is not None
    line = _LINES[metric](positive, score, predictions.patient, settings.confidence_level)
    method = _named("jackknife", predictions)
    if line.why_undefined:
        method = f"undefined: {line.why_undefined}"
    return Estimate(metric, *line[:3], *size, method)


def _calibration_errors(
    predictions: Predictions, size: Size, settings: Settings
) -> dict[str, Estimate]:
    """Estimate the calibration error, and the error that right probabilities would have."""
    assert predictions.score is not None
    level = settings.confidence_level
    bins = CalibrationBins(
        predictions.positive, predictions.score, predictions.patient, settings.n_bins
    )
    error = float(bins.error(np.ones((1, predictions.n_patients)))[0])
    resampled = bootstrap(
        bins.error,
        predictions.n_patients,
        len(predictions),
        settings.n_resamples,
        settings.random_state,
    )
    by_chance = bins.error_by_chance(settings.n_resamples, settings.random_state)
    low, high = calibration_error_limits(error, resampled, by_chance, level)
    methods = [_named("bootstrap", predictions)]
    few_errors = _fewest_patients_in_error(predictions) < _ENOUGH_PATIENTS_IN_ERROR
    if few_errors or _dominated(predictions):
        of_score = _score_type_interval(predictions, "ece", error, level)
        low, high = min(low, of_score[0]), max(high, of_score[1])
        methods.append("score")
    tails = (1 - level) / 2, (1 + level) / 2
    least, most = (float(each) for each in np.quantile(by_chance, tails))
    return {
        "ece": Estimate("ece", error, low, high, *size, ", ".join(methods)),
        "ece_by_chance": Estimate(
            "ece_by_chance",
            float(by_chance.mean()),
            least,
            most,
            *size,
            "range of simulated labels",
        ),
    }


def _score_type_interval(
    predictions: Predictions, metric: str, value: float, confidence_level: float
) -> Interval:
    """Compute an interval that does not depend on observed errors, for the effective sizes."""
    positive = predictions.positive
    n_positive, n_negative = (
        effective_size(np.bincount(predictions.patient[rows])) for rows in (positive, ~positive)
    )
    if metric == "roc_auc":
        return newcombe_auc_interval(value, n_positive, n_negative, confidence_level)
    if metric in ("brier_score", "ece"):
        # Means of numbers between 0 and 1 vary at most as much as a share of the same value.
        return wilson_interval(value, _effective_patients(predictions), confidence_level)
    # K. Boyd, K. H. Eng and C. D. Page, "Area under the precision-recall curve: point estimates
    # and confidence intervals", ECML PKDD 2013: binomial in the number of positives.
    return wilson_interval(value, n_positive, confidence_level)


def _effective_patients(predictions: Predictions) -> float:
    return effective_size(np.bincount(predictions.patient))


def _dominated(predictions: Predictions) -> bool:
    """Tell whether a few patients have most of all images, or most of a class."""
    everything = np.ones(len(predictions), dtype=bool)
    return any(
        dominated(np.bincount(predictions.patient[rows]))
        for rows in (everything, predictions.positive, ~predictions.positive)
    )


def _named(method: str, predictions: Predictions) -> str:
    return f"patient {method}" if predictions.clustered else method


def _fewest_patients_in_error(predictions: Predictions) -> int:
    """Count the patients in error at the threshold with the fewest patients in error."""
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
