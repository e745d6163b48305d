"""What a report says of a promised recall floor, and when.

The unit of the promise is the patient, and so is that of the verdict. Every sentence is printed
only where it is true; the condition of each stands in the test that lists them all.
"""

from skpneumo._formatting import counted
from skpneumo._predictions import Predictions
from skpneumo.report._evaluation import ClusteredEstimate, share_of_patients_found
from skpneumo.report._wording import bracketed

__all__ = ["FLOOR_SENTENCES", "sentences_about_floor"]

FLOOR_SENTENCES = {
    "nobody": "There are no positive images here to hold the promise against.",
    "below": (
        "Of the patients here {measured} were found, every positive image of theirs called: the "
        "interval lies below the floor of {floor:g}. Such patients or images are unlike those "
        "that the threshold was chosen on, for which alone the promise is made, or the promise "
        "is one of those that are broken. Choose the threshold again, on patients like these."
    ),
    "above": (
        "Of the patients here {measured} were found, every positive image of theirs called: the "
        "interval lies above the floor of {floor:g}."
    ),
    "undecided": (
        "Of the patients here {measured} were found, every positive image of theirs called: the "
        "interval contains the floor of {floor:g}, so these patients speak neither for the "
        "promise nor against it."
    ),
    "unknown patients": (
        "Not all patients were known in training, and images of unknown ones were taken for a "
        "patient each. If some were of one patient, the promise is weaker than the table says."
    ),
}
"""Templates by name."""


def sentences_about_floor(
    predictions: Predictions, floor: float, confidence_level: float, patients_known: bool
) -> dict[str, str]:
    """The sentences that are true of these predictions, by name."""
    names = [] if patients_known else ["unknown patients"]
    share = share_of_patients_found(predictions, confidence_level)
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
