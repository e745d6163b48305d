"""Rows of an evaluation, their settings, and the reason for a missing value."""

import warnings
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo._predictions import Predictions
from skpneumo._warning_lines import users_stacklevel

__all__ = ["Estimate", "Settings", "undefined", "warn_of_undefined", "why_undefined"]


@dataclass(frozen=True)
class Estimate:
    """One row of an evaluation.

    ``n`` and ``n_patients`` are the images and patients in the denominator, and ``n_effective`` is
    the number of patients with equally many images that carry the same information. ``interval``
    names the method; if the value is NaN, it is "undefined: " and the reason.
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
        """Build an estimate from a row of a frame, ignoring its other columns."""
        return cls(**{each.name: row[each.name] for each in fields(cls)})


@dataclass(frozen=True)
class Settings:
    """Settings of intervals; resamples are only used for the calibration error."""

    confidence_level: float
    n_resamples: int = 2000
    n_bins: int = 10
    random_state: np.random.RandomState = field(default_factory=lambda: np.random.RandomState(0))


def undefined(metric: str, predictions: Predictions, n: int, n_patients: int) -> Estimate:
    """Make the row of a metric that is undefined, with the reason."""
    why = f"undefined: {why_undefined(predictions)}"
    return Estimate(metric, np.nan, np.nan, np.nan, n, n_patients, 0.0, why)


def why_undefined(*several: Predictions) -> str:
    """Explain why a metric divides by zero on these predictions."""
    reasons: dict[str, bool] = {}
    for predictions in several:
        n, label = len(predictions), predictions.pos_label
        is_positive = "positive" if label is True else f"positive (label {label!r})"
        positive, predicted = predictions.positive, predictions.predicted
        reasons |= {
            reason: True
            for reason, holds in {
                f"none of the {n} images is {is_positive}": not positive.any(),
                f"all of the {n} images are {is_positive}": positive.all(),
                "no image is predicted positive": not predicted.any(),
                "every image is predicted positive": predicted.all(),
            }.items()
            if holds
        }
    return " and ".join(reasons)


def warn_of_undefined(metrics: list[str], why: str) -> None:
    """Warn the caller of the public function which metrics are NaN, and why."""
    if metrics:
        warnings.warn(
            f"{', '.join(metrics)} are undefined and set to NaN: {why}.",
            UndefinedMetricWarning,
            stacklevel=users_stacklevel(),
        )
