"""The rows of a table of images; several rows of a file are joined."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._file_state import rows_of_one_file
from skpneumo._formatting import counted
from skpneumo._messages import by_interface

__all__ = ["TableRows", "few", "one_row_a_file", "remarks_on_splits"]


class TableRows(NamedTuple):
    """What a table says about the images, one row each; "" for an empty cell."""

    filenames: NDArray[np.object_]
    labels: NDArray[np.object_]
    split: NDArray[np.object_]
    patients: NDArray[np.object_] | None

    def select(self, rows: NDArray[np.intp]) -> "TableRows":
        patients = None if self.patients is None else self.patients[rows]
        return TableRows(self.filenames[rows], self.labels[rows], self.split[rows], patients)


def few(cells: NDArray[np.object_]) -> str:
    """Quote the first of some cells."""
    shown = ", ".join(repr(cell) for cell in cells[:3])
    return f"{shown}, ..." if len(cells) > 3 else shown


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
