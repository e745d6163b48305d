"""Read the collection that a command was given, and describe it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skpneumo.cli._options import FOLDER_ALONE, CollectionOptions, require_source

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = [
    "describe",
    "paths_in_table",
    "patients_given",
    "positive_name",
    "read_collection",
    "read_for",
    "rows_of",
    "two_classes",
]

# Of the patients that --hold-out sets apart: those it leaves, those it holds out, or both as
# splits of their own.
Side = Literal["rest", "held out", "both"]
_SEED_OF_HOLD_OUT = 0


def read_collection(
    folder: Path | None,
    options: CollectionOptions,
    usual: str,
    side: Side,
    labels: str = "binary",
) -> "Bunch":
    """Read the images of a folder or a table that a command is to use.

    Parameters
    ----------
    folder : Path or None
        Folder of the collection, or where the paths of the table start from.
    options : CollectionOptions
        How it is read.
    usual : str
        The split to use if none is wanted and there are any; "all" for every image.
    side : {"rest", "held out", "both"}
        What to use if ``--hold-out`` sets patients apart.
    labels : {"binary", "etiology"}, default="binary"
        The classes of a folder.
    """
    if options.table is None:
        xrays = _read_folder(folder, options, usual, labels)
    else:
        xrays = _read_table(folder, options, usual, labels)
    return xrays if options.hold_out is None else _set_apart(xrays, options.hold_out, side)


def _read_folder(
    folder: Path | None, options: CollectionOptions, usual: str, labels: str
) -> "Bunch":
    from skpneumo import load_chest_xray

    for name in ("path", "label", "patient", "drop_incomplete"):
        if getattr(options, name) != getattr(FOLDER_ALONE, name):
            raise ValueError(
                f"--{name.replace('_', '-')} is for tables, and no table was given. Name one with "
                "--table."
            )
    require_source(folder, options, "FOLDER")
    assert folder is not None
    wanted = options.part or options.split
    everything = wanted == "all" or (wanted is None and not _has_splits(folder, options, usual))
    return load_chest_xray(
        folder,
        split=None if everything else wanted or usual,
        labels="etiology" if labels == "etiology" else "binary",
        positive=list(options.positive) or None,
        patient_pattern=options.patient_pattern,
        top_folders=options.top_folders,
        leave_out=options.leave_out,
    )


def paths_in_table(folder: Path | None, options: CollectionOptions) -> list[str]:
    """Find the files that a table names; nothing else in it is looked at."""
    from skpneumo.datasets._load_table import table_paths

    assert options.table is not None
    return table_paths(options.table, options.path, folder)


def _has_splits(folder: Path, options: CollectionOptions, usual: str) -> bool:
    from skpneumo.datasets._folders import scan

    if usual == "all":
        return False
    return bool(scan(Path(folder).expanduser(), options.top_folders, options.leave_out).splits)


def _read_table(
    folder: Path | None, options: CollectionOptions, usual: str, labels: str
) -> "Bunch":
    from skpneumo import load_image_table

    if labels == "etiology":
        raise ValueError(
            "--labels etiology reads the names of files in folders. With --table the classes are "
            "a column: name it with --label."
        )
    if options.top_folders or options.leave_out:
        raise ValueError("--top-folders and --leave-out are about folders, not about a table.")
    assert options.table is not None
    xrays = load_image_table(
        options.table,
        path=options.path,
        label=options.label,
        patient=options.patient,
        split=options.split,
        root=folder,
        positive=list(options.positive) or None,
        patient_pattern=options.patient_pattern,
        incomplete="drop" if options.drop_incomplete else "raise",
    )
    part = options.part or (usual if any(xrays.split) else "all")
    if part == "all":
        return xrays
    if part not in xrays.split:
        there = ", ".join(sorted(map(repr, set(xrays.split)))) if any(xrays.split) else "none"
        raise ValueError(f"The table has no split {part!r}; its splits are {there}.")
    return rows_of(xrays, xrays.split == part)


def _set_apart(xrays: "Bunch", share: float, side: Side) -> "Bunch":
    """Hold out whole patients, the same ones in every command."""
    import numpy as np

    from skpneumo import patient_train_test_split

    if any(xrays.split):
        splits = ", ".join(sorted(map(repr, {split for split in xrays.split if split})))
        raise ValueError(
            f"--hold-out is for collections without splits; this one has {splits}. Leave it out, "
            "or choose one with --part."
        )
    rest, held_out, _, _ = patient_train_test_split(
        np.arange(len(xrays.target)),
        xrays.target,
        groups=xrays.groups,
        test_size=share,
        random_state=_SEED_OF_HOLD_OUT,
    )
    if side == "both":
        xrays.split = np.full(len(xrays.target), "train", dtype=object)
        xrays.split[held_out] = "test"
        xrays.frame["split"] = xrays.split
        return xrays
    return rows_of(xrays, rest if side == "rest" else held_out)


def rows_of(xrays: "Bunch", rows: Any) -> "Bunch":
    """Some rows of a collection, chosen by a mask or by number."""
    import numpy as np
    from sklearn.utils import Bunch

    rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows
    columns = ("filenames", "target", "groups", "etiology", "split")
    chosen = {name: xrays[name][rows] for name in columns}
    frames = {name: xrays[name].iloc[rows].reset_index(drop=True) for name in ("X", "frame")}
    return Bunch(**{**xrays, **chosen, **frames})


def describe(xrays: "Bunch", rows: Any = slice(None)) -> str:
    """Count the images, the patients and the classes of some rows in a line."""
    import numpy as np

    target = xrays.target[rows]
    counts = np.bincount(target, minlength=len(xrays.target_names))
    classes = ", ".join(
        f"{count} {name}" for count, name in zip(counts, xrays.target_names, strict=True)
    )
    return f"{len(target)} X-rays of {len(set(xrays.groups[rows]))} patients ({classes})"


def positive_name(xrays: "Bunch") -> str:
    """Name the positive class; raise if it is not known."""
    from skpneumo._positive_class import positive_classes

    return " or ".join(xrays.positive) or str(positive_classes(xrays.target_names))


def read_for(
    model: Any, folder: Path | None, options: CollectionOptions, usual: str, side: Side
) -> "Bunch":
    """Read a collection with the classes of a model; raise if they differ.

    What the illness is, the model knows of two classes, so that it need not be said again.
    """
    from skpneumo._positive_class import UndecidedPositiveError, positive_classes
    from skpneumo.cli._labels import class_names

    names = class_names(model)
    labels = "etiology" if "BACTERIA" in names and options.table is None else "binary"
    if len(names) > 2:
        asked, options = options.positive, replace(options, positive=())
    try:
        xrays = read_collection(folder, options, usual, side, labels)
        found = list(xrays.target_names)
    except UndecidedPositiveError:
        if options.positive or len(names) != 2:
            raise
        found = []
    if found != names and len(names) == 2 and not options.positive:
        known = replace(options, positive=tuple(names[1].split(" or ")))
        try:
            xrays = read_collection(folder, known, usual, side, labels)
            found = list(xrays.target_names)
        except ValueError:
            if not found:
                raise
    if found != names:
        raise ValueError(
            f"The model tells {', '.join(names)} apart, in this order; "
            f"{options.table or folder} holds {', '.join(found)}. Evaluate it on X-rays of its "
            "classes, or name the positive class with --positive."
        )
    if len(names) > 2 and asked:
        xrays.positive = list(positive_classes(names, list(asked)).positive)
    return xrays


def patients_given(xrays: "Bunch", options: CollectionOptions) -> list[str]:
    """Return the patients the user named, or None to let the audit read the file names."""
    if options.table is None and options.patient_pattern is None:
        return None
    return xrays.X.get("patient")


def two_classes(xrays: "Bunch", source: Path | None) -> "Bunch":
    """Raise if the collection does not have the two classes that recall needs."""
    if len(xrays.target_names) != 2:
        raise ValueError(
            f"A search by recall needs two classes; {source} has {len(xrays.target_names)}: "
            f"{', '.join(xrays.target_names)}. Name the positive ones with --positive, "
            "or use `skpneumo fit`."
        )
    return xrays
