"""Check the patients that users pass as ``groups``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from skpneumo._typing import ArrayLike

__all__ = ["check_groups"]

_MOST_NAMED = 5


def check_groups(groups: ArrayLike, n_samples: int) -> NDArray[Any]:
    """Convert the patients of samples to a 1-D array without missing ids.

    Samples without an id need not be of one patient, nor each of another one, so there is no
    default.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        The id of the patient of each sample: numbers or text.
    n_samples : int
        The expected number of ids.

    Returns
    -------
    groups : ndarray of shape (n_samples,)
        The given ids, which :func:`numpy.unique` can sort.

    Raises
    ------
    ValueError
        If an id is missing (None, NaN or empty), or their number is not ``n_samples``.
    TypeError
        If the ids have several types, such as 7 and "7".

    Examples
    --------
    >>> from skpneumo._groups import check_groups
    >>> check_groups(["ann", "ann", "bob"], 3)
    array(['ann', 'ann', 'bob'], dtype=object)
    >>> check_groups(["ann", None, "bob"], 3)
    Traceback (most recent call last):
        ...
    ValueError: The patient of 1 of 3 samples is missing: groups has None in row 1. Give each ...
    """
    import pandas as pd

    if not hasattr(groups, "shape"):
        # NumPy would convert a missing id among text to "nan" or "None".
        entries = list(groups)  # type: ignore[arg-type]
        groups = np.empty(len(entries), dtype=object)
        groups[:] = entries
    ids: NDArray[Any] = column_or_1d(groups)
    if len(ids) != n_samples:
        raise ValueError(
            f"There are {n_samples} samples but {len(ids)} groups. Pass the patient of each "
            "sample, in the order of the samples."
        )
    blank = np.array([str(each).strip() == "" for each in ids], dtype=bool)  # also of no ids
    missing = np.flatnonzero(pd.isna(ids) | blank)
    if len(missing):
        more = ", ..." if len(missing) > _MOST_NAMED else ""
        rows = ", ".join(str(row) for row in missing[:_MOST_NAMED])
        raise ValueError(
            f"The patient of {len(missing)} of {n_samples} samples is missing: groups has "
            f"{ids[missing[0]]!r} in row {rows}{more}. Give each patient an id of their own, or "
            "drop these samples."
        )
    if ids.dtype == object and not _sortable(ids):
        types = sorted({type(each).__name__ for each in ids})
        raise TypeError(
            f"groups has ids of the types {', '.join(types)}, so that 7 and '7' could be one "
            "patient or two. Convert all ids to text, or all to numbers."
        )
    return ids


def _sortable(ids: NDArray[Any]) -> bool:
    try:
        np.unique(ids)
    except TypeError:
        return False
    return True
