"""Find folders that are probably not what their place in a collection makes of them."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator

import numpy as np

from skpneumo._formatting import counted, quoted
from skpneumo._messages import by_interface
from skpneumo._spellings import folded
from skpneumo.datasets._collection import Collection
from skpneumo.datasets._folders import SPLITS, Image, split_name

__all__ = ["remarks_on_folders"]

# Not "unknown" and "other", which are classes of etiology.
_PUT_ASIDE = frozenset(
    {"old", "older", "archive", "archived", "trash", "junk", "tmp", "temp", "temporary", "misc",
     "miscellaneous", "todo", "unsorted", "unlabeled", "unlabelled", "unclassified", "unassigned",
     "unannotated", "unreviewed", "unprocessed", "uncertain", "unsure", "unclear", "rejected",
     "excluded", "discarded", "unused", "duplicates", "documents", "screenshots", "downloads"}
)  # fmt: skip
_COPIES = frozenset({"backup", "backups", "bak", "copy", "copies", "kopie", "copie", "copia"})
_ANY_FOLDER = frozenset(
    {"folder", "folders", "image", "images", "file", "files", "data", "dataset"}
)
_PHRASES = frozenset(
    {"new folder", "untitled folder", "to do", "not labeled", "not labelled", "not sure",
     "neuer ordner", "nouveau dossier", "nueva carpeta", "nova pasta"}
)  # fmt: skip


def remarks_on_folders(collection: Collection) -> Iterator[str]:
    """Report classes whose names say that they are none, and classes and splits inside classes."""
    yield from _no_classes(collection)
    classes = {folded(name): name for name in collection.folder_classes}
    as_class: Counter[tuple[str, str]] = Counter()
    as_split: Counter[str] = Counter()
    root = os.fspath(collection.tree.root)
    images = (image for image in collection.tree.images if image.split in collection.splits)
    folders = Counter(image._replace(path=os.path.dirname(image.path)) for image in images)
    for image, n_images in folders.items():
        for name in _below_the_class(image, root):
            if folded(name) in {*classes} - {folded(image.folder)}:
                as_class[name, image.folder] += n_images
            elif not image.split and split_name(name) in SPLITS:
                as_split[name] += n_images
    for (name, folder), n_images in sorted(as_class.items()):
        yield (
            f"{counted(n_images, 'image')} in a folder {name!r} inside the class folder "
            f"{folder!r} count as {folder!r}, because the outer folder decides. If that is wrong, "
            "move them."
        )
    if as_split:
        yield _splits_inside(as_split)


def _splits_inside(n_images: Counter[str]) -> str:
    """Describe folders with the names of splits inside class folders."""
    verb = "is" if n_images.total() == 1 else "are"
    where = f"{counted(n_images.total(), 'image')} inside the class folders {verb} in"
    names = quoted(sorted(n_images))
    if len(n_images) == 1:
        return (
            f"{where} a folder {names}, which is not used as a split, so that all images are read "
            "together. If it is a split, move the class folders into it."
        )
    return (
        f"{where} folders {names}, which are not used as splits, so that all images are read "
        "together. If they are splits, move the class folders into them."
    )


def _below_the_class(image: Image, root: str) -> list[str]:
    """Return the names of the folders between the class folder and an image."""
    parts = image.path.removeprefix(root).split(os.sep)
    return parts[parts.index(image.folder) + 1 :] if image.folder in parts else []


def _no_classes(collection: Collection) -> Iterator[str]:
    """Report folders that would be positive only because they are not the healthy class."""
    # Of two classes, the other one is meant. Those that the user names as positive are one class.
    if len(collection.target_names) < 3:
        return
    named = [
        name
        for name in collection.positive
        if name in collection.folder_classes and _says_no_class(name)
    ]
    if not named:
        return
    n_images = counted(int(np.isin(collection.folder, named).sum()), "image")
    option = " ".join(f"--leave-out {shlex.quote(name)}" for name in named)
    if len(named) == 1:
        yield (
            f"The folder {named[0]!r} ({n_images}) is read as a class that is positive. If it is "
            "none, leave it out: "
            + by_interface(python=f"leave_out={named[0]!r}.", shell=f"{option}.")
        )
        return
    yield (
        f"The folders {quoted(named)} ({n_images}) are read as classes that are positive. If they "
        "are none, leave them out: "
        + by_interface(python=f"leave_out={named!r}.", shell=f"{option}.")
    )


def _says_no_class(name: str) -> bool:
    """Tell whether a name is that of files which somebody put aside, or has not labelled."""
    listed = re.findall(r"[^\W\d_]+", folded(name))
    words = {*listed}
    if words & _COPIES or " ".join(listed) in _PHRASES:
        return True
    return bool(words & _PUT_ASIDE) and words <= _PUT_ASIDE | _ANY_FOLDER
