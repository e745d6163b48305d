"""Find different spellings of one class or patient, and report them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import counted

__all__ = [
    "NO",
    "YES",
    "folded",
    "meaning_of_labels",
    "one_spelling",
    "patients_in_one_spelling",
    "remarks_on_spellings",
    "stands_for_no_patient",
    "without_marks",
]

_MOST_NAMED = 3
# What people write where there is nothing to write.
_MARKS = frozenset({"-", "--", "---", "–", "—", "?", "??", "???", ".", "..", "_", "/"})
# What programs and people write where the id of a patient is not known or has been removed.
_NO_PATIENT = frozenset(
    {"unknown", "unk", "anonymous", "anonymized", "anonymised", "anon", "deidentified",
     "de identified", "removed", "not available", "not known", "missing", "none", "no id"}
)  # fmt: skip
# Answers, as people and programs write them, that say nothing without the question.
NO, YES = frozenset({"no", "n", "false", "0"}), frozenset({"yes", "y", "true", "1"})
# The two answers to a question.
_NO = NO | {"negative", "neg", "-", "absent"}
_YES = YES | {"positive", "pos", "+", "present"}
# Decimals of a whole number, with a comma in many countries. Three zeros may be thousands.
_WHOLE = re.compile(r"([-+]?)0*(\d+)(?:\.0+|,00?)?")
_MIDNIGHT = re.compile(r"[ t]00:00:00(\.0+)?$")
# How a spreadsheet shows a number of more than 11 digits, and writes it into a CSV.
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d{2}", re.IGNORECASE)


def folded(name: Any) -> str:
    """Normalise a label or an id: case, spaces, hyphens, encoding of accents; zeros of numbers.

    Also an apostrophe, by which a spreadsheet marks a number as text, and the time of a date.

    Examples
    --------
    >>> from skpneumo._spellings import folded
    >>> folded("No_Finding "), folded("no-finding."), folded(1.0), folded("-1,0"), folded("007")
    ('no finding', 'no finding', '1', '-1', '7')
    """
    text = unicodedata.normalize("NFKC", str(name))
    text = "".join(each for each in text if unicodedata.category(each) != "Cf")  # of no width
    text = re.sub(r"(?<=\w)[-\s_]+(?=\w)", " ", text).strip().casefold()
    text = _MIDNIGHT.sub("", text.lstrip("'") or text)
    if number := _WHOLE.fullmatch(text):
        return "-" * (number[1] == "-" and number[2] != "0") + number[2]
    return " ".join(text.rstrip(".,;:").split()) or text


def stands_for_no_patient(patient: str) -> bool:
    """Tell whether an id is a word that says that there is none.

    Examples
    --------
    >>> from skpneumo._spellings import stands_for_no_patient
    >>> stands_for_no_patient("Anonymous"), stands_for_no_patient("ANON-17")
    (True, False)
    """
    return folded(patient) in _NO_PATIENT


def meaning_of_labels(labels: Iterable[str]) -> Callable[[str], str]:
    """Choose how labels are normalised: where all are answers, "yes", "Y" and "TRUE" are one.

    Examples
    --------
    >>> from skpneumo._spellings import meaning_of_labels
    >>> [*map(meaning_of_labels(["no", "Y", "yes"]), ["no", "Y", "yes"])]
    ['no', 'yes', 'yes']
    >>> meaning_of_labels(["N", "Y", "unclear"])("Y")
    'y'
    """
    found = {*map(folded, labels)}
    if found <= _NO | _YES and found & _NO and found & _YES:
        return lambda label: "yes" if folded(label) in _YES else "no"
    return folded


def one_spelling(
    counts: Counter[str], meaning: Callable[[str], str] = folded
) -> tuple[dict[str, str], list[list[tuple[str, int]]]]:
    """Find the most frequent spelling of each text.

    Returns
    -------
    spelling : dict of str to str
        For each spelling, the most frequent one with the same meaning; the first of equals.
    several : list of list of (str, int)
        The spellings of each text that has several, with their numbers of rows.
    """
    by_meaning: dict[str, Counter[str]] = {}
    for each, count in counts.items():
        by_meaning.setdefault(meaning(each), Counter())[each] += count
    usual = {key: found.most_common(1)[0][0] for key, found in by_meaning.items()}
    spelling = {each: usual[key] for key, found in by_meaning.items() for each in found}
    return spelling, [found.most_common() for found in by_meaning.values() if len(found) > 1]


def patients_in_one_spelling(
    cells: NDArray[np.object_],
    rounded: Sequence[str] = (),
    where: str = "The table writes",
) -> tuple[NDArray[np.object_], list[str]]:
    """Convert different spellings of an id to one, and report them.

    Parameters
    ----------
    cells : ndarray of shape (n_rows,) of str
        As in the table, "" where there is none.
    rounded : sequence of str, default=()
        Those that are known to be rounded numbers.
    where : str, default="The table writes"
        Subject and verb of the remark.

    Returns
    -------
    ids : ndarray of shape (n_rows,) of str
    remarks : list of str
    """
    counts = Counter(each for each in cells if each)
    spelling, several = one_spelling(counts)
    remarks = []
    if several:
        shown = "; ".join(
            " and ".join(repr(each) for each, _ in found) for found in several[:_MOST_NAMED]
        )
        more = "; ..." if len(several) > _MOST_NAMED else ""
        remarks.append(
            f"{where} {counted(len(several), 'patient')} in several ways, {shown}{more}: "
            "ids that differ only in case, space or leading zeros are treated as one patient. If "
            "they are several, give them ids that differ otherwise."
        )
    if rounded := [*rounded, *(each for each in counts if _ROUNDED.fullmatch(each))]:
        remarks.append(
            f"Patients such as {rounded[0]!r} are long numbers that have been rounded, by a "
            "spreadsheet or as floats, so several patients may have become one. Write that column "
            "as text."
        )
    if not several:
        return cells, remarks
    return np.array([spelling.get(each, each) for each in cells], dtype=object), remarks


def without_marks(cells: NDArray[np.object_], is_label: bool = False) -> NDArray[np.object_]:
    """Empty the cells that contain only a mark such as a dash or a question mark.

    As a label, a mark is one of two classes if there is only one other label, or a plus.
    """
    others = set(cells) - _MARKS - {""}
    if is_label and (len(others) < 2 or "+" in others):
        return cells
    emptied = cells.copy()
    emptied[[each in _MARKS for each in cells]] = ""
    return emptied


def remarks_on_spellings(several: Iterable[list[tuple[str, int]]], what: str) -> list[str]:
    """Report each label or split with several spellings in a sentence."""
    return [
        f"The {what} {found[0][0]!r} is spelled in {len(found)} ways, "
        + ", ".join(f"{each!r} ({counted(n, 'row')})" for each, n in found)
        + "; they are treated as one."
        for found in several
    ]
