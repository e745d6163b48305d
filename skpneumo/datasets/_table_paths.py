"""Find the files that the paths of a table refer to."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_files import is_image_name, is_litter, walk

__all__ = ["Located", "locate"]


@dataclass
class Located:
    """The file of each row, "" where there is none, and those that may be several files."""

    filenames: NDArray[np.object_]
    ambiguous: dict[str, list[str]] = field(default_factory=dict)


def locate(entries: NDArray[np.object_], bases: Sequence[Path]) -> Located:
    """Find the files of a table without asking the file system for each.

    A path is looked for as it is, then with the suffix of an image, in each of the folders; what
    is found in none of them is looked for by its name anywhere below the first.

    Parameters
    ----------
    entries : ndarray of shape (n_rows,) of str
        Paths as in the table: absolute, from the home folder (``~``) or relative.
    bases : sequence of Path
        Folders that relative paths start from.

    Returns
    -------
    located : Located
    """
    search = _Search(bases)
    found = {entry: search.find(entry) for entry in dict.fromkeys(entries)}
    missing = [entry for entry, path in found.items() if not path and entry]
    if missing and bases:
        found |= search.find_below(missing)
    filenames = np.empty(len(entries), dtype=object)
    filenames[:] = [found[entry] for entry in entries]
    return Located(filenames, search.ambiguous)


class _Search:
    """Listings of folders, each made once."""

    def __init__(self, bases: Sequence[Path]) -> None:
        # Paths that start from where Python runs stay as they are written.
        self._bases = ["" if base == Path() else os.fspath(base) for base in bases]
        # Tables often begin their paths with the name of the folder that they lie in.
        whole = [os.path.abspath(base) for base in self._bases]
        self._above = {os.path.basename(base): os.path.dirname(base) for base in whole}
        self._folders: dict[str, _Folder] = {}
        self.ambiguous: dict[str, list[str]] = {}

    def find(self, entry: str) -> str:
        for head, tail in self._candidates(entry):
            if head not in self._folders:
                self._folders[head] = _Folder.of(head)
            names = self._folders[head].called(tail)
            if len(names) == 1:
                return os.path.join(head, names[0])
            if names:
                self.ambiguous[entry] = [os.path.join(head, name) for name in names]
                return ""
        return ""

    def _candidates(self, entry: str) -> Iterator[tuple[str, str]]:
        """Folders that the file may lie in, and what it is called there."""
        for spelling in _spellings(entry):
            head, tail = os.path.split(spelling)
            if os.path.isabs(head):
                yield head, tail
                continue
            for base in self._bases:
                yield (os.path.join(base, head) if head else base), tail
            first = head.partition("/")[0]
            if first in self._above:
                yield os.path.join(self._above[first], head), tail

    def find_below(self, entries: Sequence[str]) -> dict[str, str]:
        """Look for files by name, and by the folders named with it, anywhere below the first."""
        by_name = defaultdict(list)
        for file in walk(self._bases[0] or os.curdir):
            if file.kind == "image":
                name = os.path.basename(file.path)
                by_name[name].append(file.path)
                if is_image_name(name):
                    by_name[os.path.splitext(name)[0]].append(file.path)
        found = {}
        for entry in entries:
            if entry in self.ambiguous:
                continue
            folder, _, name = entry.replace("\\", "/").rpartition("/")
            fitting = [path for path in by_name.get(name, ()) if _ends_with(path, folder)]
            found[entry] = fitting[0] if len(fitting) == 1 else ""
            if len(fitting) > 1:
                self.ambiguous[entry] = fitting
        return found


def _spellings(entry: str) -> Iterator[str]:
    """What an entry of a table may mean on this machine."""
    if not entry:
        return
    yield os.path.expanduser(entry) if entry.startswith("~") else entry
    if os.sep == "/" and "\\" in entry:
        yield entry.replace("\\", "/")
    if not entry.isascii():
        # Read as Latin-1 from a table in which file names are bytes as they are.
        with suppress(UnicodeEncodeError):
            yield os.fsdecode(entry.encode("latin-1"))


def _ends_with(path: str, folder: str) -> bool:
    return not folder or f"{os.path.dirname(path)}/".endswith(f"/{folder.strip('/')}/")


@dataclass(frozen=True)
class _Folder:
    """The names of the files in a folder, whole and without the suffix of an image."""

    names: frozenset[str]
    by_stem: dict[str, list[str]]

    @classmethod
    def of(cls, folder: str) -> "_Folder":
        names = []
        try:
            with os.scandir(folder or os.curdir) as entries:
                names = [entry.name for entry in entries if not entry.is_dir()]
        except OSError:
            names = []  # whose files are then missing, which is said of each
        by_stem = defaultdict(list)
        for name in sorted(names):
            if is_image_name(name) and not is_litter(name):
                by_stem[os.path.splitext(name)[0]].append(name)
        return cls(frozenset(names), by_stem)

    def called(self, name: str) -> list[str]:
        return [name] if name in self.names else self.by_stem.get(name, [])
