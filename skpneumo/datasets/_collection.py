"""A collection as it lies on disk, brought to rows: which image, which class, which patient."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skpneumo.datasets._folders import IMAGE_SUFFIXES, SPLITS, SYNTHETIC_NOTE, Tree, scan
from skpneumo.datasets._patients import etiologies, patient_ids

Labels = Literal["binary", "etiology"]

PNEUMONIA_CLASSES = ["NORMAL", "PNEUMONIA"]
ETIOLOGY_CLASSES = ["NORMAL", "BACTERIA", "VIRUS"]


_HEALTHY = {"NORMAL", "HEALTHY", "NEGATIVE", "CONTROL", "NO FINDING", "NO PNEUMONIA"}


@dataclass(frozen=True)
class Collection:
    """The images of the splits asked for, row by row, and what else the folders hold."""

    tree: Tree
    splits: list[str]
    folder_classes: list[str]
    folder: NDArray[np.object_]
    filenames: NDArray[np.object_]
    split: NDArray[np.object_]
    groups: NDArray[np.object_]
    etiology: NDArray[np.object_]
    target: NDArray[np.int64]
    target_names: list[str]

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
    root: str | os.PathLike[str], split: str | Sequence[str] | None, labels: Labels
) -> Collection:
    """Read a collection without complaining about what is odd in it."""
    tree = scan(Path(root).expanduser())
    if not tree.images:
        raise _no_images(tree)
    splits = _choose_splits(tree, split)
    # The healthy class comes first: scikit-learn takes the last of two for the positive one.
    classes = sorted(
        {image.folder for image in tree.images},
        key=lambda name: (name.upper().replace("_", " ") not in _HEALTHY, name),
    )
    is_binary = {name.upper() for name in classes} <= set(PNEUMONIA_CLASSES)
    if is_binary:
        classes = PNEUMONIA_CLASSES

    order = {name: i for i, name in enumerate([*SPLITS, ""])}
    rows = sorted(
        (order[image.split], image.folder.upper() if is_binary else image.folder, image.path)
        for image in tree.images
        if image.split in splits
    )
    if not rows:
        raise FileNotFoundError(
            f"{listed(splits)} of {os.fspath(tree.root)!r} holds no images. Splits with images: "
            f"{listed(sorted({image.split for image in tree.images}, key=order.__getitem__))}."
        )
    names = [*order]
    folder = _strings(folder for _, folder, _ in rows)
    filenames = _strings(path for _, _, path in rows)
    etiology = etiologies(filenames)
    if labels == "etiology":
        _check_etiologies(filenames, folder, etiology, is_binary)
    etiology[(etiology == "unknown") & (np.char.upper(folder.astype(str)) == "NORMAL")] = "normal"
    target_names = list(ETIOLOGY_CLASSES if labels == "etiology" else classes)
    label = [name.upper() for name in etiology] if labels == "etiology" else folder
    return Collection(
        tree=tree,
        splits=splits,
        folder_classes=classes,
        folder=folder,
        filenames=filenames,
        split=_strings(names[place] for place, _, _ in rows),
        groups=patient_ids(filenames),
        etiology=etiology,
        target=np.array([target_names.index(name) for name in label], dtype=np.int64),
        target_names=target_names,
    )


def _choose_splits(tree: Tree, split: str | Sequence[str] | None) -> list[str]:
    if split is None:
        return tree.splits or [""]
    wanted = [split] if isinstance(split, str) else list(split)
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
        return ValueError(
            f"{root!r} holds images ({unread}) but no class folders, so their class is unknown. "
            "Pass the folder above it, or sort the images into NORMAL and PNEUMONIA."
        )
    others = f" It holds {some(tree.skipped)}." if tree.skipped else ""
    return FileNotFoundError(
        f"There are no images ({' '.join(IMAGE_SUFFIXES)}) in class folders below {root!r}."
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


def some(paths: Sequence[str] | NDArray[np.object_]) -> str:
    """A few of many files: how many, and the first of them by name."""
    shown = ", ".join(sorted(paths)[:3])
    more = ", ..." if len(paths) > 3 else ""
    return f"{len(paths)} file{'s' if len(paths) > 1 else ''} ({shown}{more})"
