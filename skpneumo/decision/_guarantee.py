"""State in words what a recall floor guarantees, and under which conditions."""

from typing import Any

from skpneumo._formatting import counted

__all__ = ["GUARANTEE_SENTENCES", "terms_of_guarantee"]

GUARANTEE_SENTENCES = {
    "held out": (
        "Exact, given the fitted model: over random samples of the {positives} held out to choose "
        "the threshold, recall is at least {recall:g} with probability {confidence:g} or more."
    ),
    "frozen": (
        "Exact, given the frozen model, if it was fitted on other patients: over random samples "
        "of the {positives} that the threshold was chosen on, recall is at least {recall:g} with "
        "probability {confidence:g} or more."
    ),
    "averaged": (
        "Approximate: a recall of {recall:g} at confidence {confidence:g} was established for "
        "{n_models} models, each on patients it was not fitted on. Predictions are their average, "
        "which no finite-sample theorem covers."
    ),
    "fitted again": (
        "Approximate: a recall of {recall:g} at confidence {confidence:g} was established for "
        "models fitted on parts of the patients. Predictions are by another model, fitted on all "
        "of them, which may score new patients lower."
    ),
    "unknown patients": (
        "Some samples have no known patient and were counted as one patient each. If several are "
        "of one patient, the guarantee does not hold."
    ),
}
"""Sentence templates; the key names the way of fitting that each describes."""


def terms_of_guarantee(classifier: Any, frozen: bool) -> str:
    """Describe the guarantee of a fitted :class:`RecallFloorClassifier`."""
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
