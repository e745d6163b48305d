"""Evaluate a model on a collection, and print each metric with its interval."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.utils import Bunch

__all__ = ["evaluated", "is_positive", "printed"]

NAMES = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "brier_score": "Brier score",
    "ece": "calibration error",
    "withheld": "withheld by the gate",
}


def evaluated(model: Any, xrays: "Bunch", threshold: float | None = None) -> "pd.DataFrame":
    """Evaluate the positive classes against the negative one, decoding each image once."""
    import numpy as np

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
            f"A threshold is for models of two classes; this one has {list(model.classes_)}."
        )
    reasons = reasons_to_withhold(model, xrays.filenames)
    return evaluate_predictions(
        positive[xrays.target].astype(int),
        # Of two classes as the model says it: 1 - (1 - p) may lie just below p, and a threshold
        # is often one of the scores.
        probabilities[:, 1] if len(classes) == 2 else 1 - probabilities[:, ~positive].sum(axis=1),
        decided,
        groups=xrays.groups,
        filenames=xrays.filenames,
        pos_label=1,
        threshold=threshold,
        withheld=None if reasons is None else reasons != "",
    )


def is_positive(xrays: "Bunch") -> "NDArray[np.bool_]":
    """Mark which of the classes are positive; raise if that is not known."""
    import numpy as np

    from skpneumo._positive_class import positive_classes

    names = xrays.target_names
    positive = xrays.positive or positive_classes(names).positive
    return np.array([name in positive for name in names], dtype=bool)


def printed(frame: "pd.DataFrame", positive: str, metrics: list[str] | None = None) -> str:
    """Format the frame for reading; recall is that of ``positive``."""
    level = frame.attrs.get("confidence_level", 0.95)
    names = NAMES | {"recall": f"recall of {positive}"}
    width = max(26, len(names["recall"]) + 2)
    lines = [
        f"{'':{width}}{'value':>7}  {f'{level:.0%} interval':<16}{'images':>7}{'patients':>10}"
    ]
    for subgroup, rows in frame.groupby("subgroup", sort=False):
        if subgroup != "all":
            lines.append(f"{subgroup}:")
        for row in rows.itertuples():
            if metrics is not None and row.metric not in metrics:
                continue
            name = names.get(row.metric, row.metric.replace("_", " "))
            sizes = f"{row.n:>7}{row.n_patients:>10}"
            if math.isnan(row.value):
                figure, _, why = row.interval.partition(": ")
                lines.append(f"{name:{width}}{figure:<25}{sizes}  {why}")
            else:
                interval = f"[{row.low:.3f}, {row.high:.3f}]"
                lines.append(f"{name:{width}}{row.value:7.3f}  {interval:<16}{sizes}")
    return "\n".join(lines)
