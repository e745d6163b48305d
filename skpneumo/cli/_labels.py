"""Names for the classes and predictions of a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_names", "labels_at", "labels_of"]

# The integers that load_chest_xray uses for its two and its three classes.
NAMES = {(0, 1): ["NORMAL", "PNEUMONIA"], (0, 1, 2): ["NORMAL", "BACTERIA", "VIRUS"]}


def class_names(model: Any) -> list[str]:
    """Name a model's classes: as saved with it, else NORMAL and PNEUMONIA, else by label."""
    listed = np.asarray(model.classes_).tolist()
    by_contract = NAMES.get(tuple(listed), [str(each) for each in listed])
    return getattr(model, "target_names_", by_contract)


def labels_of(predicted: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Name the labels that a model predicted."""
    listed = np.asarray(model.classes_).tolist()
    names = np.array(class_names(model), dtype=object)
    return names[[listed.index(label) for label in predicted.tolist()]]


def labels_at(threshold: float, probabilities: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Name the label of each row: by a threshold for two classes, else the most probable."""
    names = np.array(class_names(model), dtype=object)
    if len(names) == 2:
        return names[(probabilities[:, 1] >= threshold).astype(int)]
    return names[probabilities.argmax(axis=1)]
