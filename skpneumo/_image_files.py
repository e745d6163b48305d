"""Find the image files in a folder.

A file is recognised by its first bytes. A file with the suffix of an image is not opened here: if
it is damaged, decoding raises the error, so that a damaged ``.jpeg`` is reported as a damaged
image and not as some other file.
"""

import os
import re
from codecs import getincrementaldecoder
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from skpneumo._dicom_files import DICOM_START, is_dicom
from skpneumo._file_state import FileIdentity, file_identity
from skpneumo._formatting import printable

__all__ = [
    "BEGINNING",
    "SYNTHETIC_NOTE",
    "UNKNOWN_KIND",
    "FoundFile",
    "SkippedFile",
    "beginning_of",
    "describe_skipped",
    "format_of",
    "is_image_name",
    "is_litter",
    "kind_of_file",
    "list_folder",
    "refusal",
    "walk",
]

# Formats that ImageLoader decodes, by their first bytes.
_FORMATS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_IMAGE_SUFFIXES = (
    ".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".dcm", ".dicom",
)  # fmt: skip
# SOP class of a DICOMDIR, the table of contents of a disc, in the header after the prefix.
_DICOM_DIRECTORY = b"1.2.840.10008.1.3.10"
BEGINNING = 512
"""Number of bytes that tell what a file is."""

# Common formats of images and tables that are not supported: offset, bytes, name.
_FOREIGN = (
    (8, b"WEBP", "a WebP image"),
    (0, b"BM", "a BMP image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"ftypmif1", "a HEIF image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyp", "a video or another HEIF or AVIF file"),
    (0, b"8BPS", "a Photoshop image"),
    (344, b"n+1\0", "a NIfTI volume"),
    (0, b"NRRD", "an NRRD volume"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a zip archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"SQLite format", "a database"),
    (0, b"version https://git-lfs", "a pointer of Git LFS instead of the file"),
)
UNKNOWN_KIND = "a file of an unknown kind"
"""What :func:`kind_of_file` returns for all other files."""

_WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)

# Files that file managers, archivers and file servers create. Hidden files count as well, such as
# "._IM-0115-0001.jpeg" of macOS, which are not images.
_LITTER = {
    "__macosx", "@eadir", "#recycle", "@recycle", "#snapshot", "$recycle.bin",
    "system volume information", "lost+found", "thumbs", "thumbnails",
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
}  # fmt: skip
_LITTER_PATTERN = re.compile(
    r"\.|~\$|thumb(nail)?_|synophoto_thumb|.*[_.-]thumb(nail)?\.\w+$", re.IGNORECASE
)

# A file with this name marks a collection of make_chest_xray. It is read as its description.
SYNTHETIC_NOTE = "SYNTHETIC.txt"

_MOST_NAMED = 3


class FoundFile(NamedTuple):
    """A file in a folder, and how it is used.

    ``kind`` is "image", "skipped", "litter" or "left out"; skipped files have a ``reason``.
    "litter" and "left out" can be folders, whose content is not searched.
    """

    path: str
    kind: Literal["image", "skipped", "litter", "left out"]
    reason: str = ""


class SkippedFile(NamedTuple):
    """A file that is not a readable image, with the reason."""

    path: str
    reason: str


def walk(
    folder: str | os.PathLike[str],
    leave_out: Collection[str] = (),
    not_into: Iterable[FileIdentity] = (),
) -> Iterator[FoundFile]:
    """Find all files in a folder and its subfolders, in the same order on every system.

    Links to folders are followed after everything else. A folder is read once, even if several
    links lead to it or form a cycle. Links to a folder above are not followed, because what else
    is in it is not in this folder.

    Parameters
    ----------
    folder : str or path-like
        The folder.
    leave_out : collection of str, default=()
        Names of folders, in lower case, that are not searched.
    not_into : iterable of tuple of int, default=()
        Identities of folders that no link is followed into either.

    Yields
    ------
    found : FoundFile
        Files in order of their names, those of a folder before those of its subfolders.
    """
    waiting = [os.fspath(folder)]
    links: list[str] = []
    seen = {*not_into, *_folders_above(folder)}
    while waiting or links:
        parent = waiting.pop() if waiting else links.pop(0)
        try:
            number = file_identity(parent)
            if number in seen:
                yield FoundFile(
                    parent, "skipped", "a link to a folder that is read already or is above"
                )
                continue
            seen.add(number)
            folders, files, litter = list_folder(parent)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            yield FoundFile(parent, "skipped", f"a folder that cannot be opened: {reason}")
            continue
        for name in files:
            path = os.path.join(parent, name)
            reason = refusal(path)
            yield FoundFile(path, "skipped" if reason else "image", reason)
        for name in litter:
            yield FoundFile(os.path.join(parent, name), "litter")
        inside = []
        for name in folders:
            path = os.path.join(parent, name)
            if name.lower() in leave_out:
                yield FoundFile(path, "left out")
            else:
                inside.append(path)
        links += [path for path in inside if os.path.islink(path)]
        waiting += [path for path in reversed(inside) if not os.path.islink(path)]


