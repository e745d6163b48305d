"""The rows of a table of images: incomplete ones are refused, several of a file are joined."""

import os
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._file_state import rows_of_one_file
from skpneumo._formatting import counted, quoted
from skpneumo._messages import by_interface

__all__ = [
    "Incomplete",
    "TableRows",
    "complete_rows",
    "one_row_a_file",
    "remarks_on_splits",
    "without_certain_label",
    "without_file",
    "without_label",
    "without_path",
]

Incomplete = Literal["raise", "drop"]


class TableRows(NamedTuple):
    """What a table says about the images, one row each; "" for an empty cell."""

    filenames: NDArray[np.object_]
    labels: NDArray[np.object_]
    split: NDArray[np.object_]
    patients: NDArray[np.object_] | None

    def select(self, rows: NDArray[np.intp]) -> "TableRows":
        patients = None if self.patients is None else self.patients[rows]
        return TableRows(self.filenames[rows], self.labels[rows], self.split[rows], patients)


class Lacking(NamedTuple):
    """Rows that lack something: a mask, and how to say it."""

    rows: NDArray[np.bool_]
    error: type[Exception]
    named: str
    remedy: str


def complete_rows(
    lacking: Sequence[Lacking], found: Sequence[str], incomplete: Incomplete
) -> tuple[NDArray[np.intp], list[str]]:
    """Find the rows that lack nothing; refuse or describe the others.

    ``found`` are remarks on where files were found.
    """
    remarks = list(found)
    for each in lacking:
        if each.rows.any():
            if incomplete == "raise":
                raise each.error(" ".join([each.named, *found, each.remedy]))
            remarks.append(f"{each.named} These rows were left out.")
    kept = np.flatnonzero(~np.any([each.rows for each in lacking], axis=0))
    if not len(kept):
        raise ValueError(f"No row of the table is left. {' '.join(remarks)}")
    return kept, remarks


def without_path(cells: NDArray[np.object_], column: str) -> Lacking:
    """Find the rows that name no file."""
    nameless = cells == ""
    return Lacking(
        nameless,
        ValueError,
        f"{nameless.sum()} of {len(cells)} rows have nothing in the column {column!r}, the first "
        f"of them row {nameless.argmax() + 1} below the column names.",
        f"Write their files into the table, or {_leave_out()}.",
    )


def without_file(
    rows: TableRows, cells: NDArray[np.object_], bases: Sequence[str | os.PathLike[str]]
) -> Lacking:
    """Find the rows whose file does not exist."""
    lost = (rows.filenames == "") & (cells != "")
    folders = " and ".join(repr(os.fspath(base)) for base in bases)
    return Lacking(
        lost,
        FileNotFoundError,
        f"{lost.sum()} of {len(cells)} files of the table do not exist: {quoted(cells[lost], 3)}.",
        f"They were searched for in {folders}. Name the folder that the paths start from as "
        f"{by_interface(python='root', shell='FOLDER')}, or {_leave_out()}.",
    )


def without_label(rows: TableRows, cells: NDArray[np.object_], column: str) -> Lacking:
    """Find the rows with a file, but without a label."""
    unlabelled = (rows.labels == "") & (rows.filenames != "")
    return Lacking(
        unlabelled,
        ValueError,
        f"{unlabelled.sum()} of {len(unlabelled)} rows have no {column!r}: "
        f"{quoted(cells[unlabelled], 3)}.",
        "Label them, or "
        + _leave_out()
        + by_interface(
            python=", or say what an empty cell means by passing a function as positive.",
            shell=".",
        ),
    )


def without_certain_label(
    rows: TableRows, cells: NDArray[np.object_], column: str, uncertain: NDArray[np.bool_]
) -> Lacking:
    """Find the rows with a file whose label is uncertain."""
    uncertain = uncertain & (rows.filenames != "")
    return Lacking(
        uncertain,
        ValueError,
        f"{uncertain.sum()} of {len(uncertain)} rows have an uncertain {column!r}, "
        f"{quoted(np.unique(rows.labels[uncertain]), 3)}: {quoted(cells[uncertain], 3)}.",
        f"{_leave_out().capitalize()}, or count them as positive or as negative by naming all "
        f"labels that are positive as {by_interface(python='positive', shell='--positive')}. "
        "If it is a class of its own, give it another name.",
    )


def _leave_out() -> str:
    return "leave them out with " + by_interface(
        python='incomplete="drop"', shell="--drop-incomplete"
    )


def one_row_a_file(
    rows: TableRows, target: NDArray[np.int64], asked: bool
) -> tuple[NDArray[np.intp], NDArray[np.int64], list[str]]:
    """Find the first row of each file, and its class according to all of its rows.

    Some tables have a row for each finding, or for each box around a finding: a file is positive
    if any of its rows is. Without ``positive``, all rows of a file must agree.
    """
    # A table may write one file as a/1.png and as ./a/1.png, or reach it through a link.
    codes = np.arange(len(rows.filenames))
    for same in rows_of_one_file(rows.filenames):
        codes[same] = same[0]
    first, codes = np.unique(codes, return_inverse=True)
    n_repeated = len(codes) - len(first)
    if not n_repeated:
        return first, target, []
    columns: dict[str, Any] = {"split": rows.split, "patient": rows.patients}
    if not asked:
        columns["label"] = target
    for name, values in columns.items():
        if values is None:
            continue
        differing = pd.Series(values).groupby(codes).nunique().gt(1).to_numpy()
        if differing.any():
            paths = dict.fromkeys(rows.filenames[codes == differing.argmax()])
            raise ValueError(
                f"Rows of the same file have different values of {name}: "
                f"{counted(int(differing.sum()), 'file')}, among them "
                f"{' and '.join(map(repr, paths))}"
                f"{', one file because of a link' * (len(paths) > 1)}. Correct the table, or, if "
                "each row is one finding of several, say which is the illness with "
                f"{by_interface(python='positive=', shell='--positive')}."
            )
    most = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(most, codes, target)
    return (
        first,
        most,
        [f"{counted(n_repeated, 'row')} joined with an earlier row of the same file."],
    )


def remarks_on_splits(rows: TableRows) -> list[str]:
    """Report rows without a split, if other rows have one."""
    lacking = rows.split == ""
    if lacking.all() or not lacking.any():
        return []
    first = rows.filenames[lacking.argmax()]
    return [
        f"{lacking.sum()} of {len(lacking)} rows name no split, the first of them {first!r}, so "
        "they belong to none."
    ]
