"""What is inside a fitted estimator: transformers, classifiers, threshold, positive label.

Pipelines, searches, thresholds, calibration, voting, stacking and frozen estimators nest in any
order. They are looked through by what they hold once they are fitted, not by a list of their
names, so an estimator of another package that holds the same is looked through as well. Nothing
else in this package looks inside an estimator.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skpneumo._positive_class import UndecidedPositiveError, positive_classes

__all__ = [
    "DecisionThreshold",
    "InnerClassifier",
    "InnerGate",
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

# Where fitted estimators are held, the first that is there.
_PLACES = ("steps", "best_estimator_", "calibrated_classifiers_", "estimators_", "estimator_")
# What shows that the estimators inside are not given all that the outer one is given.
_SOME_COLUMNS = ("estimators_features_", "support_", "order_")
# What shows that an estimator only withholds answers of the one inside.
_GATE = "false_alarm_rate_"
# What shows that the estimators inside are not averaged.
_NOT_AVERAGED = ("final_estimator_", "estimator_weights_", "label_binarizer_")


@dataclass(frozen=True)
class DecisionThreshold:
    """The threshold at which a classifier of two classes decides.

    Attributes
    ----------
    value : float
        Scores of at least this are called ``pos_label``.
    pos_label : label
        The class that the threshold is about.
    response : {"predict_proba", "decision_function"}
        What the threshold is compared with.
    chosen_by : estimator or None
        What chose the threshold or was given it, such as a
        :class:`~skpneumo.RecallFloorClassifier`. None, if nobody did: the classifier calls what
        is more probable than not.
    """

    value: float
    pos_label: Any
    response: str
    chosen_by: Any = None

    def on_scores_of(self, label: Any) -> float | None:
        """The threshold on the scores of a class.

        Parameters
        ----------
        label : label
            One of the two classes.

        Returns
        -------
        value : float or None
            None, if the threshold is about the other class.
        """
        return self.value if label == self.pos_label else None


class InnerClassifier(NamedTuple):
    """One of the classifiers that a fitted estimator predicts with.

    Attributes
    ----------
    classifier : fitted estimator
        It holds no other classifier.
    transformers : tuple of fitted transformers
        What its data pass before, in order.
    weight : float or None
        Its share of the average that predicts; all add up to 1. None, if something other than
        an average combines the classifiers, as in stacking.
    """

    classifier: Any
    transformers: tuple[Any, ...]
    weight: float | None


class InnerGate(NamedTuple):
    """The input gate of a fitted estimator.

    Attributes
    ----------
    gate : InputGate
        Withholds answers about images unlike those of training.
    transformers : tuple of fitted transformers
        What its data pass before, in order.
    """

    gate: Any
    transformers: tuple[Any, ...]


def unwrap(estimator: Any) -> Any:
    """Find the one classifier that a fitted estimator predicts with in the end.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest of pipelines, searches, thresholds, calibration and frozen estimators.

    Returns
    -------
    classifier : fitted estimator
        The innermost one; the ensemble, where there are several.

    See Also
    --------
    classifiers_of : The members of an ensemble as well.

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
    """List the classifiers that a fitted estimator predicts with, members of ensembles included.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest of pipelines, searches, thresholds, calibration, voting and stacking.

    Returns
    -------
    classifiers : list of InnerClassifier
        The innermost ones. What an ensemble puts on top of its members is not among them.

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
    return [
        InnerClassifier(
            each.classifier,
            before + each.transformers,
            None if share is None or each.weight is None else share * each.weight,
        )
        for member, share in zip(members, _shares(estimator, len(members)), strict=True)
        for each in classifiers_of(member)
    ]


def map_classifiers(estimator: Any, function: Callable[[Any], Any]) -> Any:
    """Replace the innermost classifiers of a fitted estimator, in a copy.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest.
    function : callable
        Returns what takes a classifier's place.

    Returns
    -------
    changed : fitted estimator
        What is not replaced is shared with ``estimator``, which is as it was.

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
    """List the transformers that data pass on their way to the classifier, or to all of them.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest.

    Returns
    -------
    transformers : list of fitted transformers
        In order. Steps that resample are left out, as in ``predict``. Of several classifiers,
        those that come before all of them: the same, or with the same parameters and fitted
        attributes.

    See Also
    --------
    split_transformers : What comes after them as well.

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
    """Split a fitted estimator into its transformers, and what predicts from their output.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest.

    Returns
    -------
    transformers : list of fitted transformers
        As from :func:`transformers_of`.
    predictor : fitted estimator
        Predicts from transformed data what ``estimator`` predicts from the data, thresholds,
        calibration and averages included; a gate before them is left out. The fitted parts are
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
    if not members or _own(estimator).get("passthrough"):  # stacking that sees the data as well
        return [], estimator
    inner = [split_transformers(member) for member in members]
    shared = _common_prefix([transformers for transformers, _ in inner])
    behind = [
        _in_order(transformers[len(shared) :], predictor) if shared else member
        for (transformers, predictor), member in zip(inner, members, strict=True)
    ]
    if _hands_on(estimator):
        return [*_own_transformers(estimator), *shared], behind[0]
    return shared, _with_members(estimator, behind) if shared else estimator


