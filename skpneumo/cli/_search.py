"""The search of ``tune`` and ``demo``: the highest recall among candidates near the best."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

    from skpneumo.tuning import ResumableGridSearchCV, ResumableRandomizedSearchCV

__all__ = ["GRID", "metric_with_interval", "recall_search", "table_of", "useless_out_of_fold"]

GRID: dict[str, list[Any]] = {
    "cnn__dropout": [0.0, 0.2],
    "cnn__l2": [0.0, 1e-4],
    "cnn__learning_rate": [1e-3, 3e-3],
}


def recall_search(
    pipeline: Any,
    grid: dict[str, list[Any]],
    folds: int,
    n_candidates: int | None,
    random_state: int,
    store: Path | None = None,
) -> "ResumableGridSearchCV | ResumableRandomizedSearchCV":
    """Create a search over a grid, or over some of its candidates, in patient-grouped folds."""
    from sklearn.metrics import make_scorer, recall_score

    from skpneumo import PatientKFold
    from skpneumo.tuning import (
        ResumableGridSearchCV,
        ResumableRandomizedSearchCV,
        recall_first,
    )

    options: dict[str, Any] = {
        "scoring": {
            "recall": "recall",
            "specificity": make_scorer(recall_score, pos_label=0),
            "balanced_accuracy": "balanced_accuracy",
        },
        "refit": recall_first,
        "cv": PatientKFold(folds, shuffle=True, random_state=random_state),
        "store": store,
        "store_predictions": True,
        "error_score": "raise",
    }
    if n_candidates is None:
        return ResumableGridSearchCV(pipeline, grid, **options)
    return ResumableRandomizedSearchCV(
        pipeline, grid, n_iter=n_candidates, random_state=random_state, **options
    )


def table_of(search: Any, xrays: "Bunch") -> "pd.DataFrame":
    """Make a table with one row per candidate, best first, and the chosen one marked.

    Recall and specificity are those of the images of all folds together, each predicted by the
    model that was not trained on it, with intervals over patients. The standard deviation between
    folds would not give an interval: folds share most of their training images.
    """
    import numpy as np
    import pandas as pd

    results = search.cv_results_
    table = pd.DataFrame(results["params"])
    for candidate, predicted in search.predictions_.groupby("candidate"):
        overall = _pooled(predicted, xrays).set_index("metric")
        for metric in ("recall", "specificity"):
            for column in ("value", "low", "high", "n", "n_patients"):
                name = metric if column == "value" else f"{metric}_{column}"
                table.loc[candidate, name] = overall.loc[metric, column]
    counts = [name for name in table if str(name).endswith(("_n", "_n_patients"))]
    table[counts] = table[counts].astype(int)
    table["fit_seconds"] = results["mean_fit_time"]
    table["chosen"] = np.arange(len(table)) == search.best_index_
    return table.sort_values(["chosen", "recall", "specificity"], ascending=False)


def useless_out_of_fold(search: Any, xrays: "Bunch") -> str:
    """Explain why the chosen candidate is useless out of fold; "" if it is not."""
    from skpneumo.evaluation import why_useless

    predicted = search.predictions_
    chosen = predicted[predicted["candidate"] == search.best_index_]
    return why_useless(_pooled(chosen, xrays), names=tuple(xrays.target_names))


def _pooled(predicted: "pd.DataFrame", xrays: "Bunch") -> "pd.DataFrame":
    """Evaluate a candidate's predictions on all folds together."""
    from sklearn.exceptions import UndefinedMetricWarning

    from skpneumo.evaluation import evaluate_predictions

    rows = predicted["row"].to_numpy()
    with warnings.catch_warnings():
        # Precision is undefined if every prediction is NORMAL, and is not used here.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return evaluate_predictions(
            xrays.target[rows],
            y_pred=predicted["y_pred"],
            groups=xrays.groups[rows],
            filenames=xrays.filenames[rows],
            pos_label=1,
            subgroups=None,
        )


def metric_with_interval(row: Any, metric: str, *, with_size: bool = True) -> str:
    """Write a metric of a row of the table with its interval."""
    from skpneumo._formatting import with_interval

    size = ("n", "n_patients") if with_size else ()
    columns = ["", "_low", "_high", *(f"_{each}" for each in size)]
    return with_interval(*(row[f"{metric}{column}"] for column in columns))
