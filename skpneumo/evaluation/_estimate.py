"""One row of an evaluation, how it is computed, and why it may have no value."""

import warnings
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo._predictions import Predictions

__all__ = ["Estimate", "Settings", "undefined", "warn_of_undefined", "why_undefined"]


@dataclass(frozen=True)
class Estimate:
    """One row of an evaluation.

    ``n`` and ``n_patients`` are the images and patients in the denominator, ``n_effective`` is
    how many patients of one size those are worth. ``interval`` names the method; of a value of
    NaN it says "undefined: " and why.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    n_patients: int
    n_effective: float
    interval: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Estimate":
        """The estimate in a row of a frame, whatever else the row has."""
        return cls(**{each.name: row[each.name] for each in fields(cls)})


@dataclass(frozen=True)
class Settings:
    """How to compute intervals; resamples are for the calibration error alone."""

    confidence_level: float
    n_resamples: int = 2000
    n_bins: int = 10
    random_state: np.random.RandomState = field(default_factory=lambda: np.random.RandomState(0))


def undefined(metric: str, predictions: Predictions, n: int, n_patients: int) -> Estimate:
    """The row of a metric that these predictions do not define, with the reason."""
    why = f"undefined: {why_undefined(predictions)}"
    return Estimate(metric, np.nan, np.nan, np.nan, n, n_patients, 0.0, why)


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