def threshold_of(estimator: Any) -> DecisionThreshold | None:
    """Find the threshold at which a fitted classifier decides, and who chose it.

    Parameters
    ----------
    estimator : fitted classifier
        In any nest. The threshold is that of the outermost that decides for itself: calibration
        or voting over thresholds decides by its own probabilities.

    Returns
    -------
    threshold : DecisionThreshold or None
        None, if there are more than two classes or nothing to put a threshold on.

    Notes
    -----
    A classifier without a threshold of its own is taken to call what is more probable than not,
    as classifiers do. Few do not, such as ``SVC(probability=True)``.

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
    classes = np.asarray(estimator.classes_).tolist()
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
    """Find the class whose recall is meant.

    Parameters
    ----------
    estimator : fitted classifier
        In any nest.
    pos_label : label, default=None
        The class that a caller asked for, to be checked.
    name : str, default="pos_label"
        The caller's parameter, for errors.

    Returns
    -------
    label : label
        What was asked for; else the class that the estimator's threshold is about; else that of
        two which is the illness by their names.

    Raises
    ------
    ValueError
        If there is no such class, or it is unclear which one is meant.

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
    classes = np.asarray(estimator.classes_).tolist()
    if pos_label is None:
        pos_label = _label_of_threshold(_decider(estimator))
    if pos_label is None:
        return _label_by_name(classes, name)
    if pos_label not in classes:
        raise ValueError(f"{name}={pos_label!r} is not one of the classes {classes}.")
    return pos_label


def gate_of(estimator: Any) -> InnerGate | None:
    """Find the input gate of a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest that predicts with one estimator. Of several gates it is the outermost.

    Returns
    -------
    gate : InnerGate or None
        None, if there is no gate, or there are several in the members of an ensemble.

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
    while _GATE not in _own(estimator):
        members = _members(estimator)
        if len(members) != 1:
            return None
        before += _own_transformers(estimator)
        estimator = members[0]
    return InnerGate(estimator, tuple(before))


def without_gate(estimator: Any) -> Any:
    """Give a fitted estimator that answers about every image.

    Parameters
    ----------
    estimator : fitted estimator
        In any nest.

    Returns
    -------
    ungated : fitted estimator
        Predicts what ``estimator`` predicts where nothing is withheld. The fitted parts are
        shared; without a gate it is ``estimator`` itself.

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
    if _GATE in _own(estimator):
        return without_gate(members[0])
    ungated = [without_gate(each) for each in members]
    if all(one is other for one, other in zip(ungated, members, strict=True)):
        return estimator
    return _with_members(estimator, ungated)


def _label_by_name(classes: list[Any], name: str) -> Any:
    """Which class is the positive one where nothing but the classes themselves can tell."""
    if len(classes) != 2:
        raise ValueError(
            f"The classifier has {len(classes)} classes, {classes}. Pass the one to be "
            f"evaluated against the others as {name}."
        )
    try:
        return positive_classes(classes).positive[0]
    except UndecidedPositiveError:
        raise UndecidedPositiveError(
            f"Nothing tells which of the labels {classes} is the illness, whose recall is meant. "
            f"Pass {name}={classes[1]!r} or {name}={classes[0]!r}.",
            classes,
        ) from None


