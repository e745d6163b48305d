"""List the X-ray files that a command is given: paths, folders, a table, standard input."""

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from skpneumo._formatting import counted
from skpneumo._image_files import SkippedFile, walk
from skpneumo.cli._options import (
    CollectionOptions,
    refuse_options_of_folders,
    refuse_options_of_tables,
)

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = [
    "STDIN",
    "Files",
    "batches_of",
    "contents_of",
    "expanded",
    "files_to_read",
    "looks_like_option",
    "path_of",
    "read_any",
]

STDIN = "-"
_MOST_NAMED = 4


def looks_like_option(text: str) -> bool:
    """Tell whether an argument looks like an option; ``-`` is standard input."""
    return text.startswith("-") and text != STDIN


def _refuse_option(_: Any, file: str) -> None:
    if looks_like_option(file):
        raise ValueError(f"There is no option {file}.")


Files = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_refuse_option)]


def files_to_read(
    files: Sequence[str],
    options: CollectionOptions,
    own: Collection[Path | None] = (),
    model: Any = None,
) -> Iterable[str | SkippedFile]:
    """List the files that a command reads, and those it skips.

    Parameters
    ----------
    files : sequence of str
        Files, folders, or ``-`` for standard input; with a table, the folder that its paths are
        relative to.
    options : CollectionOptions
        Which files to use; without a table, a split or ``--hold-out``, all of them.
    own : collection of Path or None, default=()
        Files that the command itself writes, which may be in one of the folders.
    model : fitted classifier, default=None
        A model that knows the positive class. Which patients are held out depends on it.
    """
    refuse_options_of_tables(options)
    refuse_options_of_folders(options)
    selected = options.part or options.split or options.hold_out
    if not selected and options.table is None:
        peek = getattr(getattr(sys.stdin, "buffer", None), "peek", None)
        if STDIN in files and peek is not None and not sys.stdin.isatty():
            # Before a row is written for its first line.
            _refuse_null_bytes(b"\0" in peek())
        return expanded(files, frozenset(name.lower() for name in options.leave_out), own)
    if len(files) > 1 or STDIN in files:
        raise ValueError(
            "With --table, --part or --hold-out, name one folder, not several files or standard "
            "input."
        )
    from skpneumo.cli._collections import paths_in_table

    folder = Path(files[0]) if files else None
    if not selected or (options.table and not (options.part or options.hold_out)):
        return paths_in_table(folder, options)
    return read_any(folder, options, "held out", model).filenames.tolist()


def read_any(
    folder: Path | None,
    options: CollectionOptions,
    side: Literal["held out", "both"],
    model: Any = None,
) -> "Bunch":
    """Read all images, with the classes of the model if the collection has them.

    Without a model it does not matter which of two classes is positive.
    """
    from skpneumo._positive_class import UndecidedPositiveError
    from skpneumo.cli._collections import read_collection
    from skpneumo.cli._collections_for_models import OtherPositiveError, read_for

    if model is not None:
        try:
            return read_for(model, folder, options, "all", side)
        except OtherPositiveError:  # with it, other patients would be held out
            raise
        except ValueError:  # other classes, or what is raised again below
            pass
    try:
        return read_collection(folder, options, "all", side)
    except UndecidedPositiveError as error:
        if len(error.classes) != 2:
            raise
        either = replace(options, positive=(str(error.classes[1]),))
        return read_collection(folder, either, "all", side)


def expanded(
    files: Iterable[str],
    leave_out: Collection[str] = (),
    own: Collection[Path | None] = (),
) -> Iterator[str | SkippedFile]:
    """Yield files, the contents of folders, and the lines of standard input, one by one.

    Files in folders that are not images are yielded as well, with the reason.
    """
    for file in files:
        if file == STDIN:
            yield from expanded(_lines_of_stdin(), leave_out, own)
        elif os.path.isdir(file):
            yield from _files_in(file, leave_out, {os.path.realpath(each) for each in own if each})
        else:
            yield file


def _lines_of_stdin() -> Iterator[str]:
    for number, line in enumerate(sys.stdin):
        path = line.rstrip("\r\n")
        if number == 0:  # editors of Windows begin a list with a byte order mark
            path = path.removeprefix("\ufeff").removeprefix("\udcef\udcbb\udcbf")
            path = path.removeprefix("\xef\xbb\xbf")
        _refuse_null_bytes("\0" in path)
        if path:
            yield path


def _refuse_null_bytes(found: bool) -> None:
    if found:
        raise ValueError(
            "Standard input is no list of paths, one per line: it contains null bytes, as "
            "images do, and what `find -print0` writes. Name the images, or use `find -print`."
        )


def contents_of(folder: str, leave_out: Collection[str]) -> str:
    """Describe a folder: its images, by sub-folder, and the number of other files."""
    images: Counter[str] = Counter()
    n_others = 0
    for file in walk(folder, frozenset(name.lower() for name in leave_out)):
        if file.kind == "image":
            inside = os.path.relpath(file.path, folder).split(os.sep)
            images[inside[0] if len(inside) > 1 else ""] += 1
        n_others += file.kind == "skipped"
    text = f"{folder} contains {counted(images.total(), 'image')}"
    parts = [f"{n:,} in {name or 'no sub-folder'}" for name, n in sorted(images.items())]
    if set(images) - {""}:
        shown = parts[:_MOST_NAMED] + ["..."] * (len(parts) > _MOST_NAMED)
        text += f" ({', '.join(shown)})"
    if n_others:
        text += (
            f" and {counted(n_others, 'file')} that "
            f"{'is not an image' if n_others == 1 else 'are not images'}"
        )
    return f"{text}."


def batches_of(paths: Iterable[str | SkippedFile], size: int) -> Iterator[list[str | SkippedFile]]:
    paths = iter(paths)
    while batch := list(islice(paths, size)):
        yield batch


def path_of(file: str | SkippedFile) -> str:
    """Get the path of a file, whether it is read or skipped."""
    return file if isinstance(file, str) else file.path


def _files_in(
    folder: str, leave_out: Collection[str], own: Collection[str]
) -> Iterator[str | SkippedFile]:
    """Find the files of a folder and its sub-folders, in the same order on every system."""
    found = False
    for file in walk(folder, leave_out):
        if file.kind == "image":
            yield file.path
        elif file.kind == "skipped" and os.path.realpath(file.path) not in own:
            yield SkippedFile(file.path, file.reason)
        else:
            continue
        found = True
    if not found:
        # Without files the folder itself is yielded, and gets a row that says it is not an image.
        yield folder
