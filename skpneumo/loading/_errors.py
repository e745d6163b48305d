"""One error for all the files of a call that could not be read."""

from collections.abc import Mapping
from typing import Any

from skpneumo._formatting import counted

__all__ = ["MissingImagesError", "UnreadableImagesError", "unreadable_images_error"]

_NAMED_IN_MESSAGE = 10


class UnreadableImagesError(OSError, ValueError):
    """Some of the files of a call are not readable images.

    Every file of the call was tried, so ``failures`` is the whole list: what is left after
    dropping these paths loads.

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
    MissingImagesError : Raised instead when all of them are missing files.

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
        # Unlike other exceptions it is not rebuilt from its message: a worker process must be
        # able to hand it back whole.
        return type(self), (self.failures,)


class MissingImagesError(UnreadableImagesError, FileNotFoundError):
    """Some of the files of a call do not exist, and all others could be read.

    Parameters
    ----------
    failures : mapping of str to Exception
        A :class:`FileNotFoundError` for each missing path.
    """


def unreadable_images_error(failures: Mapping[str, Exception]) -> UnreadableImagesError:
    """The error a caller would expect for these failures."""
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
    lines.append("Fix these files or drop their paths, and the labels that belong to them.")
    return "\n".join(lines)
