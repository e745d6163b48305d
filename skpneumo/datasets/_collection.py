"""Read a collection on disk into rows: image, class, patient."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted, printable
from skpneumo._image_files import SYNTHETIC_NOTE, describe_skipped, list_folder
from skpneumo._positive_class import (
    UndecidedPositiveError,
    positive_classes,
    says_its_class,
)
from skpneumo.datasets._folders import SPLITS, TopFolders, Tree, in_order, scan, split_name
from skpneumo.datasets._patients import Patients, etiologies, read_patients
from skpneumo.datasets._spellings import folded, one_spelling

Labels = Literal["binary", "etiology"]
Positive = str | Sequence[str] | None

PNEUMONIA_CLASSES = ["NORMAL", "PNEUMONIA"]
ETIOLOGY_CLASSES = ["NORMAL", "BACTERIA", "VIRUS"]


@dataclass(frozen=True)
class Collection:
    """The images of the splits asked for, row by row, and what else the folders hold."""

    tree: Tree
    splits: list[str]
    folder_classes: list[str]
    spellings: list[str]
    folder: NDArray[np.object_]
    filenames: NDArray[np.object_]
    split: NDArray[np.object_]
    site: NDArray[np.object_]
    patients: Patients
    etiology: NDArray[np.object_]
    target: NDArray[np.int64]
    target_names: list[str]
    positive: list[str]

    @property
    def is_binary(self) -> bool:
        """Whether the class folders are NORMAL and PNEUMONIA."""
        return self.folder_classes == PNEUMONIA_CLASSES

    @property
    def has_published_names(self) -> bool:
        """Whether the files are called as the published ones are."""
        return self.is_binary and bool(np.mean(self.etiology != "unknown") > 0.5)

    @property
    def synthetic_note(self) -> str | None:
        """What make_chest_xray left to say that it drew the images."""
        note = self.tree.root / SYNTHETIC_NOTE
        return note.read_text("utf-8") if note.is_file() else None

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class folder."""
        return {
            split: {
                label: int(np.sum((self.split == split) & (self.folder == label)))
                for label in self.folder_classes
            }
            for split in self.splits
        }


def read_collection(
    root: str | os.PathLike[str],
    split: str | Sequence[str] | None,
    labels: Labels,
    *,
    positive: Positive = None,
    patient_pattern: str | None = None,
    top_folders: TopFolders | None = None,
    leave_out: Sequence[str] = (),
) -> Collection:
    """Read a collection without warnings."""
    folder_of_root = Path(root).expanduser()
    if top_folders is None and _names_folders(split, folder_of_root):
        top_folders = "split"
    tree = scan(folder_of_root, top_folders, leave_out)
    if not tree.images:
        raise _no_images(tree)
    splits = _choose_splits(tree, split)
    class_of, spellings = _classes_of(tree)
    names = sorted(set(class_of.values()))
    is_binary = set(names) <= set(PNEUMONIA_CLASSES)
    if is_binary:
        names = PNEUMONIA_CLASSES
    place = {name: i for i, name in enumerate([*in_order(tree.splits), ""])}
    rows = sorted(
        (
            place[image.split],
            class_of[printable(image.folder)],
            image.path,
            printable(image.site),
        )
        for image in tree.images
        if image.split in splits
    )
    if not rows:
        there = in_order({image.split for image in tree.images})
        raise FileNotFoundError(
            f"{listed(splits)} of {os.fspath(tree.root)!r} holds no images. Splits with images: "
            f"{listed(there)}."
        )
    split_at = list(place)
    folder = _strings(folder for _, folder, _, _ in rows)
    filenames = _strings(path for _, _, path, _ in rows)
    etiology = etiologies(filenames)
    if labels == "etiology":
        _check_etiologies(filenames, folder, etiology, is_binary)
    etiology[(etiology == "unknown") & (np.char.upper(folder.astype(str)) == "NORMAL")] = "normal"
    if labels == "etiology":
        classes = Classes(ETIOLOGY_CLASSES, ETIOLOGY_CLASSES[1:], {})
        label = [name.upper() for name in etiology]
    else:
        classes = order_classes(names, positive)
        label = [classes.name_of.get(name, name) for name in folder]
    return Collection(
        tree=tree,
        splits=splits,
        folder_classes=names,
        spellings=spellings,
        folder=folder,
        filenames=filenames,
        split=_strings(split_at[place] for place, _, _, _ in rows),
        site=_strings(site for _, _, _, site in rows),
        patients=read_patients(filenames, patient_pattern),
        etiology=etiology,
        target=np.array([classes.names.index(name) for name in label], dtype=np.int64),
        target_names=list(classes.names),
        positive=list(classes.positive),
    )


@dataclass(frozen=True)
class Classes:
    """The classes in the order of their numbers, and which of them are positive.

    ``name_of`` gives the class of a label where several labels make one class.
    """

    names: Sequence[str]
    positive: Sequence[str]
    name_of: dict[str, str]


