"""Write sentences about whether a recall floor was kept.

The guarantee is about patients, and so are the sentences. Each is printed only if it applies; a
test lists the condition of each.
"""

import numpy as np

from skpneumo._formatting import counted
from skpneumo._predictions import Predictions
from skpneumo.report._evaluation import ClusteredEstimate, clustered_share
from skpneumo.report._wording import bracketed

__all__ = ["FLOOR_SENTENCES", "sentences_about_floor"]

FLOOR_SENTENCES = {
    "nobody": "There are no positive images to check the guarantee on.",
    "below": (
        "A share of {measured} was found, with all of their positive images predicted positive. "
        "The interval lies below the floor of {floor:g}: either these patients or images are "
        "unlike those that the threshold was chosen on, for which alone the guarantee holds, or "
        "this is one of the cases in which it fails. Choose the threshold again, on patients like "
        "these."
    ),
    "above": (
        "A share of {measured} was found, with all of their positive images predicted positive. "
        "The interval lies above the floor of {floor:g}."
    ),
    "undecided": (
        "A share of {measured} was found, with all of their positive images predicted positive. "
        "The interval contains the floor of {floor:g}, so these patients neither confirm nor "
        "contradict the guarantee."
    ),
    "unknown patients": (
        "Not all patients were known in training, and images of unknown ones were counted as one "
        "patient each. If several were of one patient, the guarantee is weaker than the table "
        "states."
    ),
}
"""Sentence templates by name."""


def sentences_about_floor(
    predictions: Predictions, floor: float, confidence_level: float, patients_known: bool
) -> dict[str, str]:
    """Write the sentences that apply to these predictions, by name."""
    names = [] if patients_known else ["unknown patients"]
    share = _share_of_patients_found(predictions, confidence_level)
    names.append(_verdict(share, floor))
    known = {
        "measured": f"{bracketed(share.value, share.low, share.high)} of "
        f"{counted(share.n, 'positive patient')}",
        "floor": floor,
    }
    return {name: FLOOR_SENTENCES[name].format(**known) for name in names}


def _verdict(share: ClusteredEstimate, floor: float) -> str:
    if not share.n:
        return "nobody"
    if share.high < floor:
        return "below"
    return "above" if share.low >= floor else "undecided"


def _share_of_patients_found(
    predictions: Predictions, confidence_level: float
) -> ClusteredEstimate:
    """Estimate the share of positive patients whose positive images are all predicted positive.

    This is the recall that a recall floor guarantees. ``n`` counts patients, and the interval is
    Wilson's, as each patient has one value.
    """
    patient = predictions.patient[predictions.positive]
    ids, codes = np.unique(patient, return_inverse=True)
    if not len(ids):
        nobody = np.zeros(predictions.n_patients, dtype=bool)
        return clustered_share(nobody, nobody, np.arange(len(nobody)), confidence_level)
    missed = np.bincount(codes, ~predictions.predicted[predictions.positive]) > 0
    return clustered_share(
        ~missed, np.ones(len(ids), dtype=bool), np.arange(len(ids)), confidence_level
    )
