"""Reading the collection that a command was given, and saying what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["describe", "read_collection"]


def read_collection(folder: Path, split: str, labels: str = "binary") -> "Bunch":
    """Load a folder of X-rays; the split "all" is every file of it."""
    from skpneumo import load_chest_xray

    return load_chest_xray(
        folder,
        split=None if split == "all" else split,
        labels="etiology" if labels == "etiology" else "binary",
    )


def describe(xrays: "Bunch", rows: Any = slice(None)) -> str:
    """Count the images, the patients and the classes of some rows in a line."""
    import numpy as np

    target = xrays.target[rows]
    counts = np.bincount(target, minlength=len(xrays.target_names))
    classes = ", ".join(
        f"{count} {name}" for count, name in zip(counts, xrays.target_names, strict=True)
    )
    return f"{len(target)} X-rays of {len(set(xrays.groups[rows]))} patients ({classes})"
