"""Read a collection from a table of its images."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skpneumo._formatting import counted, quoted
from skpneumo._messages import by_interface
from skpneumo._paths import refuse_empty_path, text_frame
from skpneumo._sklearn import StrOptions, validate_parameter_constraints
from skpneumo.datasets._bunch import make_bunch
from skpneumo.datasets._file_names import (
    Patients,
    UnknownPatient,
    etiologies_and_normal,
    read_patients,
    remarks_on_shared_patients,
)
from skpneumo.datasets._table import (
    column_names,
    column_of,
    distinct_columns,
    other_sheets,
    read_table,
    text_of,
    without_index,
)
from skpneumo.datasets._table_columns import (
    hint_at_patients,
    patients_in,
    refuse_one_column_twice,
    splits_in,
)
from skpneumo.datasets._table_labels import (
    Labels,
    Positive,
    label_cells,
    named_rows,
    read_labels,
    remarks_on_uncertain,
    uncertain_rows,
)
from skpneumo.datasets._table_paths import Located, locate
from skpneumo.datasets._table_rows import (
    Incomplete,
    TableRows,
    complete_rows,
    one_row_a_file,
    remarks_on_splits,
    without_certain_label,
    without_file,
    without_label,
    without_path,
)
from skpneumo.datasets._warnings import (
    CollectionWarning,
    SharedPatientsWarning,
    UnknownPatientsWarning,
    warn_of,
)

__all__ = ["load_image_table", "table_paths", "table_patients"]


def load_image_table(
    table: "str | os.PathLike[str] | pd.DataFrame",
    *,
    path: str = "path",
    label: str = "label",
    patient: str | None = None,
    split: str | None = None,
    root: str | os.PathLike[str] | None = None,
    positive: Positive = None,
    patient_pattern: str | None = None,
    separator: str = "|",
    sheet: str | int = 0,
    incomplete: Incomplete = "raise",
) -> Bunch:
    """Read a collection of chest X-rays from a table with a row for each image.

    No image is opened. Rows keep their order.

    Parameters
    ----------
    table : str, path-like or DataFrame
        A CSV file with any of the delimiters comma, semicolon, tab and ``|``, also compressed by
        gzip, an Excel file (``skpneumo[tables]``), a Parquet file (``skpneumo[parquet]``), or a
        DataFrame.
    path : str, default="path"
        The column with the image files: absolute, from the home folder (``~``), or relative to
        ``root`` or to the table. The suffix may be missing. A file that is not found there is
        searched for by name in all folders below ``root``, finally ignoring case or with another
        suffix. If absolute paths are from another computer, the folder that all begin with is
        replaced by ``root``. Both raise a warning.
    label : str, default="label"
        The column with the classes. Surrounding space is ignored, and labels that differ only in
        case, space, hyphens, leading zeros or a trailing ``.0`` are one class, with a warning. So
        are answers such as ``yes``, ``Y``, ``TRUE`` and ``1`` if there are no other labels; the
        classes are then named after the column, such as ``pneumonia`` and ``not pneumonia``,
        unless it has a general name such as ``label``. A dash or a question mark alone is an empty
        cell if there are two or more other labels.
    patient : str or None, default=None
        The column with the patients. None uses the column ``patient`` if there is one, in upper
        or lower case, and otherwise reads the patients from the paths. Ids that differ only in
        case, space or leading zeros, as spreadsheets and typists write them, are one patient,
        with a warning.
    split : str or None, default=None
        The column with the splits. None uses the column ``split`` if there is one, in upper or
        lower case.
    root : str, path-like or None, default=None
        The folder that relative paths start from. None is the folder of the table, or the
        current folder for a DataFrame.
    positive : str, list of str, callable or None, default=None
        The label of the illness, in upper or lower case, or several. Rows that have one of them
        among their findings become 1, all others 0. A callable gets the list of findings of a
        cell, which is empty for an empty cell, and returns whether the row is 1. None decides by
        the names of all labels together.
    patient_pattern : str or None, default=None
        How to read the patient from a path, as the ``pattern`` of :func:`patient_ids`.
    separator : str, default="|"
        The separator between several findings in a cell.
    sheet : str or int, default=0
        The sheet of an Excel file, by name or number. The first by default.
    incomplete : {"raise", "drop"}, default="raise"
        What to do with rows whose file does not exist, that have no label, or whose label is
        uncertain: raise an error that names them, or leave them out with a warning that counts
        them. A label is uncertain if it is a word such as ``uncertain`` beside two other labels,
        or -1 beside 0 and 1, as in CheXpert and MIMIC-CXR. ``unknown`` is a class of its own
        beside causes, such as bacteria and virus, unless one class is healthy. With ``positive``
        these rows are positive if it names their label; the others are left out with "drop", and
        with "raise" negative, with a warning.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        As from :func:`load_chest_xray`. Its ``frame`` also has the other columns of the table.

    Raises
    ------
    FileNotFoundError
        If the table does not exist, or with ``incomplete="raise"`` some of its files do not.
    ValueError
        If the file is not a table, or lacks a column; if two parameters name one column, other
        than ``path`` and ``patient``; if a row has no label or an uncertain one
        and ``incomplete="raise"``; if a row has several findings
        and ``positive`` is None; if ``positive`` is in no row, or needed and None; if a name may
        be one of several files; or if two rows contradict each other about one file.
    ImportError
        If the package that reads the format of the table is not installed.

    Warns
    -----
    CollectionWarning
        If a label, a patient or a split has several spellings, patients are numbers that have
        been rounded, rows repeat a file or name no split where others do, a column with another
        name seems to contain the splits, rows were left out, or files were found with another
        suffix or in another folder than the table says.
    SharedPatientsWarning
        If patients have images in several splits; it is a CollectionWarning.
    UnknownPatientsWarning
        If the patient of a row is not known.

    See Also
    --------
    load_chest_xray : Read a collection with a folder for each class instead.
    patient_ids : Read patients from paths.

    Examples
    --------
    >>> import pandas as pd
    >>> from skpneumo.datasets import load_image_table, make_chest_xray
    >>> drawn = make_chest_xray(n_patients=12, random_state=0)
    >>> table = pd.DataFrame({
    ...     "file": drawn.filenames,
    ...     "findings": ["No Finding", "Effusion|Pneumonia"] * (len(drawn.filenames) // 2),
    ...     "case": drawn.groups,
    ... })
    >>> xrays = load_image_table(
    ...     table, path="file", label="findings", patient="case", positive="pneumonia")
    >>> xrays.target_names
    ['No Finding', 'Pneumonia']
    >>> xrays.X.columns.tolist()
    ['path', 'patient']
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="load_image_table")
    frame, bases = _open(table, root, sheet)
    refuse_one_column_twice(
        frame,
        path=path,
        label=None if callable(positive) else label,
        patient=patient,
        patient_pattern=patient_pattern,
        split=split,
    )
    cells = text_of(column_of(frame, path, "path"))
    located = locate(cells, bases)
    _refuse_ambiguous(located)
    given_patients, on_patients = patients_in(frame, patient, patient_pattern)
    splits, on_splits = splits_in(frame, split)
    rows = TableRows(
        located.filenames,
        label_cells(column_of(frame, label, "label"), separator),
        splits,
        given_patients,
    )
    lacking = [without_path(cells, path), without_file(rows, cells, bases)]
    needs_label = not callable(positive)
    if needs_label:
        uncertain = _uncertain(rows.labels, positive, incomplete)
        lacking += [
            without_label(rows, cells, label),
            without_certain_label(rows, cells, label, uncertain),
        ]
    kept, remarks = complete_rows(lacking, located.remarks, incomplete)
    rows = rows.select(kept)
    labels = read_labels(rows.labels, label, positive, separator)
    if positive is not None and needs_label:
        remarks += remarks_on_uncertain(rows.labels, labels)
    first, target, repeated = one_row_a_file(rows, labels.target, asked=positive is not None)
    rows, kept = rows.select(first), kept[first]
    patients = _patients(rows, patient_pattern, frame)
    remarks += [*on_patients, *on_splits, *remarks_on_splits(rows)]
    warn_of(
        (CollectionWarning, remarks),
        (SharedPatientsWarning, remarks_on_shared_patients(patients, rows.split)),
        (CollectionWarning, [*_one_class(labels), *labels.remarks, *repeated]),
        (CollectionWarning, patients.spellings),
        (UnknownPatientsWarning, patients.remarks),
    )
    return make_bunch(
        filenames=rows.filenames,
        target=target,
        target_names=labels.names,
        positive=labels.positive,
        patients=patients,
        etiology=etiologies_and_normal(
            rows.filenames, [labels.names[number] for number in target]
        ),
        split=rows.split,
        root=os.fspath(bases[0]),
        descr=_describe(table, rows, target, labels, patients, [*remarks, *repeated]),
        extra_columns={
            name: cells.to_numpy(dtype=object)[kept]
            for name, cells in distinct_columns(frame)
            if name not in _FRAME_COLUMNS
        },
    )


