"""Look inside a fitted estimator: transformers, classifiers, threshold, positive label.

Pipelines, searches, thresholds, calibration, voting, stacking and frozen estimators can be nested
in any order. They are recognised by their fitted attributes, not by a list of names, so estimators
of other packages with the same attributes work as well. No other module of this package looks
inside an estimator.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skpneumo._positive_class import UndecidedPositiveError, positive_classes

__all__ = [
    "DecisionThreshold",
    "InnerClassifier",
    "InnerGate",
    "classes_of",
    "classifiers_of",
    "gate_of",
    "map_classifiers",
    "positive_label",
    "split_transformers",
    "threshold_of",
    "transformers_of",
    "unwrap",
    "without_gate",
]

# Attributes with the fitted estimators inside; the first one present is used.
_ATTRIBUTES_OF_MEMBERS = (
    "steps",
    "best_estimator_",
    "calibrated_classifiers_",
    "estimators_",
    "estimator_",
)
# Attributes that show that the inner estimators get only some of the outer one's columns.
_SOME_COLUMNS = ("estimators_features_", "support_", "order_")
# Attribute that shows that an estimator only withholds predictions of the one inside.
_GATE = "false_alarm_rate_"
# Attributes that show that the estimators inside are not averaged.
_NOT_AVERAGED = ("final_estimator_", "estimator_weights_", "label_binarizer_")


@dataclass(frozen=True)
class DecisionThreshold:
    """Decision threshold of a binary classifier.

    Attributes
    ----------
    value : float
        Scores from this value on are classified as ``pos_label``.
    pos_label : label
        The class whose scores the threshold applies to.
    response : {"predict_proba", "decision_function"}
        Which scores the threshold is compared with.
    chosen_by : estimator or None
        The estimator that chose the threshold or has it as a parameter, such as a
        :class:`~skpneumo.RecallFloorClassifier`. None if there is none: the classifier predicts
        the more probable class.
    """

    value: float
    pos_label: Any
    response: str
    chosen_by: Any = None

    def on_scores_of(self, label: Any) -> float | None:
        """Give the threshold if it applies to the scores of a class.

        Parameters
        ----------
        label : label
            One of the two classes.

        Returns
        -------
        value : float or None
            None if the threshold applies to the other class.
        """
        return self.value if label == self.pos_label else None


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
    """

    classifier: Any
    transformers: tuple[Any, ...]
    weight: float | None


class InnerGate(NamedTuple):
    """The input gate of a fitted estimator.

    Attributes
    ----------
    gate : InputGate
        Withholds predictions for images unlike the training images.
    transformers : tuple of fitted transformers
        The transformers before it, in order.
    """

    gate: Any
    transformers: tuple[Any, ...]


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
    while len(members := _members(estimator)) == 1:
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
    members = _members(estimator)
    if not members:
        return [InnerClassifier(estimator, (), 1.0)]
    before = tuple(_own_transformers(estimator))
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
    members = _members(estimator)
    if not members:
        return function(estimator)
    return _with_members(estimator, [map_classifiers(each, function) for each in members])


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
    members = _members(estimator)
    stacked_with_data = _own_attributes(estimator).get("passthrough")
    if not members or stacked_with_data:
        return [], estimator
    inner = [split_transformers(member) for member in members]
    shared = _common_prefix([transformers for transformers, _ in inner])
    behind = [
        _as_pipeline(transformers[len(shared) :], predictor) if shared else member
        for (transformers, predictor), member in zip(inner, members, strict=True)
    ]
    if _returns_inner_predictions(estimator):
        return [*_own_transformers(estimator), *shared], behind[0]
    return shared, _with_members(estimator, behind) if shared else estimator


def threshold_of(estimator: Any) -> DecisionThreshold | None:
    """Find the decision threshold of a fitted classifier, and the estimator that chose it.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way. The threshold is that of the outermost estimator that makes the
        decision: calibration or voting over thresholds decides by its own probabilities.

    Returns
    -------
    threshold : DecisionThreshold or None
        None if there are more than two classes, or no scores.

    Notes
    -----
    A classifier without a threshold of its own is assumed to predict the more probable class.
    There are few exceptions, such as ``SVC(probability=True)``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import threshold_of
    >>> model = FixedThresholdClassifier(LogisticRegression(), threshold=0.3)
    >>> threshold = threshold_of(make_pipeline(model).fit([[0.0], [1.0]], [0, 1]))
    >>> threshold.value, threshold.pos_label, threshold.chosen_by
    (0.3, 1, FixedThresholdClassifier(estimator=LogisticRegression(), threshold=0.3))
    """
    classes = classes_of(estimator)
    asked = [each for each in ("predict_proba", "decision_function") if hasattr(estimator, each)]
    if len(classes) != 2 or not asked:
        return None
    decider = _decider(estimator)
    label = _label_of_threshold(decider)
    label = classes[1] if label is None else label
    value = _own_threshold(decider)
    response = asked[0]
    if getattr(decider, "response_method", "auto") == "decision_function":
        response = "decision_function"
    if value is None or isinstance(value, str):  # "auto"
        return DecisionThreshold(0.5 if response == "predict_proba" else 0.0, label, response)
    return DecisionThreshold(value, label, response, decider)


