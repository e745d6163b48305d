"""What the server says of its model: classes, decision, versions, and what it is not."""

import re
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from skpneumo import __version__
from skpneumo._responses import is_network
from skpneumo.decision import RecallFloorClassifier
from skpneumo.fitted import classifiers_of, threshold_of
from skpneumo.persistence import OnnxClassifier
from skpneumo.serving._gate import gate_facts
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import METHODS, ServedModel

__all__ = ["NOTICE", "model_facts", "notice_of"]

NOTICE = (
    "Not a medical device, and not for diagnosis, triage or any other decision about a patient."
)

_PACKAGES = ("scikit-learn", "keras", "tensorflow", "onnxruntime", "numpy", "pillow", "pydicom")


def model_facts(model: ServedModel, limits: Limits) -> dict[str, Any]:
    """All that ``GET /model`` says."""
    return {
        "name": model.facts.get("name", type(model.estimator).__name__),
        "sha256": model.facts.get("sha256"),
        "classes": model.names,
        "positive": None if model.positive is None else model.names[model.positive],
        "threshold": model.threshold,
        "upper_threshold": model.upper_threshold,
        "decision": _decision(model),
        "recall_floor": _recall_floor(model.estimator),
        "gate": gate_facts(model.estimator),
        "methods": _methods(model.estimator),
        "limits": asdict(limits),
        "versions": _versions(),
        "notice": notice_of(model.facts.get("notice")),
    }


# A sentence of which nothing is left to say beside the notice of every model.
_SAYS_THE_SAME = re.compile(
    r"(this is )?(no|not a) medical device(, and (no diagnosis follows|not for diagnosis).*)?[.!]",
    re.IGNORECASE,
)


def notice_of(own: str | None) -> str:
    """What every model is not, and what a model's own notice adds to that.

    Examples
    --------
    >>> from skpneumo.serving._facts import notice_of
    >>> said = notice_of("This is no medical device. It knows children only.")
    >>> said.removeprefix("Not a medical device, and not for diagnosis, triage or ")
    'any other decision about a patient. It knows children only.'
    >>> notice_of("No medical device, and not for adults.").endswith("and not for adults.")
    True
    """
    sentences = re.split(r"(?<=[.!?])\s+", own or "")
    added = [each for each in sentences if each and not _SAYS_THE_SAME.fullmatch(each)]
    return " ".join([NOTICE, *added])


def _decision(model: ServedModel) -> str:
    if model.positive is None:
        return "The label is the most probable class."
    name, threshold = model.names[model.positive], model.threshold
    if threshold is None:
        return "The label is that of the model's own predict."
    said = f"The label is {name} from a probability of {threshold:.4g} on."
    if model.upper_threshold is None:
        return said
    return f"{said} Below {model.upper_threshold:.4g} such images are to be referred to a person."


def _recall_floor(estimator: Any) -> dict[str, Any] | None:
    """What a recall floor promises; None where nothing is promised."""
    threshold = threshold_of(estimator)
    chosen = None if threshold is None else threshold.chosen_by
    if isinstance(chosen, RecallFloorClassifier):
        return {
            "recall": float(chosen.recall),
            "confidence": float(chosen.confidence),
            "guarantee": chosen.guarantee_,
            "terms": chosen.guarantee_terms_,
        }
    # An exported model has the same as its file says it.
    said = getattr(chosen, "guarantee_", None)
    return dict(said) if isinstance(said, dict) else None


def _methods(estimator: Any) -> list[str]:
    """Explanation methods that fit; those of networks need one, and a file hides its images."""
    if isinstance(estimator, OnnxClassifier):
        return []
    networks = all(is_network(each.classifier) for each in classifiers_of(estimator))
    return list(METHODS) if networks else ["occlusion"]


def _versions() -> dict[str, str]:
    found = {"skpneumo": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