_CONSTRAINTS = {
    "table": [str, os.PathLike, pd.DataFrame],
    "path": [str],
    "label": [str],
    "patient": [str, None],
    "split": [str, None],
    "root": [str, os.PathLike, None],
    "positive": [str, int, list, tuple, callable, None],
    "patient_pattern": [str, None],
    "separator": [str],
    "sheet": [str, int],
    "incomplete": [StrOptions({"raise", "drop"})],
}
# Columns of every frame, which those of the table do not replace.
_FRAME_COLUMNS = ("filenames", "target", "groups", "etiology", "split")


def table_paths(
    table: "str | os.PathLike[str] | pd.DataFrame",
    path: str = "path",
    root: str | os.PathLike[str] | None = None,
    sheet: str | int = 0,
) -> list[str]:
    """Return the paths of the files in a table, without labels or patients.

    A file that does not exist keeps its name in the table, so that opening it raises the error.
    """
    frame, bases = _open(table, root, sheet)
    paths, remarks = _paths_in(frame, bases, path)
    warn_of((CollectionWarning, remarks))
    return paths


def table_patients(
    table: "str | os.PathLike[str] | pd.DataFrame",
    path: str = "path",
    patient: str | None = None,
    root: str | os.PathLike[str] | None = None,
    sheet: str | int = 0,
) -> dict[str, str]:
    """Return the patients in a table by the paths of :func:`table_paths`.

    Without files of unknown patients, and empty if no column contains patients.
    """
    frame, bases = _open(table, root, sheet)
    patients, _ = patients_in(frame, patient, None)
    if patients is None:
        return {}
    paths, _ = _paths_in(frame, bases, path)
    return {file: each for file, each in zip(paths, patients, strict=True) if each}


