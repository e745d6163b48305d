"""Turn the cells of a table into classes: spellings, several findings, the positive class."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import counted
from skpneumo._positive_class import UndecidedPositiveError
from skpneumo.datasets._collection import order_classes

__all__ = ["Labels", "read_labels"]

Positive = str | int | Sequence[str] | Callable[[list[str]], bool] | None

# Column names that do not tell what 1 means.
_GENERIC_NAMES = frozenset(
    {"label", "labels", "target", "class", "classes", "y", "diagnosis", "finding", "findings"}
)
_MOST_NAMED = 8


@dataclass(frozen=True)
class Labels:
    """The class of each row as a number, the class names, and remarks on them."""

    target: NDArray[np.int64]
    names: list[str]
    positive: list[str]
    remarks: list[str]


def read_labels(
    cells: NDArray[np.object_], column: str, positive: Positive, separator: str
) -> Labels:
    """Number the classes, the negative ones first.

    Parameters
    ----------
    cells : ndarray of shape (n_rows,) of str
        Labels without surrounding space, "" for none.
    column : str
        Name of the column.
    positive : str, int, list of str, callable or None
        The illness, as in :func:`load_image_table`.
    separator : str
        The separator between the findings in a cell.
    """
    codes, distinct = pd.factorize(cells)
    findings = [_findings(cell, separator) for cell in distinct]
    if callable(positive):
        is_positive = np.array([bool(positive(list(each))) for each in findings], dtype=bool)
        name = getattr(positive, "__name__", "<lambda>")
        name = "positive" if name == "<lambda>" else name
        return _two_classes(
            is_positive[codes], "negative" if name == "positive" else f"not {name}", name
        )
    spelling, remarks = _one_spelling(findings, np.bincount(codes, minlength=len(distinct)))
    findings = [[spelling[each] for each in listed] for listed in findings]
    if positive is not None:
        return _by_positive(codes, findings, positive, remarks)
    if several := [listed for listed in findings if len(listed) > 1]:
        known = sorted({each for listed in findings for each in listed})
        raise UndecidedPositiveError(
            f"Cells of the column {column!r} contain several findings, such as "
            f"{separator.join(several[0])!r}. Say which of them is the illness: "
            f"positive={known[-1]!r}, a list or a function of the list of findings; in the shell "
            f"--positive. The findings are {_quoted(known)}."
        )
    names = sorted({listed[0] for listed in findings})
    if set(names) <= {"0", "1"} and len(names) == 2 and column.lower() not in _GENERIC_NAMES:
        is_positive = np.array([listed == ["1"] for listed in findings], dtype=bool)
        return _two_classes(is_positive[codes], f"not {column}", column)
    classes = order_classes(names, None)
    number = {name: i for i, name in enumerate(classes.names)}
    target = np.array([number[listed[0]] for listed in findings], dtype=np.int64)[codes]
    return Labels(target, list(classes.names), list(classes.positive), remarks)


def _by_positive(
    codes: NDArray[np.intp], findings: list[list[str]], positive: Any, remarks: list[str]
) -> Labels:
    known = {_folded(each): each for listed in findings for each in listed}
    wanted = []
    for name in list(positive) if isinstance(positive, (list, tuple, set)) else [positive]:
        if _folded(name) not in known:
            raise ValueError(
                f"positive names {name!r}, which no row has.{_suggestion(name, known)} The "
                f"findings are {_quoted(sorted(known.values()))}."
            )
        wanted.append(known[_folded(name)])
    is_positive = np.array([bool(set(wanted) & set(listed)) for listed in findings], dtype=bool)
    others = {
        "|".join(listed)
        for listed, positive_row in zip(findings, is_positive, strict=True)
        if not positive_row
    }
    if not others:
        raise ValueError(
            f"positive={positive!r} is in every row, so that there is no other class. Pass the "
            "findings that are the illness, not the healthy ones."
        )
    name = " or ".join(dict.fromkeys(wanted))
    other = next(iter(others)) if len(others) == 1 else f"not {name}"
    return _two_classes(is_positive[codes], other, name, remarks)


def _suggestion(name: Any, known: dict[str, str]) -> str:
    """Suggest the separator that makes a name one of several findings, or a similar name."""
    for label in known.values():
        if found := re.search(rf"(?:^|([^\w\s])\s*){re.escape(_folded(name))}(?:\s*([^\w\s])|$)",
                              _folded(label)):  # fmt: skip
            used = found[1] or found[2]
            return (
                f" If {label!r} is several findings, name their separator: separator={used!r}, in "
                f"the shell --separator {used!r}."
            )
    near = get_close_matches(_folded(name), known, n=1)
    return f" Did you mean {known[near[0]]!r}?" if near else ""


def _two_classes(
    is_positive: NDArray[np.bool_],
    negative_name: str,
    positive_name: str,
    remarks: Sequence[str] = (),
) -> Labels:
    return Labels(
        is_positive.astype(np.int64),
        [negative_name, positive_name],
        [positive_name],
        list(remarks),
    )


def _findings(cell: str, separator: str) -> list[str]:
    """Split a cell into findings; PadChest writes them as a Python list."""
    if cell.startswith("[") and cell.endswith("]"):
        parts = [part.strip().strip("'\"") for part in cell[1:-1].split(",")]
    else:
        parts = cell.split(separator)
    return [part.strip() for part in parts if part.strip()]


def _one_spelling(
    findings: list[list[str]], counts: NDArray[np.intp]
) -> tuple[dict[str, str], list[str]]:
    """Find the most frequent spelling of each finding, and report those with several."""
    by_meaning: dict[str, Counter[str]] = {}
    for listed, count in zip(findings, counts.tolist(), strict=True):
        for each in listed:
            by_meaning.setdefault(_folded(each), Counter())[each] += count
    spelling, remarks = {}, []
    for spellings in by_meaning.values():
        usual = spellings.most_common(1)[0][0]
        spelling.update(dict.fromkeys(spellings, usual))
        if len(spellings) > 1:
            shown = ", ".join(
                f"{each!r} ({counted(n, 'row')})" for each, n in spellings.most_common()
            )
            remarks.append(
                f"The label {usual!r} is spelled in {len(spellings)} ways, {shown}; they are "
                "treated as one."
            )
    return spelling, remarks


def _folded(name: Any) -> str:
    if isinstance(name, float) and name.is_integer():
        name = int(name)
    return " ".join(str(name).split()).casefold()


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
