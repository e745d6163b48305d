"""Print text that may contain names of files, classes and models."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from typing import IO, Any

from skpneumo._files import named_in_errors
from skpneumo._formatting import printable

__all__ = [
    "NAMES_AS_BYTES",
    "STANDARD_OUTPUT",
    "named_standard_output",
    "printing_anything",
    "say",
    "standard_streams",
    "text_of",
]

STANDARD_OUTPUT = "standard output"
"""What errors of standard output name in place of a file."""

NAMES_AS_BYTES = "skpneumo.names"
"""Error handler that writes the bytes of file names that a stream cannot encode."""


def _bytes_of_name(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return os.fsencode(error.object[error.start : error.end]), error.end


codecs.register_error(NAMES_AS_BYTES, _bytes_of_name)


@contextmanager
def named_standard_output() -> Iterator[None]:
    """Name standard output in errors of writing to it, as other errors name a file."""
    methods = vars(sys.stdout)
    before = dict(methods)
    for name in ("write", "flush"):
        methods[name] = named_in_errors(STANDARD_OUTPUT)(getattr(sys.stdout, name))
    try:
        yield
    finally:
        del methods["write"], methods["flush"]
        methods.update(before)


@contextmanager
def printing_anything() -> Iterator[None]:
    """Let standard output escape what its encoding lacks, such as a name in another script.

    Otherwise the name of a class could end a command with an error, after hours of training.
    """
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


@contextmanager
def standard_streams() -> Iterator[None]:
    """Open the null device in place of standard streams that are closed, as by some schedulers.

    Otherwise messages for standard error would be printed to standard output, and the next file
    that is opened would get the number of a stream to which compiled code writes.
    """
    with ExitStack() as stack:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:
                nowhere = stack.enter_context(open(os.devnull, mode, encoding="utf-8"))
                stack.callback(setattr, sys, name, None)
                setattr(sys, name, nowhere)
        yield


def say(*values: Any, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print like the built-in function, with control characters escaped."""
    print(printable(" ".join(map(str, values))), file=file, flush=flush)


def text_of(error: Exception) -> str:
    """Write an error without the number that the system has for it."""
    text = str(error)
    return text.removeprefix(f"[Errno {error.errno}] ") if isinstance(error, OSError) else text
