"""Check that folders are classes, and not splits, sites or kinds of files."""

import os
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from skpneumo._formatting import quoted
from skpneumo._messages import by_interface
from skpneumo._positive_class import is_class_word

__all__ = ["check_level"]

# Folders, next to those of the images, with other images of the same size and name.
_MASKS = frozenset(
    {"mask", "masks", "segmentation", "segmentations", "annotation", "annotations", "overlay",
     "overlays", "heatmap", "heatmaps", "contour", "contours"}
)  # fmt: skip
_MOST_NAMED = 4
_listed = partial(quoted, most=_MOST_NAMED)


def check_level(parent: Path, inside: Mapping[str, Sequence[str]]) -> None:
    """Raise if folders are not classes, or may not be.

    ``inside`` has the names of the folders in each folder in ``parent``.

    Raises
    ------
    ValueError
        If all contain the same folders, which may then be the classes, or images and masks.
    """
    if len(inside) < 2:
        return
    if _MASKS & {name.lower() for name in inside}:
        raise _two_kinds(parent, f"holds {_listed(inside)}", list(inside))
    below = [{name.lower() for name in names} for names in inside.values()]
    everywhere = set.intersection(*below)
    if _MASKS & everywhere:
        kinds = [name for name in next(iter(inside.values())) if name.lower() in everywhere]
        raise _two_kinds(parent, f"holds {_listed(inside)}, and each of them", kinds)
    if any(is_class_word(name) for name in inside):
        return  # classes, whatever they contain
    alike = len(everywhere) > 1 and all(names == everywhere for names in below)
    if alike or all(any(map(is_class_word, names)) for names in below):
        raise _question(parent, inside)


def _two_kinds(parent: Path, where: str, kinds: Sequence[str]) -> ValueError:
    masks = next(name for name in kinds if name.lower() in _MASKS)
    return ValueError(
        f"{os.fspath(parent)!r} {where} {_listed(kinds)}: two kinds of files, one of which is "
        "not X-rays. Say which is not to be read: "
        + by_interface(python=f"leave_out={masks!r}.", shell=f"--leave-out {shlex.quote(masks)}.")
    )


def _question(parent: Path, inside: Mapping[str, Sequence[str]]) -> ValueError:
    first = next(iter(inside))
    shown = sorted({name for names in inside.values() for name in names})
    return ValueError(
        f"{os.fspath(parent)!r} holds {_listed(inside)}, and each of them {_listed(shown)}. Which "
        "of the two are the classes? If the upper folders are splits, "
        + by_interface(
            python=f"pass split={list(inside)[:_MOST_NAMED]!r} or top_folders='split'; if they "
            "are sites, such as hospitals, top_folders='site', which adds a column site; if they "
            "are the classes, top_folders='class'. Or pass",
            shell="add --top-folders split; if they are sites, such as hospitals, --top-folders "
            "site; if they are the classes, --top-folders class. Or name",
        )
        + f" one of them alone: {os.path.join(os.fspath(parent), first)!r}."
    )
