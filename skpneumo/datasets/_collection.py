"""Read a collection on disk into rows of image, class and patient."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skpneumo._file_state import rows_of_one_file
from skpneumo._formatting import counted, printable, quoted
from skpneumo._image_files import SYNTHETIC_NOTE, SkippedFile, describe_skipped, list_folder
from skpneumo._messages import by_interface
from skpneumo._positive_class import (
    UndecidedPositiveError,
    positive_classes,
    says_its_class,
)
from skpneumo._spellings import folded, meaning_of_labels, one_spelling
from skpneumo.datasets._file_names import Patients, etiologies_and_normal, read_patients
from skpneumo.datasets._folders import (
    SPLITS,
    Image,
    TopFolders,
    Tree,
    in_order,
    scan,
    split_name,
)

Labels = Literal["binary", "etiology"]
Positive = str | Sequence[str] | None

PNEUMONIA_CLASSES = ["NORMAL", "PNEUMONIA"]
ETIOLOGY_CLASSES = ["NORMAL", "BACTERIA", "VIRUS"]


@dataclass(frozen=True)
class Collection:
    """The images of the requested splits, row by row, and what else the folders contain."""

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
        """Whether the files are named like the published ones."""
        return self.is_binary and bool(np.mean(self.etiology != "unknown") > 0.5)

    @property
    def synthetic_note(self) -> str | None:
        """The note with which make_chest_xray marks its images as synthetic, if there is one."""
        note = self.tree.root / SYNTHETIC_NOTE
        return note.read_text("utf-8") if note.is_file() else None

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the images by split and class folder."""
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
    """Read a collection from its folders; warnings are left to the caller."""
    if labels == "etiology" and positive:
        raise ValueError(
            by_interface(
                python=f'labels="etiology" reads three classes from the file names, and '
                f"positive={positive!r} makes two of the folders. Pass one of them.",
                shell="--labels etiology reads three classes from the file names, and --positive "
                "makes two of the folders. Leave one of them out.",
            )
        )
    folder = Path(os.path.expanduser(root))
    if top_folders is None and _names_custom_splits(split, folder):
        top_folders = "split"
    tree = scan(folder, top_folders, leave_out)
    if not tree.images:
        raise _no_images(tree)
    splits = _choose_splits(tree, split)
    class_of, spellings = _classes_of(tree)
    _read_each_file_once(tree, class_of)
    names = sorted(set(class_of.values()))
    is_binary = set(names) <= set(PNEUMONIA_CLASSES)
    if is_binary:
        names = PNEUMONIA_CLASSES
    images = _sorted_images(tree, splits, class_of)
    class_folders = _strings(image.folder for image in images)
    filenames = _strings(image.path for image in images)
    etiology = etiologies_and_normal(filenames, class_folders)
    if labels == "etiology":
        _check_etiologies(filenames, class_folders, etiology, is_binary)
        classes = Classes(ETIOLOGY_CLASSES, ETIOLOGY_CLASSES[1:], {})
        label = [name.upper() for name in etiology]
    else:
        classes = order_classes(names, _by_their_class(positive, class_of))
        label = [classes.name_of.get(name, name) for name in class_folders]
    return Collection(
        tree=tree,
        splits=splits,
        folder_classes=names,
        spellings=spellings,
        folder=class_folders,
        filenames=filenames,
        split=_strings(image.split for image in images),
        site=_strings(image.site for image in images),
        patients=read_patients(filenames, patient_pattern),
        etiology=etiology,
        target=np.array([classes.names.index(name) for name in label], dtype=np.int64),
        target_names=list(classes.names),
        positive=list(classes.positive),
    )


def _sorted_images(tree: Tree, splits: Sequence[str], class_of: dict[str, str]) -> list[Image]:
    """The images of the requested splits, by split, class folder and path."""
    rank = {name: i for i, name in enumerate([*in_order(tree.splits), ""])}
    images = [
        image._replace(
            folder=class_of[printable(image.folder)],
            site=printable(image.site),
        )
        for image in tree.images
        if image.split in splits
    ]
    if not images:
        with_images = in_order({image.split for image in tree.images})
        raise FileNotFoundError(
            f"{quoted(splits)} of {os.fspath(tree.root)!r} holds no images. Splits with images: "
            f"{quoted(with_images)}."
        )
    return sorted(images, key=lambda each: (rank[each.split], each.folder, each.path, each.site))


@dataclass(frozen=True)
class Classes:
    """The classes in the order of their numbers, and which of them are positive.

    ``name_of`` gives the class of a label where several labels form one class.
    """

    names: Sequence[str]
    positive: Sequence[str]
    name_of: dict[str, str]


def order_classes(names: Sequence[str], positive: Positive) -> Classes:
    """Put the healthy classes first: of two classes, scikit-learn treats the last as positive.

    ``positive`` turns any number of labels into two classes. Of three or more classes of which
    none is known to be healthy, none is positive.

    Raises
    ------
    UndecidedPositiveError
        If there are two classes, and their names do not tell which is the illness.
    """
    try:
        decided = positive_classes(names, positive)
    except UndecidedPositiveError:
        if len(names) == 2:
            raise
        return Classes(names, [], {})
    if positive is None or len(names) == 2:
        return Classes([*decided.negative, *decided.positive], decided.positive, {})
    name = str(decided)
    other = decided.negative[0] if len(decided.negative) == 1 else f"not {name}"
    name_of = dict.fromkeys(decided.positive, name) | dict.fromkeys(decided.negative, other)
    return Classes([other, name], [name], name_of)


