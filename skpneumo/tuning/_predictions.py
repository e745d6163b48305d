"""Out-of-fold predictions of each candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import _safe_indexing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FoldPredictions", "predict_fold", "predictions_table"]


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of a fitted candidate for the rows of its test fold."""

    rows: NDArray[np.intp]
    y_pred: NDArray[Any]
    classes: NDArray[Any] | None = None  # of the columns of proba
    proba: NDArray[np.float64] | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the predictions as arrays that can be saved without pickle."""
        return {
            name: _without_objects(values)
            for name, values in vars(self).items()
            if values is not None
        }


def predict_fold(estimator: Any, X: Any, rows: Any) -> FoldPredictions:
    """Predict the rows of a test fold with an estimator that was fitted on the other rows.

    Raises
    ------
    TypeError
        If the estimator has no ``predict``.
    """
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"store_predictions=True, but {type(estimator).__name__} has no predict. Set "
            "store_predictions=False, or search over a classifier."
        )
    held_out = _safe_indexing(X, rows)
    y_pred = np.asarray(estimator.predict(held_out))
    if not hasattr(estimator, "predict_proba"):
        return FoldPredictions(np.asarray(rows), y_pred)
    classes = np.asarray(estimator.classes_)
    proba = np.asarray(estimator.predict_proba(held_out), dtype=float)
    return FoldPredictions(np.asarray(rows), y_pred, classes, proba)


def predictions_table(
    predictions: Sequence[FoldPredictions | None], n_splits: int
) -> "pd.DataFrame":
    """Concatenate the predictions of all fits, in the order of ``cv_results_``.

    Failed fits have no predictions.
    """
    import pandas as pd

    frames = []
    for fit, each in enumerate(predictions):
        if each is None:
            continue
        candidate, fold = divmod(fit, n_splits)
        columns = {"candidate": candidate, "fold": fold, "row": each.rows, "y_pred": each.y_pred}
        frame = pd.DataFrame(columns)
        if each.classes is not None and each.proba is not None:
            for label, column in zip(each.classes.tolist(), each.proba.T, strict=True):
                frame[f"proba_{label}"] = column
        frames.append(frame)
    if not frames:
        return pd.DataFrame({name: [] for name in ("candidate", "fold", "row", "y_pred")})
    return pd.concat(frames, ignore_index=True)


def _without_objects(values: NDArray[Any]) -> NDArray[Any]:
    """Convert an object array of text, which NumPy would save as a pickle, to a text array."""
    if values.dtype.kind != "O":
        return values
    entries = values.ravel().tolist()
    if not all(isinstance(entry, str) for entry in entries):
        kinds = sorted({type(entry).__name__ for entry in entries})
        raise TypeError(
            f"Labels of type {' and '.join(kinds)} cannot be saved to the store without pickle. "
            "Use integers or text as labels."
        )
    return values.astype(str)