def _own(estimator: Any) -> dict[str, Any]:
    """The attributes of an estimator itself: a frozen one hands out those of another as well."""
    return getattr(estimator, "__dict__", {})


def _place_of(estimator: Any) -> str | None:
    """The attribute that holds the fitted estimators that another one predicts with."""
    has = _own(estimator)
    if isinstance(estimator, FrozenEstimator):
        return "estimator"
    if any(name in has for name in _SOME_COLUMNS):
        return None
    for name in _PLACES:
        if name in has:
            return name
    # A threshold may be put on a fitted classifier without a fit of its own.
    return "estimator" if {"estimator", "threshold", "response_method"} <= has.keys() else None


def _members(estimator: Any) -> list[Any]:
    """The fitted estimators that another one predicts with; none of one that predicts itself."""
    place = _place_of(estimator)
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
    # Members that tell other classes apart, or none, are parts of a classifier, not classifiers.
    n_classes = _n_classes(estimator)
    return members if n_classes and all(_n_classes(each) == n_classes for each in members) else []


def _n_classes(estimator: Any) -> int:
    return len(getattr(estimator, "classes_", ()))


def _shares(estimator: Any, n_members: int) -> list[float] | list[None]:
    """The weights of the members in the average that an estimator predicts; None of none."""
    has = _own(estimator)
    if any(name in has for name in _NOT_AVERAGED) or has.get("voting") == "hard":
        return [None] * n_members
    weights = np.ones(n_members)
    if has.get("weights") is not None and n_members > 1:
        kept = [each != "drop" for _, each in estimator.estimators]
        weights = np.asarray(estimator.weights, dtype=float)[kept]
    return (weights / weights.sum()).tolist()


def _with_members(estimator: Any, members: list[Any]) -> Any:
    """A copy that predicts with other members."""
    place = _place_of(estimator)
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


def _hands_on(estimator: Any) -> bool:
    """Whether the answers are those of the one estimator inside."""
    if isinstance(estimator, FrozenEstimator) or _GATE in _own(estimator):
        return True
    return _place_of(estimator) in ("steps", "best_estimator_")


def _decider(estimator: Any) -> Any:
    """The outermost estimator that decides for itself."""
    while _own_threshold(estimator) is None and _hands_on(estimator):
        members = _members(estimator)
        if not members:
            break
        estimator = members[0]
    return estimator


def _own_threshold(estimator: Any) -> Any:
    """A number, or "auto", of what decides at a threshold; None of what does not."""
    has = _own(estimator)
    for name in ("threshold_", "best_threshold_"):
        if name in has:
            return has[name]
    # Others have a threshold on something else, such as on pseudo-labels.
    return has.get("threshold") if "response_method" in has else None


def _label_of_threshold(decider: Any) -> Any:
    """The class that a threshold is about, as far as it says so."""
    has = _own(decider)
    if "best_threshold_" in has:
        # It has the label from its scorer, and no public way to ask for it.
        return decider._curve_scorer._get_pos_label()
    return has.get("pos_label_", has.get("pos_label"))


def _own_transformers(estimator: Any) -> list[Any]:
    if _place_of(estimator) != "steps":
        return []
    return [
        step
        for _, step in estimator.steps[:-1]
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]


def _in_order(transformers: list[Any], predictor: Any) -> Any:
    if not transformers:
        return predictor
    steps = [(f"step{number}", each) for number, each in enumerate(transformers, start=1)]
    return Pipeline([*steps, ("predictor", predictor)])


def _common_prefix(lists: list[list[Any]]) -> list[Any]:
    first, *others = lists
    for length, step in enumerate(first):
        if not all(length < len(each) and _alike(step, each[length]) for each in others):
            return first[:length]
    return first


def _alike(one: Any, other: Any) -> bool:
    """Whether two values, or transformers with all they have learned, are the same.

    In doubt they are not, and are applied one by one.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        return _alike(vars(one), vars(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    equal = one == other
    return isinstance(equal, bool | np.bool_) and bool(equal)
