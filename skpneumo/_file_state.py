"""The state of a file, to recognise a changed one, and its identity, to recognise the same one."""

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

__all__ = ["FileIdentity", "file_identity", "file_state", "rows_of_one_file", "state_in"]

State = tuple[int, int, int, int]
FileIdentity = tuple[int, int]  # device and inode number


def state_in(status: os.stat_result) -> State:
    """Return size, inode number, modification time and change time of a file.

    Size and modification time alone can be the same for another file, if files are exchanged or
    replaced with their time restored.
    """
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def file_state(path: str | os.PathLike[str]) -> State | None:
    """Return the state of a file, for keys of results that depend on it.

    None if the file does not exist, or the path is invalid.
    """
    try:
        return state_in(os.stat(path))
    except (OSError, ValueError):
        return None


def file_identity(path: str | os.PathLike[str]) -> FileIdentity:
    """Return the device and inode number of a file or folder, the same for all links to it."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def rows_of_one_file(paths: Iterable[str]) -> list[list[int]]:
    """Find paths that lead to one file: repeated, written differently, or through a link.

    Parameters
    ----------
    paths : iterable of str
        Paths of files. One that does not exist is only the same as an equal path.

    Returns
    -------
    rows : list of list of int
        The positions of each file that has several, in order.

    Examples
    --------
    >>> from skpneumo._file_state import rows_of_one_file
    >>> rows_of_one_file(["a.png", "b.png", "./a.png"])
    [[0, 2]]
    """
    rows_of_path = defaultdict(list)
    for row, path in enumerate(paths):
        rows_of_path[path].append(row)
    rows: defaultdict[Any, list[int]] = defaultdict(list)
    for path, repeated in rows_of_path.items():
        rows[_key_of_file(path)] += repeated
    return [sorted(each) for each in rows.values() if len(each) > 1]


def _key_of_file(path: str) -> Any:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return os.path.normpath(path)
    if not found.st_ino:  # a file system without such numbers
        return os.path.normpath(path)
    # With the state, because some network file systems give several files one number.
    return found.st_dev, *state_in(found)
