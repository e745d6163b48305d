"""Turn the cells of a table into classes: spellings, several findings, the positive class."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._messages import by_interface
from skpneumo._positive_class import UndecidedPositiveError
from skpneumo._spellings import (
    folded,
    meaning_of_labels,
    one_spelling,
    remarks_on_spellings,
)
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
    if not separator:
        raise ValueError(
            "The separator is empty. Expected the text between several findings in a cell, such "
            "as '|'."
        )
    codes, distinct = pd.factorize(cells)
    findings = [_findings(cell, separator) for cell in distinct]
    if callable(positive):
        is_positive = np.array([bool(positive(list(each))) for each in findings], dtype=bool)
        name = getattr(positive, "__name__", "<lambda>")
        name = "positive" if name == "<lambda>" else name
        return _two_classes(
            is_positive[codes], "negative" if name == "positive" else f"not {name}", name
        )
    counts = _counted(findings, codes)
    spelling, several_ways = one_spelling(counts, meaning_of_labels(counts))
    remarks = remarks_on_spellings(several_ways, "label")
    findings = [[_with_point(spelling[each]) for each in listed] for listed in findings]
    if positive is not None:
        class_of = {folded(each): _with_point(usual) for each, usual in spelling.items()}
        return _by_positive(codes, findings, positive, class_of, remarks)
    if several := [listed for listed in findings if len(listed) > 1]:
        known = sorted({each for listed in findings for each in listed})
        raise UndecidedPositiveError(
            f"Cells of the column {column!r} contain several findings, such as "
            f"{separator.join(several[0])!r}. Say which of them is the illness: "
            + by_interface(
                python=f"positive={known[-1]!r}, a list or a function of the list of findings.",
                shell=f"--positive {shlex.quote(known[-1])}, which may be given several times.",
            )
            + f" The findings are {_quoted(known)}."
        )
    names = sorted({listed[0] for listed in findings})
    numbers = {*map(folded, names)}  # "1.0" in a table that was written with gaps
    if numbers == {"0", "1"} and column.lower() not in _GENERIC_NAMES:
        is_positive = np.array([folded(listed[0]) == "1" for listed in findings], dtype=bool)
        return _two_classes(is_positive[codes], f"not {column}", column, remarks)
    classes = order_classes(names, None)
    number = {name: i for i, name in enumerate(classes.names)}
    target = np.array([number[listed[0]] for listed in findings], dtype=np.int64)[codes]
    return Labels(target, list(classes.names), list(classes.positive), remarks)


def _with_point(label: str) -> str:
    """Write "1,0", as spreadsheets do in many countries, as "1"; leave other labels."""
    return folded(label) if re.fullmatch(r"[-+]?\d+,0+", label) else label


def _by_positive(
    codes: NDArray[np.intp],
    findings: list[list[str]],
    positive: Any,
    known: dict[str, str],
    remarks: list[str],
) -> Labels:
    """Make two classes; ``known`` has the class of each spelling in the table."""
    named = list(positive) if isinstance(positive, (list, tuple, set)) else [positive]
    option = by_interface(python="positive", shell="--positive")
    wanted = []
    for name in named:
        if folded(name) not in known:
            raise ValueError(
                f"{option} names {name!r}, which no row has.{_suggestion(name, known)} The "
                f"findings are {_quoted(sorted({*known.values()}))}."
            )
        wanted.append(known[folded(name)])
    if not wanted:
        raise ValueError(
            "No positive class is given. Name one or more of the findings "
            f"{_quoted(sorted({*known.values()}))}."
        )
    is_positive = np.array([bool(set(wanted) & set(listed)) for listed in findings], dtype=bool)
    others = {
        "|".join(listed)
        for listed, positive_row in zip(findings, is_positive, strict=True)
        if not positive_row
    }
    if not others:
        given = by_interface(
            python=f"positive={positive!r}",
            shell=" ".join(f"--positive {shlex.quote(each)}" for each in map(str, named)),
        )
        raise ValueError(
            f"{given} is in every row, so that there is no other class. Name the findings that "
            "are the illness, not the healthy ones."
        )
    name = " or ".join(dict.fromkeys(wanted))
    other = next(iter(others)) if len(others) == 1 else f"not {name}"
    return _two_classes(is_positive[codes], other, name, remarks)


def _suggestion(name: Any, known: dict[str, str]) -> str:
    """Suggest the separator that makes a name one of several findings, or a similar name."""
    for label in known.values():
        if found := re.search(rf"(?:^|([^\w\s])\s*){re.escape(folded(name))}(?:\s*([^\w\s])|$)",
                              folded(label)):  # fmt: skip
            used = found[1] or found[2]
            return f" If {label!r} is several findings, name their separator: " + by_interface(
                python=f"separator={used!r}.", shell=f"--separator {shlex.quote(used)}."
            )
    near = get_close_matches(folded(name), known, n=1)
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


def _counted(findings: list[list[str]], codes: NDArray[np.intp]) -> Counter[str]:
    """How many rows have each finding."""
    counts: Counter[str] = Counter()
    of_cell = np.bincount(codes, minlength=len(findings)).tolist()
    for listed, count in zip(findings, of_cell, strict=True):
        for each in listed:
            counts[each] += count
    return counts


def _findings(cell: str, separator: str) -> list[str]:
    """Split a cell into findings; PadChest writes them as a Python list."""
    if cell.startswith("[") and cell.endswith("]"):
        parts = [part.strip().strip("'\"") for part in cell[1:-1].split(",")]
    else:
        parts = cell.split(separator)
    return [part.strip() for part in parts if part.strip()]


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
