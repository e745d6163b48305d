"""Write files and folders completely or not at all."""

import errno
import io
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

__all__ = [
    "atomic_write",
    "is_device",
    "named_in_errors",
    "open_unlinked",
    "require_writable_folder",
    "sweep",
    "temporary_folder",
]

# The suffix marks our temporary files. File names have at most 255 bytes, including the random
# part and the suffix.
_SUFFIX = ".skpneumo-tmp"
_LONGEST_STEM = 200

# Only used where files cannot be locked.
_ABANDONED_AFTER = 24 * 60 * 60.0  # seconds

_ADMINISTRATOR = 0  # links of the administrator are trusted like the user's

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], mode: str = "w", **options: Any
) -> Iterator[IO[Any]]:
    """Open a file that appears under its name only when it is complete on the disk.

    The content goes to a temporary file in the same folder first. After an error, an existing file
    is unchanged. A killed process also leaves the temporary file, which the next process that
    writes to the folder removes.

    Parameters
    ----------
    path : str or path-like
        The file. A link is followed if the user owns it, and replaced if another user does.
        Devices and pipes are written to directly.
    mode : {"w", "wb"}, default="w"
        Text, in UTF-8 unless ``encoding`` is given, or bytes.
    **options
        Further arguments of :func:`open`.

    Yields
    ------
    file : file object
        It has the permissions of the file that it replaces, or those of any new file.

    Raises
    ------
    OSError
        If the folder is missing, not writable or full. The error names the path.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo._files import atomic_write
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder, "hello.txt")) as file:
    ...         n_characters = file.write("Hello")
    ...         there = Path(folder, "hello.txt").exists()
    ...     there, Path(folder, "hello.txt").read_text()
    (False, 'Hello')
    """
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    place = _destination(Path(path))
    if is_device(place):
        with named_in_errors(place), _open_device(place, mode, options) as file:
            yield file
        return
    with named_in_errors(place):
        sweep(place.parent)
        file, unfinished = _new_file(place, mode, options)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if os.name == "nt":  # Windows cannot rename open files
                    file.close()
                os.replace(unfinished, place)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def is_device(path: Path) -> bool:
    """Tell whether an output is a device or a pipe, such as /dev/null, which keeps nothing."""
    return path.exists() and not path.is_file()


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a temporary folder beside the place where its content is needed.

    It is removed at the end, or, after a killed process, by the next one that writes to the
    parent.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo._files import temporary_folder
    >>> with TemporaryDirectory() as parent:
    ...     with temporary_folder(Path(parent), "images") as folder:
    ...         folder.is_dir()
    ...     folder.exists()
    True
    False
    """
    sweep(parent)
    lock = None
    while lock is None:
        folder = Path(tempfile.mkdtemp(_SUFFIX, f".{name}-", parent))
        lock = _locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


@contextmanager
def named_in_errors(place: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file that cannot be written in errors of the system.

    Without this, they name no file if the disk is full, and otherwise the temporary one.

    Examples
    --------
    >>> import errno, os
    >>> from skpneumo._files import named_in_errors
    >>> try:
    ...     with named_in_errors("out.csv"):
    ...         raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    ... except OSError as error:
    ...     print(error)
    [Errno 28] No space left on device: 'out.csv'
    """
    try:
        yield
    except OSError as error:
        ours = str(error.filename).endswith(_SUFFIX) or (
            error.filename is None and error.errno in _FULL and type(error) is OSError
        )
        if not ours:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(place)) from error


def open_unlinked(path: str, flags: int) -> int:
    """Open a file, but raise FileExistsError for a link: an ``opener`` for :func:`open`.

    Examples
    --------
    >>> import os
    >>> from skpneumo._files import open_unlinked
    >>> with open(os.devnull, "a", opener=open_unlinked) as file:
    ...     file.writable()
    True
    """
    try:
        return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise FileExistsError(
            errno.EEXIST, "this is a link, which is not written to; remove it", path
        ) from None


