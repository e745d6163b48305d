"""Describe the guarantee of a recall floor and its conditions in words."""

from typing import Any

from skpneumo._formatting import counted

__all__ = ["GUARANTEE_SENTENCES", "terms_of_guarantee"]

GUARANTEE_SENTENCES = {
    "held out": (
        "Exact, given the fitted model: over the draw of the {positives} held out to choose the "
        "threshold, the floor of {recall:g} is kept with probability {confidence:g} or more."
    ),
    "frozen": (
        "Exact, given the frozen model, if it was fitted on other patients: over the draw of the "
        "{positives} that the threshold was chosen on, the floor of {recall:g} is kept with "
        "probability {confidence:g} or more."
    ),
    "averaged": (
        "Approximate: the floor of {recall:g} at confidence {confidence:g} is that of "
        "{n_models} models, each on patients it was not fitted on, and predictions are by their "
        "average, which no finite-sample theorem covers."
    ),
    "fitted again": (
        "Approximate: the floor of {recall:g} at confidence {confidence:g} is that of models "
        "fitted on parts of the patients, and predictions are by another, fitted on all of them, "
        "which may score new patients lower."
    ),
    "unknown patients": (
        "Some samples were taken for patients of their own; if they are not, it does not hold."
    ),
}
"""Templates by name; each is true of one way to fit."""


def terms_of_guarantee(classifier: Any, frozen: bool) -> str:
    """The sentences that are true of a fitted :class:`RecallFloorClassifier`."""
    if frozen:
        names = ["frozen"]
    elif not classifier.ensemble:
        names = ["fitted again"]
    else:
        names = ["held out" if len(classifier.estimators_) == 1 else "averaged"]
    if not classifier.patients_known_:
        names.append("unknown patients")
    known = {
        "positives": counted(classifier.n_positive_, "positive patient"),
        "recall": classifier.recall,
        "confidence": classifier.confidence,
        "n_models": len(classifier.estimators_),
    }
    return " ".join(GUARANTEE_SENTENCES[name].format(**known) for name in names)
