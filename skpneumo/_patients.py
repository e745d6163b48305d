"""Find the patient of each row, and check the patients that are passed as ``groups``.

The patient comes from ``groups``, or is stored in ``X``, or is read from the file name. Otherwise,
each row counts as one patient, with a warning.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.utils import column_or_1d

from skpneumo._missing_labels import label_entries
from skpneumo._paths import carried_patients, check_paths, filenames_of
from skpneumo._typing import ArrayLike
from skpneumo._warning_lines import users_stacklevel
from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.datasets._file_names import UnknownPatient, read_patients

__all__ = [
    "UnknownPatient",
    "check_groups",
    "find_patients",
    "find_patients_and_warn",
    "patients_of",
]

_MOST_NAMED = 5

_REMEDY = "Pass the patients as groups, or in a column 'patient' beside the column 'path' of X."


def patients_of(
    X: Any,
    n_samples: int,
    groups: ArrayLike | None = None,
    *,
    filenames: Any = None,
) -> NDArray[Any]:
    """Find the patient of each row, and warn of unknown ones.

    Parameters
    ----------
    X : object of length n_samples
        Paths in any form, images, or anything else.
    n_samples : int
        Number of rows.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row; overrides everything else.
    filenames : array-like of paths, shape (n_samples,), default=None
        The files of the rows, if ``X`` does not contain them.

    Returns
    -------
    patients : ndarray of shape (n_samples,)
        Equal for rows of one patient. Patients with a common synthetic row count as one.

    Warns
    -----
    UnknownPatientsWarning
        If the patients of some rows are unknown. Each of these rows counts as one patient.

    Examples
    --------
    >>> import pandas as pd
    >>> from skpneumo._patients import patients_of
    >>> X = pd.DataFrame({"path": ["a.png", "b.png"], "patient": ["ann", "ann"]})
    >>> patients_of(X, 2)
    array(['ann', 'ann'], dtype=object)
    >>> patients_of(["IM-0001-0001.jpeg", "person1_virus_6.jpeg"], 2)
    array(['normal-IM-0001', 'virus-1'], dtype=object)
    """
    return find_patients_and_warn(X, n_samples, groups, filenames=filenames)[0]


def find_patients_and_warn(
    X: Any, n_samples: int, groups: ArrayLike | None = None, *, filenames: Any = None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Find the patient of each row and whether it is known, and warn of unknown ones."""
    patients, known, remarks = find_patients(X, n_samples, groups, filenames=filenames)
    for remark in remarks:
        warnings.warn(remark, UnknownPatientsWarning, stacklevel=users_stacklevel())
    return patients, known


