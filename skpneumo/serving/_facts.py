"""Describe the served model: classes, decision, versions and notice."""

import re
from dataclasses import asdict
from typing import Any

from skpneumo import __version__
from skpneumo._machine import installed_versions
from skpneumo._responses import is_network, recall_floor_of
from skpneumo.fitted import classes_of, classifiers_of, gate_of, threshold_of
from skpneumo.persistence import OnnxClassifier
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import METHODS, ServedModel

__all__ = ["NOTICE", "model_facts", "notice_of"]

NOTICE = (
    "Not a medical device, and not for diagnosis, triage or any other decision about a patient."
)

_PACKAGES = ("scikit-learn", "keras", "tensorflow", "onnxruntime", "numpy", "pillow", "pydicom")


def model_facts(model: ServedModel, limits: Limits) -> dict[str, Any]:
    """Collect the facts for ``GET /model``."""
    return {
        "name": model.facts.get("name", type(model.estimator).__name__),
        "sha256": model.facts.get("sha256"),
        "classes": model.names,
        "positive": None if model.positive is None else model.names[model.positive],
        "threshold": model.threshold,
        "upper_threshold": model.upper_threshold,
        "decision": _decision(model),
        "recall_floor": _recall_floor(model),
        "gate": _gate(model),
        "methods": _methods(model.estimator),
        "limits": asdict(limits),
        "versions": {"skpneumo": __version__} | installed_versions(_PACKAGES),
        "notice": notice_of(model.facts.get("notice")),
    }


# Sentences that the notice of every model already covers.
_SAME_AS_NOTICE = re.compile(
    r"(this is )?(no|not a) medical device(, and (no diagnosis follows|not for diagnosis).*)?[.!]",
    re.IGNORECASE,
)


def notice_of(own: str | None) -> str:
    """Combine the notice of every model with the model's own.

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
    added = [each for each in sentences if each and not _SAME_AS_NOTICE.fullmatch(each)]
    return " ".join([NOTICE, *added])


def _decision(model: ServedModel) -> str:
    if len(model.names) != 2:
        return "The label is the most probable class."
    rule, threshold = model.rule, threshold_of(model.estimator)
    is_own = threshold is not None and threshold.chosen_by is not None
    if rule is None or (rule.column != model.positive and not is_own):
        return "The label is that of the model's own predict."
    name = model.names[rule.column]
    when = f"from a probability of {rule.lower:.4g} on"
    if rule.column != model.positive:  # whose probability is shown
        when = f"where the probability of {name} is at least {rule.lower:.4g}"
    said = f"The label is {name} {when}."
    if rule.upper is None:
        return said
    return f"{said} Below {rule.upper:.4g} such images should be referred to a person."


def _recall_floor(model: ServedModel) -> dict[str, Any] | None:
    """Describe the guarantee of a recall floor, and of which class; None if there is none."""
    threshold = threshold_of(model.estimator)
    floor = None if threshold is None else recall_floor_of(threshold.chosen_by)
    if threshold is None or floor is None:
        return None
    positive = classes_of(model.estimator).index(threshold.pos_label)
    return {"positive": model.names[positive], **floor}


def _gate(model: ServedModel) -> dict[str, Any] | None:
    """Describe the input gate; None if there is none."""
    inner = gate_of(model.estimator)
    if inner is None:
        return None
    return {
        "false_alarm_rate": float(inner.gate.false_alarm_rate_),
        "withholds": model.withholds,
        "terms": inner.gate.terms_,
    }


def _methods(estimator: Any) -> list[str]:
    """List the methods that can explain a model; an exported one cannot be explained."""
    if isinstance(estimator, OnnxClassifier):
        return []
    networks = all(is_network(each.classifier) for each in classifiers_of(estimator))
    return list(METHODS) if networks else ["occlusion"]
