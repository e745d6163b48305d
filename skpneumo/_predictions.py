"""What an evaluation works on: labels, scores, decisions and patients of the same images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import (
    assert_all_finite,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)

from skpneumo._paths import check_paths, filenames_of
from skpneumo._patients import patients_of
from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo._responses import scores_and_decisions, scores_of
from skpneumo._typing import ArrayLike
from skpneumo.fitted import positive_label, threshold_of

__all__ = [
    "Predictions",
    "check_labels",
    "check_positive_label",
    "check_same_kind",
    "common_positive_label",
    "predictions_and_threshold",
    "predictions_of",
]

_MOST_LISTED = 5


@dataclass(frozen=True)
class Predictions:
    """Binary predictions of images that belong to patients.

    Attributes
    ----------
    positive : ndarray of bool, shape (n_images,)
        Whether the image truly is of the positive class.
    predicted : ndarray of bool, shape (n_images,)
        Whether it was called positive.
    score : ndarray of float, shape (n_images,), or None
        Greater means more likely positive.
    patient : ndarray of int, shape (n_images,)
        Code of the patient, from 0 without gaps.
    filenames : ndarray of str, shape (n_images,), or None
    pos_label : label
        Which label is the positive one.
    withheld : ndarray of bool, shape (n_images,), or None
        Whether an input gate withholds the image; None without one.
    """

    positive: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    score: NDArray[np.float64] | None
    patient: NDArray[np.intp]
    filenames: NDArray[np.object_] | None
    pos_label: Any
    withheld: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.patient.max()) + 1

    @property
    def clustered(self) -> bool:
        """Whether some patient has several images."""
        return self.n_patients < len(self)

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores can be probabilities."""
        return self.score is not None and bool(self.score.min() >= 0 and self.score.max() <= 1)

    def rows(self, mask: NDArray[np.bool_]) -> "Predictions":
        """The predictions of some of the images."""
        return Predictions(
            positive=self.positive[mask],
            predicted=self.predicted[mask],
            score=None if self.score is None else self.score[mask],
            patient=np.unique(self.patient[mask], return_inverse=True)[1],
            filenames=None if self.filenames is None else self.filenames[mask],
            pos_label=self.pos_label,
            withheld=None if self.withheld is None else self.withheld[mask],
        )

    def follow(self, threshold: float) -> bool:
        """Whether this threshold on the scores tells the decisions, ties aside."""
        if self.score is None:
            return False
        called = self.score >= threshold
        return bool(((called == self.predicted) | (self.score == threshold)).all())

    def labelled(self, pos_label: Any) -> "Predictions":
        """The same predictions under the caller's name of the positive class."""
        return replace(self, pos_label=pos_label)

    @classmethod
    def of(
        cls,
        y: ArrayLike,
        y_score: ArrayLike | None = None,
        y_pred: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        filenames: Any = None,
        pos_label: Any = None,
        threshold: float | None = None,
        withheld: ArrayLike | None = None,
    ) -> "Predictions":
        """Check labels, scores and decisions, and derive what is not given.

        Raises
        ------
        ValueError
            If lengths differ, nothing is given, labels are not binary, a label is missing, some
            are text and others numbers, a predicted label is unknown, a score is not finite, a
            patient is missing, or the decisions are given twice or cannot be derived.
        """
        labels = check_labels(y)
        called = None if y_pred is None else check_labels(y_pred, "y_pred")
        filenames = None if filenames is None else check_paths(filenames)
        score = None if y_score is None else _check_scores(y_score)
        withheld = None if withheld is None else column_or_1d(withheld).astype(bool)
        check_consistent_length(labels, score, called, filenames, withheld)
        pos_label = _positive_label(labels, called, pos_label)
        if called is not None and threshold is not None:
            raise ValueError(
                f"Got both y_pred and threshold={threshold}: the decisions are known already. "
                "Pass one of them."
            )
        if called is not None:
            predicted = called == pos_label
        elif score is None:
            raise ValueError("Nothing to evaluate: pass y_score, y_pred or both.")
        else:
            predicted = score >= _check_threshold(threshold, score)
        patients = patients_of(None, len(labels), groups, filenames=filenames, stacklevel=4)
        return cls(
            positive=labels == pos_label,
            predicted=predicted,
            score=score,
            patient=np.unique(patients, return_inverse=True)[1],
            filenames=filenames,
            pos_label=pos_label,
            withheld=withheld,
        )