def order_classes(names: Sequence[str], positive: Positive) -> Classes:
    """Put the healthy classes before the others: of two, scikit-learn means the last.

    What is asked for makes two classes of any number of labels. Of three or more of which none is
    known to be healthy, none is positive.

    Raises
    ------
    UndecidedPositiveError
        If there are two, and their names do not tell which is the illness.
    """
    try:
        decided = positive_classes(names, positive)
    except UndecidedPositiveError:
        if len(names) == 2:
            raise
        return Classes(names, [], {})
    if positive is None or len(names) == 2:
        return Classes([*decided.negative, *decided.positive], decided.positive, {})
    ill = str(decided)
    healthy = decided.negative[0] if len(decided.negative) == 1 else f"not {ill}"
    name_of = dict.fromkeys(decided.positive, ill) | dict.fromkeys(decided.negative, healthy)
    return Classes([healthy, ill], [ill], name_of)


def _classes_of(tree: Tree) -> tuple[dict[str, str], list[str]]:
    """The class of each name of a folder, and which names mean one class."""
    counts = Counter(printable(image.folder) for image in tree.images)
    spelling, several = one_spelling(counts)
    published = {name: folded(name).upper() for name in counts}
    if set(published.values()) <= set(PNEUMONIA_CLASSES):
        return published, []
    remarks = [
        f"The class {found[0][0]!r} has folders of {len(found)} names, "
        + ", ".join(f"{name!r} ({counted(n, 'image')})" for name, n in found)
        + "; they are one."
        for found in several
    ]
    return spelling, remarks


def _names_folders(split: str | Sequence[str] | None, root: Path) -> bool:
    """Whether the splits asked for are folders that nobody would otherwise take for splits."""
    wanted = {split} if isinstance(split, str) else set(split or ())
    if not root.is_dir() or not wanted:
        return False
    folders = set(list_folder(root)[0])
    return wanted <= folders and any(name.lower() not in SPLITS for name in wanted)


def _choose_splits(tree: Tree, split: str | Sequence[str] | None) -> list[str]:
    if split is None:
        # Of several sites some may have splits and others none.
        without = any(image.split == "" for image in tree.images)
        return [*tree.splits, *([""] if without else [])]
    wanted = [split_name(name) for name in ([split] if isinstance(split, str) else split)]
    if not wanted:
        raise ValueError("split=[] asks for no split at all; pass None to read all there are.")
    if unknown := [name for name in wanted if name not in tree.splits]:
        there = (
            f"its splits are {listed(tree.splits)}"
            if tree.splits
            else "it has class folders but no splits, so leave split out"
        )
        raise ValueError(
            f"The collection {os.fspath(tree.root)!r} has no split {listed(unknown)}; {there}."
        )
    return [name for name in tree.splits if name in wanted]


def _no_images(tree: Tree) -> Exception:
    root = os.fspath(tree.root)
    if unread := tree.unread.get(root):
        # Above any other folder lie folders that are no classes.
        above = (
            "Pass the folder above it, or read"
            if says_its_class(tree.root.name)
            else ("Sort the images into folders NORMAL and PNEUMONIA, or read")
        )
        return ValueError(
            f"{root!r} holds images ({unread}) but no class folders, so their class is unknown. "
            f"{above} their labels from a table with load_image_table (in the shell --table)."
        )
    others = f" Of its files {describe_skipped(tree.skipped)}." if tree.skipped else ""
    return FileNotFoundError(
        f"There are no images (JPEG, PNG, TIFF or DICOM) in class folders below {root!r}."
        f"{others} Expected train/NORMAL, train/PNEUMONIA and so on, or the class folders alone."
    )


def _check_etiologies(
    filenames: NDArray[np.object_],
    folder: NDArray[np.object_],
    etiology: NDArray[np.object_],
    is_binary: bool,
) -> None:
    silent = filenames[(etiology == "unknown") & (np.char.upper(folder.astype(str)) != "NORMAL")]
    if len(silent):
        raise ValueError(
            f'labels="etiology" reads bacteria or virus from the file names, and those of '
            f"{some(silent)} do not say. Rename them as in person1_virus_6.jpeg, or use "
            'labels="binary", which takes the folders for the classes.'
        )
    if is_binary and len(odd := filenames[at_odds(folder, etiology)]):
        raise ValueError(
            f'labels="etiology" needs names that agree with their folders, but {some(odd)} lie '
            "in the folder of the other class. Move them or rename them."
        )


def at_odds(folder: NDArray[np.object_], etiology: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Where the name says pneumonia and the folder says normal, or the other way round."""
    return (etiology != "unknown") & ((etiology == "normal") != (folder == "NORMAL"))


def _strings(values: Iterable[str]) -> NDArray[np.object_]:
    return np.array([*values], dtype=object)


def listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def some(paths: Sequence[str] | NDArray[np.object_], thing: str = "file") -> str:
    """A few of many files: how many, and the first of them by name."""
    shown = ", ".join(sorted(paths)[:3])
    more = ", ..." if len(paths) > 3 else ""
    return f"{len(paths)} {thing}{'s' if len(paths) > 1 else ''} ({shown}{more})"
