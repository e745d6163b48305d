"""Estimate each metric of a set of predictions, with its interval."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from skpneumo._predictions import Predictions
from skpneumo.evaluation._estimate import Estimate, Settings, undefined
from skpneumo.evaluation._influence import SHARES, Share, jaccard_share
from skpneumo.evaluation._intervals import (
    ClusteredEstimate,
    clustered_share,
    effective_size,
    mover_mean,
    mover_ratio,
)
from skpneumo.evaluation._score_estimates import SCORE_METRICS, score_estimates

__all__ = ["METRICS", "estimate_metrics", "estimate_withheld", "recall_and_specificity"]

DECISION_METRICS = (
    "accuracy",
    "recall",
    "specificity",
    "precision",
    "negative_predictive_value",
    "f1",
    "balanced_accuracy",
)
RATIO_METRICS = ("positive_likelihood_ratio", "negative_likelihood_ratio")
METRICS = DECISION_METRICS + SCORE_METRICS + RATIO_METRICS
"""Metrics of an evaluation in the order of its rows, with scikit-learn's names if it has any."""


def estimate_metrics(
    predictions: Predictions, metrics: Iterable[str], settings: Settings
) -> list[Estimate]:
    """Estimate metrics, in the given order."""
    metrics = list(metrics)
    found = _decision_estimates(predictions, settings.confidence_level)
    found |= score_estimates(predictions, set(SCORE_METRICS).intersection(metrics), settings)
    return [found[metric] for metric in metrics]


def estimate_withheld(predictions: Predictions, confidence_level: float) -> Estimate:
    """Estimate the share of the images that an input gate withholds."""
    assert predictions.withheld is not None
    everything = np.ones(len(predictions), dtype=bool)
    p = clustered_share(predictions.withheld, everything, predictions.patient, confidence_level)
    size = p.n, p.n_patients, p.n_effective
    return Estimate("withheld", p.value, p.low, p.high, *size, _wilson(predictions))


def recall_and_specificity(
    predictions: Predictions, confidence_level: float
) -> tuple[ClusteredEstimate, ClusteredEstimate]:
    """Estimate the two metrics that do not depend on the prevalence."""
    recall, specificity = (
        clustered_share(*SHARES[metric](predictions), predictions.patient, confidence_level)
        for metric in ("recall", "specificity")
    )
    return recall, specificity


def _decision_estimates(predictions: Predictions, confidence_level: float) -> dict[str, Estimate]:
    def estimate(share: Share) -> ClusteredEstimate:
        return clustered_share(*share(predictions), predictions.patient, confidence_level)

    shares = {metric: estimate(share) for metric, share in SHARES.items()}
    recall, specificity = shares["recall"], shares["specificity"]
    # F1 = 2J / (1 + J) is a function of a share J, and so inherits the interval of J.
    jaccard = estimate(jaccard_share)
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    shares["f1"] = replace(jaccard, value=value, low=low, high=high)
    wilson = _wilson(predictions)
    found = {
        metric: Estimate(metric, p.value, p.low, p.high, p.n, p.n_patients, p.n_effective, wilson)
        for metric, p in shares.items()
    }
    found |= _combined_estimates(predictions, recall, specificity)
    for metric, each in found.items():
        if np.isnan(each.value):
            found[metric] = undefined(metric, predictions, each.n, each.n_patients)
    return found


def _combined_estimates(
    predictions: Predictions, recall: ClusteredEstimate, specificity: ClusteredEstimate
) -> dict[str, Estimate]:
    """Estimate functions of recall and specificity, with intervals derived from those of both."""
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
    n_effective = effective_size(np.bincount(predictions.patient))
    size = len(predictions), predictions.n_patients, n_effective
    return {
        metric: Estimate(metric, value, low, high, *size, "MOVER")
        for metric, (value, (low, high)) in combined.items()
    }


def _wilson(predictions: Predictions) -> str:
    return "Wilson, design effect" if predictions.clustered else "Wilson"


def _quotient(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return np.inf if numerator > 0 else np.nan
    return numerator / denominator