def find_patients(
    X: Any, n_samples: int, groups: ArrayLike | None = None, *, filenames: Any = None
) -> tuple[NDArray[Any], NDArray[np.bool_], list[str]]:
    """Find the patient of each row, whether it is known, and the warnings.

    Parameters
    ----------
    X, n_samples, groups, filenames : object
        As in :func:`patients_of`.

    Returns
    -------
    patients : ndarray of shape (n_samples,)
    known : ndarray of shape (n_samples,), dtype bool
    remarks : list of str

    Raises
    ------
    ValueError
        If ``X`` or the files have another number of rows.
    """
    known = np.ones(n_samples, dtype=bool)
    if groups is not None:
        patients = check_groups(groups, n_samples)
        return patients, _is_given(patients) & ~_named_after_files(patients, X, filenames), []
    names = filenames_of(X) if filenames is None else check_paths(filenames)
    carried = carried_patients(X)
    for told in (carried, names):
        if told is not None and len(told) != n_samples:
            raise ValueError(
                f"X has {len(told)} rows, and there are labels or scores of {n_samples}: "
                "inconsistent numbers of samples. Pass one for each row, in the order of the rows."
            )
    if carried is None and names is None:
        known[:] = False
        return np.arange(n_samples), known, [_nothing_tells(n_samples)]
    patients = np.full(n_samples, None, dtype=object)
    if carried is not None:
        patients[:] = carried
    known = _is_given(patients) & ~_named_after_files(patients, X, filenames)
    remarks = []
    if not known.all() and names is None:
        patients[~known] = [
            str(patients[row]) if isinstance(patients[row], UnknownPatient) else f"unknown-{row}"
            for row in np.flatnonzero(~known)
        ]
        remarks = [_nothing_tells(n_samples, int(np.sum(~known)))]
    elif not known.all():
        assert names is not None
        read = read_patients(names[~known])
        patients[~known], remarks = read.ids, read.remarks
        known[~known] = read.known
    return _comparable(patients), known, remarks


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
        If an id is missing (None, NaN, masked or empty), or their number is not ``n_samples``.
    TypeError
        If the ids have several types, such as 7 and "7".

    Examples
    --------
    >>> from skpneumo._patients import check_groups
    >>> check_groups(["ann", "ann", "bob"], 3)
    array(['ann', 'ann', 'bob'], dtype=object)
    >>> check_groups(["ann", None, "bob"], 3)
    Traceback (most recent call last):
        ...
    ValueError: The patient of 1 of 3 samples is missing: groups has None in row 1. Give each ...
    """
    import pandas as pd

    if not hasattr(groups, "shape") and hasattr(groups, "__array__"):
        groups = np.asarray(groups)  # of PyArrow, whose entries are of types of its own
    elif not hasattr(groups, "shape"):
        # NumPy would convert a missing id among text to "nan" or "None".
        groups = np.fromiter(groups, dtype=object)  # type: ignore[arg-type]
    elif np.ma.is_masked(groups):
        groups = label_entries(groups)
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
            f"{ids[missing[:1]].tolist()[0]!r} in row {rows}{more}. Give each patient an id of "
            "their own, or drop these samples."
        )
    if ids.dtype == object and not _sortable(ids):
        types = sorted({type(each).__name__ for each in ids})
        raise TypeError(
            f"groups has ids of the types {', '.join(types)}, so that 7 and '7' could be one "
            "patient or two. Convert all ids to text, or all to numbers."
        )
    return ids


def _is_given(patients: NDArray[np.object_]) -> NDArray[np.bool_]:
    import pandas as pd

    return np.array(
        [
            isinstance(each, tuple)
            or not (isinstance(each, UnknownPatient) or pd.isna(each) or str(each).strip() == "")
            for each in patients
        ],
        dtype=bool,
    )


def _named_after_files(patients: NDArray[Any], X: Any, filenames: Any) -> NDArray[np.bool_]:
    """Find ids of unknown patients that have become other text, which name the file of the row."""
    found = np.array(
        [isinstance(each, str) and each.startswith(UnknownPatient.PREFIX) for each in patients],
        dtype=bool,
    )
    if found.any():  # else X, which may be anything beside groups, is not looked at
        names = filenames_of(X if filenames is None else filenames)
        if names is None or len(names) != len(patients):
            return np.zeros(len(patients), dtype=bool)
        for row in np.flatnonzero(found):
            found[row] = patients[row] == UnknownPatient.of_file(names[row])
    return found


def _comparable(patients: NDArray[np.object_]) -> NDArray[Any]:
    """Convert ids to one type, and give patients with a common row one id."""
    if any(isinstance(each, tuple) for each in patients):
        patients = _joined(patients)
    # Numbers from a table, and text from file names.
    if len({type(each) for each in patients}) > 1:
        patients = np.array([str(each) for each in patients], dtype=object)
    return check_groups(patients, len(patients))


def _joined(patients: NDArray[np.object_]) -> NDArray[np.object_]:
    """Merge all patients that are connected by common rows into one."""
    sources = [each if isinstance(each, tuple) else (each,) for each in patients]
    rows = np.repeat(np.arange(len(sources)), [len(each) for each in sources])
    ids, of_row = np.unique(
        [str(patient) for each in sources for patient in each], return_inverse=True
    )
    n_nodes = len(sources) + len(ids)
    graph = coo_array((np.ones(len(rows)), (rows, len(sources) + of_row)), (n_nodes, n_nodes))
    component = connected_components(graph, directed=False)[1]
    first_id = dict(zip(component[len(sources) :][::-1], ids[::-1], strict=True))
    return np.array([str(first_id[each]) for each in component[: len(sources)]], dtype=object)


def _nothing_tells(n_samples: int, n_unknown: int | None = None) -> str:
    which = f"{n_samples} samples" if n_unknown is None else f"{n_unknown} of {n_samples} samples"
    return (
        f"It is unknown which of the {n_samples} samples are of the same patient, so each of the "
        f"{which} counts as one patient. If several are of one, patients are on both sides of "
        f"splits, and intervals and guarantees are too good. {_REMEDY} If each is of another "
        "patient, pass groups=range(n_samples)."
    )


def _sortable(ids: NDArray[Any]) -> bool:
    try:
        np.unique(ids)
    except TypeError:
        return False
    return True
