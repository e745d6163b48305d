"""Find out how a fitted model makes decisions from scores, and who chose its threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._messages import by_interface
from skpneumo._positive_class import positive_classes
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._responses import probabilities_and_labels
from skpneumo._typing import ArrayLike
from skpneumo.decision import RecallFloorClassifier
from skpneumo.fitted import classes_of, threshold_of
from skpneumo.report._wording import one_line_repr

__all__ = ["DecisionRule", "MergedPositives", "predict_and_find_rule", "rule_of_estimator"]


@dataclass(frozen=True)
class DecisionRule:
    """The rule by which scores become decisions.

    Attributes
    ----------
    origin : str
        How the threshold was chosen, in a sentence.
    threshold : float or None
        Scores from this value on count as positive; None if no threshold gives the decisions.
    floor_classifier : RecallFloorClassifier or None
        The classifier that chose the threshold, with its guarantee.
    """

    origin: str
    threshold: float | None = None
    floor_classifier: RecallFloorClassifier | None = None


def predict_and_find_rule(
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
        predictions = _predict_merged(estimator, X, y, groups, pos_label, threshold)
    else:
        predictions = predictions_of(
            estimator, X, y, groups=groups, pos_label=pos_label, threshold=threshold
        )
    if threshold is not None:
        return predictions, DecisionRule(
            "The threshold was given for this report by its author.", threshold
        )
    positives = pos_label if isinstance(pos_label, list | tuple) else [predictions.pos_label]
    return predictions, _rule_of(estimator, predictions, positives)


class MergedPositives:
    """Binary classifier that merges some classes of another one into the positive class."""

    classes_ = np.array([False, True])

    def __init__(self, estimator: Any, pos_labels: list[Any] | tuple[Any, ...]) -> None:
        known = classes_of(estimator)
        if missing := [label for label in pos_labels if label not in known]:
            raise ValueError(
                f"pos_label={list(pos_labels)!r} has {missing}, but the classes are {known}. Pass "
                "some of these."
            )
        positive_classes(known, list(pos_labels))  # raises if they are none or all
        self._estimator = estimator
        self._pos_labels = list(pos_labels)
        self._columns = np.isin(known, self._pos_labels)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return self.probabilities_and_labels(X)[0]

    def probabilities_and_labels(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Predict; an image is positive if its predicted class is, whatever the probabilities."""
        probabilities, labels = probabilities_and_labels(self._estimator, X)
        together = probabilities[:, self._columns].sum(axis=1)
        positive = np.minimum(together, 1.0)  # float32 columns may add up to slightly more
        return np.column_stack([1 - positive, positive]), np.isin(labels, self._pos_labels)


def _predict_merged(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    groups: ArrayLike,
    pos_labels: list[Any] | tuple[Any, ...],
    threshold: float | None,
) -> Predictions:
    merged = MergedPositives(estimator, pos_labels)
    known = classes_of(estimator)
    if unknown := sorted(set(y.tolist()) - set(known), key=str):
        raise ValueError(
            f"y has the labels {unknown}, but the classifier was fitted on {known}. Use the "
            "labels that it was fitted on."
        )
    return predictions_of(
        merged, X, np.isin(y, list(pos_labels)), groups=groups, pos_label=True, threshold=threshold
    )


def _rule_of(estimator: Any, predictions: Predictions, positives: Sequence[Any]) -> DecisionRule:
    if predictions.score is None:
        return DecisionRule("The model predicts labels without scores, so there is no threshold.")
    if len(estimator.classes_) > 2:
        return DecisionRule(
            "The model predicts the most probable of its classes, so there is no threshold."
        )
    rule = rule_of_estimator(estimator)
    if not _applies_to(positives, estimator):
        return DecisionRule(
            f"The decisions are those of the model's own predict, whose threshold, "
            f"{rule.threshold:.4g}, is on the scores of the other class."
        )
    if rule.threshold is None or not predictions.decided_by(rule.threshold):
        return DecisionRule(
            "The decisions are those of the model's own predict, and follow no known threshold on "
            "its scores."
        )
    return rule


def _applies_to(positives: Sequence[Any], estimator: Any) -> bool:
    """Tell whether the threshold of a binary classifier is one on the scores of its positives."""
    threshold = threshold_of(estimator)
    assert threshold is not None  # binary, with scores
    if threshold.chosen_by is None:
        return True  # halfway between the classes
    return threshold.pos_label in positives


def rule_of_estimator(estimator: Any) -> DecisionRule:
    """Find the decision rule of a binary classifier with scores."""
    threshold = threshold_of(estimator)
    assert threshold is not None  # binary, with scores
    chooser = threshold.chosen_by
    if chooser is None:
        how = (
            "the more probable class"
            if threshold.response == "predict_proba"
            else "the class by the sign of its score"
        )
        return DecisionRule(
            f"Nobody chose the threshold: the model predicts {how}. This guarantees no recall; "
            f"{by_interface(python='RecallFloorClassifier', shell='`skpneumo fit --recall`')} "
            "would.",
            threshold.value,
        )
    value = float(threshold.value)
    name = type(chooser).__name__
    if isinstance(chooser, RecallFloorClassifier):
        return DecisionRule(
            f"{name} chose the threshold in training, as the highest with a recall of patients "
            f"of at least {chooser.recall:g} with confidence {chooser.confidence:g}.",
            value,
            chooser,
        )
    if hasattr(chooser, "best_threshold_"):
        return DecisionRule(
            f"{name} chose the threshold in training, as the best for "
            f"{one_line_repr(chooser.scoring)}. It guarantees nothing.",
            value,
        )
    if hasattr(chooser, "threshold_"):
        return DecisionRule(f"{name} chose the threshold in training.", value)
    return DecisionRule(f"The threshold was set by hand ({name}). It guarantees nothing.", value)
