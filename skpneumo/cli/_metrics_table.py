"""Measuring a model on a collection, and printing it so that no figure lacks its interval."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

__all__ = ["evaluated", "printed"]

NAMES = {
    "recall": "recall (sensitivity)",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "brier_score": "Brier score",
    "ece": "calibration error",
}


def evaluated(model: Any, xrays: "Bunch", threshold: float | None = None) -> "pd.DataFrame":
    """Evaluate pneumonia of any kind against NORMAL, decoding each image once."""
    from skpneumo._responses import probabilities_and_labels
    from skpneumo.evaluation import evaluate_predictions

    normal, *pneumonia = list(model.classes_)
    decided = None
    if threshold is None:
        probabilities, labels = probabilities_and_labels(model, xrays.filenames)
        decided = (labels != normal).astype(int)
    elif len(pneumonia) == 1:
        probabilities = model.predict_proba(xrays.filenames)
    else:
        raise ValueError(
            f"A threshold is for models of two classes; this one has {list(model.classes_)}."
        )
    return evaluate_predictions(
        (xrays.target > 0).astype(int),
        # Of two classes as the model says it: 1 - (1 - p) may lie just below p, and a threshold
        # is often one of the scores.
        probabilities[:, 1] if len(pneumonia) == 1 else 1 - probabilities[:, 0],
        decided,
        groups=xrays.groups,
        filenames=xrays.filenames,
        pos_label=1,
        threshold=threshold,
    )


def printed(frame: "pd.DataFrame", metrics: list[str] | None = None) -> str:
    """Lay the frame out as a table for people."""
    level = frame.attrs.get("confidence_level", 0.95)
    lines = [f"{'':26}{'value':>7}  {f'{level:.0%} interval':<16}{'images':>7}{'patients':>10}"]
    for subgroup, rows in frame.groupby("subgroup", sort=False):
        if subgroup != "all":
            lines.append(f"{subgroup}:")
        for row in rows.itertuples():
            if metrics is not None and row.metric not in metrics:
                continue
            name = NAMES.get(row.metric, row.metric.replace("_", " "))
            sizes = f"{row.n:>7}{row.n_patients:>10}"
            if math.isnan(row.value):
                figure, _, why = row.interval.partition(": ")
                lines.append(f"{name:26}{figure:<25}{sizes}  {why}")
            else:
                interval = f"[{row.low:.3f}, {row.high:.3f}]"
                lines.append(f"{name:26}{row.value:7.3f}  {interval:<16}{sizes}")
    return "\n".join(lines)
