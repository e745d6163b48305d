"""Read the patients and splits of a table, and find columns that seem to contain them."""

import re
import shlex
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import counted
from skpneumo._messages import by_interface
from skpneumo._spellings import (
    folded,
    one_spelling,
    patients_in_one_spelling,
    remarks_on_spellings,
    stands_for_no_patient,
    without_marks,
)
from skpneumo.datasets._folders import SPLITS, split_name
from skpneumo.datasets._table import (
    column_called,
    column_of,
    distinct_columns,
    rounded_numbers,
    text_of,
)

__all__ = ["hint_at_patients", "patients_in", "refuse_one_column_twice", "splits_in"]

# Such as PatientID, patient_no and Subject, but not Patient Age.
_PATIENTS = re.compile(
    r"(patient|subject|person|mrn)s?[\s_.-]*(ids?|no|nr|num|number|name|key|code|identifier|uid)?",
    re.IGNORECASE,
)


_MISSING_CODE = "-1"
_FEW = 50  # rows that show whether it is worth while to read the others


def refuse_one_column_twice(
    frame: pd.DataFrame,
    *,
    path: str,
    label: str | None,
    patient: str | None,
    patient_pattern: str | None,
    split: str | None,
) -> None:
    """Raise if one column would be read as two things, such as the label and the patient.

    Only the path may be the patient as well, as in tables with one image of each patient. A
    callable that decides the labels may read them anywhere; ``label`` is then None.
    """
    columns = {
        "path": path,
        "label": label,
        "patient": _patient_column(frame, patient, patient_pattern),
        "split": _split_column(frame, split),
    }
    for one, other in combinations(columns, 2):
        name = columns[one]
        if (one, other) == ("path", "patient") or name != columns[other]:
            continue
        if name is not None and name in frame.columns:
            named = by_interface(python=f"{one}= or {other}=", shell=f"--{one} or --{other}")
            raise ValueError(
                f"The column {name!r} of the table cannot be both the {one} and the {other} of "
                f"an image. Name another column with {named}, or rename this one."
            )


def _patient_column(frame: pd.DataFrame, patient: str | None, pattern: str | None) -> str | None:
    """The column of the patients: the one asked for, or that name unless paths have them."""
    if patient is None and pattern is None:
        return column_called("patient", frame)
    return patient


def _split_column(frame: pd.DataFrame, split: str | None) -> str | None:
    return column_called("split", frame) if split is None else split


def splits_in(frame: pd.DataFrame, split: str | None) -> tuple[NDArray[np.object_], list[str]]:
    """The split of each row, "" for none, and what there is to say of them."""
    column = _split_column(frame, split)
    if column is None:
        return np.full(len(frame), "", dtype=object), _remarks_on_other_columns(frame)
    cells = without_marks(text_of(column_of(frame, column, "split")))
    names = {cell: split_name(cell) for cell in set(cells)}
    cells = np.array([names[cell] for cell in cells], dtype=object)
    spelling, several = one_spelling(Counter(cell for cell in cells if cell))
    cells = np.array([spelling.get(cell, cell) for cell in cells], dtype=object)
    return cells, remarks_on_spellings(several, "split")


def patients_in(
    frame: pd.DataFrame, patient: str | None, pattern: str | None
) -> tuple[NDArray[np.object_] | None, list[str]]:
    """The patients of the column, if one is to be read, and what there is to say of them."""
    if patient is not None and pattern is not None:
        raise ValueError(
            by_interface(
                python=f"patient={patient!r} reads the patients from the table, and "
                f"patient_pattern={pattern!r} from the paths. Pass one of them.",
                shell=f"--patient {patient} reads the patients from the table, and "
                f"--patient-pattern {pattern} from the paths. Leave one of them out.",
            )
        )
    name = _patient_column(frame, patient, pattern)
    if name is None:
        return None, []
    column = column_of(frame, name, "patient")
    cells, stand_ins = _without_stand_ins(without_marks(text_of(column)))
    cells, remarks = patients_in_one_spelling(cells, rounded_numbers(frame, column))
    return cells, stand_ins + remarks


def _without_stand_ins(cells: NDArray[np.object_]) -> tuple[NDArray[np.object_], list[str]]:
    """Empty the cells that say that the patient is not known, and report them."""
    ids = {*cells} - {""}
    stand_ins = {each for each in ids if stands_for_no_patient(each)}
    # Code for missing values among whole numbers, such as those that pandas.factorize makes.
    coded = {each for each in ids if folded(each) == _MISSING_CODE}
    if coded and all(folded(each).isdecimal() for each in ids - coded):
        stand_ins |= coded
    if not stand_ins:
        return cells, []
    emptied = np.array(["" if cell in stand_ins else cell for cell in cells], dtype=object)
    n_rows = int(np.sum((emptied == "") & (cells != "")))
    return emptied, [
        f"{counted(n_rows, 'row')} with a patient called "
        f"{' or '.join(map(repr, sorted(stand_ins)))} count as rows whose patient is "
        "not known, and not as one patient."
    ]


def hint_at_patients(frame: pd.DataFrame) -> str:
    """Write which column may contain the patients; "" if none has such a name."""
    for name in map(str, frame.columns):
        if _PATIENTS.fullmatch(name.strip()):
            option = by_interface(
                python=f"pass patient={name!r}", shell=f"add --patient {shlex.quote(name)}"
            )
            return f" If the column {name!r} of the table contains the patients, {option}."
    return ""


def _remarks_on_other_columns(frame: pd.DataFrame) -> list[str]:
    """Report a column that contains the names of splits, if it is not used as such."""
    for name, column in distinct_columns(frame):
        first = _splits_in(column.head(_FEW))
        if not first or not first <= {*SPLITS}:  # or it would be read whole for being empty above
            continue
        splits = _splits_in(column)
        if len(splits) > 1 and splits <= {*SPLITS}:
            option = by_interface(
                python=f"pass split={name!r}", shell=f"add --split {shlex.quote(name)}"
            )
            return [
                f"The column {name!r} of the table contains {', '.join(sorted(splits))}, but is "
                f"not used, so images of all of them are read together. If they are the splits, "
                f"{option}."
            ]
    return []


def _splits_in(column: pd.Series) -> set[str]:
    return {split_name(cell) for cell in set(text_of(column)) if cell}
