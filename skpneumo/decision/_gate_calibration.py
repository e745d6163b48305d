"""Choose the thresholds of an input gate, and say what they guarantee."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted
from skpneumo.decision._clearance import just_above

__all__ = ["CALIBRATION_SENTENCES", "GateThresholds", "choose_thresholds", "terms_of_gate"]

CALIBRATION_SENTENCES = {
    "rate": (
        "Of new patients like those of the training data, a share of about {rate:.2g} or less has "
        "an image withheld, whether unchanged, mirrored or rotated by up to 10 degrees."
    ),
    "few": (
        "{patients} are too few for the rate of {wanted:g} asked for, which needs {needed}, so "
        "the thresholds are the highest scores observed."
    ),
    "fitted": (
        "Calibrated on {patients} that the model was fitted on, but the checks were not. If the "
        "model has overfitted, more of the images of new patients are withheld."
    ),
    "held out": "Calibrated on {patients} that neither the model nor any check was fitted on.",
    "frozen": (
        "Calibrated on {patients} that no check was fitted on. Whether the frozen model was "
        "fitted on them is not known; if it was, more of the images of new patients may be "
        "withheld."
    ),
    "unknown patients": (
        "Some images have no known patient and were counted as one patient each. If several are "
        "of one patient, more are withheld than stated."
    ),
}
"""Sentence templates; the key names the condition under which each is said."""


class GateThresholds(NamedTuple):
    """The threshold of each check, which fails above it, and their false alarm rate."""

    thresholds: NDArray[np.float64]
    rate: float


def choose_thresholds(
    scores: NDArray[np.float64], patients: NDArray[np.intp], rate: float
) -> GateThresholds:
    """Choose the thresholds, exceeded by the same number of patients in every check.

    Parameters
    ----------
    scores : ndarray of shape (n_images, n_checks)
        Scores of images that should pass, from checks that were fitted on other patients.
    patients : ndarray of int, shape (n_images,)
        The patient of each image. A patient's score is the highest of their images' scores.
    rate : float
        Share of patients who may exceed at least one threshold.

    Returns
    -------
    thresholds : GateThresholds
        The same number of patients exceeds each threshold, the greatest number for which the share
        of patients above any threshold stays below ``rate``. With too few patients, its own
        ``rate`` is greater: a new patient has the highest score of all by chance.
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
    # Any number above the highest score can be a score of a new image.
    columns = np.vstack([scores, np.full(n_checks, np.inf)]).T
    clear = [just_above(*each) for each in zip(best.thresholds, columns, strict=True)]
    return GateThresholds(np.array(clear), best.rate)


def terms_of_gate(gate: Any) -> str:
    """Describe the false alarm rate of a fitted :class:`InputGate` and its conditions."""
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
    """Compute the smallest number of patients that supports a false alarm rate."""
    return int(np.ceil(n_checks / rate)) - 1
