"""The thresholds of an input gate, and what is stated about them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted

__all__ = ["CALIBRATION_SENTENCES", "GateThresholds", "choose_thresholds", "terms_of_gate"]

CALIBRATION_SENTENCES = {
    "rate": (
        "A share of about {rate:.2g} or less of new patients like those of training has an "
        "image withheld, as it is, mirrored or turned by up to 10 degrees."
    ),
    "few": (
        "{patients} do not support the {wanted:g} asked for, which takes {needed}; the "
        "thresholds are the highest scores there were."
    ),
    "fitted": (
        "Calibrated on {patients} whom neither the references nor the other checks were fitted "
        "on, but the model was: one that knows its training images by heart sees new ones "
        "otherwise, and more of them are withheld."
    ),
    "held out": "Calibrated on {patients} whom neither the model nor any check was fitted on.",
    "frozen": (
        "Calibrated on {patients} whom no check was fitted on; whether the frozen model was is "
        "not known here. If it was, more of the images of new patients may be withheld."
    ),
    "unknown patients": (
        "Some images were taken for those of patients of their own; if they are not, more are "
        "withheld than stated."
    ),
}
"""Templates by name; each is true of one way to fit."""


class GateThresholds(NamedTuple):
    """The highest scores that pass, one of each check, and the rate that they keep."""

    thresholds: NDArray[np.float64]
    rate: float


def choose_thresholds(
    scores: NDArray[np.float64], patients: NDArray[np.intp], rate: float
) -> GateThresholds:
    """Choose thresholds that as many patients exceed in each check.

    Parameters
    ----------
    scores : ndarray of shape (n_images, n_checks)
        Of images that should pass, by checks that were fitted on other patients.
    patients : ndarray of int, shape (n_images,)
        The patient of each image. What counts is the highest score of a patient's images.
    rate : float
        Share of patients who may exceed any of the thresholds.

    Returns
    -------
    thresholds : GateThresholds
        As many patients exceed each threshold, as many as keep those who exceed any below the
        rate. Its own ``rate`` is greater where the patients are too few: a new patient is the
        highest of all by chance.
    """
    codes = np.unique(patients, return_inverse=True)[1]
    n_patients, n_checks = int(codes.max()) + 1, scores.shape[1]
    highest = np.full((n_patients, n_checks), -np.inf)
    np.maximum.at(highest, codes, scores)
    ordered = np.sort(highest, axis=0)[::-1]
    best = GateThresholds(ordered[0], min(1.0, n_checks / (n_patients + 1)))
    for n_above in range(n_patients):
        thresholds = ordered[n_above]
        n_withheld = int((highest > thresholds).any(axis=1).sum())
        # The new patient adds one to the count of each check.
        expected = (n_withheld + n_checks) / (n_patients + 1)
        if expected > rate:
            break
        best = GateThresholds(thresholds, rate)
    return best


def terms_of_gate(gate: Any) -> str:
    """The sentences that are true of a fitted :class:`InputGate`."""
    names = ["rate", gate.calibration_]
    if gate.false_alarm_rate_ > gate.false_alarm_rate:
        names.insert(1, "few")
    if not gate.patients_known_:
        names.append("unknown patients")
    known = {
        "rate": gate.false_alarm_rate_,
        "wanted": gate.false_alarm_rate,
        "patients": counted(gate.n_patients_, "patient"),
        "needed": counted(patients_needed(gate.false_alarm_rate, len(gate.checks_)), "patient"),
    }
    return " ".join(CALIBRATION_SENTENCES[name].format(**known) for name in names)


def patients_needed(rate: float, n_checks: int) -> int:
    """The fewest patients that support a rate of false alarms."""
    return int(np.ceil(n_checks / rate)) - 1
