"""Print text that may contain names of files, classes and models."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper
from typing import IO, Any

from skpneumo._formatting import printable

__all__ = ["NAMES_AS_BYTES", "printing_anything", "say"]

NAMES_AS_BYTES = "skpneumo.names"
"""Error handler that writes the bytes of file names that a stream cannot encode."""


def _bytes_of_name(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return os.fsencode(error.object[error.start : error.end]), error.end


codecs.register_error(NAMES_AS_BYTES, _bytes_of_name)


@contextmanager
def printing_anything() -> Iterator[None]:
    """Let standard output escape what its encoding lacks, such as a name in another script.

    Otherwise the name of a class could end a command with an error, after hours of training.
    """
    if sys.stdout is None:  # closed, as by some schedulers
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
        return
    stream = sys.stdout
    if not isinstance(stream, TextIOWrapper) or stream.errors != "strict":
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        if not stream.closed:
            stream.reconfigure(errors="strict")


def say(*values: Any, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print like the built-in function, with control characters escaped."""
    print(printable(" ".join(map(str, values))), file=file, flush=flush)
