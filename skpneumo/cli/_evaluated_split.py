"""The whole collection, and the split of it that a report is about."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skpneumo.cli._collections import read_for
from skpneumo.cli._options import CollectionOptions

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["evaluated_split"]


def evaluated_split(
    estimator: Any, folder: Path | None, read_by: CollectionOptions
) -> tuple["Bunch", str | None]:
    """Read all of a collection, and say which split is to be evaluated; None is all of it.

    All of it, because the audit looks for what the split has in common with the others.

    Raises
    ------
    ValueError
        If there is no such split.
    """
    column = None if read_by.table is None else read_by.split
    everything = read_by  # of which some patients are held out
    if not read_by.hold_out:
        everything = replace(read_by, part="all", split=column)
    xrays = read_for(estimator, folder, everything, "all", "both")
    wanted = read_by.part or (read_by.split if read_by.table is None else None)
    if read_by.hold_out:
        wanted = None
    split = wanted or ("test" if any(xrays.split) else "all")
    if split != "all" and split not in xrays.split:
        there = ", ".join(sorted(map(repr, set(xrays.split) - {""}))) or "none"
        raise ValueError(f"There is no split {split!r} to evaluate on; the splits are {there}.")
    return xrays, None if split == "all" else split
