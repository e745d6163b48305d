"""What a model's classes are called, and from which probability on it says pneumonia."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_names", "labels_at", "labels_of", "threshold_of"]

# The integers that load_chest_xray gives its two and its three classes.
NAMES = {(0, 1): ["NORMAL", "PNEUMONIA"], (0, 1, 2): ["NORMAL", "BACTERIA", "VIRUS"]}


def class_names(model: Any) -> list[str]:
    """Name a model's classes: as it was kept with, else by the contract, else by themselves."""
    listed = np.asarray(model.classes_).tolist()
    by_contract = NAMES.get(tuple(listed), [str(each) for each in listed])
    return getattr(model, "target_names_", by_contract)


def threshold_of(model: Any) -> float | None:
    """Find from which probability of the second class on a two-class model says that class.

    ``threshold_`` is a recall floor's, ``best_threshold_`` and ``threshold`` those of
    scikit-learn's own classifiers of that kind. A plain classifier decides at one half. None if
    the model decides by something else: by its decision function, or by the other class.
    """
    second = model.classes_[1]
    while True:
        if getattr(model, "response_method", "auto") == "decision_function":
            return None
        for name in ("threshold_", "best_threshold_", "threshold"):
            value = getattr(model, name, None)
            if isinstance(value, (int, float)):
                about = _positive_of(model)
                return float(value) if about is None or about == second else None
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "steps"):
            model = model.steps[-1][1]
        else:
            return 0.5


def _positive_of(model: Any) -> Any:
    """The class that a model's threshold is about; None for the second of two."""
    if hasattr(model, "best_threshold_"):
        return model._curve_scorer._get_pos_label()
    return getattr(model, "pos_label_", getattr(model, "pos_label", None))


def labels_of(predicted: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Name what a model's ``predict`` says."""
    listed = np.asarray(model.classes_).tolist()
    names = np.array(class_names(model), dtype=object)
    return names[[listed.index(label) for label in predicted.tolist()]]


def labels_at(threshold: float, probabilities: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Label each row at a threshold for two classes, by the most probable one for more."""
    names = np.array(class_names(model), dtype=object)
    if len(names) == 2:
        return names[(probabilities[:, 1] >= threshold).astype(int)]
    return names[probabilities.argmax(axis=1)]