def predictions_of(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    threshold: float | None = None,
) -> Predictions:
    """Predict with a fitted classifier; decide by its ``predict`` or by a threshold.

    An input gate is looked through: nothing is withheld, and ``withheld`` is None.
    """
    labels = check_labels(y)
    classes = np.asarray(estimator.classes_).tolist()
    if unknown := sorted(set(labels.tolist()) - set(classes), key=str):
        raise ValueError(
            f"y has the labels {_listed(unknown)}, which the classifier does not know: it was "
            f"fitted on {classes}. Use the labels it was fitted on."
        )
    pos_label = positive_label(estimator, pos_label)
    patients = patients_of(X, len(labels), groups)  # before minutes of predicting
    called = None
    if threshold is None:
        score, called = scores_and_decisions(estimator, X, pos_label)
    else:
        score = scores_of(estimator, X, pos_label)
        if score is None:
            raise _no_scores(estimator)
    return Predictions.of(
        # Against the rest, when there are more than two classes.
        labels == pos_label,
        score,
        called,
        groups=patients,
        filenames=filenames_of(X),
        pos_label=True,
        threshold=threshold,
    ).labelled(pos_label)


def predictions_and_threshold(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
) -> tuple[Predictions, float | None]:
    """Predict scores, and find the threshold on them at which the classifier decides.

    It is None where no one threshold tells the decisions.
    """
    pos_label = positive_label(estimator, pos_label)
    claimed = threshold_of(estimator)
    if claimed is not None and claimed.chosen_by is None:
        # Nobody chose 0.5, and some classifiers do not decide by it.
        predictions = predictions_of(estimator, X, y, groups=groups, pos_label=pos_label)
        return predictions, claimed.value if predictions.follow(claimed.value) else None
    predictions = predictions_of(
        estimator, X, y, groups=groups, pos_label=pos_label, threshold=np.inf
    )
    scores_from = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    if claimed is None or claimed.response != scores_from:
        return predictions, None
    return predictions, claimed.on_scores_of(pos_label)


def common_positive_label(estimators: Sequence[Any]) -> Any:
    """The class whose recall is meant, of classifiers that are to be compared."""
    label, *others = [positive_label(each) for each in estimators]
    if any(other != label for other in others):
        raise ValueError(
            f"The classifiers' thresholds are about different classes, {[label, *others]}. Pass "
            "the one whose recall is meant as pos_label."
        )
    return label


def _no_scores(estimator: Any) -> ValueError:
    return ValueError(
        f"{type(estimator).__name__} has neither predict_proba nor decision_function, so "
        "there are no scores to put a threshold on. Use a classifier that has one of them."
    )


def check_labels(y: ArrayLike, name: str = "y") -> NDArray[Any]:
    """Bring labels to a non-empty 1-D array of one kind, without missing ones."""
    import pandas as pd

    # By way of objects: numpy would write out as text what is missing, or a number, among text.
    entries: NDArray[Any] = column_or_1d(np.asarray(y, dtype=object))
    if not len(entries):
        raise ValueError(
            f"{name} has no labels: there are no images to evaluate. Check the folder, the split "
            "or the mask that they were selected by."
        )
    missing = np.flatnonzero(pd.isna(entries))
    if len(missing):
        raise ValueError(
            f"{name} lacks the label of {len(missing)} of {len(entries)} images, the first in "
            f"row {missing[0]}. Label these images, or drop them."
        )
    is_text = np.array([isinstance(each, str) for each in entries])
    if is_text.any() and not is_text.all():
        text, number = entries[is_text][0], entries[~is_text][0]
        raise ValueError(
            f"{name} has labels that are text, such as {text!r}, and others that are not, such "
            f"as {number!r}, so they never equal each other. Make them all text, or all numbers."
        )
    return np.array(entries.tolist())


