"""Find labels that contradict the out-of-fold probabilities of an estimator."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.utils import get_tags

from skpneumo._formatting import counted
from skpneumo._messages import by_interface
from skpneumo._paths import text_frame
from skpneumo._pixel_values import OtherPixelsError
from skpneumo._random import random_seed
from skpneumo.audit._findings import Finding
from skpneumo.loading import ImageLoader

__all__ = ["refuse_what_is_not_fitted_again", "suspect_labels"]

_N_FOLDS = 5


def suspect_labels(
    frame: pd.DataFrame,
    estimator: Any,
    rng: np.random.RandomState,
    left_out: frozenset[str] = frozenset(),
) -> tuple[NDArray[np.float64], list[Finding], list[str]]:
    """Find labels that contradict out-of-fold probabilities, by confident learning.

    Files that the estimator refuses because they are nearly black are left out.

    Returns
    -------
    self_confidence : ndarray of shape (n_files,)
        Out-of-fold probability of the label of each file; NaN if it is unreadable, has no label,
        or nothing was fitted.
    findings : list of Finding
        The suspects, the least confident first.
    limits : list of str
        What could not be done with so few patients.
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise ImportError(
            "Suspect labels are found by confident learning, which needs cleanlab; it is not "
            'installed. Run `pip install "skpneumo[audit]"`, or leave the estimator out.'
        ) from error
    self_confidence = np.full(len(frame), np.nan)
    usable = frame["status"].eq("ok") & frame["label"].notna() & ~frame["path"].isin(left_out)
    rows = frame[usable]
    patients = rows["patient"].to_numpy(object)
    codes, classes = pd.factorize(rows["label"], sort=True)
    splits, limit = _folds(codes, classes, patients, rng)
    limits = [limit] if limit else []
    if left_out:
        dark = counted(len(left_out), "file")
        limits.append(f"suspect labels of {dark} that the estimator refuses as nearly black")
    if not splits:
        return self_confidence, [], limits
    X: Any = rows["path"].to_numpy(object)
    if any(isinstance(each, ImageLoader) for each in _parts(estimator)):
        # With the patients, by which a classifier may hold images out for itself. Other loaders
        # may know no frames.
        X = text_frame({"path": X, "patient": patients})
    try:
        proba = cross_val_predict(estimator, X, codes, cv=splits, method="predict_proba")
    except OtherPixelsError as error:
        if not error.failures.keys() - left_out:
            raise
        return suspect_labels(frame, estimator, rng, left_out.union(error.failures))
    suspects = find_label_issues(
        codes, proba, filter_by="both", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    own = proba[np.arange(len(codes)), codes]
    self_confidence[usable.to_numpy()] = own
    findings = [
        Finding(
            "suspect_label",
            [rows["path"].iloc[i]],
            f"out-of-fold probability {own[i]:.3f} of its label {classes[codes[i]]}, "
            f"{proba[i].max():.3f} of {classes[proba[i].argmax()]}",
        )
        for i in suspects
    ]
    return self_confidence, findings, limits


def _folds(
    codes: NDArray[np.intp],
    classes: Any,
    patients: NDArray[np.object_],
    rng: np.random.RandomState,
) -> tuple[list[tuple[NDArray[np.intp], NDArray[np.intp]]], str]:
    """Make folds by patient whose training parts have all classes, and report their limits."""
    if len(classes) < 2:
        return [], "suspect labels: there is only one class, or none"
    n_patients = pd.Series(patients).groupby(codes).nunique()
    rarest, fewest = classes[n_patients.idxmin()], int(n_patients.min())
    few = f"class {rarest} has {counted(fewest, 'patient')}"
    if fewest < 2:
        return [], f"suspect labels: {few}, and out-of-fold probabilities need two or more"
    n_folds = min(_N_FOLDS, fewest)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_seed(rng))
    splits = list(splitter.split(codes, codes, patients))
    if any(len(np.unique(codes[train])) < len(classes) for train, _ in splits):
        return [], f"suspect labels: {few}, and some of {n_folds} folds by patient lack the class"
    limit = f"suspect labels in more than {n_folds} folds: {few}" if n_folds < _N_FOLDS else ""
    return splits, limit


def refuse_what_is_not_fitted_again(estimator: Any) -> None:
    """Refuse a classifier whose clones do not learn from ``fit``: it may have seen the labels."""
    fixed = [type(each).__name__ for each in _parts(estimator) if _learns_nothing(each)]
    if fixed:
        raise ValueError(
            f"Suspect labels need a model that is fitted again in each fold, but {fixed[0]} is "
            "not, so its probabilities are not out of fold. "
            + by_interface(
                python="Pass an estimator without it.",
                shell="Name a model file of `skpneumo fit`.",
            )
        )


def _learns_nothing(part: Any) -> bool:
    if isinstance(part, FrozenEstimator):
        return True
    return (
        isinstance(part, BaseEstimator) and is_classifier(part) and not get_tags(part).requires_fit
    )


def _parts(estimator: Any) -> list[Any]:
    """List an estimator and its parameters, of which some are the estimators inside."""
    return [estimator, *estimator.get_params(deep=True).values()]
