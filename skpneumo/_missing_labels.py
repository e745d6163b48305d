"""Find missing labels, and numbers among text, before NumPy converts them to text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import _check_y

__all__ = ["checked_labels", "label_entries", "refuse_missing_or_mixed_labels"]

_MISSING_AS_TEXT = {"nan", "NaN", "<NA>"}


def checked_labels(y: Any, name: str = "y") -> NDArray[Any]:
    """Convert labels, which may be text, to an array; raise if they are missing or mixed."""
    refuse_missing_or_mixed_labels(y, name)
    labels: NDArray[Any] = _check_y(y)
    return labels


def refuse_missing_or_mixed_labels(y: Any, name: str = "y") -> None:
    """Raise if None or NaN is among labels, in any container, or as text, or numbers among text.

    NumPy converts a list such as ``["NORMAL", nan]`` to text, with a class "nan" that later checks
    accept as a label, and ``["NORMAL", 1, "1"]`` to two classes. Errors call the labels ``name``.

    Raises
    ------
    ValueError
        If labels are missing; the message has their number and the first row. Also if some are
        text and others are not.
    TypeError
        If they are of NumPy's StringDType, which scikit-learn does not know.

    Examples
    --------
    >>> from skpneumo._missing_labels import refuse_missing_or_mixed_labels
    >>> refuse_missing_or_mixed_labels(["NORMAL", float("nan")])
    Traceback (most recent call last):
        ...
    ValueError: Input y contains NaN or None in 1 of 2 labels, the first, nan, in row 1. ...
    """
    labels = label_entries(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "T":
        raise TypeError(
            f"{name} has labels of NumPy's StringDType, which scikit-learn does not know. Pass "
            f"{name}.astype(object)."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "fOU":
        return
    missing = np.flatnonzero(_is_missing(labels))
    if len(missing):
        (first,) = labels[missing[:1]].tolist()  # shown, because it can be the text "nan"
        raise ValueError(
            f"Input {name} contains NaN or None in {len(missing)} of {len(labels)} labels, the "
            f"first, {first!r}, in row {missing[0]}. Remove these rows or label them."
        )
    if labels.dtype == object:
        _refuse_mixed_labels(labels, name)


def label_entries(y: Any) -> NDArray[Any]:
    """Convert labels to an array in which missing ones are still missing.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._missing_labels import label_entries
    >>> label_entries(np.ma.array([0, 1], mask=[True, False]))
    array([None, 1], dtype=object)
    """
    if not hasattr(y, "dtype"):
        return np.asarray(y, dtype=object)
    entries = np.asarray(y)
    if np.ma.is_masked(y):
        entries = entries.astype(object)
        entries[np.ma.getmaskarray(y)] = None
    return entries


def _refuse_mixed_labels(labels: NDArray[np.object_], name: str) -> None:
    is_text = np.array([isinstance(each, str) for each in labels], dtype=bool)
    if is_text.any() and not is_text.all():
        text, number = labels[is_text][0], labels[~is_text][0]
        raise ValueError(
            f"{name} has labels that are text, such as {text!r}, and others that are not, such as "
            f"{number!r}, which are never equal. Convert all labels to text, or all to numbers."
        )


def _is_missing(labels: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd

    missing: NDArray[np.bool_] = pd.isna(labels)
    if labels.dtype.kind in "OU":
        # How NumPy and pandas write NaN as text. Not "None", which can be the name of a class.
        missing = missing | np.array(
            [str(each) in _MISSING_AS_TEXT for each in labels], dtype=bool
        )
    return missing
