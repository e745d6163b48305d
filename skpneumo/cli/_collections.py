"""Reading the collection that a command was given, and saying what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["describe", "read_collection", "read_for", "split_to_read", "two_classes"]


def read_collection(folder: Path, split: str, labels: str = "binary") -> "Bunch":
    """Load a folder of X-rays; the split "all" is every file of it."""
    from skpneumo import load_chest_xray

    return load_chest_xray(
        folder,
        split=None if split == "all" else split,
        labels="etiology" if labels == "etiology" else "binary",
    )


def split_to_read(folder: Path, wanted: str | None, usual: str) -> str:
    """Name the split to read: the one wanted, else the usual one, else "all" if there is none."""
    from skpneumo.datasets._folders import scan

    if wanted is not None:
        return wanted
    return usual if scan(Path(folder).expanduser()).splits else "all"


def describe(xrays: "Bunch", rows: Any = slice(None)) -> str:
    """Count the images, the patients and the classes of some rows in a line."""
    import numpy as np

    target = xrays.target[rows]
    counts = np.bincount(target, minlength=len(xrays.target_names))
    classes = ", ".join(
        f"{count} {name}" for count, name in zip(counts, xrays.target_names, strict=True)
    )
    return f"{len(target)} X-rays of {len(set(xrays.groups[rows]))} patients ({classes})"


def read_for(model: Any, folder: Path, split: str) -> "Bunch":
    """Read a folder with the classes that a model knows, or say how they differ."""
    from skpneumo.cli._labels import class_names

    names = class_names(model)
    xrays = read_collection(folder, split, "etiology" if "BACTERIA" in names else "binary")
    if list(xrays.target_names) != names:
        raise ValueError(
            f"The model tells {', '.join(names)} apart, in this order; {folder} holds "
            f"{', '.join(xrays.target_names)}. Evaluate it on folders of its classes."
        )
    return xrays


def two_classes(xrays: "Bunch", folder: Path) -> "Bunch":
    """Refuse collections on which recall, of one class against the other, is not defined."""
    if len(xrays.target_names) != 2:
        raise ValueError(
            f"A search by recall needs two classes; {folder} has {len(xrays.target_names)}: "
            f"{', '.join(xrays.target_names)}. Put all kinds of pneumonia into one folder, or "
            "use `skpneumo fit`."
        )
    return xrays
