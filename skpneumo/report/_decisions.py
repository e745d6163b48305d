"""How a fitted model turns scores into decisions, and who chose the threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._paths import filenames_of
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._responses import probabilities_and_labels
from skpneumo._typing import ArrayLike
from skpneumo.decision import RecallFloorClassifier
from skpneumo.fitted import threshold_of
from skpneumo.report._wording import described

__all__ = ["DecisionRule", "TakenTogether", "claimed_rule", "decided"]


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
    if isinstance(pos_label, list | tuple):
        predictions = _taken_together(estimator, X, y, groups, pos_label, threshold)
    else:
        predictions = predictions_of(
            estimator, X, y, groups=groups, pos_label=pos_label, threshold=threshold
        )
    if threshold is not None:
        return predictions, DecisionRule(
            "The threshold was given for this report by its author.", threshold
        )
    return predictions, _rule_of(estimator, predictions)


class TakenTogether:
    """A classifier of many classes as one that tells some of them from the rest."""

    classes_ = np.array([False, True])

    def __init__(self, estimator: Any, pos_labels: list[Any] | tuple[Any, ...]) -> None:
        known = np.asarray(estimator.classes_).tolist()
        if missing := [label for label in pos_labels if label not in known]:
            raise ValueError(
                f"pos_label={list(pos_labels)!r} has {missing}, not among the classes {known}."
            )
        self._estimator = estimator
        self._pos_labels = list(pos_labels)
        self._columns = np.isin(known, self._pos_labels)

    def positive(self, probabilities: NDArray[Any]) -> NDArray[np.float64]:
        """The probability of all that is positive."""
        together = np.asarray(probabilities)[:, self._columns].sum(axis=1)
        return np.minimum(together, 1.0)  # float32 columns may add up to a little more

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return self.probabilities_and_labels(X)[0]

    def probabilities_and_labels(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Positive is what the classifier calls by one of the classes, whatever their sum is."""
        probabilities, labels = probabilities_and_labels(self._estimator, X)
        positive = self.positive(probabilities)
        return np.column_stack([1 - positive, positive]), np.isin(labels, self._pos_labels)


def _taken_together(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    groups: ArrayLike,
    pos_labels: list[Any] | tuple[Any, ...],
    threshold: float | None,
) -> Predictions:
    one = TakenTogether(estimator, pos_labels)
    known = np.asarray(estimator.classes_).tolist()
    if unknown := sorted(set(y.tolist()) - set(known), key=str):
        raise ValueError(
            f"y has the labels {unknown}, which the classifier does not know: it was fitted "
            f"on {known}. Use the labels it was fitted on."
        )
    probabilities, labels = probabilities_and_labels(estimator, X)
    return Predictions.of(
        np.isin(y, list(pos_labels)),
        one.positive(probabilities),
        np.isin(labels, list(pos_labels)) if threshold is None else None,
        groups=groups,
        filenames=filenames_of(X),
        pos_label=True,
        threshold=threshold,
    )


def _rule_of(estimator: Any, predictions: Predictions) -> DecisionRule:
    if predictions.score is None:
        return DecisionRule("The model has labels only, no scores, and so no threshold.")
    if len(estimator.classes_) > 2:
        return DecisionRule("The model names the most probable of its classes; no threshold.")
    rule = claimed_rule(estimator)
    if rule.threshold is None or not predictions.follow(rule.threshold):
        return DecisionRule(
            "The decisions are those of the model's own predict. No threshold on its scores "
            "that is known here tells them."
        )
    return rule


def claimed_rule(estimator: Any) -> DecisionRule:
    """The rule that an estimator of two classes with scores says it follows."""
    threshold = threshold_of(estimator)
    assert threshold is not None  # of two classes, with scores
    chooser = threshold.chosen_by
    if chooser is None:
        how = (
            "what is more probable than not"
            if threshold.response == "predict_proba"
            else "by the sign of its score"
        )
        return DecisionRule(
            f"Nobody chose the threshold: the model calls {how}. That promises nothing about "
            "recall; RecallFloorClassifier, or skpneumo fit --recall, would.",
            threshold.value,
        )
    value = float(threshold.value)
    name = type(chooser).__name__
    if isinstance(chooser, RecallFloorClassifier):
        return DecisionRule(
            f"{name} chose the threshold in training, as the highest that keeps the recall of "
            f"patients at {chooser.recall:g} or more with confidence {chooser.confidence:g}.",
            value,
            chooser,
        )
    if hasattr(chooser, "best_threshold_"):
        return DecisionRule(
            f"{name} chose the threshold in training, as the best for "
            f"{described(chooser.scoring)}. It promises nothing.",
            value,
        )
    if hasattr(chooser, "threshold_"):
        return DecisionRule(f"{name} chose the threshold in training.", value)
    return DecisionRule(f"The threshold was fixed by hand ({name}). It promises nothing.", value)
