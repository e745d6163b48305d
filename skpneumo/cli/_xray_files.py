"""The X-ray files that a command is given: paths, folders to search, lines of standard input."""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

from cyclopts import Parameter

__all__ = ["STDIN", "Files", "batches_of", "expanded"]

STDIN = "-"


def _no_option(_: Any, file: str) -> None:
    """Let ``-`` through, which the parser would take for an option, and nothing else like it."""
    if file.startswith("-") and file != STDIN:
        raise ValueError(f"There is no option {file}; a file of that name is ./{file}.")


Files = Annotated[str, Parameter(allow_leading_hyphen=True, required=True, validator=_no_option)]


def expanded(files: Iterable[str]) -> Iterator[str]:
    """Hand on files, the images of folders, and the lines of standard input, as they come."""
    for file in files:
        if file == STDIN:
            yield from expanded(path for line in sys.stdin if (path := line.rstrip("\r\n")))
        elif os.path.isdir(file):
            yield from _images_in(file)
        else:
            yield file


def batches_of(paths: Iterable[str], size: int) -> Iterator[list[str]]:
    paths = iter(paths)
    while batch := list(islice(paths, size)):
        yield batch


def _images_in(folder: str) -> Iterator[str]:
    """Find the images of a folder and below, in one order everywhere."""
    from skpneumo.datasets._folders import IMAGE_SUFFIXES

    found = False
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                found = True
                yield os.path.join(parent, name)
    if not found:
        # The folder itself goes on, and becomes a row that says it is no image.
        yield folder
