"""Read patients and etiologies from file names."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted, printable, quoted
from skpneumo._messages import by_interface
from skpneumo._paths import SPLIT_OF_FOLDER, check_paths
from skpneumo._positive_class import is_class_word
from skpneumo._spellings import patients_in_one_spelling
from skpneumo.datasets._warnings import CollectionWarning, UnknownPatientsWarning, warn_of

# Kaggle:   IM-0115-0001.jpeg, NORMAL2-IM-0383-0001.jpeg, IM-0429-0001-0002.jpeg,
#           person1_bacteria_1.jpeg, person447_virus_921_1.jpeg
# Mendeley: NORMAL-1003233-0001.jpeg, BACTERIA-1008087-0001.jpeg, VIRUS-1075146-0001.jpeg
# The suffix does not matter, so that converted copies (.png) keep their patient.
_KNOWN_NAME = re.compile(
    r"""
    (?:
        person(?P<person>\d+)_(?P<cause>bacteria|virus)(?:_\d+)+
      | (?P<series>(?:NORMAL\d*-)?IM-\d+)(?:-\d+)+
      | (?P<mendeley>NORMAL|BACTERIA|VIRUS)-(?P<number>\d+)(?:-\d+)+
    )
    (?:[ _-]*(?:\(\d+\)|copy)(?:[ _]?\(?\d+\)?)?)?  # " (1)", " - Copy (2)", as systems name copies
    (?:\.\w+)*
    """,
    re.VERBOSE | re.IGNORECASE,
)


# Where well-known collections have the patient in the path, with forward slashes.
PATIENT_PATTERNS = MappingProxyType(
    {
        # One folder for each patient.
        "folder": r"([^/]+)/[^/]+$",
        # NIH ChestX-ray14: 00000013_005.png
        "nih": r"(?:^|/)(?P<patient>\d{8})_\d{3}(?:\.\w+)?$",
        # CheXpert: train/patient00042/study1/view1_frontal.jpg
        "chexpert": r"(?:^|/)(?P<patient>patient\d{5,})/study\d+(?:/|$)",
        # MIMIC-CXR: files/p10/p10000032/s50414267/<image>.dcm
        "mimic": r"(?:^|/)(?P<patient>p\d{8})/s\d{8}(?:[/.]|$)",
        # PadChest: <number of the study>_<image>.png. Patients are only in its table.
        "padchest": r"(?:^|/)(?P<study>\d{20,})_[^/]+$",
        # RSNA challenge: 0004cfab-14fd-4e49-80ba-63a80b6bddd6.dcm, one image for each patient
        "rsna": r"(?i:(?:^|/)(?P<patient>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\w+)?$)",
    }
)

_DICOM = (".dcm", ".dicom")


class UnknownPatient(str):
    """The id of a row whose patient is unknown, which says so if it is passed as a group.

    Conversion to other text, as by ``astype(str)`` or in a Series of text, loses this, but it can
    still be recognised beside the file that it names.
    """

    PREFIX = "unknown-"

    @classmethod
    def of_file(cls, path: str) -> "UnknownPatient":
        """Name the patient after the file."""
        return cls(printable(f"{cls.PREFIX}{path}"))


class Patients(NamedTuple):
    """The patient of each file, whether it is known, and remarks on what is uncertain.

    ``spellings`` are remarks on patients that are known, but written in several ways.
    """

    ids: NDArray[np.object_]
    known: NDArray[np.bool_]
    remarks: list[str]
    spellings: Sequence[str] = ()


def remarks_on_shared_patients(patients: Patients, split: NDArray[np.object_]) -> list[str]:
    """Report patients who have images in several splits."""
    of_known = patients.known & (split != "")
    pairs = {*zip(patients.ids[of_known], split[of_known], strict=True)}
    splits = defaultdict(set)
    for patient, part in pairs:
        splits[patient].add(part)
    shared = {patient: parts for patient, parts in splits.items() if len(parts) > 1}
    if not shared:
        return []
    first = min(shared)
    return [
        f"{counted(len(shared), 'patient')} in several splits, the first of them {first!r} in "
        f"{' and '.join(map(repr, sorted(shared[first])))}: results on a split are too good if a "
        "model was trained on other images of its patients. Split again by patient: "
        + by_interface(
            python="patient_train_test_split does.",
            shell="--part all --hold-out 0.2 does.",
        )
    ]


def patient_ids(paths: Any, *, pattern: str | None = None) -> NDArray[np.object_]:
    r"""Return the patient of each X-ray, from its file name.

    A patient is the pair of etiology and number, never the number alone: ``person100_bacteria_*``
    and ``person100_virus_*`` are different children. A normal patient keeps the series as well,
    because ``IM-0115`` and ``NORMAL2-IM-0115`` differ.

    Parameters
    ----------
    paths : array-like of shape (n_samples,) or (n_samples, 1)
        Paths as str or :class:`os.PathLike`. No file is opened.
    pattern : str or None, default=None
        How to find the patient in other names: a regular expression that is searched in each
        path, with ``/`` between folders on every system. The patient is its group ``patient``, or
        else all its groups joined. ``"nih"``, ``"chexpert"``, ``"mimic"``, ``"padchest"`` and
        ``"rsna"`` read the names of those collections, ``"folder"`` one folder per patient. None
        reads the published names. Patients that differ only in case, space or leading zeros are
        one, with a warning.

    Returns
    -------
    patients : ndarray of shape (n_samples,), dtype object
        One str per path, such as ``"bacteria-1"`` or ``"normal-NORMAL2-IM-0383"``, for example
        for the ``groups`` of a splitter. Bytes of a name that are not UTF-8 are escaped, so that
        it can be printed and written to files.

    Raises
    ------
    ValueError
        If ``pattern`` is not a valid regular expression, or has no group.

    Warns
    -----
    CollectionWarning
        If ``pattern`` finds one patient in several spellings.
    UnknownPatientsWarning
        If names do not tell the patient. Each such file becomes a separate patient, so images of
        one patient may be on both sides of a split. Also if a name recurs in several folders, as
        with viewers that export every patient as ``IM-0001-0001.jpg``: then the folder is the
        patient. And if the names tell only the study, as in PadChest.

    See Also
    --------
    etiologies : Read the cause of the pneumonia from the same names.
    load_image_table : Read patients from a column of a table.

    Notes
    -----
    Both published naming schemes are read: the one of Kaggle and of version 2 on Mendeley Data,
    and the one of version 3. They number the same children differently, so that a patient cannot
    be followed from one release to the other.

    Examples
    --------
    >>> from skpneumo.datasets import patient_ids
    >>> patient_ids(["PNEUMONIA/person1_bacteria_1.jpeg", "PNEUMONIA/person1_bacteria_2.jpeg",
    ...              "PNEUMONIA/person1_virus_6.jpeg", "NORMAL/NORMAL2-IM-0383-0001.jpeg"])
    array(['bacteria-1', 'bacteria-1', 'virus-1', 'normal-NORMAL2-IM-0383'], dtype=object)
    >>> patient_ids(["00000013_005.png", "00000013_006.png"], pattern="nih")
    array(['00000013', '00000013'], dtype=object)
    >>> patient_ids(["scans/P7-a.png", "scans/P8-a.png"], pattern=r"(P\d+)-")
    array(['P7', 'P8'], dtype=object)
    """
    patients = read_patients(check_paths(paths), pattern)
    warn_of((CollectionWarning, patients.spellings), (UnknownPatientsWarning, patients.remarks))
    return patients.ids


def read_patients(paths: NDArray[np.object_], pattern: str | None = None) -> Patients:
    """Read the patients, and say in words what is uncertain about them."""
    if pattern is not None:
        return _by_pattern(paths, pattern)
    names, shared = _names_of(paths)
    ids = np.empty(len(paths), dtype=object)
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        if i in shared:
            ids[i] = shared[i]
        elif name is None:
            ids[i] = UnknownPatient.of_file(path)
        else:
            ids[i] = _patient_of(name)
    known = np.array([name is not None or i in shared for i, name in enumerate(names)], dtype=bool)
    remarks = []
    if shared:
        example = os.path.basename(paths[next(iter(shared))])
        remarks.append(
            f"The names of {len(shared)} of {len(paths)} files, {example!r} among them, recur in "
            "several folders, so they do not identify a patient; each folder is treated as a "
            "patient. If that is wrong, read the patients from the paths with "
            + by_interface(
                python="a pattern, or pass groups.",
                shell="--patient-pattern, or from a column of a --table.",
            )
        )
    if not known.all():
        remarks.append(_unknown(paths, known, "follow no known scheme"))
    return Patients(ids, known, remarks)


def _by_pattern(paths: NDArray[np.object_], pattern: str) -> Patients:
    expression = _compiled(pattern)
    ids = np.empty(len(paths), dtype=object)
    known = np.zeros(len(paths), dtype=bool)
    named = next((name for name in ("patient", "study") if name in expression.groupindex), None)
    for i, path in enumerate(paths):
        match = expression.search(path.replace("\\", "/"))
        found = None if match is None else match[named] if named else _joined(match.groups())
        known[i] = bool(found)
        ids[i] = printable(found) if found else UnknownPatient.of_file(path)
    ids[known], spellings = patients_in_one_spelling(ids[known], where="The paths write")
    remarks = []
    if named == "study" and known.any():
        remarks.append(
            "The file names tell the study and not the patient, so each study is treated as a "
            "patient; patients with several studies are not recognised. Read the patients from "
            "the table of the collection: "
            + by_interface(
                python="load_image_table(table, patient=...).", shell="--table with --patient."
            )
        )
    if not known.all():
        remarks.append(_unknown(paths, known, f"have no patient that {pattern!r} finds"))
    return Patients(ids, known, remarks, spellings)


def _compiled(pattern: str) -> re.Pattern[str]:
    ready = PATIENT_PATTERNS.get(pattern.lower())
    try:
        expression = re.compile(pattern if ready is None else ready)
    except re.error as error:
        raise ValueError(
            f"The patient pattern {pattern!r} is not a valid regular expression ({error}). Pass "
            f"one, or {quoted(PATIENT_PATTERNS)}."
        ) from None
    if not expression.groups:
        raise ValueError(
            f"The patient pattern {pattern!r} has no group. Put the part that names the "
            f"patient in parentheses, as in r'(P\\d+)_', or use one of "
            f"{quoted(PATIENT_PATTERNS)}."
        )
    return expression


def _joined(groups: tuple[str | None, ...]) -> str:
    return "-".join(group for group in groups if group)


def _unknown(paths: NDArray[np.object_], known: NDArray[np.bool_], how: str) -> str:
    unknown = paths[~known]
    names = [os.path.basename(path) for path in unknown]
    recurring = len(names) - len(set(names))
    hint = (
        " Many of the names recur in several folders: if each folder is a patient, use "
        + by_interface(python='the pattern "folder".', shell="--patient-pattern folder.")
        if recurring
        else ""
    )
    if any(path.lower().endswith(_DICOM) for path in unknown):
        hint += (
            " DICOM files contain their patients: read_dicom_headers(paths)"
            + by_interface(python="", shell=" in Python")
            + " returns a table with the columns path and patient, which can be "
            + by_interface(python="passed as X.", shell="saved as CSV and read with --table.")
        )
    return (
        f"{len(unknown)} of {len(paths)} file names {how}, the first of them {unknown[0]!r}. Each "
        "of these files is treated as a separate patient; if patients have several images, "
        + by_interface(
            python="pass groups to the splitter, or read the patients from the paths with a "
            "pattern.",
            shell="read the patients from the paths with --patient-pattern, or from a column of a "
            "--table.",
        )
        + hint
    )


def _patient_of(name: re.Match[str]) -> str:
    person, cause, series, mendeley, number = name.groups()
    if person:
        return f"{cause.lower()}-{person.lstrip('0') or person}"
    return f"normal-{series.upper()}" if series else f"{mendeley.lower()}-{number}"


def _names_of(
    paths: NDArray[np.object_],
) -> tuple[list[re.Match[str] | None], dict[int, str]]:
    """Match the names of a known scheme, and find patients by folder where names recur.

    Viewers export every patient as IM-0001-0001. Where this name recurs in several folders, the
    folder is the patient. Folders of splits and of classes do not count: in these it is the same
    image twice, or a leak.
    """
    names = [_match(path) for path in paths]
    rows_of = defaultdict(list)
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        if name is not None and name["series"] and name["series"][0] in "Ii":
            rows_of[path[name.start() :]].append(i)
    folders = set()
    for rows in rows_of.values():
        if len(rows) > 1 and len({_place(paths[i]) for i in rows}) > 1:
            folders |= {os.path.dirname(paths[i]) for i in rows}
    if not folders:
        return names, {}
    shared = {}
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        if name is not None and os.path.dirname(path) in folders:
            # The folder of a class contains many patients, whom their names tell apart; the
            # folder above it says which of several collections they are from.
            folder = os.path.basename(os.path.dirname(path))
            within = f":{_patient_of(name)}" if is_class_word(folder) else ""
            shared[i] = printable(f"folder-{_place(path)}{within}")
            names[i] = None
    return names, shared


def _place(path: str) -> str:
    """Return the folder of a file without the parts that are splits or classes."""
    parts = os.path.dirname(path).replace("\\", "/").split("/")
    return "/".join(
        part for part in parts if part.lower() not in SPLIT_OF_FOLDER and not is_class_word(part)
    )


def etiologies(paths: Any) -> NDArray[np.object_]:
    """Return the etiology of each X-ray, from its file name.

    Parameters
    ----------
    paths : array-like of shape (n_samples,) or (n_samples, 1)
        Paths as str or :class:`os.PathLike`. Only the file names count; no file is opened.

    Returns
    -------
    etiology : ndarray of shape (n_samples,), dtype object
        ``"normal"``, ``"bacteria"``, ``"virus"``, or ``"unknown"`` for other names and for an
        ``IM-0001-0001`` that recurs in several folders.

    See Also
    --------
    patient_ids : Read the patients from the same names.

    Examples
    --------
    >>> from skpneumo.datasets import etiologies
    >>> etiologies(["IM-0115-0001.jpeg", "VIRUS-1075146-0001.jpeg", "scan.png"])
    array(['normal', 'virus', 'unknown'], dtype=object)
    """
    paths = check_paths(paths)
    found = np.empty(len(paths), dtype=object)
    for i, name in enumerate(_names_of(paths)[0]):
        if name is None:
            found[i] = "unknown"
        else:
            found[i] = (name["cause"] or name["mendeley"] or "normal").lower()
    return found


def etiologies_and_normal(
    paths: NDArray[np.object_], labels: Iterable[str]
) -> NDArray[np.object_]:
    """Read etiologies from the file names, or else from a label called normal."""
    etiology = etiologies(paths)
    is_normal = np.array([label.upper() == "NORMAL" for label in labels], dtype=bool)
    etiology[(etiology == "unknown") & is_normal] = "normal"
    return etiology


def _match(path: str) -> re.Match[str] | None:
    # Both separators, because path lists travel between operating systems.
    return _KNOWN_NAME.fullmatch(path, max(path.rfind("/"), path.rfind("\\")) + 1)