def positive_label(estimator: Any, pos_label: Any = None, *, name: str = "pos_label") -> Any:
    """Find the positive class of a fitted classifier, whose recall is reported.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way.
    pos_label : label, default=None
        The class asked for, which is checked.
    name : str, default="pos_label"
        Name of the caller's parameter, for error messages.

    Returns
    -------
    label : label
        ``pos_label`` if given; otherwise the class that the estimator's threshold applies to;
        otherwise the one of two classes whose name is an illness.

    Raises
    ------
    ValueError
        If there is no such class, or it is unclear which class is positive.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo.fitted import positive_label
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"])
    >>> positive_label(model)
    'PNEUMONIA'
    >>> positive_label(FixedThresholdClassifier(model, pos_label="NORMAL"))
    'NORMAL'
    """
    classes = classes_of(estimator)
    if pos_label is None:
        pos_label = _label_of_threshold(_decider(estimator))
    if pos_label is None:
        return _label_by_name(classes, name)
    if pos_label not in classes:
        raise ValueError(f"{name}={pos_label!r} is not one of the classes {classes}.")
    return pos_label


def classes_of(estimator: Any) -> list[Any]:
    """List the labels that a fitted classifier predicts.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way.

    Returns
    -------
    classes : list of label
        In the order of the columns of ``predict_proba``.

    Raises
    ------
    NotFittedError
        If the estimator has no classes, because it is not fitted or no classifier.
    ValueError
        If it predicts several labels for each image.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.fitted import classes_of
    >>> classes_of(LogisticRegression().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"]))
    ['NORMAL', 'PNEUMONIA']
    """
    try:
        classes = estimator.classes_
    except AttributeError as error:
        raise NotFittedError(
            f"{type(estimator).__name__} has no classes, because it is not fitted or no "
            "classifier. Call fit of a classifier first."
        ) from error
    if np.ndim(classes[0]):
        raise ValueError(
            f"{type(estimator).__name__} predicts {len(classes)} labels for each image, with "
            "classes of their own, and only one can be judged at a time. Pass one of its "
            "estimators_ with its column of y."
        )
    return np.asarray(classes).tolist()


def gate_of(estimator: Any) -> InnerGate | None:
    """Find the input gate of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way. Of several gates, the outermost is found.

    Returns
    -------
    gate : InnerGate or None
        None if there is no gate, or only gates within the members of an ensemble.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import InputGate
    >>> from skpneumo.fitted import gate_of
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> model = InputGate(LogisticRegression(), false_alarm_rate=0.5)
    >>> gate_of(model.fit(X, y, groups=range(4))).gate.checks_
    ['features']
    >>> gate_of(LogisticRegression().fit(X, y)) is None
    True
    """
    before: list[Any] = []
    while _GATE not in _own_attributes(estimator):
        members = _members(estimator)
        if len(members) != 1:
            return None
        before += _own_transformers(estimator)
        estimator = members[0]
    return InnerGate(estimator, tuple(before))


def without_gate(estimator: Any) -> Any:
    """Remove the input gates of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.

    Returns
    -------
    ungated : fitted estimator
        Predicts what ``estimator`` predicts, but for every image. The fitted parts are shared; if
        there is no gate, this is ``estimator`` itself.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import InputGate
    >>> from skpneumo.fitted import without_gate
    >>> X, y = [[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]
    >>> model = InputGate(LogisticRegression(), false_alarm_rate=0.5)
    >>> without_gate(model.fit(X, y, groups=range(4)))
    LogisticRegression()
    """
    members = _members(estimator)
    if _GATE in _own_attributes(estimator):
        return without_gate(members[0])
    ungated = [without_gate(each) for each in members]
    if all(one is other for one, other in zip(ungated, members, strict=True)):
        return estimator
    return _with_members(estimator, ungated)


def _label_by_name(classes: list[Any], name: str) -> Any:
    """Find the positive class by the names of the classes."""
    if len(classes) != 2:
        raise ValueError(
            f"The classifier has {len(classes)} classes, {classes}. Pass the one to evaluate "
            f"against the others as {name}."
        )
    try:
        return positive_classes(classes).positive[0]
    except UndecidedPositiveError:
        raise UndecidedPositiveError(
            f"It is unclear which of the labels {classes} is the illness, whose recall is "
            f"reported. Pass {name}={classes[1]!r} or {name}={classes[0]!r}.",
            classes,
        ) from None


