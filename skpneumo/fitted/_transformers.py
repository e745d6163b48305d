"""The transformers of a fitted estimator, and what predicts from their output."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skpneumo.fitted._members import (
    members_of,
    own_attributes,
    own_transformers,
    returns_inner_predictions,
    with_members,
)


def transformers_of(estimator: Any) -> list[Any]:
    """List the transformers that are applied before the classifier, or before all of them.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.

    Returns
    -------
    transformers : list of fitted transformers
        In order. Resampling steps are left out, as in ``predict``. With several classifiers, only
        transformers that come before all of them are listed: the same ones, or ones with equal
        parameters and fitted attributes.

    See Also
    --------
    split_transformers : Returns the part after the transformers as well.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import transformers_of
    >>> transformers_of(make_pipeline(StandardScaler(), "passthrough", GaussianNB()))
    [StandardScaler()]
    """
    return split_transformers(estimator)[0]


def split_transformers(estimator: Any) -> tuple[list[Any], Any]:
    """Split a fitted estimator into its transformers and the predictor of their output.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.

    Returns
    -------
    transformers : list of fitted transformers
        As from :func:`transformers_of`.
    predictor : fitted estimator
        Predicts from transformed data what ``estimator`` predicts from the data, with all
        thresholds, calibration and averages; a gate before them is left out. The fitted parts are
        shared, not copied.

    Examples
    --------
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import split_transformers
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> model = CalibratedClassifierCV(
    ...     make_pipeline(FunctionTransformer(), GaussianNB()), cv=2).fit(X, y)
    >>> transformers, predictor = split_transformers(model)
    >>> transformers
    [FunctionTransformer()]
    >>> bool((predictor.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    members = members_of(estimator)
    stacked_with_data = own_attributes(estimator).get("passthrough")
    if not members or stacked_with_data:
        return [], estimator
    inner = [split_transformers(member) for member in members]
    shared = _common_prefix([transformers for transformers, _ in inner])
    behind = [
        _as_pipeline(transformers[len(shared) :], predictor) if shared else member
        for (transformers, predictor), member in zip(inner, members, strict=True)
    ]
    if returns_inner_predictions(estimator):
        return [*own_transformers(estimator), *shared], behind[0]
    return shared, with_members(estimator, behind) if shared else estimator


def _as_pipeline(transformers: list[Any], predictor: Any) -> Any:
    if not transformers:
        return predictor
    steps = [(f"step{number}", each) for number, each in enumerate(transformers, start=1)]
    return Pipeline([*steps, ("predictor", predictor)])


def _common_prefix(lists: list[list[Any]]) -> list[Any]:
    first, *others = lists
    for length, step in enumerate(first):
        if not all(length < len(each) and _equal(step, each[length]) for each in others):
            return first[:length]
    return first


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two values, or two transformers with their fitted attributes, are equal.

    In doubt they count as different, and each is applied separately.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        return _equal(vars(one), vars(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    equal = one == other
    return isinstance(equal, bool | np.bool_) and bool(equal)
