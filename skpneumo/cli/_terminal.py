"""What the commands print, which may hold names of files, classes and models."""

from typing import IO, Any

from skpneumo._formatting import printable

__all__ = ["say"]


def say(*values: Any, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print as the built-in does, but for control characters, which are escaped."""
    print(printable(" ".join(map(str, values))), file=file, flush=flush)
