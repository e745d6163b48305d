"""How a fitted model turns scores into decisions, and who chose the threshold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from skpneumo.decision import RecallFloorClassifier
from skpneumo.evaluation._predictions import Predictions, predictions_of
from skpneumo.report._wording import described

__all__ = ["DecisionRule", "decided"]


@dataclass(frozen=True)
class DecisionRule:
    """How scores become decisions.

    Attributes
    ----------
    origin : str
        Where the threshold comes from, in a sentence.
    threshold : float or None
        Scores of at least this are called positive; None if no threshold tells the decisions.
    promise : RecallFloorClassifier or None
        The one that chose the threshold, with what it promised.
    """

    origin: str
    threshold: float | None = None
    promise: RecallFloorClassifier | None = None


def decided(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    *,
    groups: ArrayLike,
    pos_label: Any,
    threshold: float | None,
) -> tuple[Predictions, DecisionRule]:
    """Predict, and find the rule that the predictions follow."""
    inner, labels = estimator, y
    if isinstance(pos_label, list | tuple):
        inner = _OneOfSeveral(estimator, pos_label)
        if unknown := sorted(set(y.tolist()) - set(inner.known), key=str):
            raise ValueError(
                f"y has the labels {unknown}, which the classifier does not know: it was fitted "
                f"on {inner.known}. Use the labels it was fitted on."
            )
        labels, pos_label = np.isin(y, list(pos_label)), True
    predictions = predictions_of(
        inner, X, labels, groups=groups, pos_label=pos_label, threshold=threshold
    )
    if threshold is not None:
        return predictions, DecisionRule(
            "The threshold was given for this report by its author.", threshold
        )
    return predictions, _rule_of(estimator, predictions)


class _OneOfSeveral:
    """A classifier of many classes as one that tells some of them from the rest."""

    def __init__(self, estimator: Any, pos_labels: list[Any] | tuple[Any, ...]) -> None:
        self.known = np.asarray(estimator.classes_).tolist()
        if missing := [label for label in pos_labels if label not in self.known]:
            raise ValueError(
                f"pos_label={list(pos_labels)!r} has {missing}, not among the classes "
                f"{self.known}."
            )
        self._estimator = estimator
        self._pos_labels = list(pos_labels)
        self.classes_ = np.array([False, True])

    def predict(self, X: Any) -> NDArray[np.bool_]:
        return np.isin(self._estimator.predict(X), self._pos_labels)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        columns = np.isin(self.known, self._pos_labels)
        positive = np.asarray(self._estimator.predict_proba(X))[:, columns].sum(axis=1)
        positive = np.minimum(positive, 1.0)  # float32 columns may add up to a little more
        return np.column_stack([1 - positive, positive])


def _rule_of(estimator: Any, predictions: Predictions) -> DecisionRule:
    if predictions.score is None:
        return DecisionRule("The model has labels only, no scores, and so no threshold.")
    if len(estimator.classes_) > 2:
        return DecisionRule("The model names the most probable of its classes; no threshold.")
    rule = _claimed_rule(estimator, predictions)
    assert rule.threshold is not None
    score, called = predictions.score, predictions.predicted
    follows = ((score >= rule.threshold) == called) | (score == rule.threshold)
    if not follows.all():
        return DecisionRule(
            "The decisions are those of the model's own predict. No threshold on its scores "
            "that is known here tells them."
        )
    return rule


def _claimed_rule(estimator: Any, predictions: Predictions) -> DecisionRule:
    for each in _holders(estimator):
        if isinstance(each, RecallFloorClassifier):
            return DecisionRule(
                "RecallFloorClassifier chose the threshold in training, as the highest that keeps "
                f"the recall of patients at {each.recall:g} or more with confidence "
                f"{each.confidence:g}.",
                each.threshold_,
                each,
            )
        if isinstance(each, TunedThresholdClassifierCV):
            return DecisionRule(
                "TunedThresholdClassifierCV chose the threshold in training, as the best for "
                f"{described(each.scoring)}. It promises nothing.",
                float(each.best_threshold_),
            )
        if isinstance(each, FixedThresholdClassifier) and each.threshold != "auto":
            return DecisionRule(
                "The threshold was fixed by hand (FixedThresholdClassifier). It promises nothing.",
                float(each.threshold),
            )
    if predictions.has_probabilities:
        return DecisionRule(
            "Nobody chose the threshold: the model calls what is more probable than not. That "
            "promises nothing about recall; RecallFloorClassifier would.",
            0.5,
        )
    return DecisionRule(
        "Nobody chose the threshold: the model calls by the sign of its score. That promises "
        "nothing about recall; RecallFloorClassifier would.",
        0.0,
    )


def _holders(estimator: Any) -> Iterator[Any]:
    """The estimator, what it holds, and so on inwards, as far as decisions are handed on."""
    while estimator is not None:
        yield estimator
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            estimator = None
