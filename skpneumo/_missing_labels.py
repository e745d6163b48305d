"""Labels that are missing: found before NumPy writes them out as text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import _check_y

__all__ = ["checked_labels", "refuse_missing_labels"]


def checked_labels(y: Any, name: str = "y") -> NDArray[Any]:
    """Bring labels that may be text to an array, none of them missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    name : str, default="y"
        What they are called in the error.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    """
    refuse_missing_labels(y, name)
    labels: NDArray[Any] = _check_y(y)
    return labels


def refuse_missing_labels(y: Any, name: str = "y") -> None:
    """Refuse None and NaN among labels, in whatever they come.

    Of a list such as ``["NORMAL", nan]`` NumPy makes text, and so a class "nan" that every later
    check takes for a label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    name : str, default="y"
        What they are called in the error.

    Raises
    ------
    ValueError
        If labels are missing; how many, and the first row, are named.

    Examples
    --------
    >>> from skpneumo._missing_labels import refuse_missing_labels
    >>> refuse_missing_labels(["NORMAL", float("nan")])
    Traceback (most recent call last):
        ...
    ValueError: Input y contains NaN or None in 1 of 2 labels, the first in row 1. Drop those ...
    """
    import pandas as pd

    labels = _entries(y)
    if labels.ndim != 1 or labels.dtype.kind not in "fO":
        return
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"Input {name} contains NaN or None in {len(missing)} of {len(labels)} labels, the "
            f"first in row {missing[0]}. Drop those rows or label them."
        )


def _entries(y: Any) -> NDArray[Any]:
    if isinstance(y, list | tuple):
        return np.asarray(y, dtype=object)
    return np.asarray(y)
