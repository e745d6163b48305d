"""Choose a candidate by recall, but not a model that predicts every image as positive."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["recall_first"]


def recall_first(
    cv_results: dict[str, Any], *, recall: str = "recall", guard: str | None = None
) -> int:
    """Choose the candidate with the highest recall among those that are nearly the best.

    This function is for the parameter ``refit`` of a search. ``refit="recall"`` favours a model
    that predicts every image as positive, because its recall is 1. This function first requires a
    balanced accuracy, or area under the ROC curve, within one standard error of the best candidate
    [1]_, which such a model does not reach if another candidate has learned something. Among these
    candidates it chooses the highest recall.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search with both metrics in its ``scoring``.
    recall : str, default="recall"
        Name of the recall in ``scoring``.
    guard : str or None, default=None
        Name of the metric that must be nearly the best. None: ``"balanced_accuracy"`` or, if that
        is not in ``scoring``, ``"roc_auc"``.

    Returns
    -------
    index : int
        Index of the candidate in ``cv_results``. Of equal ones, the one with the best guard is
        chosen, then the first.

    Raises
    ------
    ValueError
        If a metric is not in the results, or no candidate has a value for both.

    See Also
    --------
    skpneumo.RecallFloorClassifier : Moves the threshold of a model to a recall floor.

    Notes
    -----
    The standard error is that of the mean over the folds of the candidate with the best guard,
    ``std(ddof=1) / sqrt(n_splits)``. With one split there is none, and only candidates that equal
    the best are considered. Candidates with NaN are never chosen. Searches by halving select by a
    single score at each rung, and refuse it.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone. Classification and Regression Trees, 1984,
       section 3.4.3, the one-standard-error rule.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
    >>> from skpneumo import make_chest_xray, recall_first
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=1, random_state=0)
    >>> pipe = Pipeline([("load", ImageLoader(size=16)), ("cnn", cnn)])
    >>> search = GridSearchCV(
    ...     pipe,
    ...     {"cnn__learning_rate": [0.01, 0.001]},
    ...     cv=PatientKFold(2),
    ...     scoring=["recall", "balanced_accuracy"],
    ...     refit=recall_first,
    ... )
    >>> search.fit(xrays.filenames, xrays.target).best_index_ in (0, 1)
    True

    With other names of metrics, or another guard:

    >>> from functools import partial
    >>> search = search.set_params(
    ...     scoring=["recall_macro", "roc_auc"],
    ...     refit=partial(recall_first, recall="recall_macro", guard="roc_auc"),
    ... )
    """
    guard = guard or _guard_of(cv_results)
    recalls, guards = _means(cv_results, recall), _means(cv_results, guard)
    known = ~np.isnan(recalls) & ~np.isnan(guards)
    if not known.any():
        raise ValueError(
            f"No candidate has a value for both {recall!r} and {guard!r}: all fits or scores "
            'failed. Search with error_score="raise" to see why.'
        )
    best = int(np.argmax(np.where(known, guards, -np.inf)))
    eligible = known & (guards >= guards[best] - _standard_error(cv_results, guard, best))
    highest = eligible & (recalls == recalls[eligible].max())
    return int(np.argmax(np.where(highest, guards, -np.inf)))


def _guard_of(cv_results: dict[str, Any]) -> str:
    for name in ("balanced_accuracy", "roc_auc"):
        if f"mean_test_{name}" in cv_results:
            return name
    raise ValueError(
        "recall_first needs another metric besides recall, which is low for a model that predicts "
        f"every image as positive; scoring has {_metrics_of(cv_results)}. Add one: "
        'scoring=["recall", "balanced_accuracy"], or name yours with '
        "functools.partial(recall_first, guard=...)."
    )


def _means(cv_results: dict[str, Any], metric: str) -> NDArray[np.float64]:
    """Return the mean over the folds for each candidate, so that equal ones are equal."""
    try:
        means = np.asarray(cv_results[f"mean_test_{metric}"], dtype=float)
    except KeyError:
        raise ValueError(
            f"The search has no metric {metric!r}; its scoring has {_metrics_of(cv_results)}. "
            'Set scoring=["recall", "balanced_accuracy"], or name yours with '
            "functools.partial(recall_first, recall=..., guard=...)."
        ) from None
    # The same scores in other folds have means that differ by rounding errors.
    return np.round(means, 12)


def _metrics_of(cv_results: dict[str, Any]) -> list[str]:
    prefix = "mean_test_"
    return [name.removeprefix(prefix) for name in cv_results if name.startswith(prefix)]


def _standard_error(cv_results: dict[str, Any], metric: str, candidate: int) -> float:
    """Return the standard error of the mean over the folds; 0 if there is only one fold."""
    scores: list[float] = []
    while (name := f"split{len(scores)}_test_{metric}") in cv_results:
        scores.append(cv_results[name][candidate])
    if len(scores) < 2:
        return 0.0
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))
