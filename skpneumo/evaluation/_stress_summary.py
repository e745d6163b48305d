"""Summarise the results on many corruptions: the mean and the worst."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._predictions import Predictions
from skpneumo.evaluation._influence import influence_of, shrunk_correlation
from skpneumo.evaluation._intervals import (
    ClusteredEstimate,
    Interval,
    clustered_difference,
    clustered_share,
    effective_size,
    mover_difference,
    mover_mean,
)
from skpneumo.evaluation._score_estimates import score_interval, score_value

__all__ = ["MEAN", "WORST", "mean_rows", "worst_rows"]

MEAN, WORST = "mean", "worst"

Floats = NDArray[np.float64]
_WithDrop = tuple[float, Interval, float, Interval]


def mean_rows(
    corrupted: Mapping[str, Predictions],
    plain: Predictions,
    metrics: tuple[str, ...],
    confidence_level: float,
) -> list[dict[str, Any]]:
    """Compute the mean of each metric over all corruptions, with an interval over patients.

    As all corruptions are of the same images, what a patient adds to each is averaged first, and
    the mean has the interval of a single metric.
    """
    several = list(corrupted.values())
    shares = _shares(several, plain, confidence_level)
    among = dict.fromkeys(metrics, np.ones(len(plain), dtype=bool)) | {
        "recall": plain.positive,
        "specificity": ~plain.positive,
    }
    rows = []
    for metric in metrics:
        if metric == "roc_auc":
            found = _mean_auc(several, plain, confidence_level)
        else:
            found = shares[metric]
        value, (low, high), drop, (drop_low, drop_high) = found
        patients = plain.patient[among[metric]]
        rows.append(
            {
                "corruption": MEAN,
                "metric": metric,
                "value": value,
                "low": low,
                "high": high,
                "n": len(patients),
                "n_patients": len(np.unique(patients)),
                "n_effective": effective_size(np.bincount(patients)),
                "interval": "means of patients",
                "drop": drop,
                "drop_low": drop_low,
                "drop_high": drop_high,
                "held_back": False,
            }
        )
    return rows


def worst_rows(rows: list[dict[str, Any]], metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """Repeat the row with the lowest value of each metric, and name its corruption."""
    worst = []
    for metric in metrics:
        defined = [row for row in rows if row["metric"] == metric and not np.isnan(row["value"])]
        if defined:
            lowest = min(defined, key=lambda row: row["value"])
            worst.append(lowest | {"corruption": WORST, "where": lowest["corruption"]})
    return worst


def _shares(
    several: list[Predictions], plain: Predictions, confidence_level: float
) -> dict[str, _WithDrop]:
    """Estimate means of recall, specificity and both, and how much lower they are."""
    called = np.mean([each.predicted for each in several], axis=0)
    sides: list[tuple[ClusteredEstimate, ClusteredEstimate]] = []
    for among, before, after in (
        (plain.positive, plain.predicted, called),
        (~plain.positive, ~plain.predicted, 1 - called),
    ):
        size = among, plain.patient, confidence_level
        sides.append((clustered_share(after, *size), clustered_difference(before, after, *size)))
    (recall, recall_drop), (specificity, specificity_drop) = sides
    return {
        "recall": _of_one(recall, recall_drop),
        "specificity": _of_one(specificity, specificity_drop),
        "balanced_accuracy": (
            (recall.value + specificity.value) / 2,
            mover_mean(recall, specificity),
            (recall_drop.value + specificity_drop.value) / 2,
            mover_mean(recall_drop, specificity_drop),
        ),
    }


def _of_one(share: ClusteredEstimate, drop: ClusteredEstimate) -> _WithDrop:
    return share.value, (share.low, share.high), drop.value, (drop.low, drop.high)


def _mean_auc(
    several: list[Predictions], plain: Predictions, confidence_level: float
) -> _WithDrop:
    """Estimate the mean of the AUC, and how much lower it is."""
    metric, undefined = "roc_auc", (np.nan, (np.nan, np.nan), np.nan, (np.nan, np.nan))
    if plain.score is None:
        return undefined
    mean = float(np.mean([score_value(each, metric) for each in several]))
    before = score_value(plain, metric)
    if np.isnan(mean):
        return undefined
    interval, _ = score_interval(several, metric, mean, confidence_level, cautious=True)
    # As for the difference of two models, whose unseen errors are equally unknown.
    (of_before, _), (of_mean, _) = (
        score_interval(which, metric, value, confidence_level, cautious=False)
        for which, value in (([plain], before), (several, mean))
    )
    r = shrunk_correlation(
        influence_of(plain, metric),
        np.mean([influence_of(each, metric) for each in several], axis=0),
    )
    drop = mover_difference(before, of_before, mean, of_mean, r)
    return mean, interval, before - mean, drop