def _classes_of(tree: Tree) -> tuple[dict[str, str], list[str]]:
    """The class of each folder name, and a remark for each class with several folder names."""
    counts = Counter(printable(image.folder) for image in tree.images)
    spelling, several = one_spelling(counts, meaning_of_labels(counts))
    published = {name: folded(name).upper() for name in counts}
    if set(published.values()) <= set(PNEUMONIA_CLASSES):
        return published, []
    remarks = [
        f"The class {found[0][0]!r} has folders of {len(found)} names, "
        + ", ".join(f"{name!r} ({counted(n, 'image')})" for name, n in found)
        + "; they are treated as one."
        for found in several
    ]
    return spelling, remarks


def _by_their_class(positive: Positive, class_of: dict[str, str]) -> Positive:
    """Let ``positive`` name a class by any of the folders that form it."""
    if positive is None:
        return None
    known = {folded(name): label for name, label in class_of.items()}
    wanted = [positive] if isinstance(positive, str) else positive
    return [known.get(folded(each), each) for each in wanted]


def _read_each_file_once(tree: Tree, class_of: dict[str, str]) -> None:
    """Skip images that are the same file as another, because of a link.

    Raise if the file would be of two classes or splits.
    """
    links = []
    for rows in rows_of_one_file(image.path for image in tree.images):
        first, *others = (tree.images[row] for row in rows)
        for other in others:
            for what, one, another in (
                ("splits", first.split, other.split),
                ("sites", first.site, other.site),
                ("classes", class_of[printable(first.folder)], class_of[printable(other.folder)]),
            ):
                if one != another:
                    raise ValueError(
                        f"{other.path!r} and {first.path!r} are one file, because of a link, so "
                        f"it would be of two {what}, {another!r} and {one!r}. Remove one of them."
                    )
        links += rows[1:]
    if links:
        reason = "the same file as an image that is read, through a link"
        tree.skipped += [SkippedFile(tree.images[row].path, reason) for row in links]
        skipped = set(links)
        tree.images = [each for row, each in enumerate(tree.images) if row not in skipped]


def _names_custom_splits(split: str | Sequence[str] | None, root: Path) -> bool:
    """Whether ``split`` names folders that are not splits by their usual names."""
    wanted = {split} if isinstance(split, str) else set(split or ())
    if not root.is_dir() or not wanted:
        return False
    folders = set(list_folder(root)[0])
    return wanted <= folders and any(name.lower() not in SPLITS for name in wanted)


def _choose_splits(tree: Tree, split: str | Sequence[str] | None) -> list[str]:
    if split is None:
        # Some sites may have splits and others not.
        without = any(image.split == "" for image in tree.images)
        return [*tree.splits, *([""] if without else [])]
    wanted = [split_name(name) for name in ([split] if isinstance(split, str) else split)]
    if not wanted:
        raise ValueError("split=[] selects no split at all; pass None to read all splits.")
    if unknown := [name for name in wanted if name not in tree.splits]:
        available = (
            f"its splits are {quoted(tree.splits)}"
            if tree.splits
            else "it has class folders but no splits, so leave split out"
        )
        raise ValueError(
            f"The collection {os.fspath(tree.root)!r} has no split {quoted(unknown)}; {available}."
        )
    return [name for name in tree.splits if name in wanted]


def _no_images(tree: Tree) -> Exception:
    root = os.fspath(tree.root)
    if unread := tree.unread.get(root):
        # Only the parent of a folder with a class name is likely to contain class folders.
        remedy = (
            "Name the folder above it, or read"
            if says_its_class(tree.root.name)
            else "Sort the images into folders NORMAL and PNEUMONIA, or read"
        )
        return ValueError(
            f"{root!r} holds images ({unread}) but no class folders, so their class is unknown. "
            f"{remedy} their labels from a table with "
            + by_interface(python="load_image_table.", shell="--table.")
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
    silent = filenames[etiology == "unknown"]
    if len(silent):
        raise ValueError(
            by_interface(
                python='labels="etiology" reads bacteria or virus from',
                shell="Bacteria or virus is read from",
            )
            + f" the file names, and the names of {with_examples(silent)} do not say. Rename them "
            "as in person1_virus_6.jpeg"
            + by_interface(
                python=', or use labels="binary", which uses the folders as classes.',
                shell="; `skpneumo fit` without --labels etiology uses the folders as classes.",
            )
        )
    if is_binary and len(contrary := filenames[contradicts_folder(folder, etiology)]):
        raise ValueError(
            by_interface(python='labels="etiology" needs', shell="Bacteria and virus need")
            + " names that agree with their folders, but "
            f"{with_examples(contrary)} lie in the folder of the other class. Move or rename them."
        )


def contradicts_folder(
    folder: NDArray[np.object_], etiology: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """Mark the files whose name says pneumonia and whose folder says normal, or vice versa."""
    return (etiology != "unknown") & ((etiology == "normal") != (folder == "NORMAL"))


def _strings(values: Iterable[str]) -> NDArray[np.object_]:
    return np.array([*values], dtype=object)


def with_examples(paths: Sequence[str] | NDArray[np.object_], thing: str = "file") -> str:
    """Count files, and name the first three."""
    shown = ", ".join(sorted(paths)[:3])
    more = ", ..." if len(paths) > 3 else ""
    return f"{len(paths)} {thing}{'s' if len(paths) > 1 else ''} ({shown}{more})"