def check_same_kind(y: NDArray[Any], y_pred: NDArray[Any], name: str = "y_pred") -> None:
    """Refuse labels of which some are text and the others numbers: none would equal another.

    Both come from :func:`check_labels`.
    """
    if (y.dtype.kind == "U") != (y_pred.dtype.kind == "U"):
        raise ValueError(
            f"y has labels such as {y[:1].tolist()[0]!r}, {name} such as "
            f"{y_pred[:1].tolist()[0]!r}: text never equals a number. Bring both to one type."
        )


def check_positive_label(labels: NDArray[Any], pos_label: Any) -> Any:
    """Refuse a positive label that two or more labels do not include.

    One label alone may be the negative one.
    """
    known = np.unique(labels).tolist()
    if pos_label not in known and len(known) > 1:
        raise ValueError(
            f"pos_label={pos_label!r} is not one of the labels {_listed(known)}. Pass the one "
            "whose recall is meant."
        )
    return pos_label


def _check_scores(y_score: ArrayLike) -> NDArray[np.float64]:
    score = np.asarray(y_score)
    if score.ndim == 2 and score.shape[1] > 1:
        raise ValueError(
            f"y_score has shape {score.shape}; expected the scores of the positive class alone, "
            "shape (n_images,). Of predict_proba pass the column of the positive class."
        )
    score = column_or_1d(score).astype(float)
    assert_all_finite(score, input_name="y_score")
    return score


def _check_threshold(threshold: float | None, score: NDArray[np.float64]) -> float:
    if threshold is not None:
        check_scalar(threshold, "threshold", Real)
        if np.isnan(threshold):
            raise ValueError("threshold is NaN, and no score is at least that. Pass a number.")
        return threshold
    if score.min() < 0 or score.max() > 1:
        raise ValueError(
            f"The scores range from {score.min():g} to {score.max():g}, so they are no "
            "probabilities and 0.5 is no threshold for them. Pass y_pred or threshold."
        )
    return 0.5


def _positive_label(y: NDArray[Any], y_pred: NDArray[Any] | None, pos_label: Any) -> Any:
    if y_pred is None:
        labels = np.unique(y)
    else:
        check_same_kind(y, y_pred)
        labels = np.union1d(y, y_pred)
    known = labels.tolist()
    if len(known) > 2:
        raise ValueError(
            f"Expected two classes, got the labels {_listed(known)}. Compare one class with the "
            "rest by passing y == label, or fix the labels."
        )
    if pos_label is not None:
        return check_positive_label(labels, pos_label)
    if set(known) <= {0, 1} or set(known) <= {-1, 1}:
        return 1
    if len(known) < 2:
        raise ValueError(
            f"The only label is {known[0]!r}, which may be the positive or the negative one. "
            "Pass pos_label."
        )
    return _refuse_healthy(known[1], known)


def _listed(labels: list[Any]) -> str:
    """The labels, or the first few where they are as many as scores or file names."""
    if len(labels) <= _MOST_LISTED:
        return str(labels)
    first = ", ".join(repr(label) for label in labels[:_MOST_LISTED])
    return f"[{first}, ...], {len(labels):,} in all"


def _refuse_healthy(label: Any, classes: list[Any]) -> Any:
    """The greater of two labels, whose scores they usually are, if it is the illness."""
    try:
        positive = positive_classes(classes).positive[0]
    except UndecidedPositiveError:
        raise UndecidedPositiveError(
            f"Nothing tells which of the labels {classes} is the illness, whose recall is meant. "
            f"Pass pos_label={label!r} or pos_label={classes[0]!r}.",
            classes,
        ) from None
    if positive != label:
        raise ValueError(
            f"Of the labels {classes} the greater is {label!r}, hardly the one whose recall is "
            f"meant. Pass pos_label={classes[0]!r}."
        )
    return label
