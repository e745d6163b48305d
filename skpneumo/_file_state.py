"""The state of a file, to recognise a changed file, and its identity, to recognise links."""

import os

__all__ = ["FileIdentity", "file_identity", "file_state", "state_in"]

State = tuple[int, int, int, int]
FileIdentity = tuple[int, int]  # device and inode number


def state_in(status: os.stat_result) -> State:
    """Return size, inode number, modification time and change time of a file.

    Size and modification time alone can be the same for another file, if files are exchanged or
    replaced with their time restored.

    Parameters
    ----------
    status : os.stat_result
        Status of the file.

    Returns
    -------
    state : tuple of four int
    """
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def file_state(path: str | os.PathLike[str]) -> State | None:
    """Return the state of a file, for keys of results that depend on it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    state : tuple of four int, or None
        None if the file does not exist, or the path is invalid.

    Examples
    --------
    >>> from skpneumo._file_state import file_state
    >>> file_state("nowhere") is None
    True
    """
    try:
        return state_in(os.stat(path))
    except (OSError, ValueError):
        return None


def file_identity(path: str | os.PathLike[str]) -> FileIdentity:
    """Return the device and inode number of a file or folder, the same for all links to it.

    Parameters
    ----------
    path : str or path-like
        The file or folder.

    Returns
    -------
    identity : tuple of two int

    Raises
    ------
    OSError
        If there is no such file or folder.
    """
    found = os.stat(path)
    return found.st_dev, found.st_ino
