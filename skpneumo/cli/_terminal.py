"""Print text that may contain names of files, classes and models."""

from typing import IO, Any

from skpneumo._formatting import printable

__all__ = ["say"]


def say(*values: Any, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print like the built-in function, with control characters escaped."""
    print(printable(" ".join(map(str, values))), file=file, flush=flush)
