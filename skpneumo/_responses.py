"""Predict scores and decisions of a fitted classifier in as few passes as possible.

A pipeline of paths decodes every image in each call, so predicting probabilities and then labels
would take twice as long. An input gate is ignored, and used separately, because metrics of a
classifier are about all images.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from skpneumo._formatting import require_one_name_each
from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo.decision import RecallFloorClassifier
from skpneumo.fitted import (
    classes_of,
    gate_of,
    positive_label,
    split_transformers,
    threshold_of,
    unwrap,
    without_gate,
)

__all__ = [
    "how_to_get_probabilities",
    "is_network",
    "names_of_classes",
    "positive_column",
    "probabilities_and_labels",
    "reasons_to_withhold",
    "recall_floor_of",
    "scores_and_decisions",
    "scores_of",
]


def scores_and_decisions(
    estimator: Any, X: Any, pos_label: Any
) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """Predict scores of the positive class, and whether ``predict`` returns it.

    The decision need not be the more probable class, because a classifier can have its own
    threshold.
    """
    estimator = without_gate(estimator)
    if not hasattr(estimator, "probabilities_and_labels"):
        estimator, X = _past_the_transformers(estimator, X)
        if not _predicts_from_probabilities(estimator):
            scores = scores_of(estimator, X, pos_label)
            return scores, column_or_1d(estimator.predict(X)) == pos_label
    probabilities, labels = probabilities_and_labels(estimator, X)
    column = classes_of(estimator).index(pos_label)
    return probabilities[:, column].astype(float), labels == pos_label


def probabilities_and_labels(estimator: Any, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute ``predict_proba`` and ``predict`` of the same rows, without the input gate."""
    estimator = without_gate(estimator)
    if hasattr(estimator, "probabilities_and_labels"):  # returns both at once
        return estimator.probabilities_and_labels(X)
    estimator, X = _past_the_transformers(estimator, X)
    probabilities = np.asarray(estimator.predict_proba(X))
    if _predicts_from_probabilities(estimator):
        return probabilities, _labels_from(estimator, probabilities)
    return probabilities, column_or_1d(estimator.predict(X))


def how_to_get_probabilities(estimator: Any) -> str:
    """Advise in one sentence what to use instead of a classifier without ``predict_proba``.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.ensemble import VotingClassifier
    >>> from skpneumo._responses import how_to_get_probabilities
    >>> voting = VotingClassifier([("one", DummyClassifier())]).fit([[0], [1]], [0, 1])
    >>> how_to_get_probabilities(voting)
    "Use voting='soft' for its VotingClassifier, which needs no new fit."
    """
    for each in (estimator, *getattr(estimator, "named_steps", {}).values()):
        if getattr(each, "voting", None) == "hard":
            members = getattr(each, "estimators_", ())
            if members and all(hasattr(member, "predict_proba") for member in members):
                return "Use voting='soft' for its VotingClassifier, which needs no new fit."
            return "Use voting='soft' for its VotingClassifier, of classifiers with predict_proba."
    return "Use a classifier with predict_proba."


def names_of_classes(estimator: Any, target_names: Sequence[str] | None = None) -> list[str]:
    """Name the classes of a classifier: as asked for, or as saved with it, or by their labels."""
    labels = classes_of(estimator)
    names = getattr(estimator, "target_names_", labels) if target_names is None else target_names
    require_one_name_each(names, labels)
    return [str(name) for name in names]


def recall_floor_of(chooser: Any) -> dict[str, Any] | None:
    """Describe the guarantee of what chose a threshold, also if exported; None without one."""
    if isinstance(chooser, RecallFloorClassifier):
        return {
            "recall": float(chooser.recall),
            "confidence": float(chooser.confidence),
            "guarantee": chooser.guarantee_,
            "terms": chooser.guarantee_terms_,
        }
    return getattr(chooser, "recall_floor_", None)