def require_writable_folder(folder: Path, name: str) -> None:
    """Raise if a file cannot be created in a folder, before hours of work for it are lost.

    Parameters
    ----------
    folder : Path
        The folder, which may have to be created.
    name : str
        What will be saved in it.

    Raises
    ------
    NotADirectoryError
        If it, or the folder that it would be created in, is a file.
    PermissionError
        If it, or the folder that it would be created in, is not writable.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import gettempdir
    >>> from skpneumo._files import require_writable_folder
    >>> require_writable_folder(Path(gettempdir(), "results"), "model.skpneumo")
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(
            f"{there} is a file, so {name} cannot be saved below it. Name a folder."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        named = folder if there == folder.absolute() else there
        raise PermissionError(
            f"The folder {named} is not writable, so {name} cannot be saved in it. Name another."
        )


def sweep(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder.

    A process that writes a temporary file holds a lock on it, which the system releases when the
    process ends for any reason. So a file that can be locked is abandoned.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo._files import sweep
    >>> with TemporaryDirectory() as folder:
    ...     left = Path(folder, ".report.html-5f0c.skpneumo-tmp")
    ...     left.touch()
    ...     sweep(Path(folder))
    ...     left.exists()
    False
    """
    try:
        with os.scandir(folder) as entries:
            left = [entry.path for entry in entries if entry.name.endswith(_SUFFIX)]
    except OSError:
        return  # writing to the folder will raise the error
    for path in left:
        with suppress(OSError):  # another process was faster
            _remove_if_abandoned(Path(path))


def _remove_if_abandoned(path: Path) -> None:
    status = os.lstat(path)
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    lock = _locked(path)
    if lock is None:
        return
    try:
        if lock == _NO_LOCKS and time.time() - status.st_mtime < _ABANDONED_AFTER:
            return
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        if lock != _NO_LOCKS:
            os.close(lock)


_NO_LOCKS = -1


def _locked(path: Path) -> int | None:
    """Lock a file or folder; None if another process was faster to lock or remove it."""
    try:
        import fcntl
    except ImportError:  # on Windows, open files cannot be removed
        return _NO_LOCKS
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:  # a network file system without locks
        os.close(descriptor)
        return _NO_LOCKS
    os.close(descriptor)
    return None


class _Stream(io.BufferedWriter):
    """A file without positions. Some devices, such as /dev/null, have one that is always 0."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation("this file has no positions")


def _open_device(place: Path, mode: str, options: dict[str, Any]) -> IO[Any]:
    if "b" in mode:
        return _Stream(open(place, mode, buffering=0, **options))
    return open(place, mode, **options)


def _new_file(place: Path, mode: str, options: dict[str, Any]) -> tuple[IO[Any], Path]:
    """Make a locked temporary file in the folder of the final one."""
    stem = place.name.encode("utf-8", "surrogateescape")[:_LONGEST_STEM]
    while True:
        name = f".{os.fsdecode(stem)}-{secrets.token_hex(8)}{_SUFFIX}"
        unfinished = place.with_name(name)
        # "x" neither follows links nor opens existing files.
        file = open(unfinished, mode.replace("w", "x"), **options)  # noqa: SIM115 - returned
        try:
            if _lock_open_file(file, unfinished):
                _copy_permissions(place, file)
                return file, unfinished
        except BaseException:
            file.close()
            unfinished.unlink(missing_ok=True)
            raise
        file.close()


def _lock_open_file(file: IO[Any], path: Path) -> bool:
    """Lock a new file; False if another process removed it first."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return True
    return path.exists()


def _copy_permissions(place: Path, file: IO[Any]) -> None:
    if hasattr(os, "fchmod") and place.exists():
        os.fchmod(file.fileno(), stat.S_IMODE(place.stat().st_mode))


def _destination(path: Path) -> Path:
    """Resolve links to the final path, but not a link of another user."""
    if path.is_symlink() and hasattr(os, "getuid"):
        owner = path.lstat().st_uid
        if owner not in (os.getuid(), _ADMINISTRATOR):
            return path.parent.resolve() / path.name
    final = path.resolve()
    if path.exists() and not final.exists():
        return path  # of a pipe without a path, such as that of /dev/stdout
    return final
