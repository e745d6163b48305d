"""Find the images in a folder, each with its split, site and class folder."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from skpneumo._file_state import FileIdentity, file_identity
from skpneumo._formatting import printable
from skpneumo._image_files import (
    SkippedFile,
    list_folder,
    refusal,
    walk,
)
from skpneumo._messages import by_interface
from skpneumo._paths import SPLIT_OF_FOLDER
from skpneumo._spellings import folded
from skpneumo.datasets._levels import check_level

SPLITS = ("train", "val", "test")

# The published archives contain the collection in a folder of this name. The archive of Kaggle
# contains it twice: chest_xray/train and again chest_xray/chest_xray/train.
PUBLISHED_FOLDER = "chest_xray"

TopFolders = Literal["class", "split", "site"]


class Image(NamedTuple):
    """An image file and the folders it is in; "" if a collection has no splits or sites."""

    split: str
    site: str
    folder: str
    path: str


@dataclass
class Tree:
    """The files and folders of a collection, sorted by what they are.

    ``unread`` counts, by folder, the images that belong to no class or split. ``skipped`` are the
    files that are not images, ``litter`` the files that other programs left behind, ``left_out``
    the folders that the user does not want.
    """

    root: Path
    unwanted: frozenset[str] = frozenset()
    check_levels: bool = True
    splits: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    skipped: list[SkippedFile] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    without_images: list[str] = field(default_factory=list)

    def folders_of(self, parent: Path) -> tuple[list[str], list[str]]:
        """List the files in a folder, and its folders without those to be left out."""
        folders, files, litter = list_folder(parent)
        self.litter += [os.fspath(parent / name) for name in litter]
        self.left_out += [os.fspath(parent / name) for name in folders if self._unwanted(name)]
        return [name for name in folders if not self._unwanted(name)], files

    def add_collection(self, parent: Path, site: str = "") -> None:
        """Treat the folders in ``parent`` as splits if their names say so, else as classes."""
        folders, files = self.folders_of(parent)
        split_folders = self._split_folders(parent, folders)
        if not split_folders:
            self.add_classes(parent, folders, files, "", site)
            return
        self.add_splits(parent, split_folders, site)
        for folder in set(folders).difference(split_folders):
            self.count_unread(parent / folder)
        self.add_loose(parent, files)

    def _split_folders(self, parent: Path, folders: list[str]) -> list[str]:
        """Choose the folders that are splits: those of the usual names, and others like them.

        A folder called dev or validation may be something else. It is a split if there is none of
        that name, and its folders are classes of the other splits; alone, it is asked about.
        """
        inside = {
            folder: {folded(name) for name in list_folder(parent / folder)[0]}
            for folder in folders
            if split_name(folder) in SPLITS
        }
        chosen = [folder for folder in inside if folder.strip().lower() in SPLITS]
        classes = {name for folder in chosen for name in inside[folder]}
        for folder, names in inside.items():
            if names and names <= classes and split_name(folder) not in map(split_name, chosen):
                chosen.append(folder)
        return chosen

    def add_splits(self, parent: Path, folders: list[str], site: str = "") -> None:
        """Treat these folders in ``parent`` as splits."""
        _numbers_of(parent, folders, "splits")
        for folder in folders:
            inside, files = self.folders_of(parent / folder)
            split = split_name(folder)
            self.add_classes(parent / folder, inside, files, split, site)
            self.splits = in_order({*self.splits, split})

    def add_classes(
        self, parent: Path, folders: list[str], files: list[str], split: str, site: str
    ) -> None:
        """Treat each of these folders that has images as a class."""
        if self.check_levels:
            inside = {
                name: [each for each in list_folder(parent / name)[0] if not self._unwanted(each)]
                for name in folders
            }
            check_level(parent, inside)
        numbers = _numbers_of(parent, folders, "classes")
        for folder in folders:
            others = [number for name, number in numbers.items() if name != folder]
            images, n_skipped = self._walk(parent / folder, others)
            self.images += [Image(split, site, folder, path) for path in images]
            if n_skipped and not images:
                self.without_images.append(os.fspath(parent / folder))
        self.add_loose(parent, files)

    def add_loose(self, parent: Path, files: list[str]) -> None:
        """Count files that lie next to the folders they should be in."""
        for file in files:
            path = os.fspath(parent / file)
            if reason := refusal(path):
                self.skipped.append(SkippedFile(path, reason))
            else:
                self.unread[os.fspath(parent)] += 1

    def count_unread(self, folder: Path) -> None:
        """Count the images in a folder that is neither a split nor a class."""
        images, _ = self._walk(folder)
        if images:
            self.unread[os.fspath(folder)] += len(images)

    def _walk(self, folder: Path, not_into: Iterable[FileIdentity] = ()) -> tuple[list[str], int]:
        """The paths of the images below a folder, and how many other files there are."""
        images, n_skipped = [], 0
        for found in walk(folder, self.unwanted, not_into):
            if found.kind == "image":
                images.append(found.path)
            elif found.kind == "skipped":
                self.skipped.append(SkippedFile(found.path, found.reason))
                n_skipped += 1
            elif found.kind == "left out":
                self.left_out.append(found.path)
            else:
                self.litter.append(found.path)
        return images, n_skipped

    def _unwanted(self, name: str) -> bool:
        return name.lower() in self.unwanted


def scan(root: Path, top_folders: TopFolders | None = None, leave_out: Iterable[str] = ()) -> Tree:
    """Find the collection in or below ``root`` and list its images, unordered."""
    _require_folder(root)
    unwanted = frozenset(name.lower() for name in leave_out)
    wrappers: list[Path] = []
    if top_folders is None:
        root, wrappers = _unwrap(root)
    tree = Tree(root, unwanted, check_levels=top_folders != "class")
    # Folders next to the published one are other parts of its archive, and are not counted.
    for parent in wrappers:
        tree.add_loose(parent, tree.folders_of(parent)[1])
    if top_folders is None or top_folders == "class":
        tree.add_collection(root)
        return tree
    folders, files = tree.folders_of(root)
    if top_folders == "split":
        tree.add_splits(root, folders)
    else:
        for folder in folders:
            tree.add_collection(root / folder, site=folder)
    tree.add_loose(root, files)
    return tree


def _require_folder(root: Path) -> None:
    """Raise if there is no such folder, with advice for what is there instead."""
    if not root.exists():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(root)!r} (seen from {os.getcwd()!r}). Check the path"
            + by_interface(
                python="; fetch_chest_xray downloads the published images, make_chest_xray "
                "generates others.",
                shell=".",
            )
        )
    if not root.is_dir():
        raise NotADirectoryError(
            f"{os.fspath(root)!r} is a file; expected the folder that contains train/NORMAL, "
            "train/PNEUMONIA and so on. Unpack an archive; "
            + by_interface(
                python="pass single images to ImageLoader, and tables of images to "
                "load_image_table.",
                shell="name a table of images with --table.",
            )
        )


def _numbers_of(parent: Path, folders: list[str], what: str) -> dict[str, FileIdentity]:
    """Return the numbers of folders by name; raise if a link makes two of them the same."""
    numbers: dict[str, FileIdentity] = {}
    for name in folders:
        try:
            number = file_identity(parent / name)
        except OSError:
            continue  # walking through it reports the error
        for other, its_number in numbers.items():
            if number == its_number:
                raise ValueError(
                    f"{os.fspath(parent / name)!r} and {os.fspath(parent / other)!r} are one "
                    f"folder, because of a link, so its images would be of two {what}. Remove the "
                    "link, or link to other images."
                )
        numbers[name] = number
    return numbers


def split_name(name: str) -> str:
    """Translate the name of a folder or column to the usual name of a split."""
    return SPLIT_OF_FOLDER.get(name.strip().lower()) or printable(name)


def in_order(splits: Iterable[str]) -> list[str]:
    """Sort splits in the order in which they are used, followed by others by name."""
    return sorted(
        splits, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name)
    )


def _unwrap(root: Path) -> tuple[Path, list[Path]]:
    """Descend through the folders that an archive wraps around the splits or the classes.

    Returns the folder of the collection, and the folders around it.
    """
    wrappers: list[Path] = []
    while True:
        folders = list_folder(root)[0]
        if any(folder.strip().lower() in SPLITS for folder in folders):
            return root, wrappers
        wrapped = PUBLISHED_FOLDER if PUBLISHED_FOLDER in folders else None
        if len(folders) == 1:
            wrapped = folders[0]
        # A single folder that contains no folders is a class.
        if wrapped is None or not list_folder(root / wrapped)[0]:
            return root, wrappers
        wrappers.append(root)
        root = root / wrapped
