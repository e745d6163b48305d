"""Scorers for searches: ``scoring=`` of GridSearchCV and cross_validate.

scikit-learn's ``scoring="recall"`` takes 1 for the positive label and fails on "PNEUMONIA"; it
has no specificity at all. Scorers made here name the label, pickle, and can be set as
``scoring`` as they are.
"""

from typing import Any

import numpy as np
from imblearn.metrics import specificity_score
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer, recall_score, roc_curve

__all__ = [
    "make_recall_scorer",
    "make_sensitivity_at_specificity_scorer",
    "make_specificity_scorer",
    "sensitivity_at_specificity",
    "specificity_scorer",
]

_ROUNDING = 1e-9


def make_recall_scorer(pos_label: Any = 1) -> Any:
    """Make a scorer of recall (sensitivity) that knows the positive label.

    Parameters
    ----------
    pos_label : int, bool or str, default=1
        Label of the positive class, "PNEUMONIA" for instance.

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Of the predicted labels. Greater is better.

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
    return make_scorer(recall_score, pos_label=pos_label, zero_division=np.nan)


def make_specificity_scorer(pos_label: Any = 1) -> Any:
    """Make a scorer of specificity: the share of the negatives that is left alone.

    Parameters
    ----------
    pos_label : int, bool or str, default=1
        Label of the positive class. Specificity is the recall of the other one.

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Of the predicted labels. Greater is better.

    See Also
    --------
    specificity_scorer : The one for labels 0 and 1, ready made.
    imblearn.metrics.specificity_score : The metric.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo.evaluation import make_specificity_scorer
    >>> y = ["NORMAL", "PNEUMONIA", "PNEUMONIA"]
    >>> most_frequent = DummyClassifier().fit([[0], [1], [2]], y)
    >>> float(make_specificity_scorer("PNEUMONIA")(most_frequent, [[0], [1], [2]], y))
    0.0
    """
    return make_scorer(specificity_score, pos_label=pos_label, average="binary")


specificity_scorer = make_specificity_scorer()
"""Scorer of specificity for labels 0 and 1: ``scoring=specificity_scorer``."""


def sensitivity_at_specificity(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    specificity: float = 0.9,
    pos_label: Any = None,
) -> float:
    """Highest recall of any threshold that keeps a specificity.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, of two classes.
    y_score : array-like of shape (n_samples,)
        Scores of the positive class.
    specificity : float, default=0.9
        Least specificity, in [0, 1].
    pos_label : int, bool or str, default=None
        Label of the positive class; 1 when the labels are 0/1 or -1/1.

    Returns
    -------
    recall : float
        It is read off these very labels: a figure to compare models by, not what a threshold
        chosen now will keep in new patients.

    Raises
    ------
    ValueError
        If ``specificity`` is not between 0 and 1.

    Examples
    --------
    >>> from skpneumo.evaluation import sensitivity_at_specificity
    >>> y, score = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.8, 0.7, 0.9]
    >>> sensitivity_at_specificity(y, score, specificity=1)
    0.5
    >>> sensitivity_at_specificity(y, score, specificity=0.75)
    1.0
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity={specificity} is not between 0 and 1; try 0.9.")
    false_alarms, recall, _ = roc_curve(
        y_true, y_score, pos_label=pos_label, drop_intermediate=False
    )
    return float(recall[1 - false_alarms >= specificity - _ROUNDING].max())


def make_sensitivity_at_specificity_scorer(specificity: float = 0.9, pos_label: Any = 1) -> Any:
    """Make a scorer of the recall at a fixed specificity.

    Unlike recall it cannot be raised by calling everything pneumonia, and unlike AUC it looks
    only where a screening test would work.

    Parameters
    ----------
    specificity : float, default=0.9
        Least specificity, in [0, 1].
    pos_label : int, bool or str, default=1
        Label of the positive class.

    Returns
    -------
    scorer : callable ``scorer(estimator, X, y)``
        Of the predicted probabilities, or the decision function. Greater is better.

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
