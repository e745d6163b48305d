"""Recognise DICOM files, and read their headers without warnings."""

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from skpneumo._process_wide import process_wide

if TYPE_CHECKING:
    from pydicom import FileDataset

__all__ = [
    "DICOM_START",
    "DicomHeader",
    "UnusableDicomError",
    "is_dicom",
    "quiet_pydicom",
    "read_dicom_header",
]

# Number of bytes at the start of a file that is_dicom needs.
DICOM_START = 132

_PREFIX = b"DICM"
_PIXEL_DATA = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_DEFLATED = b"1.2.840.10008.1.2.1.99"
# The data set of a radiograph is little more than its pixels; this is more than the largest
# detector needs with two bytes a pixel.
_MAX_INFLATED = 2**28

# Possible value representations of the first element of a data set or of its meta information.
_FIRST_VRS = {b"UL", b"OB", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"UN"}
# Longest value of the first element of an implicit data set; "ORIGINAL\\PRIMARY" and character
# sets are much shorter.
_LONGEST_FIRST_VALUE = 1024


class UnusableDicomError(ValueError):
    """A DICOM file seems complete but is not an image that can be read here.

    The message explains the reason and the remedy. Damaged files raise other errors.
    """


class DicomHeader(NamedTuple):
    """The part of a DICOM file before its pixels.

    Attributes
    ----------
    dataset : FileDataset
        The requested elements.
    pixel_length : int or None
        Declared length of the pixel data in bytes, 0xFFFFFFFF if it is encapsulated; None if there
        is none.
    pixel_start : int
        Position of the pixel data in the file; 0 in a deflated one.
    truncated : bool
        Whether the file ends inside an element before the pixel data.
    """

    dataset: "FileDataset"
    pixel_length: int | None
    pixel_start: int
    truncated: bool


def is_dicom(start: bytes) -> bool:
    r"""Tell whether a file with these first bytes is DICOM.

    Parameters
    ----------
    start : bytes
        The first ``DICOM_START`` bytes, or all of a shorter file.

    Returns
    -------
    is_dicom : bool
        True if there is the prefix of part 10 of the standard after a preamble, or, in a file
        without both, a plausible first element: of group 0002 or 0008, with a known value
        representation or, in implicit data sets, a plausible length.

    Examples
    --------
    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"\x89PNG")
    (True, False)
    """
    if start[128:132] == _PREFIX:
        return True
    if len(start) < 8:
        return False
    group_and_element, vr = start[:4], start[4:6]
    for byte_order in ("little", "big"):
        group = int.from_bytes(group_and_element[:2], byte_order)
        if group in (0x0002, 0x0008) and vr in _FIRST_VRS:
            return True
    group = int.from_bytes(group_and_element[:2], "little")
    element = int.from_bytes(group_and_element[2:], "little")
    length = int.from_bytes(start[4:8], "little")
    if group == 0x0000:  # files received over a network can begin with commands
        return element == 0 and length == 4
    return group == 0x0008 and element <= 0x0070 and 0 < length <= _LONGEST_FIRST_VALUE


def read_dicom_header(file: IO[bytes], tags: Sequence[int]) -> DicomHeader:
    """Read elements of an open file before its pixel data.

    Call it inside :func:`quiet_pydicom`.

    Parameters
    ----------
    file : binary file
        A file for which :func:`is_dicom` is true.
    tags : sequence of int
        Elements to read; others are skipped.

    Returns
    -------
    header : DicomHeader

    Raises
    ------
    ImportError
        If pydicom is not installed.
    UnusableDicomError
        If a deflated file would fill memory.
    Exception
        Various types, if the file is damaged.
    """
    filereader = _import_filereader()
    _refuse_inflation(file)
    seen: list[int] = []

    def at_pixel_data(tag: int, vr: str | None, length: int) -> bool:
        if tag in _PIXEL_DATA:
            seen.append(length)
        return tag in _PIXEL_DATA

    file.seek(0)
    dataset = filereader.read_partial(
        file, stop_when=at_pixel_data, force=True, specific_tags=list(tags)
    )
    position = file.tell()
    syntax = dataset.file_meta.get("TransferSyntaxUID", "")
    deflated = syntax == _DEFLATED.decode()
    return DicomHeader(
        dataset,
        pixel_length=seen[0] if seen else None,
        pixel_start=0 if deflated or not seen else position,
        # Elements are skipped by seeking, which can go beyond the end of a truncated file.
        truncated=position > file.seek(0, os.SEEK_END),
    )


def _import_filereader() -> Any:
    try:
        from pydicom import filereader
    except ImportError:
        raise ImportError(
            'DICOM files need pydicom. Install it with: pip install "skpneumo[dicom]"'
        ) from None
    return filereader


def _refuse_inflation(file: IO[bytes]) -> None:
    """Raise if a deflated file would fill the memory; pydicom inflates all of it at once."""
    import zlib

    file.seek(0)
    start = file.read(4096)
    if start[128:132] != _PREFIX or _DEFLATED not in start:
        return
    # Group length of the meta information, the first element of a file with a prefix.
    data_set = 144 + int.from_bytes(start[140:144], "little")
    file.seek(data_set)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = 0
    pending = file.read(2**16)
    while pending and not inflater.eof:
        inflated += len(inflater.decompress(pending, 2**20))
        if inflated > _MAX_INFLATED:
            raise UnusableDicomError(
                f"inflates to more than {_MAX_INFLATED:,} bytes, more than any radiograph; export "
                "it again"
            )
        pending = inflater.unconsumed_tail or file.read(2**16)


@process_wide
def quiet_pydicom() -> Iterator[None]:
    """Silence the warnings of pydicom in all threads while one of them reads a file.

    They are about odd values in elements that are not needed, appear once for each line of its
    code, and do not name the file. Values that matter for the pixels are checked later, with
    errors that name the file.

    Filters belong to the process. :class:`warnings.catch_warnings` restores all of them, and so
    undoes changes by other threads. Here, the first reader adds one filter, and the last one
    removes it.

    Examples
    --------
    >>> import warnings
    >>> before = list(warnings.filters)
    >>> with quiet_pydicom():
    ...     len(warnings.filters) - len(before)
    1
    >>> warnings.filters == before
    True
    """
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
    before: Any = warnings.filters
    ours = before[0]
    yield
    # If warnings are being caught, the current list is a copy.
    now: Any = warnings.filters
    for filters in (before, now):
        if ours in filters:
            filters.remove(ours)
