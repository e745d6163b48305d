"""From a folder on disk to the images in it, each with its split and its class folder."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# Files with other suffixes are counted as skipped. A format that ImageLoader learns to decode
# joins here.
IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
SPLITS = ("train", "val", "test")

# The published archives hold the collection in a folder of this name. That of Kaggle holds it
# twice: chest_xray/train and again chest_xray/chest_xray/train.
PUBLISHED_FOLDER = "chest_xray"

# A file of this name in a collection says that make_chest_xray drew it, and how.
SYNTHETIC_NOTE = "SYNTHETIC.txt"

# What archivers and file managers leave behind. Hidden files are overlooked as well, among them
# the "._IM-0115-0001.jpeg" of macOS, which are no images.
_LITTER = {"__macosx", "thumbs.db", "desktop.ini"}


class Image(NamedTuple):
    """An image file and the folders it lies in; split is "" in a collection without splits."""

    split: str
    folder: str
    path: str


@dataclass
class Tree:
    """What lies in a collection.

    ``unread`` counts, by place, the images that belong to no class or split. ``skipped`` are the
    files that are no images.
    """

    root: Path
    splits: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    skipped: list[str] = field(default_factory=list)
    without_images: list[str] = field(default_factory=list)

    def add_classes(self, parent: Path, split: str) -> None:
        """Take each folder in ``parent`` that holds images for a class."""
        folders, files = _list(parent)
        for folder in folders:
            images, others = _walk(parent / folder)
            self.images += [Image(split, folder, path) for path in images]
            self.skipped += others
            if others and not images:
                self.without_images.append(os.fspath(parent / folder))
        self.add_loose(parent, files)

    def add_loose(self, parent: Path, files: list[str]) -> None:
        """Count files that lie beside the folders they should be in."""
        for file in files:
            if _is_image(file):
                self.unread[os.fspath(parent)] += 1
            elif file != SYNTHETIC_NOTE:
                self.skipped.append(os.fspath(parent / file))

    def set_aside(self, folder: Path) -> None:
        """Count what lies in a folder that is neither split nor class."""
        images, others = _walk(folder)
        if images:
            self.unread[os.fspath(folder)] += len(images)
        self.skipped += others


def scan(root: Path) -> Tree:
    """Find the collection in or below ``root`` and list its images, in no particular order."""
    if not root.exists():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(root)!r} (seen from {os.getcwd()!r}). Check the path; "
            "fetch_chest_xray downloads the published images, make_chest_xray draws others."
        )
    if not root.is_dir():
        raise NotADirectoryError(
            f"{os.fspath(root)!r} is a file; expected the folder that holds train/NORMAL, "
            "train/PNEUMONIA and so on. Unpack an archive; hand single images to ImageLoader."
        )
    root = _descend(root)
    tree = Tree(root)
    folders, files = _list(root)
    split_folders = [folder for folder in folders if folder.lower() in SPLITS]
    if not split_folders:
        tree.add_classes(root, split="")
        return tree
    for folder in split_folders:
        tree.add_classes(root / folder, split=folder.lower())
    for folder in set(folders).difference(split_folders):
        tree.set_aside(root / folder)
    tree.add_loose(root, files)
    tree.splits = sorted({folder.lower() for folder in split_folders}, key=SPLITS.index)
    return tree


def _descend(root: Path) -> Path:
    """Go through the folders that an archive wraps around the splits or the classes."""
    while True:
        folders, _ = _list(root)
        if any(folder.lower() in SPLITS for folder in folders):
            return root
        wrapped = PUBLISHED_FOLDER if PUBLISHED_FOLDER in folders else None
        if len(folders) == 1:
            wrapped = folders[0]
        # A single folder without folders of its own is a class, and its images are the goal.
        if wrapped is None or not _list(root / wrapped)[0]:
            return root
        root = root / wrapped


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder, litter left out."""
    with os.scandir(folder) as entries:
        kept = [(entry.name, entry.is_dir()) for entry in entries if not _is_litter(entry.name)]
    return [name for name, is_dir in kept if is_dir], [name for name, is_dir in kept if not is_dir]


def _walk(folder: Path) -> tuple[list[str], list[str]]:
    """The paths of the images and of the other files anywhere below a folder."""
    images: list[str] = []
    others: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not _is_litter(name)]
        for file in files:
            if not _is_litter(file):
                (images if _is_image(file) else others).append(os.path.join(parent, file))
    return images, others


def _fail(error: OSError) -> None:
    raise error  # os.walk would otherwise leave unreadable folders out without a word


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER
