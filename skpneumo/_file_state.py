"""What tells a file from another one that has taken its name."""

import os

__all__ = ["file_state", "state_in"]

State = tuple[int, int, int, int]


def state_in(status: os.stat_result) -> State:
    """Give size, number, time of modification and time of change of a file.

    Size and time of modification alone are those of another file, too, where files change places
    or are replaced with their time restored.

    Parameters
    ----------
    status : os.stat_result
        Of the file.

    Returns
    -------
    state : tuple of four int
    """
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def file_state(path: str | os.PathLike[str]) -> State | None:
    """Give the state of a file, by which a result that depends on it is found again.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    state : tuple of four int, or None
        None where there is none, or its name is none.

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
