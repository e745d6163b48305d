"""Read DICOM headers into a table of patients, views and devices."""

import os
import re
import secrets
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pandas as pd

from skpneumo._dicom_files import (
    DICOM_START,
    DicomHeader,
    UnusableDicomError,
    is_dicom,
    quiet_pydicom,
    read_dicom_header,
)
from skpneumo._formatting import counted
from skpneumo._image_files import walk
from skpneumo._paths import check_paths
from skpneumo._spellings import folded, stands_for_no_patient
from skpneumo.datasets._warnings import CollectionWarning

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_dicom_headers"]

# Column of the table: keyword and tag of the element.
_TEXT = {
    "sex": ("PatientSex", 0x00100040),
    "manufacturer": ("Manufacturer", 0x00080070),
    "model": ("ManufacturerModelName", 0x00081090),
    "photometric_interpretation": ("PhotometricInterpretation", 0x00280004),
}
_NUMBERS = {
    "rows": ("Rows", 0x00280010),
    "columns": ("Columns", 0x00280011),
    "bits": ("BitsStored", 0x00280101),
}
_COLUMNS = (
    "path", "patient", "study", "view_position", "laterality", "age", "sex", "manufacturer",
    "model", "rows", "columns", "photometric_interpretation", "bits",
)  # fmt: skip
_TAGS = (
    *(tag for _, tag in (_TEXT | _NUMBERS).values()),
    0x00100020,  # Patient ID
    0x00100021,  # Issuer of Patient ID
    0x00101010,  # Patient's Age
    0x00185101,  # View Position
    0x00200060,  # Laterality
    0x0020000D,  # Study Instance UID
    0x00200062,  # Image Laterality
    0x00540220,  # View Code Sequence
)

_AGE = re.compile(r"(\d{1,3})([DWMY])")
_UNITS_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_VIEWS = {
    "postero-anterior": "PA",
    "antero-posterior": "AP",
    "left lateral": "LL",
    "right lateral": "RL",
}

# Not of one patient, who may be imaged each day for weeks.
_MANY_STUDIES = 30

# The spellings of PatientID and issuer by the hash of the patient.
_Spellings = defaultdict[str, set[tuple[str, str]]]

_NO_PIXELS = "no pixel data: cut off in its header, or not an image"

# Representations whose values do not fit in a cell: sequences and bytes.
_NOT_TABULAR = {"SQ", "OB", "OW", "OB or OW", "OD", "OF", "OL", "OV", "UN"}


def read_dicom_headers(
    paths: Any, *, salt: str | bytes | None = None, tags: Sequence[str] = ()
) -> pd.DataFrame:
    """Read patients, views and devices from DICOM headers, without the pixels.

    Names, dates of birth and other identifiers stay in the files. A patient is identified by a
    hash of the PatientID and its issuer, without case, spaces and leading zeros, which devices
    write differently; and a study by a hash of its UID. The hashes depend on a
    salt, so that nobody without it can find out a PatientID by trying numbers. The paths, however,
    are not anonymised.

    Parameters
    ----------
    paths : str, path-like or array-like of shape (n_files,) or (n_files, 1)
        A folder, of which all files are read except hidden files and those that file managers
        leave behind; or files.
    salt : str or bytes, default=None
        Salt of the hashes. With the same salt a patient has the same hash in every call, so that
        tables can be joined, and splits that depend on the order of patients can be repeated.
        Keep it as secret as the PatientIDs. None uses a new random salt in each call.
    tags : sequence of str, default=()
        Keywords of further elements, such as ``["StudyDate"]``, each of which becomes a column.
        Their values are copied from the file as they are.

    Returns
    -------
    table : DataFrame of n_files rows
        With the columns

        - ``path``, as given or found;
        - ``patient`` and ``study``, hashes of 16 hexadecimal digits;
        - ``view_position``: "PA", "AP", "LL" or the value in the file; ``laterality``;
        - ``age`` in years, ``sex``, ``manufacturer``, ``model``;
        - ``rows``, ``columns``, ``photometric_interpretation``, ``bits`` (bits stored per pixel);
        - a column for each of ``tags``;
        - ``error``: why the header, or an element of it, could not be read, or that the file has
          no pixel data; "" if none.

        Elements that a file lacks are missing values (None or NaN). So is a PatientID that says
        that there is none, such as "Anonymous".

    Raises
    ------
    ImportError
        If pydicom is not installed: ``pip install "skpneumo[dicom]"``.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If a tag is unknown or its values do not fit in a table, or the ``salt`` is empty.

    Warns
    -----
    CollectionWarning
        If PatientIDs that are written differently are treated as one patient, if PatientIDs with
        and without an issuer are treated as different patients, or if many studies have a single
        PatientID. Only numbers are said.

    See Also
    --------
    load_image_table : Reads the table as a collection, once it has labels.
    skpneumo.ImageLoader : Reads the pixels.

    Examples
    --------
    >>> from pydicom import examples
    >>> from skpneumo.datasets import read_dicom_headers
    >>> table = read_dicom_headers([examples.get_path("overlay")], salt="of this study")
    >>> table[["patient", "age", "sex", "rows", "columns", "bits"]]
                patient   age sex  rows  columns  bits
    0  c15b2d4b331ccdd5  58.0   M   300      484    12
    """
    key = _key(salt)
    keywords = _known_keywords(tags)
    written: _Spellings = defaultdict(set)
    with quiet_pydicom():
        records = [
            {"path": path, "error": reason} if reason else _read(path, key, keywords, written)
            for path, reason in _files(paths)
        ]
    if several := sum(len(spellings) > 1 for spellings in written.values()):
        warnings.warn(_several_ways(several), CollectionWarning, stacklevel=2)
    if half := _with_and_without_issuer(written):
        warnings.warn(_different_patients(half), CollectionWarning, stacklevel=2)
    if len(written) == 1 and (remark := _one_patient(records)):
        warnings.warn(remark, CollectionWarning, stacklevel=2)
    # Object columns, because the string type of pandas refuses paths that are not UTF-8.
    table = pd.DataFrame(
        {
            column: pd.Series([record.get(column) for record in records], dtype=object)
            for column in (*_COLUMNS, *keywords, "error")
        }
    )
    return table.astype({"age": float} | dict.fromkeys(_NUMBERS, "Int64"))


