"""Find the files that the paths in a table refer to."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted
from skpneumo._image_files import is_image_name, is_litter, walk

__all__ = ["Located", "locate"]


# Absolute on any system: /mnt/xrays, C:\\xrays, \\\\server\\xrays.
_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|[\\/]")


@dataclass
class Located:
    """The file of each row, "" if it was not found, and the entries that may be several files.

    ``remarks`` tell which files were found in another folder or under another name.
    """

    filenames: NDArray[np.object_]
    ambiguous: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def locate(entries: NDArray[np.object_], bases: Sequence[Path]) -> Located:
    """Find the files of a table, listing each folder once instead of testing every path.

    A path is searched for as written, then with the suffix of an image, in each of the folders. A
    file that is in none of them is searched for by name anywhere below the first folder, finally
    with another suffix. If all absolute paths begin with a folder of another computer, the rest of
    each path is searched for in these folders.

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
        moved = search.without_foreign_folder(
            missing, [entry for entry, path in found.items() if path]
        )
        sought = {entry: moved.get(entry, entry) for entry in missing}
        found |= search.find_below(sought, found.values())
    filenames = np.array([found[entry] for entry in entries], dtype=object)
    return Located(filenames, search.ambiguous, search.remarks)


class _Search:
    """Search in listings of folders, each of which is made once."""

    def __init__(self, bases: Sequence[Path]) -> None:
        # Paths relative to the current folder are left as written.
        self._bases = ["" if base == Path() else os.fspath(base) for base in bases]
        # Paths in tables often begin with the name of the folder that the table is in.
        whole = [os.path.abspath(base) for base in self._bases]
        self._above = {os.path.basename(base): os.path.dirname(base) for base in whole}
        self._folders: dict[str, _Folder] = {}
        self.ambiguous: dict[str, list[str]] = {}
        self.remarks: list[str] = []

    def find(self, entry: str) -> str:
        for head, tail in self._candidates(entry):
            if head not in self._folders:
                self._folders[head] = _Folder.of(head)
            names = self._folders[head].matches(tail)
            if len(names) == 1:
                return os.path.join(head, names[0])
            if names:
                self.ambiguous[entry] = [os.path.join(head, name) for name in names]
                return ""
        return ""

    def _candidates(self, entry: str) -> Iterator[tuple[str, str]]:
        """Yield folders that the file may be in, each with its name there."""
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

    def without_foreign_folder(
        self, missing: Sequence[str], found: Sequence[str]
    ) -> dict[str, str]:
        """Remove from paths the folder that they begin with on the computer that wrote the table.

        As few folders as possible are removed, the same ones from every path, so that files of
        the same name stay apart. If any absolute path exists, the table is from this computer.
        """
        parts = {
            entry: entry.replace("\\", "/").split("/")
            for entry in missing
            if _ABSOLUTE.match(entry)
        }
        if not parts or any(_ABSOLUTE.match(entry) for entry in found):
            return {}
        folders = [names[:-1] for names in parts.values()]
        levels = zip(*folders, strict=False)
        shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels)]
        tails: dict[str, str] = {}
        for n in range(1, len(shared) + 1):
            tails = {entry: "/".join(names[n:]) for entry, names in parts.items()}
            if any(map(self.find, tails.values())):
                break
        if tails:
            folder = next(iter(parts))[: sum(map(len, shared[:n])) + n]
            self.remarks.append(
                f"The folder {folder!r} that {counted(len(parts), 'path')} of the table begin "
                "with is not on this computer, so they were searched for without it."
            )
        return tails

    def find_below(self, entries: Mapping[str, str], known: Iterable[str] = ()) -> dict[str, str]:
        """Search for files by name and, if given, folder, anywhere below the first folder.

        Case and the encoding of accents are ignored, as on Windows and macOS. A file of the name
        in another folder is only remarked on, unless it is one of the known files.
        """
        by_name, by_stem = defaultdict(list), defaultdict(list)
        for file in walk(self._bases[0] or os.curdir):
            if file.kind == "image":
                name = _folded(os.path.basename(file.path))
                by_name[name].append(file.path)
                if is_image_name(name):
                    by_stem[os.path.splitext(name)[0]].append(file.path)
        found, renamed = {}, []
        namesakes: dict[str, str] = {}
        for entry, sought in entries.items():
            if entry in self.ambiguous:
                continue
            if path := self.find(sought) if sought != entry else "":
                found[entry] = path
                continue
            folder, _, name = _folded(sought.replace("\\", "/")).rpartition("/")
            named = [*by_name.get(name, ()), *by_stem.get(name, ())]
            fitting = _in_folder(named, folder)
            if not fitting and is_image_name(name):
                fitting = _in_folder(by_stem.get(os.path.splitext(name)[0], ()), folder)
                renamed += [entry] * (len(fitting) == 1)
            if len(fitting) > 1:
                fitting = _exact(fitting, sought)
            found[entry] = fitting[0] if len(fitting) == 1 else ""
            if len(fitting) > 1:
                self.ambiguous[entry] = fitting
            elif not fitting and len(named) == 1:
                namesakes[entry] = os.path.abspath(named[0])
        self._remark_on(namesakes, {*known, *found.values()})
        if renamed:
            self.remarks.append(
                f"{counted(len(renamed), 'file')} of the table have another suffix here: "
                f"{renamed[0]!r} is {found[renamed[0]]!r}."
            )
        return found

    def _remark_on(self, namesakes: Mapping[str, str], known: Iterable[str]) -> None:
        """Name a file that may be a missing one of the same name, but is in another folder."""
        if not namesakes:
            return
        taken = {os.path.abspath(path) for path in known if path}
        moved = {entry: path for entry, path in namesakes.items() if path not in taken}
        if moved:
            files = counted(len({*moved.values()}), "file")
            entry, path = next(iter(moved.items()))
            self.remarks.append(
                f"{files} of the table may be in another folder here: there is no {entry!r}, but "
                f"{path!r}."
            )


