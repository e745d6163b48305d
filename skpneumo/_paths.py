"""Convert the accepted forms of paths, and get file names and patients of rows."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Collection, Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import quoted
from skpneumo._positive_class import says_its_class

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SPLIT_OF_FOLDER",
    "carried_patients",
    "check_is_no_query",
    "check_paths",
    "collection_and_split",
    "filenames_of",
    "refuse_empty_path",
    "text_frame",
]

SPLIT_OF_FOLDER = {
    "train": "train",
    "val": "val",
    "test": "test",
    "training": "train",
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "testing": "test",
}
"""Split for each usual name of its folder, in lower case."""


def check_paths(X: Any) -> NDArray[np.object_]:
    """Convert any accepted form of paths to a 1-D array of str.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, 1)
        Paths as str or :class:`os.PathLike`: a list, array, Series, or one column of an array or
        DataFrame. In a DataFrame with several columns, it is the column ``path``.

    Returns
    -------
    paths : ndarray of shape (n_samples,), dtype object
        The paths as str, in the same order. No file is opened.

    Raises
    ------
    TypeError
        If ``X`` is a single path, a dict, a set or a query, or an entry is not a path.
    ValueError
        If ``X`` is empty or has more than one column.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> from skpneumo._paths import check_paths
    >>> check_paths([["a.jpeg"], [PurePosixPath("b.jpeg")]])
    array(['a.jpeg', 'b.jpeg'], dtype=object)
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        remedy = (
            f"Use load_chest_xray({X!r}).X, or list its files."
            if os.path.isdir(X)
            else f"Use [{X!r}]."
        )
        raise TypeError(f"Expected a list or array of paths, got the single path {X!r}. {remedy}")
    check_is_no_query(X, or_array=False)
    if not isinstance(X, Iterable):
        raise TypeError(f"Expected a list or array of paths, got {type(X).__name__}: {X!r}.")
    if isinstance(X, Mapping | Set):
        raise _in_no_order(X)
    frame: Any = X
    columns = getattr(frame, "columns", ())
    if "path" in columns:
        X = _only_column(frame, "path")
    elif {"filenames", "target"} <= {*columns}:
        raise ValueError(
            "Expected paths, got the frame of a collection, which also has the labels. Pass its X "
            "instead, such as xrays.X, which has the columns path and patient."
        )
    elif len(columns) > 1:
        raise _more_than_one_column(f"a frame with the columns {quoted(columns)}")
    flat = _flat_column(X)
    if flat.size == 0:
        raise ValueError(
            "Found an empty list of paths where a minimum of 1 sample(s) is required. "
            "Check the folder or pattern they were collected from."
        )
    paths = np.empty(len(flat), dtype=object)
    for i, entry in enumerate(flat):
        if not isinstance(entry, (str, os.PathLike)):
            raise TypeError(
                f"Entry {i} of the paths is {reprlib.repr(entry)} ({type(entry).__name__}); "
                "expected a str or pathlib.Path. Remove or fix such rows."
            )
        paths[i] = os.fspath(entry)
    return paths


def _flat_column(X: Any) -> NDArray[np.object_]:
    """Convert a list, array or column to a 1-D array of objects; raise for several columns."""
    if not hasattr(X, "__array__"):
        X = list(X)
        # A nested list is the (n, 1) form.
        rows = [row if isinstance(row, (list, tuple, np.ndarray)) else [row] for row in X]
        if widths := {len(row) for row in rows} - {1}:
            raise _more_than_one_column(f"rows with {sorted(widths)} entries")
        return np.fromiter((row[0] for row in rows), dtype=object)
    shape = np.asarray(X).shape
    if len(shape) > 2 or shape[1:] not in ((), (1,)):
        raise _more_than_one_column(f"shape {shape}")
    return np.asarray(X, dtype=object).reshape(-1)


def check_is_no_query(X: Any, *, or_array: bool = True) -> None:
    """Raise TypeError for tables whose rows cannot be selected, such as a lazy frame of polars.

    With ``or_array``, those that NumPy converts to an array are accepted, as for rows of numbers.
    """
    # Of the class, because asking a query for its columns would run a part of it.
    if not hasattr(type(X), "columns") or isinstance(X, Iterable):
        return
    if or_array and hasattr(X, "__array__"):
        return
    for method in ("to_pandas", "toPandas", "collect", "df"):
        if hasattr(X, method):
            raise TypeError(
                f"Rows of a {type(X).__name__} cannot be selected. Pass X.{method}() instead."
            )


def refuse_empty_path(path: object, name: str) -> None:
    """Raise if a path is empty text, which would silently mean the current folder.

    Examples
    --------
    >>> from skpneumo._paths import refuse_empty_path
    >>> refuse_empty_path("", "root")
    Traceback (most recent call last):
        ...
    ValueError: root is empty, as from a variable that is not set. Name a path; "." is the ...
    """
    if path == "":
        raise ValueError(
            f'{name} is empty, as from a variable that is not set. Name a path; "." is the '
            "current folder."
        )