def _several_ways(n_patients: int) -> str:
    # Without the ids, which would identify the patients to whoever reads a log.
    return (
        f"The files write the PatientIDs of {counted(n_patients, 'patient')} in several ways: ids "
        "that differ only in case, space or leading zeros are treated as one patient. Compare "
        'them with tags=["PatientID", "IssuerOfPatientID"]; if they are several patients, give '
        "them ids that differ otherwise."
    )


def _with_and_without_issuer(written: _Spellings) -> int:
    """Count the PatientIDs that have an issuer in some files and none in others."""
    spelled = [each for spellings in written.values() for each in spellings]
    issued = {folded(patient) for patient, issuer in spelled if issuer}
    return len(issued & {folded(patient) for patient, issuer in spelled if not issuer})


def _different_patients(n_ids: int) -> str:
    many = n_ids != 1
    return (
        f"{n_ids} PatientID{'s have' if many else ' has'} an issuer in some files and none in "
        f"others, and {'are' if many else 'is'} treated as different patients, who can get on "
        "both sides of a split. If all files are from one place, read the patients with "
        'tags=["PatientID"] instead, which are not hashed.'
    )


def _one_patient(records: list[dict[str, Any]]) -> str:
    """Describe files of which all that have a PatientID have the same; "" if it may be right."""
    of_patient = [record for record in records if record.get("patient")]
    n_studies = len({record["study"] for record in of_patient} - {None})
    if n_studies < _MANY_STUDIES:
        return ""
    return (
        f"The PatientID of {len(of_patient)} of {counted(len(records), 'file')} is the same, "
        f"although they are of {n_studies} studies. If it has been written over to make them "
        "anonymous, the column of patients says nothing: leave it out, or use `study` as the "
        "patient if nobody has several."
    )


def _key(salt: str | bytes | None) -> bytes:
    if salt is None:
        return secrets.token_bytes(32)
    if not isinstance(salt, str | bytes) or not salt:
        raise ValueError(f"salt={salt!r}; expected a secret text or bytes, not empty, or None.")
    secret = salt.encode() if isinstance(salt, str) else salt
    return blake2b(secret, digest_size=32).digest()


def _known_keywords(tags: Sequence[str]) -> dict[str, int]:
    """Look up the tags of the requested keywords."""
    if not tags:
        return {}
    try:
        from pydicom import datadict
    except ImportError:
        raise ImportError('DICOM files need pydicom: pip install "skpneumo[dicom]"') from None

    known = {}
    for keyword in [tags] if isinstance(tags, str) else tags:
        tag = datadict.tag_for_keyword(keyword)
        if tag is None:
            close = get_close_matches(str(keyword), datadict.keyword_dict, n=3)
            hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise ValueError(
                f"{keyword!r} is not a DICOM keyword, such as 'StudyDate'. {hint}".strip()
            )
        if datadict.dictionary_VR(tag) in _NOT_TABULAR or tag >> 16 == 0x7FE0:
            raise ValueError(
                f"The values of {keyword} do not fit in a table; leave it out of tags."
            )
        known[keyword] = tag
    return known


