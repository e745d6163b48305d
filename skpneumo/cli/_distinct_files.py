"""Check that a command does not overwrite its own input or another output."""

from itertools import combinations
from pathlib import Path

__all__ = ["refuse_the_same_file"]


def refuse_the_same_file(files: dict[str, Path | None]) -> None:
    """Raise if two of the files are the same, whatever ``--force`` says.

    Parameters
    ----------
    files : dict of str to Path or None
        The files by the option, or the description of the argument, that names them.
    """
    named = [(name, file) for name, file in files.items() if file is not None]
    for (name, file), (other_name, other) in combinations(named, 2):
        if _is_same(file, other):
            raise ValueError(
                f"{name} and {other_name} are the same file, {other}, so one would be "
                "overwritten. Name another file for one of them."
            )


def _is_same(file: Path, other: Path) -> bool:
    if file.exists() and other.exists():
        return file.samefile(other)  # by another name or link as well
    return file.resolve() == other.resolve()