def _folders_above(folder: str | os.PathLike[str]) -> Iterator[FileIdentity]:
    """Yield the identities of all parents of a folder, by its path and with links resolved."""
    for place in (os.path.abspath(folder), os.path.realpath(folder)):
        while place != (above := os.path.dirname(place)):
            place = above
            with suppress(OSError):
                yield file_identity(place)


def list_folder(folder: str | os.PathLike[str]) -> tuple[list[str], list[str], list[str]]:
    """List the folders, files and litter in a folder, each sorted.

    Links to folders count as folders, and broken links as files.
    """
    folders, files, litter = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_litter(entry.name):
                litter.append(entry.name)
            elif _is_folder(entry):
                folders.append(entry.name)
            elif entry.name != SYNTHETIC_NOTE:
                files.append(entry.name)
    return sorted(folders), sorted(files), sorted(litter)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_litter(name: str) -> bool:
    """Tell whether a file or folder with this name was created by a program, not the user."""
    return name.lower() in _LITTER or _LITTER_PATTERN.match(name) is not None


def is_image_name(name: str) -> bool:
    """Tell whether a file has the suffix of an image; opening it shows whether it is one."""
    return name.lower().endswith(_IMAGE_SUFFIXES)


def refusal(path: str) -> str:
    """Explain why a file is not a readable image; "" if it is one, or has the name of one.

    A file with the suffix of an image is not opened.
    """
    if is_image_name(path):
        return ""
    # Checked first, because opening a FIFO waits for a writer.
    if not os.path.isfile(path):
        return "a broken link" if os.path.islink(path) else "a pipe, socket or device"
    try:
        start = beginning_of(path)
    except OSError as error:
        return f"a file that cannot be opened: {(error.strerror or str(error)).lower()}"
    if format_of(start):
        return ""
    kind = kind_of_file(start)
    return f"{kind}, which is not read" if kind in _FOREIGN_KINDS else kind


def beginning_of(path: str | os.PathLike[str]) -> bytes:
    """Read the bytes that tell what a file is.

    Examples
    --------
    >>> import os
    >>> from skpneumo._image_files import beginning_of
    >>> beginning_of(os.devnull)
    b''
    """
    with open(path, "rb", buffering=0) as file:
        return file.read(BEGINNING)


def format_of(start: bytes) -> str | None:
    """Name the image format of a file by its first bytes.

    Parameters
    ----------
    start : bytes
        The first 512 bytes of the file, or all of a shorter one.

    Returns
    -------
    name : {"JPEG", "PNG", "TIFF", "DICOM"} or None
        None for other files, including the directory of a DICOM disc.
    """
    # DICOM first, because a file can be DICOM with a TIFF header in its preamble.
    if is_dicom(start[:DICOM_START]):
        return None if _DICOM_DIRECTORY in start else "DICOM"
    return next((name for bytes_, name in _FORMATS.items() if start.startswith(bytes_)), None)


_FOREIGN_KINDS = frozenset(kind for _, _, kind in _FOREIGN)


def kind_of_file(start: bytes) -> str:
    """Name what a file is that is no image, by its first bytes.

    Examples
    --------
    >>> from skpneumo._image_files import kind_of_file
    >>> kind_of_file(b"GIF89a"), kind_of_file(b"<!DOCTYPE html>"), kind_of_file(b"a,b")
    ('a GIF image', 'a web page', 'text')
    """
    if not start:
        return "an empty file"
    if _DICOM_DIRECTORY in start:
        return "the directory of a DICOM disc"
    for offset, signature, name in _FOREIGN:
        if start.startswith(signature, offset):
            return name
    if _WEB_PAGE.match(start):
        return "a web page"
    if b"\0" not in start:
        try:
            getincrementaldecoder("utf-8")().decode(start)  # the last character may be incomplete
        except UnicodeDecodeError:
            pass
        else:
            return "text"
    return UNKNOWN_KIND


def describe_skipped(skipped: Iterable[SkippedFile | FoundFile]) -> str:
    """Summarise skipped files by reason, in one line."""
    by_reason = defaultdict(list)
    for each in skipped:
        by_reason[each.reason].append(printable(os.path.basename(each.path)))
    parts = []
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
        parts.append(f"{len(names)} {'is' if len(names) == 1 else 'are each'} {reason} ({shown})")
    return "; ".join(parts)