def _in_folder(paths: Sequence[str], folder: str) -> list[str]:
    return [path for path in paths if _ends_with(_folded(path), folder)]


def _exact(paths: list[str], sought: str) -> list[str]:
    """Prefer, among files whose names differ only in case, the one written as in the table."""
    name = sought.replace("\\", "/").rpartition("/")[2]
    return [
        path
        for path in paths
        if name in (os.path.basename(path), os.path.splitext(os.path.basename(path))[0])
    ] or paths


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _spellings(entry: str) -> Iterator[str]:
    """Yield the paths that an entry of a table may mean on this machine."""
    if not entry:
        return
    yield os.path.expanduser(entry) if entry.startswith("~") else entry
    if entry.startswith("file:"):
        yield url2pathname(urlsplit(entry).path)
    if os.sep == "/" and "\\" in entry:
        yield entry.replace("\\", "/")
    if not entry.isascii():
        # A name in arbitrary bytes, which was read as text, or a locale without its letters.
        for encoding in ("utf-8", "cp1252", "latin-1"):
            with suppress(UnicodeEncodeError):
                yield os.fsdecode(entry.encode(encoding))
    if entry.startswith("'"):
        yield entry[1:]  # what the commands of this package write before "=", "+", "-" and "@"


def _ends_with(path: str, folder: str) -> bool:
    return not folder or f"{os.path.dirname(path)}/".endswith(f"/{folder.strip('/')}/")


@dataclass(frozen=True)
class _Folder:
    """The names of the files in a folder, with and without the suffix of an image."""

    names: frozenset[str]
    by_stem: dict[str, list[str]]

    @classmethod
    def of(cls, folder: str) -> "_Folder":
        names = []
        try:
            with os.scandir(folder or os.curdir) as entries:
                names = [entry.name for entry in entries if not entry.is_dir()]
        except (OSError, UnicodeEncodeError):
            names = []  # each of its files is then reported as missing
        by_stem = defaultdict(list)
        for name in sorted(names):
            if is_image_name(name) and not is_litter(name):
                by_stem[os.path.splitext(name)[0]].append(name)
        return cls(frozenset(names), by_stem)

    def matches(self, name: str) -> list[str]:
        return [name] if name in self.names else self.by_stem.get(name, [])
