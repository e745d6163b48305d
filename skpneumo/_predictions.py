"""The input of an evaluation: labels, scores, decisions and patients of the same images."""

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

from skpneumo._missing_labels import label_entries, refuse_missing_or_mixed_labels
from skpneumo._paths import check_paths, filenames_of
from skpneumo._patients import patients_of
from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo._responses import scores_and_decisions, scores_of
from skpneumo._typing import ArrayLike
from skpneumo.fitted import classes_of, positive_label, threshold_of, without_gate

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
_ROUNDING = 1e-6  # the next number after 1 in float32 is a threshold above all probabilities


@dataclass(frozen=True)
class Predictions:
    """Binary predictions of images that belong to patients.

    Attributes
    ----------
    positive : ndarray of bool, shape (n_images,)
        Whether the true class of the image is positive.
    predicted : ndarray of bool, shape (n_images,)
        Whether it was predicted as positive.
    score : ndarray of float, shape (n_images,), or None
        Greater means more probably positive.
    patient : ndarray of int, shape (n_images,)
        Codes of the patients, from 0 without gaps.
    filenames : ndarray of str, shape (n_images,), or None
    pos_label : label
        The positive label.
    withheld : ndarray of bool, shape (n_images,), or None
        Whether an input gate withholds the image; None without a gate.
    has_probabilities : bool
        Whether the scores are probabilities. Those of some images can lie between 0 and 1 although
        they are not, so this is decided once, for all images.
    """

    positive: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    score: NDArray[np.float64] | None
    patient: NDArray[np.intp]
    filenames: NDArray[np.object_] | None
    pos_label: Any
    withheld: NDArray[np.bool_] | None = None
    has_probabilities: bool = False

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.patient.max()) + 1

    @property
    def clustered(self) -> bool:
        """Whether a patient has several images."""
        return self.n_patients < len(self)

    def rows(self, mask: NDArray[np.bool_]) -> "Predictions":
        """Select the predictions of some of the images."""
        return replace(
            self,
            positive=self.positive[mask],
            predicted=self.predicted[mask],
            score=None if self.score is None else self.score[mask],
            patient=np.unique(self.patient[mask], return_inverse=True)[1],
            filenames=None if self.filenames is None else self.filenames[mask],
            withheld=None if self.withheld is None else self.withheld[mask],
        )

    def decided_by(self, threshold: float) -> bool:
        """Tell whether a threshold on the scores gives the decisions, except for ties."""
        if self.score is None:
            return False
        # A decision on float32 scores is at a threshold that was rounded, or on a rounded score.
        tied = np.isclose(self.score, threshold, rtol=_ROUNDING, atol=0)
        return bool((((self.score >= threshold) == self.predicted) | tied).all())

    def labelled(self, pos_label: Any) -> "Predictions":
        """Copy the predictions with the caller's label of the positive class."""
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
        may_be_probabilities: bool = True,
    ) -> "Predictions":
        """Check labels, scores and decisions, and derive missing ones.

        Scores between 0 and 1 are probabilities if they may be.

        Raises
        ------
        ValueError
            If lengths differ, there is nothing to evaluate, labels are not binary, a label is
            missing, some are text and others numbers, a predicted label is unknown, a score is not
            finite, a patient is missing, or the decisions are given twice or cannot be derived.
        """
        labels = check_labels(y, "y_true")
        called = None if y_pred is None else check_labels(y_pred, "y_pred")
        filenames = None if filenames is None else check_paths(filenames)
        score = None if y_score is None else _check_scores(y_score)
        withheld = None if withheld is None else column_or_1d(withheld).astype(bool)
        check_consistent_length(labels, score, called, filenames, withheld)
        pos_label = _positive_label(labels, called, pos_label)
        if called is not None and threshold is not None:
            raise ValueError(
                f"Both y_pred and threshold={threshold} are given, but y_pred already contains "
                "the decisions. Pass one of them."
            )
        if called is not None:
            predicted = called == pos_label
        elif score is None:
            raise ValueError("There is nothing to evaluate. Pass y_score, y_pred or both.")
        else:
            predicted = _as_given(y_score, score) >= _threshold_or_half(threshold, score)
        patients = patients_of(None, len(labels), groups, filenames=filenames)
        return cls(
            positive=labels == pos_label,
            predicted=predicted,
            score=score,
            patient=np.unique(patients, return_inverse=True)[1],
            filenames=filenames,
            pos_label=pos_label,
            withheld=withheld,
            has_probabilities=may_be_probabilities and _can_be_probabilities(score),
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
    """Predict with a fitted classifier, and decide by its ``predict`` or by a threshold.

    An input gate is ignored: no image is withheld, and ``withheld`` is None.
    """
    labels, classes = check_labels(y), classes_of(estimator)
    if unknown := sorted(set(labels.tolist()) - set(classes), key=str):
        raise ValueError(
            f"y has the labels {_listed(unknown)}, but the classifier was fitted on {classes}. "
            "Use these labels."
        )
    pos_label = positive_label(estimator, pos_label)
    # So that errors come before minutes of prediction.
    patients = patients_of(X, len(labels), groups)
    # Scores of a decision_function are on no scale, even where these lie between 0 and 1.
    on_a_scale = hasattr(without_gate(estimator), "predict_proba")
    called = None
    if threshold is None:
        score, called = scores_and_decisions(estimator, X, pos_label)
    else:
        score = scores_of(estimator, X, pos_label)
        if score is None:
            raise _no_scores(estimator)
        called = score >= _check_threshold(threshold, score if on_a_scale else None)
    return Predictions.of(
        # One class against the rest, if there are more than two.
        labels == pos_label,
        score,
        called,
        groups=patients,
        filenames=filenames_of(X),
        pos_label=True,
        may_be_probabilities=on_a_scale,
    ).labelled(pos_label)


def predictions_and_threshold(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None,
    pos_label: Any,
    threshold: float | None,
) -> tuple[Predictions, float | None]:
    """Predict scores, and find the threshold on them: the one asked for, or the classifier's own.

    The threshold is None if the decisions do not follow from one.
    """
    pos_label = positive_label(estimator, pos_label)
    claimed = None if threshold is not None else threshold_of(estimator)
    # 0.5 is a default that some classifiers do not use, so their own decisions are asked for.
    by_default = claimed is not None and claimed.chosen_by is None
    at = np.inf if threshold is None and not by_default else threshold
    predictions = predictions_of(estimator, X, y, groups=groups, pos_label=pos_label, threshold=at)
    if claimed is None:
        return predictions, threshold
    if by_default:
        return predictions, claimed.value if predictions.decided_by(claimed.value) else None
    scores_from = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    if claimed.response != scores_from:
        return predictions, None
    return predictions, claimed.on_scores_of(pos_label)


def common_positive_label(estimators: Sequence[Any]) -> Any:
    """Find the positive label of classifiers to compare."""
    label, *others = [positive_label(each) for each in estimators]
    if any(other != label for other in others):
        raise ValueError(
            f"The thresholds of the classifiers are for different classes, {[label, *others]}. "
            "Pass the positive class as pos_label."
        )
    return label


def _no_scores(estimator: Any) -> ValueError:
    return ValueError(
        f"{type(estimator).__name__} has neither predict_proba nor a decision_function of "
        "classes, so there are no scores for a threshold. Use a classifier that has one of them."
    )


def check_labels(y: ArrayLike, name: str = "y") -> NDArray[Any]:
    """Convert labels to a non-empty 1-D array of text or numbers, without missing ones."""
    # Through objects, because NumPy would convert numbers and missing labels among text to text.
    entries: NDArray[Any] = column_or_1d(np.asarray(label_entries(y), dtype=object))
    if not len(entries):
        raise ValueError(
            f"{name} is empty, so there are no images to evaluate. Check the folder, the split or "
            "the mask that selects the images."
        )
    refuse_missing_or_mixed_labels(entries, name)
    return np.array(entries.tolist())


def check_same_kind(
    y: NDArray[Any], y_pred: NDArray[Any], name: str = "y_pred", name_of_y: str = "y_true"
) -> None:
    """Raise if one of two arrays of labels is text and the other numbers, which are never equal.

    Both must be results of :func:`check_labels`.
    """
    if (y.dtype.kind == "U") != (y_pred.dtype.kind == "U"):
        raise ValueError(
            f"{name_of_y} has labels such as {y[:1].tolist()[0]!r}, {name} such as "
            f"{y_pred[:1].tolist()[0]!r}: text never equals a number. Bring both to one type."
        )


def check_positive_label(labels: NDArray[Any], pos_label: Any) -> Any:
    """Raise if the positive label is not one of two or more labels.

    If there is only one label, it may be the negative one.
    """
    known = np.unique(labels).tolist()
    if pos_label not in known and len(known) > 1:
        raise ValueError(
            f"pos_label={pos_label!r} is not one of the labels {_listed(known)}. Pass the "
            "positive one."
        )
    return pos_label


def _check_scores(y_score: ArrayLike) -> NDArray[np.float64]:
    score = np.asarray(y_score)
    if score.ndim == 2 and score.shape[1] > 1:
        raise ValueError(
            f"y_score has shape {score.shape}, but must have shape (n_images,), with the scores "
            "of the positive class alone. Of predict_proba, pass the column of the positive class."
        )
    score = column_or_1d(score).astype(float)
    assert_all_finite(score, input_name="y_score")
    return score


def _can_be_probabilities(score: NDArray[np.float64] | None) -> bool:
    return score is not None and bool(score.min() >= 0 and score.max() <= 1)


def _as_given(y_score: Any, score: NDArray[np.float64]) -> NDArray[Any]:
    """Return scores in their own type of floating-point numbers.

    NumPy rounds a threshold to this type, or not, as in the ``predict`` of classifiers.
    """
    given = column_or_1d(np.asarray(y_score))
    return given if given.dtype.kind == "f" else score


def _check_threshold(threshold: float, score: NDArray[Any] | None) -> float:
    """Raise if a threshold is not a number, or on another scale than probabilities.

    Infinite thresholds, which call every image positive or none, are accepted. Without scores, any
    number is.
    """
    check_scalar(threshold, "threshold", Real)
    if np.isnan(threshold):
        raise ValueError("threshold is NaN, which no score can reach. Pass a number.")
    beyond = not -_ROUNDING <= threshold <= 1 + _ROUNDING and np.isfinite(threshold)
    if score is not None and beyond and _can_be_probabilities(score):
        raise ValueError(
            f"threshold={threshold:g} is not between 0 and 1, but all scores are, from "
            f"{score.min():g} to {score.max():g}, as probabilities. Pass a threshold on their "
            "scale, such as 0.5 for 50 %."
        )
    return threshold


def _threshold_or_half(threshold: float | None, score: NDArray[np.float64]) -> float:
    """Check the threshold, or return 0.5 if the scores are probabilities."""
    if threshold is not None:
        return _check_threshold(threshold, score)
    if not _can_be_probabilities(score):
        raise ValueError(
            f"The scores range from {score.min():g} to {score.max():g}, so they are not "
            "probabilities, and 0.5 is not a threshold for them. Pass y_pred or threshold."
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
            f"Expected two classes, got the labels {_listed(known)}. Pass y == label to compare "
            "one class with the rest, or fix the labels."
        )
    if pos_label is not None:
        return check_positive_label(labels, pos_label)
    if set(known) <= {0, 1} or set(known) <= {-1, 1}:
        return 1
    if len(known) < 2:
        raise ValueError(
            f"The only label is {known[0]!r}, which can be the positive or the negative one. Pass "
            "pos_label."
        )
    return _refuse_healthy(known[1], known)


def _listed(labels: list[Any]) -> str:
    """List the labels, or only the first few if there are many."""
    if len(labels) <= _MOST_LISTED:
        return str(labels)
    first = ", ".join(repr(label) for label in labels[:_MOST_LISTED])
    return f"[{first}, ...], {len(labels):,} in all"


def _refuse_healthy(label: Any, classes: list[Any]) -> Any:
    """Return the greater of two labels, which scores are usually for, if it is the illness."""
    try:
        positive = positive_classes(classes).positive[0]
    except UndecidedPositiveError:
        raise UndecidedPositiveError(
            f"It is unclear which of the labels {classes} is the illness, whose recall is "
            f"reported. Pass pos_label={label!r} or pos_label={classes[0]!r}.",
            classes,
        ) from None
    if positive != label:
        raise ValueError(
            f"Of the labels {classes}, scores are usually for the greater, {label!r}, but it does "
            f"not sound like the illness. Pass pos_label={classes[0]!r}."
        )
    return label