def _paths_in(frame: pd.DataFrame, bases: list[Path], path: str) -> tuple[list[str], list[str]]:
    """The file of each row, found or not, and remarks on where files were found."""
    cells = text_of(column_of(frame, path, "path"))
    located = locate(cells, bases)
    _refuse_ambiguous(located)
    paths = [
        found or os.path.join(bases[0], cell)
        for found, cell in zip(located.filenames, cells, strict=True)
    ]
    return paths, located.remarks


def _open(
    table: "str | os.PathLike[str] | pd.DataFrame",
    root: str | os.PathLike[str] | None,
    sheet: str | int,
) -> tuple[pd.DataFrame, list[Path]]:
    """Read the table, and find the folders that its relative paths start from."""
    refuse_empty_path(root, "root")
    bases = [] if root is None else [Path(os.path.expanduser(root))]
    if isinstance(table, pd.DataFrame):
        frame = without_index(table)
        bases = bases or [Path()]
    else:
        refuse_empty_path(table, "table")
        frame = without_index(read_table(table, sheet))
        bases.append(Path(os.path.expanduser(table)).parent)
    if root is not None and not bases[0].is_dir():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(root)!r} that the paths of the table could start "
            f"from. Check {by_interface(python='root', shell='FOLDER')}."
        )
    if frame.empty:
        raise ValueError(
            "The table has no rows. Expected a line with the column names and, below it, a "
            f"row for each image; its columns are {column_names(frame)}."
            f"{other_sheets(frame.attrs)}"
        )
    return frame, bases


def _refuse_ambiguous(located: Located) -> None:
    for entry, files in located.ambiguous.items():
        more = len(located.ambiguous) - 1
        others = f"; {more} more names are ambiguous" if more else ""
        raise ValueError(
            f"{entry!r} of the table may be {len(files)} files: {', '.join(files[:3])}{others}. "
            "Add the folder and the suffix in the table, or name a "
            f"{by_interface(python='root', shell='FOLDER')} that contains only one of them."
        )


def _uncertain(
    labels: NDArray[np.object_], positive: Positive, incomplete: Incomplete
) -> NDArray[np.bool_]:
    """Mark the rows whose label is uncertain, and not decided by ``positive``."""
    if positive is not None and incomplete == "raise":
        return np.zeros(len(labels), dtype=bool)
    return uncertain_rows(labels) & ~named_rows(labels, positive)


def _one_class(labels: Labels) -> list[str]:
    if len(labels.names) > 1:
        return []
    return [
        f"All images are of one class, {labels.names[0]!r}; a classifier needs two. Check the "
        "column of the labels."
    ]


def _patients(rows: TableRows, pattern: str | None, frame: pd.DataFrame) -> Patients:
    if rows.patients is None:
        read = read_patients(rows.filenames, pattern)
        if pattern is None and read.remarks:
            *others, last = read.remarks
            return read._replace(remarks=[*others, last + hint_at_patients(frame)])
        return read
    known = rows.patients != ""
    ids = rows.patients.copy()
    ids[~known] = [UnknownPatient.of_file(path) for path in rows.filenames[~known]]
    remarks = []
    if not known.all():
        remarks.append(
            f"{(~known).sum()} of {len(known)} rows have no patient: "
            f"{quoted(rows.filenames[~known], 3)}. Each of these files is treated as a separate "
            "patient." + " If an id stands for the rows below it as well, as in merged cells, "
            "write it into each of them." * bool(known[0])
        )
    return Patients(ids, known, remarks)


def _describe(
    table: Any,
    rows: TableRows,
    target: NDArray[np.int64],
    labels: Labels,
    patients: Patients,
    remarks: Sequence[str],
) -> str:
    source = "a DataFrame" if isinstance(table, pd.DataFrame) else os.fspath(table)
    described = text_frame({"split": rows.split, "class": target, "patient": patients.ids})
    lines = [
        "# A table of chest X-rays",
        "",
        "Nothing is known about its origin and terms of use.",
        "",
        "## What was read",
        "",
        f"From {source}: {counted(len(target), 'image')} of "
        f"{counted(described['patient'].nunique(), 'patient')}.",
        "",
        "| split | class | images | patients |",
        "| --- | --- | ---: | ---: |",
    ]
    grouped = described.groupby(["split", "class"])["patient"].agg(["size", "nunique"])
    lines += [
        f"| {split or '-'} | {labels.names[number]} | {images} | {n_patients} |"
        for (split, number), images, n_patients in grouped.itertuples()
    ]
    return "\n".join([*lines, "", *remarks, ""])