def positive_column(estimator: Any, names: Sequence[str] | None = None) -> int | None:
    """Find which of two classes is positive for the commands and the server; None if unclear.

    It is the illness by the labels, or by other names than the estimator has, else the class of
    the threshold. In Python, the class of a threshold comes first.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo._responses import positive_column
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"])
    >>> positive_column(FixedThresholdClassifier(model, pos_label="NORMAL"))
    1
    """
    classes = classes_of(estimator)
    stored = [*getattr(estimator, "target_names_", classes)]
    names = stored if names is None else [*names]
    by_names, by_labels, of_threshold = _illness(names), _illness(classes), None
    with suppress(UndecidedPositiveError):
        of_threshold = classes.index(positive_label(estimator))
    # The words of stored names do not overrule numbered labels, whose last is the class that was
    # asked for in training, unless the threshold agrees with them.
    if by_names is not None and (names != stored or by_names == of_threshold):
        return by_names
    return of_threshold if by_labels is None else by_labels


def _illness(classes: list[Any]) -> int | None:
    with suppress(UndecidedPositiveError):
        return classes.index(positive_classes(classes).positive[0])
    return None


def scores_of(estimator: Any, X: Any, pos_label: Any) -> NDArray[Any] | None:
    """Predict scores of the positive class without the input gate; None if there are none.

    Scores of pairs of three or more classes, as from ``SVC(decision_function_shape="ovo")``, are
    not scores of a class.
    """
    estimator = without_gate(estimator)
    column = classes_of(estimator).index(pos_label)
    if hasattr(estimator, "predict_proba"):
        return _floats(estimator.predict_proba(X))[:, column]
    if not hasattr(estimator, "decision_function"):
        return None
    decision = _floats(estimator.decision_function(X))
    if decision.ndim == 2:
        decider = getattr(estimator, "final_estimator_", estimator)  # of stacking
        if getattr(unwrap(decider), "decision_function_shape", "") == "ovo":
            return None
        return decision[:, column]
    return decision if column == 1 else -decision


def _floats(scores: Any) -> NDArray[Any]:
    """Convert scores to floating-point numbers, those of float32 to float32."""
    converted = np.asarray(scores)
    return converted if converted.dtype.kind == "f" else converted.astype(np.float64)


def reasons_to_withhold(estimator: Any, X: Any) -> NDArray[np.object_] | None:
    """Get the reason why the input gate withholds each row, or ""; None without a gate."""
    inner = gate_of(estimator)
    if inner is None:
        return None
    for transformer in inner.transformers:
        X = transformer.transform(X)
    return inner.gate.reasons(X)


def is_network(classifier: Any) -> bool:
    """Tell whether a classifier is a network of this package."""
    # Looked up, not imported: without the module there is no instance, and Keras is not needed.
    base = sys.modules.get("skpneumo.classifiers._base")
    return base is not None and isinstance(classifier, base.BaseNetworkClassifier)


def _past_the_transformers(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Apply the transformers once, and return the classifier with its input."""
    transformers, predictor = split_transformers(estimator)
    for transformer in transformers:
        X = transformer.transform(X)
    return predictor, X


def _predicts_from_probabilities(predictor: Any) -> bool:
    """Tell whether ``predict`` is known to follow from ``predict_proba``."""
    if _compares_with_a_threshold(predictor):
        threshold = threshold_of(predictor)
        return threshold is not None and threshold.response == "predict_proba"
    has = vars(predictor)
    most_probable = "calibrated_classifiers_" in has or has.get("voting") == "soft"
    return most_probable or is_network(predictor)


def _labels_from(predictor: Any, probabilities: NDArray[Any]) -> NDArray[Any]:
    classes = np.asarray(predictor.classes_)
    if not _compares_with_a_threshold(predictor):
        return classes[probabilities.argmax(axis=1)]
    threshold = threshold_of(predictor)
    assert threshold is not None
    column = classes.tolist().index(threshold.pos_label)
    called = probabilities[:, column] >= threshold.value
    return classes[np.where(called, column, 1 - column)]


def _compares_with_a_threshold(predictor: Any) -> bool:
    """Tell whether ``predict`` is known to compare a score with a threshold."""
    return isinstance(predictor, RecallFloorClassifier) or "response_method" in vars(predictor)
