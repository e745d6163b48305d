"""Options that several commands share, so that they are spelled alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import CycloptsError, Group, Parameter
from cyclopts.validators import Number

__all__ = [
    "FOLDER_ALONE",
    "CollectionOptions",
    "Force",
    "Out",
    "ReadBy",
    "Verbose",
    "require_source",
]

Out = Annotated[Path, Parameter(name=("--out", "--output", "-o"))]
Force = Annotated[bool, Parameter(negative="", show_default=False)]
Verbose = Annotated[bool, Parameter(alias="-v", negative="", show_default=False)]

# What a collection is read by comes behind what a command does.
_READING = Group("How the X-rays are read", sort_key=0.5)
_Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
_Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@dataclass(frozen=True)
class CollectionOptions:
    """Where images, labels, patients and splits are.

    Parameters
    ----------
    table
        Table with a row for each image, CSV, TSV, Excel or Parquet. The folder is then where its
        paths start from; it may be left out if that is the folder of the table.
    path
        Column of the table with the image files.
    label
        Column of the table with the classes.
    patient
        Column of the table with the patients. Default: patient, if there is one.
    split
        Of a table, the column with the splits; by default split, if there is one. Of a folder,
        the split to use, as --part.
    part
        Split to use; "all" takes every image. Default: train to train on and test to judge by;
        all if there are no splits.
    positive
        Class that is the illness, or a finding of a cell of the table. May be given several
        times. Default: read off the names of all classes.
    patient_pattern
        Regular expression with a group that reads patients off the paths; or nih, chexpert,
        mimic, padchest, rsna, or folder for one folder a patient.
    hold_out
        Share of the images, by whole patients, to hold out where there are no splits: they are
        not trained on, and alone judged by. The same share holds out the same patients.
    top_folders
        What the folders above those of the classes are, where their names do not tell.
    leave_out
        Name of folders not to read, such as masks. May be given several times.
    drop_incomplete
        Leave out rows of the table whose file or label is missing.
    """

    table: Path | None = None
    path: str = "path"
    label: str = "label"
    patient: str | None = None
    split: str | None = None
    part: str | None = None
    positive: _Several = ()
    patient_pattern: str | None = None
    hold_out: Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))] = None
    top_folders: Literal["class", "split", "site"] | None = None
    leave_out: _Several = ()
    drop_incomplete: _Flag = False


def require_source(given: object, options: CollectionOptions, what: str) -> None:
    """Refuse as wrong usage what names neither files nor a table."""
    if not given and options.table is None:
        raise CycloptsError(msg=f"{what} is missing, and so is --table FILE. Name one of them.")


ReadBy = Annotated[CollectionOptions, Parameter(name="*", group=_READING)]
FOLDER_ALONE = CollectionOptions()