def _own_attributes(estimator: Any) -> dict[str, Any]:
    """Get the attributes of an estimator itself; a frozen one also forwards those of another."""
    return getattr(estimator, "__dict__", {})


def _attribute_of_members(estimator: Any) -> str | None:
    """Find the attribute with the fitted estimators that another one predicts with."""
    has = _own_attributes(estimator)
    if isinstance(estimator, FrozenEstimator):
        return "estimator"
    if any(name in has for name in _SOME_COLUMNS):
        return None
    for name in _ATTRIBUTES_OF_MEMBERS:
        if name in has:
            return name
    # FixedThresholdClassifier can wrap a fitted classifier without being fitted itself.
    return "estimator" if {"estimator", "threshold", "response_method"} <= has.keys() else None


def _members(estimator: Any) -> list[Any]:
    """List the fitted estimators that another one predicts with, if any."""
    place = _attribute_of_members(estimator)
    if place is None:
        return []
    held = getattr(estimator, place)
    if place == "steps":
        return [held[-1][1]] if hasattr(held[-1][1], "predict") else []
    if place in ("best_estimator_", "estimator"):
        return [held]
    if place == "calibrated_classifiers_":
        members = [each.estimator for each in held]
    elif place == "estimators_":
        members = held.ravel().tolist() if isinstance(held, np.ndarray) else list(held)
    else:
        members = [held]
    # Members with other classes, or without classes, are parts of a classifier, such as trees.
    n_classes = _n_classes(estimator)
    return members if n_classes and all(_n_classes(each) == n_classes for each in members) else []


def _n_classes(estimator: Any) -> int:
    return len(getattr(estimator, "classes_", ()))


def _weights_of_members(estimator: Any, n_members: int) -> list[float] | list[None]:
    """Compute the weights of the members in an average; None for each if there is no average."""
    has = _own_attributes(estimator)
    if any(name in has for name in _NOT_AVERAGED) or has.get("voting") == "hard":
        return [None] * n_members
    weights = np.ones(n_members)
    if has.get("weights") is not None and n_members > 1:
        kept = [each != "drop" for _, each in estimator.estimators]
        weights = np.asarray(estimator.weights, dtype=float)[kept]
    return (weights / weights.sum()).tolist()


def _with_members(estimator: Any, members: list[Any]) -> Any:
    """Copy an estimator, replacing its members."""
    place = _attribute_of_members(estimator)
    changed = copy(estimator)
    if place == "calibrated_classifiers_":
        changed.calibrated_classifiers_ = list(map(copy, estimator.calibrated_classifiers_))
        for each, member in zip(changed.calibrated_classifiers_, members, strict=True):
            each.estimator = member
    elif place == "estimators_":
        changed.estimators_ = list(members)
        if getattr(estimator, "estimator_", None) is estimator.estimators_[0]:
            changed.estimator_ = members[0]
    elif place == "steps":
        changed.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], members[0])]
    elif place is not None:
        setattr(changed, place, members[0])
    return changed


def _returns_inner_predictions(estimator: Any) -> bool:
    """Tell whether an estimator returns the predictions of the one inside unchanged."""
    if isinstance(estimator, FrozenEstimator) or _GATE in _own_attributes(estimator):
        return True
    return _attribute_of_members(estimator) in ("steps", "best_estimator_")


def _decider(estimator: Any) -> Any:
    """Find the outermost estimator that makes the decision."""
    while _own_threshold(estimator) is None and _returns_inner_predictions(estimator):
        members = _members(estimator)
        if not members:
            break
        estimator = members[0]
    return estimator


def _own_threshold(estimator: Any) -> Any:
    """Get an estimator's own threshold, a number or "auto"; None if it has none."""
    has = _own_attributes(estimator)
    for name in ("threshold_", "best_threshold_"):
        if name in has:
            return has[name]
    # Without response_method, a threshold is on something else, such as pseudo-labels.
    return has.get("threshold") if "response_method" in has else None


def _label_of_threshold(decider: Any) -> Any:
    """Find the class that a threshold applies to, if the estimator says so."""
    has = _own_attributes(decider)
    if "best_threshold_" in has:
        # TunedThresholdClassifierCV has the label from its scorer, without a public attribute.
        return decider._curve_scorer._get_pos_label()
    return has.get("pos_label_", has.get("pos_label"))


def _own_transformers(estimator: Any) -> list[Any]:
    if _attribute_of_members(estimator) != "steps":
        return []
    return [
        step
        for _, step in estimator.steps[:-1]
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]


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
