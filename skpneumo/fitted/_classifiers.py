"""The innermost classifiers of a fitted estimator."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from skpneumo.fitted._members import members_of, own_attributes, own_transformers, with_members

# Attributes that show that the estimators inside are not averaged.
_NOT_AVERAGED = ("final_estimator_", "estimator_weights_", "label_binarizer_")


class InnerClassifier(NamedTuple):
    """One of the innermost classifiers of a fitted estimator.

    Attributes
    ----------
    classifier : fitted estimator
        Contains no other classifier.
    transformers : tuple of fitted transformers
        The transformers before it, in order.
    weight : float or None
        Its weight in the averaged prediction; all weights add up to 1. None if the classifiers are
        not averaged, as in stacking.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import classifiers_of
    >>> model = make_pipeline(StandardScaler(), GaussianNB()).fit([[0.0], [1.0]], [0, 1])
    >>> classifier, transformers, weight = classifiers_of(model)[0]
    >>> classifier, transformers, weight
    (GaussianNB(), (StandardScaler(),), 1.0)
    """

    classifier: Any
    transformers: tuple[Any, ...]
    weight: float | None


def unwrap(estimator: Any) -> Any:
    """Find the innermost classifier of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Pipelines, searches, thresholds, calibration and frozen estimators, nested in any way.

    Returns
    -------
    classifier : fitted estimator
        The innermost one; the ensemble, if there are several.

    See Also
    --------
    classifiers_of : Lists the members of ensembles as well.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import unwrap
    >>> model = FixedThresholdClassifier(make_pipeline(LogisticRegression(C=2)), threshold=0.3)
    >>> unwrap(model.fit([[0.0], [1.0]], [0, 1]))
    LogisticRegression(C=2)
    """
    while len(members := members_of(estimator)) == 1:
        estimator = members[0]
    return estimator


def classifiers_of(estimator: Any) -> list[InnerClassifier]:
    """List the innermost classifiers of a fitted estimator, members of ensembles included.

    Parameters
    ----------
    estimator : fitted estimator
        Pipelines, searches, thresholds, calibration, voting and stacking, nested in any way.

    Returns
    -------
    classifiers : list of InnerClassifier
        The innermost ones. The final estimator of a stacking ensemble is not among them.

    Examples
    --------
    >>> from sklearn.ensemble import VotingClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.fitted import classifiers_of
    >>> both = VotingClassifier(
    ...     [("a", GaussianNB()), ("b", GaussianNB())], voting="soft", weights=[3, 1])
    >>> both = both.fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1])
    >>> [(each.classifier, each.weight) for each in classifiers_of(both)]
    [(GaussianNB(), 0.75), (GaussianNB(), 0.25)]
    """
    members = members_of(estimator)
    if not members:
        return [InnerClassifier(estimator, (), 1.0)]
    before = tuple(own_transformers(estimator))
    shares = _weights_of_members(estimator, len(members))
    return [
        InnerClassifier(
            each.classifier,
            before + each.transformers,
            None if share is None or each.weight is None else share * each.weight,
        )
        for member, share in zip(members, shares, strict=True)
        for each in classifiers_of(member)
    ]


def map_classifiers(estimator: Any, function: Callable[[Any], Any]) -> Any:
    """Replace the innermost classifiers of a fitted estimator, in a copy.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.
    function : callable
        Returns the replacement of the classifier that it is given.

    Returns
    -------
    changed : fitted estimator
        Shares all other parts with ``estimator``, which is unchanged.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import map_classifiers
    >>> X, y = [[0.0], [1.0]], [0, 1]
    >>> other = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    >>> model = make_pipeline(DummyClassifier()).fit(X, y)
    >>> map_classifiers(model, lambda _: other).predict(X)
    array([1, 1])
    """
    members = members_of(estimator)
    if not members:
        return function(estimator)
    return with_members(estimator, [map_classifiers(each, function) for each in members])


def _weights_of_members(estimator: Any, n_members: int) -> list[float] | list[None]:
    """Compute the weights of the members in an average; None for each if there is no average."""
    has = own_attributes(estimator)
    if any(name in has for name in _NOT_AVERAGED) or has.get("voting") == "hard":
        return [None] * n_members
    weights = np.ones(n_members)
    if has.get("weights") is not None and n_members > 1:
        kept = [each != "drop" for _, each in estimator.estimators]
        weights = np.asarray(estimator.weights, dtype=float)[kept]
    return (weights / weights.sum()).tolist()