def filenames_of(X: Any) -> NDArray[np.object_] | None:
    """Get the files of the rows of X; None if it is neither paths nor images that carry some.

    Examples
    --------
    >>> from skpneumo._paths import filenames_of
    >>> filenames_of(["a.jpeg", "b.jpeg"])
    array(['a.jpeg', 'b.jpeg'], dtype=object)
    >>> filenames_of([[0.5, 1.0]]) is None
    True
    """
    filenames = getattr(X, "filenames", None)
    if filenames is not None:
        return np.asarray(filenames, dtype=object)
    if getattr(getattr(X, "dtype", None), "kind", "O") in "biufc":
        return None
    try:
        return check_paths(X)
    except (TypeError, ValueError):
        return None


def carried_patients(X: Any) -> NDArray[np.object_] | None:
    """Get the patients stored in X.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        A frame with the columns ``path`` and ``patient``, images with an attribute ``patients``,
        or anything else.

    Returns
    -------
    patients : ndarray of shape (n_samples,), dtype object, or None
        None if ``X`` has no patients. An entry is None or NaN if its patient is unknown, and a
        tuple if the row was made from images of several patients.

    Examples
    --------
    >>> import pandas as pd
    >>> from skpneumo._paths import carried_patients
    >>> carried_patients(pd.DataFrame({"path": ["a.png"], "patient": ["ann"]}))
    array(['ann'], dtype=object)
    """
    check_is_no_query(X)
    patients = getattr(X, "patients", None)
    if patients is None or hasattr(X, "columns"):
        columns = getattr(X, "columns", ())
        if "path" not in columns or "patient" not in columns:
            return None
        patients = _only_column(X, "patient")
    return np.fromiter(patients, dtype=object)


def collection_and_split(
    filenames: Iterable[str], inner: Collection[str] = (), one_class: bool = False
) -> tuple[str, str]:
    """Return the name of the folder that contains all files, and the split that they are of.

    Parameters
    ----------
    filenames : iterable of str
        Paths of one or more files.
    inner : collection of str, default=()
        Names of splits and classes, whose folders are skipped, as are those with a usual name
        of a split.
    one_class : bool, default=False
        Whether all files are of one class: a folder named like a class is then skipped as well.
        Otherwise it is a collection, such as ``pneumonia`` with the folders of both classes.

    Returns
    -------
    name : str
        Empty if the folder is hidden, such as a temporary one.
    split : {"train", "val", "test", ""}
        Read from the skipped folders; empty if there are several splits, or none.

    Examples
    --------
    >>> from skpneumo._paths import collection_and_split
    >>> collection_and_split(["xrays/testing/NORMAL/1.png", "xrays/testing/PNEUMONIA/2.png"])
    ('xrays', 'test')
    >>> collection_and_split(["xrays/testing/1.png", "xrays/training/2.png"])
    ('xrays', '')
    """
    folder = os.path.commonpath({os.path.dirname(os.path.abspath(name)) for name in filenames})
    split = ""
    while name := os.path.basename(folder):
        # A folder called dev is rather one of a programmer than a split.
        if name.lower() != "dev" and (named := SPLIT_OF_FOLDER.get(name.lower())):
            split = split or named
        elif name not in inner and not (one_class and says_its_class(name)):
            break
        else:
            one_class = False  # a class above this one is the collection: pneumonia/NORMAL
        folder = os.path.dirname(folder)
    return "" if name.startswith(".") else name, split


def text_frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    r"""Make a DataFrame whose text stays Python strings.

    File names are bytes that need not be UTF-8. Python strings can represent such bytes, but the
    Arrow strings of pandas cannot. Columns that are lists or of dtype object have dtype object.

    Examples
    --------
    >>> from skpneumo._paths import text_frame
    >>> text_frame({"path": ["caf\udce9.jpeg"], "target": np.array([1])}).dtypes.tolist()
    [dtype('O'), dtype('int64')]
    """
    import pandas as pd

    kept = {
        name: pd.Series(values, dtype=object)
        if not hasattr(values, "dtype") or values.dtype == np.dtype(object)
        else values
        for name, values in columns.items()
    }
    return pd.DataFrame(kept)


def _only_column(frame: Any, name: str) -> Any:
    """Select a column of a frame, in which pandas allows several of one name."""
    n_columns = list(frame.columns).count(name)
    if n_columns > 1:
        raise ValueError(
            f"X has {n_columns} columns {name!r}. Remove or rename all but one; if they are "
            "equal, X = X.loc[:, ~X.columns.duplicated()]."
        )
    return frame[name]


def _in_no_order(X: Any) -> TypeError:
    """What to do about a dict, whose keys are no paths, and a set, whose order is nobody's."""
    kind = type(X).__name__
    if "X" in X:
        remedy = f"Pass the X of this {kind}."
    elif "path" in X:
        remedy = "Pass a frame of it: pandas.DataFrame(X)."
    else:
        remedy = "Pass a list, in the order of the labels."
    return TypeError(f"Expected a list or array of paths, got a {kind}. {remedy}")


def _more_than_one_column(found: str) -> ValueError:
    return ValueError(
        f"Expected paths of shape (n_samples,) or (n_samples, 1), got {found}. Pass only the "
        "column of paths, or a frame in which it is called path. Arrays of images are accepted by "
        "classifiers, but not by steps for paths."
    )
