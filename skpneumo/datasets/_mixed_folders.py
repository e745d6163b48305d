"""Find folders that are probably not what their place in a collection makes of them."""

import os
from collections import Counter
from collections.abc import Iterator

from skpneumo._formatting import counted
from skpneumo._messages import by_interface
from skpneumo._positive_class import says_its_class
from skpneumo._spellings import folded
from skpneumo.datasets._collection import Collection, quoted
from skpneumo.datasets._folders import SPLITS, Image, split_name

__all__ = ["remarks_on_folders"]


def remarks_on_folders(collection: Collection) -> Iterator[str]:
    """Report classes of unknown names beside known ones, and classes and splits inside classes."""
    yield from _unknown_classes(collection)
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
        yield (
            f"{counted(as_split.total(), 'image')} inside the class folders are in folders "
            f"{quoted(sorted(as_split))}, which are not used as splits, so they are read "
            "together. If they are splits, move the class folders into them."
        )


def _below_the_class(image: Image, root: str) -> list[str]:
    """Return the names of the folders between the class folder and an image."""
    parts = image.path.removeprefix(root).split(os.sep)
    return parts[parts.index(image.folder) + 1 :] if image.folder in parts else []


def _unknown_classes(collection: Collection) -> Iterator[str]:
    """Report folders that would be positive only because they are not the healthy class."""
    # Of two classes, the other one is meant. Those that the user names as positive are one class.
    if len(collection.target_names) < 3:
        return
    for name in collection.positive:
        if name in collection.folder_classes and not says_its_class(name):
            n_images = int((collection.folder == name).sum())
            yield (
                f"The folder {name!r} ({counted(n_images, 'image')}) is read as a class that is "
                "positive, but has no name of a known class. If it is none, leave it out: "
                + by_interface(python=f"leave_out={name!r}.", shell=f'--leave-out "{name}".')
            )
