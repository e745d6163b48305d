"""Options that several commands share."""

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import CycloptsError, Group, Parameter
from cyclopts.validators import Number

__all__ = [
    "FOLDER_ALONE",
    "CollectionOptions",
    "Flag",
    "Force",
    "NJobs",
    "Out",
    "ReadBy",
    "RecallFloor",
    "Verbose",
    "White",
    "as_arguments",
    "asked_split",
    "refuse_options_of_folders",
    "refuse_options_of_tables",
    "require_source",
]


def _refuse_zero(_: Any, number: int) -> None:
    if number == 0:
        raise ValueError(
            "At least one thread is needed; give 1 or more, or -1 for one for each processor."
        )


Out = Annotated[Path, Parameter(name=("--out", "-o"))]
Force = Annotated[bool, Parameter(negative="", show_default=False)]
Verbose = Annotated[bool, Parameter(alias="-v", negative="", show_default=False)]

RecallFloor = Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))]
# Value of white in files of more than 8 bits that do not store it.
White = Annotated[float | None, Parameter(validator=Number(gt=0))]
# Number of threads; every command uses one for each processor by default.
NJobs = Annotated[int, Parameter(validator=_refuse_zero)]

# Options for reading a collection are listed after the command's own.
_READING = Group("How the X-rays are read", sort_key=0.5)
_Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@dataclass(frozen=True)
class CollectionOptions:
    """Where to find images, labels, patients and splits.

    Parameters
    ----------
    table
        Table with a row for each image: CSV, TSV, Excel or Parquet. Its paths are relative to
        the folder, by default the folder of the table.
    path
        Column of the table with the image files.
    label
        Column of the table with the classes.
    patient
        Column of the table with the patients. Default: patient, if there is such a column.
    sheet
        Sheet of an Excel table. Default: the first.
    separator
        Text between several findings in a cell of the table.
    split
        With a table, the column with the splits. Default: split, if there is such a column.
        With a folder, the split to use, as --part.
    part
        Split to use; "all" uses every image. Default: train for training, test for evaluation,
        all but test for `skpneumo demo`; all for other commands, or if there are no splits.
    positive
        Positive class (the illness), or a finding listed in a cell of the table. May be given
        several times. Default: that of the model, or inferred from the names of all classes.
    patient_pattern
        Regular expression with a group that matches the patient in a path; or nih, chexpert,
        mimic, padchest or rsna, for the names of these collections; or folder, if each patient has
        a folder.
    hold_out
        Fraction of the images to hold out, by whole patients; of the training split, if there are
        splits. Training leaves them out, and evaluation uses only them. The same fraction always
        holds out the same patients. Default: 0, but 0.2 for `skpneumo fit` if there are no splits,
        and 0.3 for `skpneumo demo`.
    top_folders
        What the folders above the class folders are, if it is not clear from their names.
    leave_out
        Name of a folder to skip, such as masks. May be given several times.
    drop_incomplete
        Drop rows of the table whose file or label is missing, or whose label is uncertain, such as
        -1 in CheXpert.
    """

    table: Path | None = None
    path: str = "path"
    label: str = "label"
    patient: str | None = None
    sheet: str | None = None
    separator: str = "|"
    split: str | None = None
    part: str | None = None
    positive: _Several = ()
    patient_pattern: str | None = None
    hold_out: Annotated[float | None, Parameter(validator=Number(gte=0, lt=1))] = None
    top_folders: Literal["class", "split", "site"] | None = None
    leave_out: _Several = ()
    drop_incomplete: Flag = False


def asked_split(options: CollectionOptions) -> str | None:
    """Return the split that --part asks for, or, without a table, --split."""
    if options.table is not None or options.split is None:
        return options.part
    if options.part not in (None, options.split):
        raise ValueError(
            f"Without a table, --split {options.split} and --part {options.part} both name the "
            "split to use. Leave one of them out."
        )
    return options.split


def refuse_options_of_tables(options: CollectionOptions) -> None:
    """Raise if an option is given that only says how a table is read, but no table."""
    for name in ("path", "label", "patient", "sheet", "separator", "drop_incomplete"):
        if options.table is None and getattr(options, name) != getattr(FOLDER_ALONE, name):
            raise ValueError(
                f"--{name.replace('_', '-')} is for tables, but no table was given. Name one with "
                "--table."
            )


def refuse_options_of_folders(options: CollectionOptions) -> None:
    """Raise if an option is given that says how a folder is read, and a table."""
    if options.table is not None and (options.top_folders or options.leave_out):
        raise ValueError(
            "--top-folders and --leave-out are for folders, not for a table. Leave them out."
        )


def require_source(given: object, options: CollectionOptions, what: str) -> None:
    """Raise a usage error if neither files nor a table are given."""
    if not given and options.table is None:
        raise CycloptsError(msg=f"Neither {what} nor --table FILE is given. Name one of them.")


def as_arguments(folder: Path | None, options: CollectionOptions, *without: str) -> str:
    """Write the arguments that read a collection, except some of the options.

    Parameters
    ----------
    folder : Path or None
        Folder of the collection.
    options : CollectionOptions
        How it is read.
    *without : str
        Names of options to leave out.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skpneumo.cli._options import CollectionOptions, as_arguments
    >>> options = CollectionOptions(table=Path("my list.csv"), path="image", leave_out=("masks",))
    >>> as_arguments(None, options, "label")
    "--table 'my list.csv' --path image --leave-out masks"
    """
    words = [] if folder is None else [str(folder)]
    for each in fields(options):
        value = getattr(options, each.name)
        if each.name in without or value == each.default:
            continue
        option = f"--{each.name.replace('_', '-')}"
        if value is True:
            words.append(option)
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [option, str(one)]
    return shlex.join(words)


ReadBy = Annotated[CollectionOptions, Parameter(name="*", group=_READING)]
FOLDER_ALONE = CollectionOptions()
