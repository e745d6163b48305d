"""Captions of explained images: probability, threshold, truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from skpneumo._formatting import class_name
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import (
    decision_threshold,
    require_probabilities,
    require_target,
)
from skpneumo.fitted import positive_label, without_gate

__all__ = ["Subject", "subject_of", "subject_said"]


@dataclass(frozen=True)
class Subject:
    """What a classifier says of some images about one class.

    Attributes
    ----------
    name : str
        The class, as people write it.
    probability : ndarray of shape (n_images,)
    threshold : float or None
        Probability from which on the class is called, where there is one.
    truth : list of str or None
        The true class of each image.
    """

    name: str
    probability: NDArray[np.float64]
    threshold: float | None
    truth: list[str] | None

    def lines(self, row: int, name: str) -> list[str]:
        """The caption of an image."""
        # Short: long lines lose their middle.
        said = f"p = {self.probability[row]:.3f}"
        if self.threshold is not None:
            said += f", threshold {self.threshold:.3g}"
        return [name, said, *([f"truth: {self.truth[row]}"] if self.truth else [])]


def subject_of(
    estimator: Any, X: Any, y: ArrayLike | None, target: Any, target_names: Any
) -> tuple[Subject, Any]:
    """Predict; also return the class that the maps are about.

    Raises
    ------
    ValueError
        If there are no probabilities, the classes are more than two and none is named, or it
        is unknown, or there are not as many names as classes, or labels as images.
    """
    require_probabilities(estimator)
    require_target(estimator, target)
    target = positive_label(estimator, target, name="target")
    if y is not None:
        check_consistent_length(X, y)
    column = np.asarray(estimator.classes_).tolist().index(target)
    probability = np.asarray(without_gate(estimator).predict_proba(X))[:, column]
    return subject_said(estimator, probability, y, target, target_names), target


def subject_said(
    estimator: Any,
    probability: NDArray[np.float64],
    y: ArrayLike | None,
    target: Any,
    target_names: Any,
) -> Subject:
    """Put together what has been predicted of a class.

    Raises
    ------
    ValueError
        If there are not as many names as classes.
    """
    classes = np.asarray(estimator.classes_).tolist()
    if target_names is not None and len(target_names) != len(classes):
        raise ValueError(
            f"Got {len(target_names)} target_names for the {len(classes)} classes {classes}."
        )
    names = [class_name(label) for label in classes] if target_names is None else target_names
    named = dict(zip(classes, names, strict=True))
    truth = None
    if y is not None:
        truth = [str(named.get(label, label)) for label in np.asarray(y).tolist()]
    threshold = decision_threshold(estimator, target)
    return Subject(str(named[target]), probability, threshold, truth)
