"""A search by recall that does not fall for a model that calls everyone ill."""

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.model_selection import GridSearchCV

__all__ = ["GRID", "best_recall_then_specificity", "figure_of", "recall_search", "table_of"]

GRID: dict[str, list[Any]] = {
    "cnn__dropout": [0.0, 0.2],
    "cnn__l2": [0.0, 1e-4],
    "cnn__learning_rate": [1e-3, 3e-3],
}

# Candidates that miss at most this much more of the pneumonias than the best one count as its
# equals: folds of some hundred patients cannot tell them apart.
RECALL_ALLOWANCE = 0.01


def best_recall_then_specificity(results: dict[str, Any]) -> int:
    """Choose, among the candidates of practically the best recall, the most specific."""
    import numpy as np

    recall = np.asarray(results["mean_test_recall"])
    specificity = np.asarray(results["mean_test_specificity"])
    equals = recall >= recall.max() - RECALL_ALLOWANCE
    return int(np.argmax(np.where(equals, specificity, -1.0)))


def recall_search(
    pipeline: Any, grid: dict[str, list[Any]], folds: int, draw: int | None, random_state: int
) -> "GridSearchCV":
    """Set up a search over a grid, or over ``draw`` candidates of it, patients kept together."""
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    from skpneumo import PatientKFold

    options = {
        "scoring": OutOfFold(),
        "refit": best_recall_then_specificity,
        "cv": PatientKFold(folds, shuffle=True, random_state=random_state),
        "error_score": "raise",
    }
    if draw is None:
        return GridSearchCV(pipeline, grid, **options)
    return RandomizedSearchCV(pipeline, grid, n_iter=draw, random_state=random_state, **options)


class OutOfFold:
    """Scores each fold, and keeps its predictions for intervals over all folds together.

    A search scores candidate by candidate, fold by fold, and in this process as long as it has
    no ``n_jobs``. The deviation between three folds would be no interval: folds share most of
    their training, and know nothing of the patients.
    """

    def __init__(self) -> None:
        self.folds: list[tuple[Any, Any, Any]] = []

    def __call__(self, estimator: Any, X: Any, y: Any) -> dict[str, float]:
        from sklearn.metrics import recall_score

        predicted = estimator.predict(X)
        self.folds.append((X, y, predicted))
        return {
            "recall": recall_score(y, predicted),
            "specificity": recall_score(y, predicted, pos_label=0),
        }

    def pooled(self, candidate: int, n_folds: int) -> "pd.DataFrame":
        """Evaluate a candidate on all images, each predicted by the model that has not seen it."""
        import numpy as np
        from sklearn.exceptions import UndefinedMetricWarning

        from skpneumo.evaluation import evaluate_predictions

        folds = self.folds[candidate * n_folds : (candidate + 1) * n_folds]
        paths, y, predicted = (np.concatenate(part) for part in zip(*folds, strict=True))
        with warnings.catch_warnings():
            # Precision has no value where all are called healthy, and is not asked for.
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            return evaluate_predictions(
                y, y_pred=predicted, filenames=paths, pos_label=1, subgroups=None
            )


def table_of(search: Any) -> "pd.DataFrame":
    """Return one row per candidate, best first, the chosen one marked.

    Recall and specificity are those of all folds' images together, with their intervals over
    patients.
    """
    import numpy as np
    import pandas as pd

    results = search.cv_results_
    table = pd.DataFrame(results["params"])
    for candidate in range(len(table)):
        overall = search.scorer_.pooled(candidate, search.n_splits_).set_index("metric")
        for metric in ("recall", "specificity"):
            for column in ("value", "low", "high", "n", "n_patients"):
                name = metric if column == "value" else f"{metric}_{column}"
                table.loc[candidate, name] = overall.loc[metric, column]
    counts = [name for name in table if str(name).endswith(("_n", "_n_patients"))]
    table[counts] = table[counts].astype(int)
    table["fit_seconds"] = results["mean_fit_time"]
    table["chosen"] = np.arange(len(table)) == search.best_index_
    return table.sort_values(["chosen", "recall", "specificity"], ascending=False)


def figure_of(row: Any, metric: str, *, with_size: bool = True) -> str:
    """Write a metric of a row of the table with its interval."""
    from skpneumo._formatting import with_interval

    size = ("n", "n_patients") if with_size else ()
    columns = ["", "_low", "_high", *(f"_{each}" for each in size)]
    return with_interval(*(row[f"{metric}{column}"] for column in columns))
