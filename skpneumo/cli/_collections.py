"""Read and describe the collection that a command is given."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skpneumo._formatting import counted
from skpneumo.cli._options import (
    CollectionOptions,
    as_arguments,
    asked_split,
    refuse_options_of_folders,
    refuse_options_of_tables,
    require_source,
)

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = [
    "Side",
    "TrainingData",
    "describe",
    "paths_in_table",
    "patients_given",
    "patients_in_table",
    "positive_name",
    "read_collection",
    "read_training_data",
    "require_known_classes",
    "rows_of",
    "split_by_patient",
    "split_called",
    "two_classes",
]

# Which patients of --hold-out are read: the rest, those held out, or both as two splits.
Side = Literal["rest", "held out", "both"]
_SEED_OF_HOLD_OUT = 0
_SHARE_HELD_OUT = 0.2  # by `skpneumo fit`, if there is nothing else to evaluate on
_FEWEST_TO_HOLD_OUT = 10  # patients of each class; a fifth of fewer is not enough to evaluate on


@dataclass(frozen=True)
class TrainingData:
    """Images to train on, and those held out, if any.

    ``source`` is the arguments with which another command reads the held-out patients, or those of
    the collection's own split "test"; "" if there are none.
    """

    train: "Bunch"
    held_out: "Bunch | None" = None
    share: float = 0.0
    source: str = ""

    def describe(self) -> str:
        """Describe both in one line."""
        if self.held_out is None:
            return f"{describe(self.train)}."
        return f"{describe(self.train)}; held out: {describe(self.held_out)}."


def read_collection(
    folder: Path | None,
    options: CollectionOptions,
    usual: str,
    side: Side,
    labels: str = "binary",
) -> "Bunch":
    """Read the images of a folder or a table that a command uses.

    Parameters
    ----------
    folder : Path or None
        Folder of the collection, or the folder that the paths of the table are relative to.
    options : CollectionOptions
        How it is read.
    usual : str
        The split to use by default if there are splits; "all" for every image.
    side : {"rest", "held out", "both"}
        Which patients to use with ``--hold-out``.
    labels : {"binary", "etiology"}, default="binary"
        The classes of a folder.
    """
    if options.hold_out:
        usual = "train"  # a test split is held out already
    if options.table is None:
        xrays = _read_folder(folder, options, usual, labels)
    else:
        xrays = _read_table(folder, options, usual, labels)
    return _set_apart(xrays, options.hold_out, side) if options.hold_out else xrays


def read_training_data(
    folder: Path | None,
    options: CollectionOptions,
    labels: str = "binary",
    *,
    hold_out_anyway: bool = False,
) -> TrainingData:
    """Read the images to train on and those that ``--hold-out`` leaves out.

    With ``hold_out_anyway`` a fifth of the patients is held out by default if the collection has
    no splits, and so no other images to evaluate on.
    """
    share = options.hold_out
    xrays = read_collection(folder, replace(options, hold_out=None), "train", "rest", labels)
    if options.table is None and not options.positive:
        require_known_classes(xrays.target_names, folder)
    _require_several_classes(xrays, folder or options.table)
    if share is None and hold_out_anyway and not any(xrays.split) and _can_spare(xrays):
        share = _SHARE_HELD_OUT
    if not share:
        return TrainingData(xrays, source=_test_split(folder, options))
    both = _set_apart(xrays, share, "both")
    train, held_out = (rows_of(both, both.split == part) for part in ("train", "test"))
    # The positive class is saved with the model.
    return TrainingData(
        train, held_out, share, as_arguments(folder, options, "positive", "hold_out")
    )


def _require_several_classes(xrays: "Bunch", source: Path | None) -> None:
    """Raise if all images to train on are of one class."""
    there = {xrays.target_names[label] for label in xrays.target.tolist()}
    if len(there) == 1:
        raise ValueError(
            f"All images to train on in {source} are of the class {there.pop()}. Add images of "
            "another class, or name another folder."
        )


def _test_split(folder: Path | None, options: CollectionOptions) -> str:
    """Write the arguments that read the split "test" of a folder; "" if it has none."""
    from skpneumo.datasets._folders import scan

    if folder is None or options.table is not None or options.part or options.split:
        return ""
    found = scan(Path(os.path.expanduser(folder)), options.top_folders, options.leave_out)
    return as_arguments(folder, options, "positive", "hold_out") if "test" in found.splits else ""


def require_known_classes(names: Sequence[str], folder: Path | None) -> None:
    """Raise if folders have names that are not known names of classes."""
    from skpneumo._positive_class import says_its_class

    folders = [each for name in names for each in name.split(" or ")]
    unknown = [each for each in folders if not says_its_class(each)]
    if unknown:
        quoted = ", ".join(map(repr, unknown))
        several = ", or several of them with --positive again" * (len(unknown) > 1)
        raise ValueError(
            f"{folder} contains {', '.join(map(repr, folders))}, and {quoted} "
            f"{'is not a known class' if len(unknown) == 1 else 'are not known classes'}. Name "
            f'the illness with --positive "{unknown[-1]}"{several}, or skip a folder that '
            f'is not a class with --leave-out "{unknown[-1]}", or name the folder that contains '
            "the classes."
        )


def _can_spare(xrays: "Bunch") -> bool:
    """Tell whether each class has enough patients to hold some of them out."""
    import numpy as np

    return all(
        len(set(xrays.groups[xrays.target == label])) >= _FEWEST_TO_HOLD_OUT
        for label in np.unique(xrays.target)
    )


def _read_folder(
    folder: Path | None, options: CollectionOptions, usual: str, labels: str
) -> "Bunch":
    from skpneumo import load_chest_xray

    refuse_options_of_tables(options)
    require_source(folder, options, "FOLDER")
    assert folder is not None
    wanted = asked_split(options)
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
    """List the files of a table, without reading its other columns."""
    from skpneumo.datasets._load_table import table_paths

    assert options.table is not None
    return table_paths(options.table, options.path, folder, options.sheet or 0)


def patients_in_table(folder: Path | None, options: CollectionOptions) -> dict[str, str]:
    """Return the patients of the files of a table, if it has them and they are to be used."""
    from skpneumo.datasets._load_table import table_patients

    if options.table is None or options.patient_pattern is not None:
        return {}
    return table_patients(options.table, options.path, options.patient, folder, options.sheet or 0)


def _has_splits(folder: Path, options: CollectionOptions, usual: str) -> bool:
    from skpneumo.datasets._folders import scan

    if usual == "all":
        return False
    return bool(
        scan(Path(os.path.expanduser(folder)), options.top_folders, options.leave_out).splits
    )


def _read_table(
    folder: Path | None, options: CollectionOptions, usual: str, labels: str
) -> "Bunch":
    from skpneumo import load_image_table

    if labels == "etiology":
        raise ValueError(
            "--labels etiology reads file names in folders. With --table, name the column of the "
            "classes with --label."
        )
    refuse_options_of_folders(options)
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
        separator=options.separator,
        sheet=options.sheet or 0,
        incomplete="drop" if options.drop_incomplete else "raise",
    )
    asked = options.part or (usual if any(xrays.split) else "all")
    if asked == "all":
        return xrays
    part = split_called(asked, xrays)
    if part is None:
        part = asked
        there = ", ".join(sorted(map(repr, set(xrays.split)))) if any(xrays.split) else "none"
        raise ValueError(
            f"The table has no split {part!r}; its splits are {there}. Name one with --part."
        )
    return rows_of(xrays, xrays.split == part)


def split_called(name: str, xrays: "Bunch") -> str | None:
    """Find a split of a collection by its name, in any spelling; None if there is none."""
    from skpneumo._spellings import folded
    from skpneumo.datasets._folders import split_name

    if name in xrays.split:
        return name
    by_meaning = {folded(each): each for each in dict.fromkeys(xrays.split) if each}
    return by_meaning.get(folded(split_name(name)))


def _set_apart(xrays: "Bunch", share: float, side: Side) -> "Bunch":
    """Hold out whole patients, the same ones in every command."""
    import numpy as np

    rest, held_out = split_by_patient(xrays, share, _SEED_OF_HOLD_OUT)
    if side == "both":
        xrays.split = np.full(len(xrays.target), "train", dtype=object)
        xrays.split[held_out] = "test"
        xrays.frame["split"] = xrays.split
        return xrays
    return rows_of(xrays, rest if side == "rest" else held_out)


def split_by_patient(xrays: "Bunch", share: float, random_state: int) -> "tuple[Any, Any]":
    """Return the rows of most patients, and those of a share of them that is held out.

    Examples
    --------
    >>> from skpneumo import make_chest_xray
    >>> from skpneumo.cli._collections import split_by_patient
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> rest, held_out = split_by_patient(xrays, 0.25, random_state=0)
    >>> set(xrays.groups[rest]) & set(xrays.groups[held_out])
    set()
    """
    import numpy as np

    from skpneumo import patient_train_test_split

    n_images = len(xrays.target)
    if ceil(share * n_images) >= n_images:
        raise ValueError(
            f"--hold-out {share:g} would hold out all of {counted(n_images, 'image')}. Hold out a "
            "smaller fraction."
        )
    rest, held_out, _, _ = patient_train_test_split(
        np.arange(n_images),
        xrays.target,
        groups=xrays.groups,
        test_size=share,
        random_state=random_state,
    )
    return rest, held_out


def rows_of(xrays: "Bunch", rows: Any) -> "Bunch":
    """Select rows of a collection by a mask or by numbers."""
    import numpy as np
    from sklearn.utils import Bunch

    rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows
    columns = ("filenames", "target", "groups", "etiology", "split")
    chosen = {name: xrays[name][rows] for name in columns}
    frames = {name: xrays[name].iloc[rows].reset_index(drop=True) for name in ("X", "frame")}
    return Bunch(**{**xrays, **chosen, **frames})


def describe(xrays: "Bunch", rows: Any = slice(None)) -> str:
    """Count the images, patients and classes of some rows in one line."""
    import numpy as np

    target = xrays.target[rows]
    counts = np.bincount(target, minlength=len(xrays.target_names))
    classes = ", ".join(
        f"{count:,} {name}" for count, name in zip(counts, xrays.target_names, strict=True)
    )
    patients = counted(len(set(xrays.groups[rows])), "patient")
    return f"{counted(len(target), 'X-ray')} of {patients} ({classes})"


def positive_name(xrays: "Bunch") -> str:
    """Name the positive class; raise if it is not known."""
    from skpneumo._positive_class import positive_classes

    return " or ".join(xrays.positive) or str(positive_classes(xrays.target_names))


def patients_given(xrays: "Bunch", options: CollectionOptions) -> Any:
    """Return the patients that the options give; None lets the audit read the file names."""
    if options.table is None and options.patient_pattern is None:
        return None
    return xrays.X.get("patient")


def two_classes(xrays: "Bunch", source: Path | None, what: str = "A search by recall") -> "Bunch":
    """Return the collection, or raise if it does not have exactly two classes."""
    names = xrays.target_names
    if len(names) != 2:
        raise ValueError(
            f"{what} needs two classes; {source} has {len(names)}: {', '.join(names)}. Name the "
            "positive ones with --positive, or train with `skpneumo fit` without --recall."
        )
    return xrays
