"""Fit a classifier on the folds of its patients, and predict the rows left out."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, check_cv

from skpneumo._fit_arguments import takes_groups
from skpneumo._formatting import counted
from skpneumo._sklearn import (
    _check_method_params,
    _get_response_values_binary,
    _safe_indexing,
)
from skpneumo.decision._binary_wrapper import fitted_in_task
from skpneumo.splitting import PatientKFold

__all__ = [
    "fit_and_score",
    "name_of_cv",
    "positive_score",
    "refuse_withheld",
    "rows_tested",
    "splits_of",
]

_LONGEST = 80  # a list of splits, written out, would hide the message

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def splits_of(cv: Any, X: Any, y: NDArray[Any], patients: NDArray[Any] | None) -> list[Split]:
    """List the splits of ``cv``; a number is that of folds, and None stands for 5.

    Folds keep patients together, or are stratified if ``patients`` is None.
    """
    if cv is not None and not isinstance(cv, Integral):
        splitter = check_cv(cv, y, classifier=True)
    else:
        n_splits = 5 if cv is None else int(cv)
        splitter = StratifiedKFold(n_splits) if patients is None else PatientKFold(n_splits)
    return list(splitter.split(X, y, patients if takes_groups(splitter) else None))


def rows_tested(splits: list[Split], patients: NDArray[Any] | None, cv: Any) -> NDArray[np.intp]:
    """Concatenate the test parts of splits.

    Raises
    ------
    ValueError
        If a patient is on both sides of a split, or a row is tested twice.
    """
    for train, test in splits:
        _refuse_shared_patients(train, test, patients, cv)
    tested = np.concatenate([test for _, test in splits])
    if len(np.unique(tested)) < len(tested):
        raise ValueError(
            f"{name_of_cv(cv)} tests some samples more than once, but each may have only one "
            "score. Use folds, or a single split."
        )
    return tested


def name_of_cv(cv: Any) -> str:
    """Write ``cv`` for a message, with its value unless that is long."""
    text = f"cv={cv!r}"
    return text if len(text) <= _LONGEST else "cv"


def fit_and_score(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    split: Split,
    pos_label: Any,
    fit_params: dict[str, Any],
    caller: Any,
    context: Any,
    keep: bool = False,
) -> tuple[Any, NDArray[np.float64]]:
    """Fit an estimator on one part of a split, and predict the scores of the other.

    The estimator is returned with ``keep``, and otherwise None.
    """
    train, test = split
    X_train, y_train = _safe_indexing(X, train), y[train]
    fit_params = _check_method_params(X, fit_params, indices=train)
    with fitted_in_task(estimator, X_train, y_train, fit_params, caller, context) as fitted:
        scores = positive_score(fitted, _safe_indexing(X, test), pos_label)
    return estimator if keep else None, scores


def positive_score(estimator: Any, X: Any, pos_label: Any) -> NDArray[np.float64]:
    """Predict the probability of the positive class."""
    scores, _ = _get_response_values_binary(estimator, X, "predict_proba", pos_label=pos_label)
    scores = np.asarray(scores)
    return scores if scores.dtype.kind == "f" else scores.astype(np.float64)


def refuse_withheld(scores: NDArray[np.float64], caller: Any) -> NDArray[np.float64]:
    """Raise if scores that something is estimated from are NaN, as those of withheld images."""
    n_withheld = int(np.isnan(scores).sum())
    if n_withheld:
        name = type(caller).__name__
        raise ValueError(
            f"The estimator gives {n_withheld} of {len(scores)} images no probability (NaN), as "
            f'an InputGate with on_outlier="nan" does, so that {name} cannot count them. Put the '
            f"gate around {name}: InputGate({name}(...))."
        )
    return scores


def _refuse_shared_patients(
    train: NDArray[np.intp], test: NDArray[np.intp], patients: NDArray[Any] | None, cv: Any
) -> None:
    if patients is None:
        return
    shared = np.intersect1d(patients[train], patients[test])
    if len(shared):
        raise ValueError(
            f"{name_of_cv(cv)} puts {counted(len(shared), 'patient')} on both sides of a split, "
            f"such as {shared[:1].tolist()[0]!r}, so that their scores are better than those of "
            "new patients. Use cv=5 or PatientKFold. If the samples really are independent, pass "
            "groups=range(n_samples)."
        )
