"""Errors that name all files of a call that cannot be read."""

from collections.abc import Mapping
from typing import Any

from skpneumo._formatting import counted

__all__ = ["MissingImagesError", "UnreadableImagesError", "unreadable_images_error"]

_NAMED_IN_MESSAGE = 10


class UnreadableImagesError(OSError, ValueError):
    """Some files of a call cannot be read as images.

    Every file of the call was tried, so ``failures`` is complete: without these paths the call
    succeeds.

    Parameters
    ----------
    failures : mapping of str to Exception
        The reason for each path that could not be read.

    Attributes
    ----------
    failures : dict of str to Exception
        As given. The message names the first ten.

    See Also
    --------
    MissingImagesError : Raised instead if all failures are missing files.

    Examples
    --------
    >>> from skpneumo.loading import ImageLoader, UnreadableImagesError
    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile(suffix=".jpeg") as file:
    ...     _ = file.write(b"not an X-ray")
    ...     file.flush()
    ...     try:
    ...         ImageLoader().transform([file.name])
    ...     except UnreadableImagesError as error:
    ...         print(len(error.failures))
    1
    """

    failures: dict[str, Exception]

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        super().__init__(_describe(failures))
        self.failures = dict(failures)

    def __reduce__(self) -> tuple[Any, ...]:
        # The default rebuilds an exception from its message, which would lose the failures when a
        # worker process returns it.
        return type(self), (self.failures,)


class MissingImagesError(UnreadableImagesError, FileNotFoundError):
    """Some files of a call do not exist, and all others could be read.

    Parameters
    ----------
    failures : mapping of str to Exception
        A :class:`FileNotFoundError` for each missing path.

    Attributes
    ----------
    failures : dict of str to Exception
        As given.

    See Also
    --------
    UnreadableImagesError : Raised instead if any file cannot be read for another reason.

    Examples
    --------
    >>> from skpneumo.loading import ImageLoader, MissingImagesError
    >>> try:
    ...     ImageLoader().transform(["moved.jpeg", "deleted.png"])
    ... except MissingImagesError as error:
    ...     list(error.failures)
    ['moved.jpeg', 'deleted.png']
    """


def unreadable_images_error(failures: Mapping[str, Exception]) -> UnreadableImagesError:
    """Make the error of the most specific type for these failures."""
    if all(isinstance(reason, FileNotFoundError) for reason in failures.values()):
        return MissingImagesError(failures)
    return UnreadableImagesError(failures)


def _describe(failures: Mapping[str, Exception]) -> str:
    lines = [f"{counted(len(failures), 'image file')} cannot be read:"]
    for path, reason in list(failures.items())[:_NAMED_IN_MESSAGE]:
        text = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
        lines.append(f"  {path!r}: {text}")
    if (unnamed := len(failures) - _NAMED_IN_MESSAGE) > 0:
        lines.append(f"  ... and {unnamed} more, all in the `failures` attribute of this error")
    lines.append("Fix these files, or remove their paths together with their labels.")
    return "\n".join(lines)
