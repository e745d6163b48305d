"""Names for the classes and predictions of a model."""

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._positive_class import UndecidedPositiveError
from skpneumo._responses import positive_column
from skpneumo.fitted import classes_of, positive_label

__all__ = [
    "class_names",
    "labels_at",
    "labels_of",
    "other_positive",
    "shown_columns",
]

# The integers that load_chest_xray uses for its two and its three classes.
NAMES = {(0, 1): ["NORMAL", "PNEUMONIA"], (0, 1, 2): ["NORMAL", "BACTERIA", "VIRUS"]}


def class_names(model: Any) -> list[str]:
    """Name a model's classes: as saved with it, else NORMAL and PNEUMONIA, else by label."""
    classes = classes_of(model)
    by_contract = NAMES.get(tuple(classes), [str(each) for each in classes])
    return getattr(model, "target_names_", by_contract)


def other_positive(model: Any) -> str:
    """Name the class whose threshold a model has, if the commands take the other for positive.

    Of two classes, the commands take the illness, and `evaluate` in Python that of the threshold.
    """
    column = positive_column(model) if len(model.classes_) == 2 else None
    if column is not None:
        with suppress(UndecidedPositiveError):
            followed = classes_of(model).index(positive_label(model))
            return class_names(model)[followed] if followed != column else ""
    return ""


def shown_columns(model: Any) -> list[int]:
    """List the columns of ``predict_proba`` to show: of two classes, that of the positive one.

    If it is unclear which one that is, it is the second.
    """
    n_classes = len(model.classes_)
    if n_classes != 2:
        return list(range(n_classes))
    column = positive_column(model)
    return [1 if column is None else column]


def labels_of(predicted: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Name the labels that a model predicted."""
    classes, names = classes_of(model), np.array(class_names(model), dtype=object)
    return names[[classes.index(label) for label in predicted.tolist()]]


def labels_at(threshold: float, probabilities: NDArray[Any], model: Any) -> NDArray[np.object_]:
    """Name the label of each row: by a threshold for two classes, else the most probable."""
    names = np.array(class_names(model), dtype=object)
    if len(names) == 2:
        [positive] = shown_columns(model)
        called = probabilities[:, positive] >= threshold
        return names[np.where(called, positive, 1 - positive)]
    return names[probabilities.argmax(axis=1)]
