"""Write captions of explained images: probability, threshold, truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from skpneumo._formatting import class_name, require_one_name_each
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import (
    decision_threshold,
    require_probabilities,
    require_target,
)
from skpneumo.fitted import classes_of, positive_label, without_gate

__all__ = ["Subject", "subject_from_predictions", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """Predictions of one class for some images.

    Attributes
    ----------
    name : str
        Name of the class.
    probability : ndarray of shape (n_images,)
    threshold : float or None
        Probability from which on the class is predicted, if there is one.
    truth : list of str or None
        The true class of each image.
    """

    name: str
    probability: NDArray[np.float64]
    threshold: float | None
    truth: list[str] | None

    def lines(self, row: int, name: str) -> list[str]:
        """Write the caption of an image."""
        # Short, because the middle of long lines is left out.
        said = f"p = {self.probability[row]:.3f}"
        if self.threshold is not None:
            said += f", threshold {self.threshold:.3g}"
        return [name, said, *([f"truth: {self.truth[row]}"] if self.truth else [])]


def subject_of(
    estimator: Any, X: Any, y: ArrayLike | None, target: Any, target_names: Any
) -> tuple[Subject, Any]:
    """Predict, and return the class to explain as well.

    Raises
    ------
    ValueError
        If there are no probabilities, the target is unknown or missing with more than two classes,
        or the number of names or labels is wrong.
    """
    require_probabilities(estimator)
    require_target(estimator, target)
    target = positive_label(estimator, target, name="target")
    if y is not None:
        check_consistent_length(X, y)
    column = classes_of(estimator).index(target)
    probability = np.asarray(without_gate(estimator).predict_proba(X))[:, column]
    return subject_from_predictions(estimator, probability, y, target, target_names), target


def subject_from_predictions(
    estimator: Any,
    probability: NDArray[np.float64],
    y: ArrayLike | None,
    target: Any,
    target_names: Any,
) -> Subject:
    """Collect the predictions of a class.

    Raises
    ------
    ValueError
        If the number of names is not that of the classes.
    """
    classes = classes_of(estimator)
    if target_names is not None:
        require_one_name_each(target_names, classes)
    names = [class_name(label) for label in classes] if target_names is None else target_names
    named = dict(zip(classes, names, strict=True))
    truth = None
    if y is not None:
        truth = [str(named.get(label, label)) for label in np.asarray(y).tolist()]
    threshold = decision_threshold(estimator, target)
    return Subject(str(named[target]), probability, threshold, truth)
