"""Scorers for the parameter ``scoring`` of searches and cross-validation.

scikit-learn's ``scoring="recall"`` assumes that 1 is the positive label and fails on "PNEUMONIA",
and there is no scorer of specificity. The scorers made here name the label and can be pickled.
"""

import warnings
from numbers import Real
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import make_scorer, recall_score, roc_curve
from sklearn.utils import column_or_1d

from skpneumo._predictions import check_labels, check_positive_label, check_same_kind
from skpneumo._sklearn import Interval, _check_pos_label_consistency, validate_params
from skpneumo._typing import ArrayLike
from skpneumo._warning_lines import users_stacklevel

__all__ = [
    "make_recall_scorer",
    "make_sensitivity_at_specificity_scorer",
    "make_specificity_scorer",
    "sensitivity_at_specificity",
    "specificity_scorer",
]

_ROUNDING = 1e-9


def _recall(
    y_true: ArrayLike, y_pred: ArrayLike, *, pos_label: Any, sample_weight: Any = None
) -> float:
    return _share_recognised("Recall", y_true, y_pred, pos_label, True, sample_weight)


def _specificity(
    y_true: ArrayLike, y_pred: ArrayLike, *, pos_label: Any, sample_weight: Any = None
) -> float:
    return _share_recognised("Specificity", y_true, y_pred, pos_label, False, sample_weight)


def _share_recognised(
    metric: str, y_true: Any, y_pred: Any, pos_label: Any, side: bool, sample_weight: Any
) -> float:
    """Compute the share of the images of one side, positive or negative, predicted as such."""
    import pandas as pd

    truth, called = check_labels(y_true, "y_true"), column_or_1d(y_pred)
    if n_withheld := int(pd.isna(called).sum()):
        raise ValueError(
            f"{n_withheld} of {len(called)} images have no predicted label, as an InputGate with "
            'on_outlier="nan" gives to images that it withholds, so that they are neither right '
            'nor wrong. Score the estimator inside the gate, or set on_outlier="warn".'
        )
    called = check_labels(called, "y_pred")
    check_same_kind(truth, called)
    check_positive_label(np.concatenate([truth, called]), pos_label)
    is_of_side = (truth == pos_label) == side
    if not is_of_side.any():
        return _undefined(metric, len(truth), "positive" if side else "negative", pos_label)
    return float(
        recall_score(is_of_side, (called == pos_label) == side, sample_weight=sample_weight)
    )


def _undefined(metric: str, n: int, side: str, pos_label: Any) -> float:
    warnings.warn(
        f"{metric} is undefined and set to NaN: none of the {n} labels is {side} "
        f"(pos_label={pos_label!r}).",
        UndefinedMetricWarning,
        stacklevel=users_stacklevel(),
    )
    return np.nan


def make_recall_scorer(pos_label: Any = 1) -> Any:
    """Make a scorer of recall (sensitivity) for a given positive label.

    Parameters
    ----------
    pos_label : int, bool or str, default=1
        Label of the positive class, such as "PNEUMONIA".

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Scores predicted labels; greater is better. NaN, with an
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, if no label is positive.

    See Also
    --------
    make_specificity_scorer, make_sensitivity_at_specificity_scorer

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.evaluation import make_recall_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> names = load_breast_cancer().target_names[y]
    >>> cross_val_score(GaussianNB(), X, names, scoring=make_recall_scorer("malignant")).round(2)
    array([0.91, 0.81, 0.88, 0.9 , 0.93])
    """
    return make_scorer(_recall, pos_label=pos_label)


def make_specificity_scorer(pos_label: Any = 1) -> Any:
    """Make a scorer of specificity: the share of negatives that are predicted negative.

    Parameters
    ----------
    pos_label : int, bool or str, default=1
        Label of the positive class. Specificity is the recall of the other class.

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Scores predicted labels; greater is better. NaN, with an
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, if no label is negative.

    See Also
    --------
    specificity_scorer : The scorer for labels 0 and 1.
    imblearn.metrics.specificity_score : The metric, which is 0 if undefined.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo.evaluation import make_specificity_scorer
    >>> y = ["NORMAL", "PNEUMONIA", "PNEUMONIA"]
    >>> most_frequent = DummyClassifier().fit([[0], [1], [2]], y)
    >>> float(make_specificity_scorer("PNEUMONIA")(most_frequent, [[0], [1], [2]], y))
    0.0
    """
    return make_scorer(_specificity, pos_label=pos_label)


specificity_scorer = make_specificity_scorer()
"""Scorer of specificity for labels 0 and 1: ``scoring=specificity_scorer``."""


@validate_params(
    {
        "specificity": [Interval(Real, 0, 1, closed="both")],
        "pos_label": [Real, str, "boolean", None],
    },
    prefer_skip_nested_validation=True,
)
def sensitivity_at_specificity(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    specificity: float = 0.9,
    pos_label: Any = None,
) -> float:
    """Compute the highest recall at any threshold that keeps a specificity.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, of two classes.
    y_score : array-like of shape (n_samples,)
        Scores of the positive class.
    specificity : float, default=0.9
        Lowest specificity, in [0, 1].
    pos_label : int, bool or str, default=None
        Label of the positive class; by default 1 if the labels are 0/1 or -1/1.

    Returns
    -------
    recall : float
        As the threshold is chosen on the same labels, use it to compare models; in new patients
        the recall at this threshold may be lower. NaN, with an
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, if all labels are of one class.

    Raises
    ------
    ValueError
        If ``specificity`` is not between 0 and 1, there are no labels, or ``pos_label`` is not one
        of them.

    Examples
    --------
    >>> from skpneumo.evaluation import sensitivity_at_specificity
    >>> y, score = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.8, 0.7, 0.9]
    >>> sensitivity_at_specificity(y, score, specificity=1)
    0.5
    >>> sensitivity_at_specificity(y, score, specificity=0.75)
    1.0
    """
    labels = check_labels(y_true, "y_true")
    pos_label = check_positive_label(labels, _check_pos_label_consistency(pos_label, labels))
    for side, is_of_side in {
        "positive": labels == pos_label,
        "negative": labels != pos_label,
    }.items():
        if not is_of_side.any():
            return _undefined("Sensitivity at a specificity", len(labels), side, pos_label)
    false_alarms, recall, _ = roc_curve(
        labels, y_score, pos_label=pos_label, drop_intermediate=False
    )
    return float(recall[1 - false_alarms >= specificity - _ROUNDING].max())


def make_sensitivity_at_specificity_scorer(specificity: float = 0.9, pos_label: Any = 1) -> Any:
    """Make a scorer of the recall at a fixed specificity.

    Unlike recall it cannot be raised by predicting pneumonia for all images, and unlike AUC it
    measures only the range in which a screening test would operate.

    Parameters
    ----------
    specificity : float, default=0.9
        Lowest specificity, in [0, 1].
    pos_label : int, bool or str, default=1
        Label of the positive class.

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Scores predicted probabilities, or the decision function; greater is better.

    See Also
    --------
    sensitivity_at_specificity : The metric.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.evaluation import make_sensitivity_at_specificity_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> scorer = make_sensitivity_at_specificity_scorer(0.95)
    >>> cross_val_score(GaussianNB(), X, y, scoring=scorer).round(2)
    array([0.9 , 0.93, 0.97, 0.94, 0.94])
    """
    return make_scorer(
        sensitivity_at_specificity,
        response_method=("predict_proba", "decision_function"),
        specificity=specificity,
        pos_label=pos_label,
    )
