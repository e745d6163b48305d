"""The X-ray files that a command is given: paths, folders, a table, lines of standard input."""

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from skpneumo._formatting import counted
from skpneumo._image_files import SkippedFile, walk
from skpneumo.cli._options import CollectionOptions

__all__ = [
    "STDIN",
    "Files",
    "batches_of",
    "contents_of",
    "expanded",
    "files_to_read",
    "is_no_file",
    "path_of",
]

STDIN = "-"
_MOST_NAMED = 4


def is_no_file(text: str) -> bool:
    """Whether an argument is an option; ``-``, which the parser takes for one, is none."""
    return text.startswith("-") and text != STDIN


def _no_option(_: Any, file: str) -> None:
    if is_no_file(file):
        raise ValueError(f"There is no option {file}.")


Files = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_option)]


def files_to_read(
    files: Sequence[str], options: CollectionOptions, own: Collection[Path | None] = ()
) -> Iterable[str | SkippedFile]:
    """List the files of a command, and those it has to skip.

    Parameters
    ----------
    files : sequence of str
        Files, folders, or ``-`` for standard input; with a table the folder that its paths start
        from.
    options : CollectionOptions
        Which of them are used. Without a table, a split and ``--hold-out``, all are.
    own : collection of Path or None, default=()
        What the command itself writes, which may lie in one of the folders.
    """
    selected = options.part or options.split or options.hold_out
    if not selected and options.table is None:
        return expanded(files, frozenset(name.lower() for name in options.leave_out), own)
    if len(files) > 1 or STDIN in files:
        raise ValueError(
            "With --table, --part and --hold-out there can be only one folder, not files or "
            "standard input."
        )
    from skpneumo.cli._collections import paths_in_table, read_collection

    folder = Path(files[0]) if files else None
    if not selected or (options.table and not (options.part or options.hold_out)):
        return paths_in_table(folder, options)
    return read_collection(folder, options, "all", "held out").filenames.tolist()


def expanded(
    files: Iterable[str],
    leave_out: Collection[str] = (),
    own: Collection[Path | None] = (),
) -> Iterator[str | SkippedFile]:
    """Yield files, the contents of folders, and the lines of standard input, as they come.

    What is in a folder and no image is handed on as well, with the reason.
    """
    for file in files:
        if file == STDIN:
            lines = (path for line in sys.stdin if (path := line.rstrip("\r\n")))
            yield from expanded(lines, leave_out, own)
        elif os.path.isdir(file):
            yield from _files_in(file, leave_out, {os.path.realpath(each) for each in own if each})
        else:
            yield file


def contents_of(folder: str, leave_out: Collection[str] = ()) -> str:
    """Say what a folder holds: its images, by the folders in it, and what else there is."""
    images: Counter[str] = Counter()
    n_others = 0
    for file in walk(folder, frozenset(name.lower() for name in leave_out)):
        if file.kind == "image":
            inside = os.path.relpath(file.path, folder).split(os.sep)
            images[inside[0] if len(inside) > 1 else ""] += 1
        n_others += file.kind == "skipped"
    text = f"{folder} holds {counted(images.total(), 'image')}"
    parts = [f"{n:,} in {name}" if name else f"{n:,} beside" for name, n in sorted(images.items())]
    if set(images) - {""}:
        shown = parts[:_MOST_NAMED] + ["..."] * (len(parts) > _MOST_NAMED)
        text += f" ({', '.join(shown)})"
    if n_others:
        text += (
            f" and {counted(n_others, 'file')} that {'is' if n_others == 1 else 'are'} no image"
        )
    return f"{text}."


def batches_of(paths: Iterable[str | SkippedFile], size: int) -> Iterator[list[str | SkippedFile]]:
    paths = iter(paths)
    while batch := list(islice(paths, size)):
        yield batch


def path_of(file: str | SkippedFile) -> str:
    """The path of a file, whether it is read or not."""
    return file if isinstance(file, str) else file.path


def _files_in(
    folder: str, leave_out: Collection[str], own: Collection[str]
) -> Iterator[str | SkippedFile]:
    """Find the files of a folder and below, in one order everywhere."""
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
        # The folder itself is yielded, and becomes a row that says it is not an image.
        yield folder