def _files(paths: Any) -> Iterator[tuple[str, str]]:
    """Yield each path with the reason why it cannot be read, "" for a file."""
    if not isinstance(paths, str | os.PathLike):
        yield from ((path, "") for path in check_paths(paths))
        return
    root = os.fspath(paths)
    if not os.path.exists(root):
        raise FileNotFoundError(
            f"There is no file or folder {root!r} (seen from {os.getcwd()!r})."
        )
    if not os.path.isdir(root):
        yield root, ""
        return
    for found in walk(root):
        if found.kind in ("image", "skipped"):
            yield found.path, "" if os.path.isfile(found.path) else found.reason


def _read(path: str, key: bytes, keywords: dict[str, int], written: _Spellings) -> dict[str, Any]:
    record: dict[str, Any] = {"path": path, "error": ""}
    try:
        header = _read_header(path, [*_TAGS, *keywords.values()])
    except ImportError:
        raise
    except Exception as error:
        # pydicom has no closed list of what it raises over a broken file.
        return record | {"error": _reason(error)}
    record |= _describe(header.dataset, key, keywords, written)
    if header.pixel_length is None:  # pydicom reads what is left of a file without an error
        cut = "cut off in its header" if header.truncated else _NO_PIXELS
        record["error"] = "; ".join(filter(None, [cut, record["error"]]))
    return record


def _reason(error: Exception) -> str:
    """Say what was wrong, without the messages of pydicom, which may quote the file."""
    if isinstance(error, _NotDicomError | UnusableDicomError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"a damaged DICOM header ({type(error).__name__})"


class _NotDicomError(ValueError):
    """The file is not a DICOM file."""


def _read_header(path: str, tags: list[int]) -> DicomHeader:
    # Checked first, because opening a FIFO waits until another process writes into it.
    if os.path.exists(path) and not os.path.isfile(path):
        raise _NotDicomError("a folder, pipe, socket or device")
    with open(path, "rb") as file:
        if not is_dicom(file.read(DICOM_START)):
            raise _NotDicomError("not a DICOM file")
        return read_dicom_header(file, tags)


def _describe(
    header: "Dataset", key: bytes, keywords: dict[str, int], written: _Spellings
) -> dict[str, Any]:
    element = _Elements(header)
    study = element.text("StudyInstanceUID")
    record: dict[str, Any] = {
        "patient": _patient(element, key, written),
        "study": _hash(key, "study", study) if study else None,
        "view_position": _view(element),
        "laterality": element.text("ImageLaterality") or element.text("Laterality"),
        "age": _years(element),
    }
    record |= {column: element.text(keyword) for column, (keyword, _) in _TEXT.items()}
    record |= {column: element.number(keyword) for column, (keyword, _) in _NUMBERS.items()}
    record |= {keyword: element.text(keyword) for keyword in keywords}
    unreadable = ", ".join(dict.fromkeys(element.unreadable))
    return record | {"error": f"not readable in its header: {unreadable}" if unreadable else ""}


class _Elements:
    """Values of a header, None for those that are missing, empty or unreadable."""

    def __init__(self, header: "Dataset") -> None:
        self._header = header
        self.unreadable: list[str] = []

    def value(self, keyword: str) -> Any:
        try:
            return self._header.get(keyword)
        except Exception:  # as above; the message may quote the value
            self.unreadable.append(keyword)
            return None

    def text(self, keyword: str) -> str | None:
        value = self.value(keyword)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            value = "\\".join(map(str, value))
        return None if value is None else str(value).strip(" \0") or None

    def number(self, keyword: str) -> int | None:
        value = self.value(keyword)
        if value is None or isinstance(value, int):
            return value
        self.unreadable.append(keyword)
        return None


def _patient(element: _Elements, key: bytes, written: _Spellings) -> str | None:
    patient, issuer = element.text("PatientID"), element.text("IssuerOfPatientID") or ""
    if not patient or stands_for_no_patient(patient):
        return None
    hashed = _hash(key, "patient", folded(issuer), folded(patient))
    written[hashed].add((patient, issuer))
    return hashed


def _hash(key: bytes, *words: str) -> str:
    # With the lengths, different lists of words never join to the same text.
    joined = "".join(f"{len(word)}:{word}" for word in words)
    return blake2b(joined.encode("utf-8", "surrogateescape"), key=key, digest_size=8).hexdigest()


def _view(element: _Elements) -> str | None:
    if position := element.text("ViewPosition"):
        return position.upper()
    codes = element.value("ViewCodeSequence")
    meaning = _Elements(codes[0]).text("CodeMeaning") if codes else None
    return _VIEWS.get(meaning.lower(), meaning) if meaning else None


def _years(element: _Elements) -> float | None:
    text = element.text("PatientAge")
    if text is None:
        return None
    if found := _AGE.fullmatch(text.upper()):
        return int(found[1]) / _UNITS_PER_YEAR[found[2]]
    element.unreadable.append("PatientAge")
    return None
