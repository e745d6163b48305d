"""The scores and the decisions of a fitted classifier, from as few passes as it allows.

A pipeline from paths decodes every image each time it is asked, so asking it for probabilities
and then for labels costs twice as much as it should.
"""

import sys
from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.utils import column_or_1d

from skpneumo._sklearn import BaseSearchCV
from skpneumo.decision import RecallFloorClassifier

__all__ = [
    "is_network",
    "positive_of",
    "probabilities_and_labels",
    "scores_and_decisions",
    "scores_of",
    "transformers_of",
]


def scores_and_decisions(
    estimator: Any, X: Any, pos_label: Any
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Scores of the positive class, as from :func:`scores_of`, and whether ``predict`` says it.

    Not simply the more probable class: a classifier may decide at a threshold of its own.
    """
    if (decide := _labels_from_probabilities(estimator)) is not None:
        probabilities = np.asarray(estimator.predict_proba(X))
        column = np.asarray(estimator.classes_).tolist().index(pos_label)
        return probabilities[:, column].astype(float), decide(probabilities) == pos_label
    estimator, X = _past_the_transformers(estimator, X)
    return scores_of(estimator, X, pos_label), column_or_1d(estimator.predict(X)) == pos_label


def probabilities_and_labels(estimator: Any, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """What ``predict_proba`` and what ``predict`` say of the same rows."""
    if (decide := _labels_from_probabilities(estimator)) is not None:
        probabilities = np.asarray(estimator.predict_proba(X))
        return probabilities, decide(probabilities)
    estimator, X = _past_the_transformers(estimator, X)
    return np.asarray(estimator.predict_proba(X)), column_or_1d(estimator.predict(X))


def scores_of(estimator: Any, X: Any, pos_label: Any) -> NDArray[np.float64] | None:
    """Scores of the positive class; None from a classifier that has labels only."""
    column = np.asarray(estimator.classes_).tolist().index(pos_label)
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))[:, column].astype(float)
    if not hasattr(estimator, "decision_function"):
        return None
    decision = np.asarray(estimator.decision_function(X), dtype=float)
    if decision.ndim == 2:
        return decision[:, column]
    return decision if column == 1 else -decision


def is_network(classifier: Any) -> bool:
    """Whether a classifier is a network of this package."""
    # Looked up, not imported: without that module there is no instance, and no need of Keras.
    base = sys.modules.get("skpneumo.classifiers._base")
    return base is not None and isinstance(classifier, base.BaseNetworkClassifier)


def positive_of(estimator: Any) -> Any:
    """The class that a classifier's threshold is about; None for the second one."""
    if hasattr(estimator, "best_threshold_"):
        return estimator._curve_scorer._get_pos_label()
    return getattr(estimator, "pos_label_", getattr(estimator, "pos_label", None))


def transformers_of(pipeline: Pipeline) -> list[Any]:
    """List the steps before the last that ``predict`` goes through: nothing is resampled there."""
    return [
        step
        for _, step in pipeline.steps[:-1]
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]


def _labels_from_probabilities(
    estimator: Any,
) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """What its ``predict`` makes of its ``predict_proba``, where that is known."""
    while (inner := _inside(estimator)) is not None:
        estimator = inner
    if isinstance(estimator, RecallFloorClassifier):
        return estimator._labels_from_probabilities
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _labels_at_its_threshold(estimator)
    if is_network(estimator):
        return lambda probabilities: estimator.classes_[probabilities.argmax(axis=1)]
    return None


def _labels_at_its_threshold(
    estimator: FixedThresholdClassifier | TunedThresholdClassifierCV,
) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """The same of a threshold of scikit-learn's, unless it is one on the decision function."""
    inner = getattr(estimator, "estimator_", estimator.estimator)
    if estimator.response_method == "decision_function" or not hasattr(inner, "predict_proba"):
        return None
    if isinstance(estimator, FixedThresholdClassifier):
        threshold = 0.5 if estimator.threshold == "auto" else estimator.threshold
    else:
        threshold = estimator.best_threshold_
    pos_label = positive_of(estimator)
    classes = np.asarray(estimator.classes_)
    column = 1 if pos_label is None else classes.tolist().index(pos_label)

    def decide(probabilities: NDArray[Any]) -> NDArray[Any]:
        return classes[np.where(probabilities[:, column] >= threshold, column, 1 - column)]

    return decide


def _past_the_transformers(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The classifier at the end, and what it is given: what comes before is done once."""
    if isinstance(estimator, Pipeline):
        for step in transformers_of(estimator):
            X = step.transform(X)
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        inner, X = _past_the_transformers(getattr(estimator, "estimator_", estimator.estimator), X)
        estimator = copy(estimator)
        estimator.estimator_ = inner
        return estimator, X
    inner = _inside(estimator)
    return (estimator, X) if inner is None else _past_the_transformers(inner, X)


def _inside(estimator: Any) -> Any:
    """The fitted estimator whose answers another hands on unchanged; None if there is none."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    if isinstance(estimator, BaseSearchCV):
        return estimator.best_estimator_
    return None
