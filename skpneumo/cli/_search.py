"""A search by recall that does not fall for a model that calls everyone ill."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.model_selection import GridSearchCV

__all__ = ["GRID", "best_recall_then_specificity", "recall_search", "table_of"]

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
    from skpneumo.evaluation import specificity_scorer

    options = {
        "scoring": {
            "recall": "recall",
            "specificity": specificity_scorer,
        },
        "refit": best_recall_then_specificity,
        "cv": PatientKFold(folds, shuffle=True, random_state=random_state),
        "error_score": "raise",
    }
    if draw is None:
        return GridSearchCV(pipeline, grid, **options)
    return RandomizedSearchCV(pipeline, grid, n_iter=draw, random_state=random_state, **options)


def table_of(search: Any) -> "pd.DataFrame":
    """Return one row per candidate, best first, the chosen one marked."""
    import numpy as np
    import pandas as pd

    results = search.cv_results_
    table = pd.DataFrame(results["params"])
    for score in ("recall", "specificity"):
        table[score] = results[f"mean_test_{score}"]
        table[f"{score}_std"] = results[f"std_test_{score}"]
    table["fit_seconds"] = results["mean_fit_time"]
    table["chosen"] = np.arange(len(table)) == search.best_index_
    return table.sort_values(["chosen", "recall", "specificity"], ascending=False)
