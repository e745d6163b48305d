"""Divide images into subgroups, and choose the metrics of each."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from skpneumo._predictions import Predictions
from skpneumo._typing import ArrayLike
from skpneumo.datasets import etiologies

__all__ = ["EVERYTHING", "Subgroups", "read_subgroups", "split_by_subgroup"]

EVERYTHING = "all"

Names = NDArray[np.object_]
Subgroups = list[Names]
"""Arrays with the name of each image's subgroup; "" is in none."""

_MOST_VALUES_OF_A_NUMBER = 10
_N_BINS = 4


def read_subgroups(subgroups: Any, X: Any, filenames: NDArray[np.object_] | None) -> Subgroups:
    """Convert the parameter ``subgroups`` to the names of each image's subgroups.

    Parameters
    ----------
    subgroups : None, "etiology", array-like, DataFrame, or name or names of columns of ``X``
    X : object
        Input of the estimator; None if there is none.
    filenames : ndarray of shape (n_images,) or None

    Raises
    ------
    ValueError
        If a subgroup is called "all", or columns do not exist.
    """
    if subgroups is None:
        return []
    if hasattr(subgroups, "columns"):
        return [_of_column(str(name), subgroups[name]) for name in subgroups.columns]
    if isinstance(subgroups, str) and subgroups == "etiology":
        return [] if filenames is None else [_of_etiologies(filenames)]
    columns = list(getattr(X, "columns", []))
    if isinstance(subgroups, str):
        if subgroups not in columns:
            known = f" nor a column of X, which has {columns}" if columns else ""
            raise ValueError(
                f"subgroups={subgroups!r} is not 'etiology'{known}. Pass 'etiology', columns of a "
                "table X, or one name for each image."
            )
        return [_of_column(subgroups, X[subgroups])]
    if columns and isinstance(subgroups, list | tuple) and set(map(str, subgroups)) & set(columns):
        if missing := [name for name in subgroups if name not in columns]:
            raise ValueError(
                f"subgroups has the columns {missing}, which X does not have. Choose from "
                f"{columns}."
            )
        return [_of_column(name, X[name]) for name in subgroups]
    return [_of_names(subgroups)]


def split_by_subgroup(
    predictions: Predictions, subgroups: Subgroups, metrics: tuple[str, ...]
) -> Iterator[tuple[str, Predictions, tuple[str, ...]]]:
    """Yield the name, the predictions and the metrics of each subgroup.

    A subgroup with only positives gets its recall, and its AUC against all negatives; one with
    only negatives, the reverse; one with both, all metrics. Subgroups that equal all images, or a
    whole class, are skipped.
    """
    positive = predictions.positive
    for names in subgroups:
        check_consistent_length(positive, names)
        for name in sorted({name for name in names if name}):
            members = names == name
            sides = {bool(side) for side in positive[members]}
            if members.all():
                continue
            if sides == {True, False}:
                yield name, predictions.rows(members), metrics
                continue
            of_positives = sides == {True}
            if np.array_equal(members, positive == of_positives):
                continue  # the whole class, whose metrics are those of "all"
            against_all = predictions.rows(members | (positive != of_positives))
            own = "recall" if of_positives else "specificity"
            both_classes = (positive != of_positives).any()
            yield name, against_all, (own, "roc_auc") if both_classes else (own,)


def _of_etiologies(filenames: NDArray[np.object_]) -> Names:
    names = etiologies(filenames)
    names[names == "unknown"] = ""
    return names


def _of_names(subgroups: ArrayLike) -> Names:
    import pandas as pd

    # As objects, because NumPy would convert a NaN among text to the text "nan".
    given: NDArray[Any] = column_or_1d(np.asarray(subgroups, dtype=object))
    names = np.array(["" if pd.isna(name) else str(name).strip() for name in given], dtype=object)
    if EVERYTHING in names:
        raise ValueError(
            f"A subgroup is called {EVERYTHING!r}, which is the name of the rows for all images. "
            "Rename it."
        )
    return names


def _of_column(column: str, values: Any) -> Names:
    """Name subgroups by the column and its value, or by quartile of a number with many values."""
    import pandas as pd

    is_of_pandas = hasattr(values, "iloc")  # types of polars mean nothing to it
    series = pd.Series(np.asarray(values), dtype=values.dtype if is_of_pandas else None)
    is_number = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if is_number and series.nunique() > _MOST_VALUES_OF_A_NUMBER:
        parts = pd.qcut(series, _N_BINS, labels=False, duplicates="drop")
        low, high = (series.groupby(parts).transform(end) for end in ("min", "max"))
        digits = _digits_to_tell_apart([*low.dropna(), *high.dropna()])
        return np.array(
            [
                "" if pd.isna(part) else f"{column} {a:.{digits}g} to {b:.{digits}g}"
                for part, a, b in zip(parts, low, high, strict=True)
            ],
            dtype=object,
        )
    return np.array(
        ["" if pd.isna(each) or not str(each).strip() else f"{column}={each}" for each in series],
        dtype=object,
    )


def _digits_to_tell_apart(limits: list[float]) -> int:
    """Choose the digits of limits, as parts of dates such as 20190131 would have one name."""
    wanted = len(set(limits))
    enough = (n for n in range(6, 17) if len({f"{limit:.{n}g}" for limit in limits}) == wanted)
    return next(enough, 17)
