"""The estimators that a fitted one predicts with.

They are recognised by fitted attributes, not by a list of names, so estimators of other packages
with the same attributes work as well.
"""

from copy import copy
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

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


def members_of(estimator: Any) -> list[Any]:
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


def own_attributes(estimator: Any) -> dict[str, Any]:
    """Get the attributes of an estimator itself; a frozen one also forwards those of another."""
    return getattr(estimator, "__dict__", {})


def _attribute_of_members(estimator: Any) -> str | None:
    """Find the attribute with the fitted estimators that another one predicts with."""
    has = own_attributes(estimator)
    if isinstance(estimator, FrozenEstimator):
        return "estimator"
    if any(name in has for name in _SOME_COLUMNS):
        return None
    for name in _ATTRIBUTES_OF_MEMBERS:
        if name in has:
            return name
    # FixedThresholdClassifier can wrap a fitted classifier without being fitted itself.
    return "estimator" if {"estimator", "threshold", "response_method"} <= has.keys() else None


def _n_classes(estimator: Any) -> int:
    return len(getattr(estimator, "classes_", ()))


def with_members(estimator: Any, members: list[Any]) -> Any:
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


def is_gate(estimator: Any) -> bool:
    """Tell whether an estimator only withholds predictions of the one inside."""
    return _GATE in own_attributes(estimator)


def returns_inner_predictions(estimator: Any) -> bool:
    """Tell whether an estimator returns the predictions of the one inside unchanged."""
    if isinstance(estimator, FrozenEstimator) or is_gate(estimator):
        return True
    return _attribute_of_members(estimator) in ("steps", "best_estimator_")


def own_transformers(estimator: Any) -> list[Any]:
    """List the transformers of a pipeline itself, without resampling steps."""
    if _attribute_of_members(estimator) != "steps":
        return []
    return [
        step
        for _, step in estimator.steps[:-1]
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]
