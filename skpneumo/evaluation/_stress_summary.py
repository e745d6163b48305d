"""Summarise the results on many corruptions: the mean and the worst."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._predictions import Predictions
from skpneumo.evaluation._intervals import normal_quantile
from skpneumo.evaluation._paired_tests import auc_with_influence

__all__ = ["MEAN", "WORST", "mean_rows", "worst_rows"]

MEAN, WORST = "mean", "worst"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Linear:
    """A metric, and the influence of each patient on it."""

    value: float
    influence: Floats

    def __sub__(self, other: "_Linear") -> "_Linear":
        return _Linear(self.value - other.value, self.influence - other.influence)

    def limits(self, confidence_level: float, low: float) -> tuple[float, float]:
        half = normal_quantile(confidence_level) * float(np.sqrt((self.influence**2).sum()))
        return max(low, self.value - half), min(1.0, self.value + half)


def mean_rows(
    corrupted: Mapping[str, Predictions],
    plain: Predictions,
    metrics: tuple[str, ...],
    confidence_level: float,
) -> list[dict[str, Any]]:
    """Compute the mean of each metric over all corruptions, with an interval over patients.

    As all corruptions are of the same images, a patient's influences on them are averaged first.
    """
    of_plain = _linear(plain)
    of_each = [_linear(predictions) for predictions in corrupted.values()]
    among = dict.fromkeys(metrics, np.ones(len(plain), dtype=bool)) | {
        "recall": plain.positive,
        "specificity": ~plain.positive,
    }
    rows = []
    for metric in metrics:
        mean = _Linear(
            float(np.mean([each[metric].value for each in of_each])),
            np.mean([each[metric].influence for each in of_each], axis=0),
        )
        drop = of_plain[metric] - mean
        low, high = mean.limits(confidence_level, low=0.0)
        drop_low, drop_high = drop.limits(confidence_level, low=-1.0)
        rows.append(
            {
                "corruption": MEAN,
                "metric": metric,
                "value": mean.value,
                "low": low,
                "high": high,
                "n": int(among[metric].sum()),
                "n_patients": len(np.unique(plain.patient[among[metric]])),
                "interval": "normal, by patient",
                "drop": drop.value,
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
        defined = [row for row in rows if row["metric"] == metric and row["value"] == row["value"]]
        if defined:
            lowest = min(defined, key=lambda row: row["value"])
            worst.append(lowest | {"corruption": WORST, "where": lowest["corruption"]})
    return worst


def _linear(predictions: Predictions) -> dict[str, _Linear]:
    positive, predicted = predictions.positive, predictions.predicted
    recall = _share(predicted, positive, predictions)
    specificity = _share(~predicted, ~positive, predictions)
    return {
        "recall": recall,
        "specificity": specificity,
        "balanced_accuracy": _Linear(
            (recall.value + specificity.value) / 2, (recall.influence + specificity.influence) / 2
        ),
        "roc_auc": _Linear(*auc_with_influence(predictions)),
    }


def _share(hit: NDArray[np.bool_], among: NDArray[np.bool_], of: Predictions) -> _Linear:
    n = np.count_nonzero(among)
    if not n:
        return _Linear(np.nan, np.full(of.n_patients, np.nan))
    value = float(hit[among].mean())
    patients = of.patient[among]
    n_clusters = len(np.unique(patients))
    scale = np.sqrt(n_clusters / (n_clusters - 1)) / n if n_clusters > 1 else np.nan
    deviations = np.bincount(patients, hit[among] - value, minlength=of.n_patients)
    return _Linear(value, scale * deviations.astype(np.float64))
