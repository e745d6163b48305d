"""Evaluate a model on a collection."""

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.utils import Bunch

__all__ = ["evaluated", "is_positive"]


def evaluated(model: Any, xrays: "Bunch", threshold: float | None = None) -> "pd.DataFrame":
    """Evaluate the positive classes against the negative one, decoding each image once."""
    import numpy as np
    from sklearn.exceptions import UndefinedMetricWarning

    from skpneumo._responses import probabilities_and_labels, reasons_to_withhold
    from skpneumo.evaluation import evaluate_predictions
    from skpneumo.fitted import without_gate

    classes = np.asarray(model.classes_)
    positive = is_positive(xrays)
    decided = None
    if threshold is None:
        probabilities, labels = probabilities_and_labels(model, xrays.filenames)
        decided = np.isin(labels, classes[positive]).astype(int)
    elif len(classes) == 2:
        probabilities = without_gate(model).predict_proba(xrays.filenames)
    else:
        raise ValueError(
            f"--threshold is for models of two classes; this one has {len(classes)}: "
            f"{', '.join(map(str, classes))}. Leave it out."
        )
    # As in a report. The sum of the negative ones, subtracted from 1, would round small
    # probabilities to 0, and may be negative; those of float32 may add up to more than 1.
    score = np.minimum(probabilities[:, positive].sum(axis=1), 1.0)
    reasons = reasons_to_withhold(model, xrays.filenames)
    with warnings.catch_warnings():
        # The table shows which metrics are undefined, and why.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return evaluate_predictions(
            positive[xrays.target].astype(int),
            score,
            decided,
            groups=xrays.groups,
            filenames=xrays.filenames,
            pos_label=1,
            threshold=threshold,
            withheld=None if reasons is None else reasons != "",
        )


def is_positive(xrays: "Bunch") -> "NDArray[np.bool_]":
    """Mark the positive classes; raise if they are not known."""
    import numpy as np

    from skpneumo._positive_class import positive_classes

    names = xrays.target_names
    positive = xrays.positive or positive_classes(names).positive
    return np.array([name in positive for name in names], dtype=bool)
