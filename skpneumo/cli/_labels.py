"""What a model's classes are called, and from which probability on it says pneumonia."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_names", "labels_of", "threshold_of"]

# The integers that load_chest_xray gives its two and its three classes.
NAMES = {(0, 1): ["NORMAL", "PNEUMONIA"], (0, 1, 2): ["NORMAL", "BACTERIA", "VIRUS"]}


def class_names(model: Any) -> list[str]:
    """Name a model's classes: as it was kept with, else by the contract, else by themselves."""
    listed = np.asarray(model.classes_).tolist()
    by_contract = NAMES.get(tuple(listed), [str(each) for each in listed])
    return getattr(model, "target_names_", by_contract)


def threshold_of(model: Any) -> float:
    """Find the operating point that a two-class model, or one it holds, was given.

    ``threshold_`` is a recall floor's, ``best_threshold_`` and ``threshold`` those of
    scikit-learn's own classifiers of that kind. A plain classifier decides at one half.
    """
    positive = model.classes_[1]
    while True:
        for name in ("threshold_", "best_threshold_", "threshold"):
            value = getattr(model, name, None)
            if isinstance(value, (int, float)):
                if getattr(model, "pos_label_", positive) != positive:
                    raise ValueError(
                        f"The model's operating point is about the class {model.pos_label_!r}, "
                        f"the probabilities about {positive!r}. Name a threshold for those."
                    )
                return float(value)
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "steps"):
            model = model.steps[-1][1]
        else:
            return 0.5


def labels_of(probabilities: NDArray[Any], model: Any, threshold: float) -> NDArray[np.object_]:
    """Label each row: at the threshold for two classes, the most probable one for more."""
    names = np.array(class_names(model), dtype=object)
    if len(names) == 2:
        return names[(probabilities[:, 1] >= threshold).astype(int)]
    return names[probabilities.argmax(axis=1)]
