"""Turn the cells of a table into classes: spellings, several findings, the positive class."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import counted, quoted
from skpneumo._messages import by_interface
from skpneumo._positive_class import (
    UndecidedPositiveError,
    is_healthy_name,
    positive_classes,
    unaccented,
)
from skpneumo._spellings import (
    NO,
    YES,
    folded,
    meaning_of_labels,
    one_spelling,
    remarks_on_spellings,
    without_marks,
)
from skpneumo.datasets._collection import order_classes
from skpneumo.datasets._table import text_of

__all__ = [
    "Labels",
    "label_cells",
    "named_rows",
    "read_labels",
    "remarks_on_uncertain",
    "uncertain_rows",
]

Positive = str | int | Sequence[str] | Callable[[list[str]], bool] | None

# Column names that do not tell what 1 means.
_GENERIC_NAMES = frozenset(
    {"label", "labels", "target", "class", "classes", "y", "diagnosis", "finding", "findings"}
)
# Labels of readers who could not tell. CheXpert and MIMIC-CXR write -1.
_UNCERTAIN_NUMBER = "-1"
# Without accents, as are the labels that are compared with them.
_UNCERTAIN = frozenset(
    {"uncertain", "unsure", "not sure", "unclear", "equivocal", "indeterminate", "undecided",
     "maybe", "possible", "possibly", "+/-", "+/\u2212", "+/\u2013", "±",
     "unklar", "unsicher", "fraglich", "nicht sicher", "nicht beurteilbar", "moglich",
     "vielleicht", "incertain", "incertaine", "douteux", "douteuse", "equivoque", "peut etre",
     "incierto", "incierta", "dudoso", "dudosa", "posible", "quiza", "quizas", "tal vez",
     "incerto", "incerta", "duvidoso", "duvidosa", "possivel", "talvez",
     "dubbio", "dubbia", "possibile", "forse", "onzeker", "onduidelijk", "misschien"}
)  # fmt: skip
# The same beside a healthy class; but a class of its own among causes, such as bacteria and virus.
_UNKNOWN = frozenset(
    {"unknown", "undetermined", "indetermine", "indeterminee", "indeterminado", "indeterminada",
     "indeterminato", "indeterminata"}
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)")
_MOST_CLASSES = 20  # without images that share them
# What else tables write between several findings in a cell.
_NEWLINE, _SHELL_NEWLINE = "\n", r"$'\n'"
_SEPARATORS = (";", ",", "/", "|", "+", "&", _NEWLINE)
_quoted = partial(quoted, most=8, rest=" and {} more")


@dataclass(frozen=True)
class Labels:
    """The class of each row as a number, the class names, and remarks on them."""

    target: NDArray[np.int64]
    names: list[str]
    positive: list[str]
    remarks: list[str]


def label_cells(column: pd.Series, separator: str) -> NDArray[np.object_]:
    """Convert the labels to text without surrounding space, "" where there is no finding."""
    cells = without_marks(text_of(column), is_label=True)
    # Such as an empty list. An empty separator is refused by read_labels.
    empty = [cell for cell in set(cells) if not _findings(cell, separator or "|")]
    return np.array(["" if cell in empty else cell for cell in cells], dtype=object)


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
        return _by_function(codes, findings, positive)
    counts = _counted(findings, codes)
    spelling, several_ways = one_spelling(counts, meaning_of_labels(counts))
    remarks = remarks_on_spellings(several_ways, "label")
    findings = [[_with_point(spelling[each]) for each in listed] for listed in findings]
    if positive is not None:
        class_of = {folded(each): _with_point(usual) for each, usual in spelling.items()}
        return _by_positive(codes, findings, positive, class_of, remarks, column)
    if several := [listed for listed in findings if len(listed) > 1]:
        known = sorted({each for listed in findings for each in listed})
        raise _undecided_finding(column, separator.join(several[0]), known)
    remarks += _remarks_on_lists(findings, codes, {*spelling.values()})
    names = sorted({listed[0] for listed in findings})
    _refuse_what_is_no_class(names, column, len(cells))
    answers = {*map(folded, names)}  # "1.0" in a table that was written with gaps
    if answers & YES and answers & NO and answers <= YES | NO and _names_a_class(column):
        is_column = np.array([folded(listed[0]) in YES for listed in findings], dtype=bool)[codes]
        if is_healthy_name(column):
            return _two_classes(~is_column, column, f"not {column}", remarks)
        return _two_classes(is_column, f"not {column}", column, remarks)
    classes = order_classes(names, None)
    number = {name: i for i, name in enumerate(classes.names)}
    target = np.array([number[listed[0]] for listed in findings], dtype=np.int64)[codes]
    return Labels(target, list(classes.names), list(classes.positive), remarks)


def uncertain_rows(cells: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark the rows whose label says that the reader could not tell.

    The number -1 says so beside a yes and a no, such as 1 and 0; a word, beside two other labels.
    The word "unknown" may be a class of its own among causes, and says so beside a healthy class.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.datasets._table_labels import uncertain_rows
    >>> uncertain_rows(np.array(["1.0", "0.0", "-1.0"], dtype=object)).tolist()
    [False, False, True]
    >>> uncertain_rows(np.array(["1", "-1"], dtype=object)).any()
    np.False_
    >>> uncertain_rows(np.array(["bacteria", "virus", "unknown"], dtype=object)).any()
    np.False_
    """
    meaning = {cell: unaccented(folded(cell)) for cell in set(cells)}
    certain = {*meaning.values()} - _UNCERTAIN - _UNKNOWN - {_UNCERTAIN_NUMBER, ""}
    uncertain = _UNCERTAIN if len(certain) > 1 else frozenset[str]()
    if len(certain) > 1 and _has_a_healthy_class(certain):
        uncertain |= _UNKNOWN
    if len(certain) > 1 and {*map(meaning_of_labels(certain), certain)} == {"no", "yes"}:
        uncertain |= {_UNCERTAIN_NUMBER}
    return np.array([meaning[cell] in uncertain for cell in cells], dtype=bool)


def _has_a_healthy_class(names: set[str]) -> bool:
    try:
        positive_classes(sorted(names))
    except UndecidedPositiveError:
        return False
    return True


def named_rows(cells: NDArray[np.object_], positive: Positive) -> NDArray[np.bool_]:
    """Mark the rows whose whole label is one of the labels in ``positive``."""
    if positive is None or callable(positive):
        return np.zeros(len(cells), dtype=bool)
    listed = positive if isinstance(positive, (list, tuple, set)) else [positive]
    named = {folded(each) for each in listed}
    return np.array([folded(cell) in named for cell in cells], dtype=bool)


def remarks_on_uncertain(cells: NDArray[np.object_], labels: "Labels") -> list[str]:
    """Report which uncertain labels the positive class, as asked for, does not include."""
    uncertain = uncertain_rows(cells) & (labels.target == 0)
    if not uncertain.any():
        return []
    counts = Counter(cells[uncertain].tolist())
    listed = ", ".join(f"{label!r} ({counted(n, 'row')})" for label, n in counts.most_common())
    one = len(counts) == 1
    return [
        f"The uncertain {'label' if one else 'labels'} {listed} "
        f"{'counts' if one else 'count'} as {labels.names[0]!r}, because "
        f"{'it is' if one else 'they are'} not among the positive labels. Leave such rows out "
        "with " + by_interface(python='incomplete="drop".', shell="--drop-incomplete.")
    ]


def _refuse_what_is_no_class(names: list[str], column: str, n_rows: int) -> None:
    """Raise if a column seems to contain measurements, or text about each image."""
    if all(_NUMBER.fullmatch(each) for each in names):
        if (fractions := [each for each in names if not _is_whole(each)]) and _measured(names):
            raise ValueError(
                f"The column {column!r} contains numbers that are not whole, such as "
                f"{fractions[0]!r}: probabilities or measurements, not classes. Write the class "
                "of each image into the table"
                + by_interface(
                    python=f", such as table[{column!r}] = table[{column!r}] >= 0.5.", shell="."
                )
            )
        if len(names) > _MOST_CLASSES:
            raise ValueError(
                f"The column {column!r} contains {len(names)} different numbers, which are rather "
                "ids or measurements than classes. Name the column of the classes with "
                f"{by_interface(python='label=', shell='--label')}, or the numbers that are "
                f"positive with {by_interface(python='positive=', shell='--positive')}."
            )
    elif len(names) > max(_MOST_CLASSES, n_rows / 2):
        raise ValueError(
            f"The column {column!r} has {len(names)} different values in {n_rows} rows, such as "
            f"{names[0]!r}, which cannot be classes. Name the column of the classes with "
            f"{by_interface(python='label=', shell='--label')}, or say which rows are positive "
            f"with {by_interface(python='a function as positive=', shell='--positive')}."
        )


def _measured(names: list[str]) -> bool:
    """Tell whether numbers are rather probabilities or measurements than grades like 1.5."""
    values = [_number(each) for each in names]
    are_halves = all((2 * value).is_integer() for value in values)
    return len(names) > _MOST_CLASSES or not are_halves or all(0 <= each <= 1 for each in values)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _is_whole(number: str) -> bool:
    return _number(number).is_integer()


def _names_a_class(column: str) -> bool:
    """Tell whether 1 in a column means what the column is called."""
    return column.lower() not in _GENERIC_NAMES


def _with_point(label: str) -> str:
    """Write "1,0", as spreadsheets do in many countries, as "1"; leave other labels."""
    return folded(label) if re.fullmatch(r"[-+]?\d+,0+", label) else label


def _undecided_finding(column: str, cell: str, known: list[str]) -> UndecidedPositiveError:
    """Make the error for cells with several findings, of which none is named as the illness."""
    return UndecidedPositiveError(
        f"Cells of the column {column!r} contain several findings, such as {cell!r}. Say which of "
        "them is the illness: "
        + by_interface(
            python=f"positive={known[-1]!r}, a list or a function of the list of findings.",
            shell=f"--positive {shlex.quote(known[-1])}, which may be given several times.",
        )
        + f" The findings are {_quoted(known)}."
    )


def _by_function(
    codes: NDArray[np.intp], findings: list[list[str]], positive: Callable[[list[str]], Any]
) -> Labels:
    """Make two classes by a function of the findings, with the name of the function."""
    is_positive = np.array([bool(positive(list(each))) for each in findings], dtype=bool)
    name = getattr(positive, "__name__", "<lambda>")
    if name in ("<lambda>", "positive"):
        return _two_classes(is_positive[codes], "negative", "positive")
    return _two_classes(is_positive[codes], f"not {name}", name)


def _by_positive(
    codes: NDArray[np.intp],
    findings: list[list[str]],
    positive: Any,
    known: dict[str, str],
    remarks: list[str],
    column: str,
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
    negative = [[] if at else listed for listed, at in zip(findings, is_positive, strict=True)]
    remarks = [*remarks, *_remarks_on_lists(negative, codes, {*wanted})]
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
    # Not beside grades such as 2, which are also not "not grade".
    only_answers = {*known} <= YES | NO | {_UNCERTAIN_NUMBER}
    asked = {*map(folded, wanted)}
    if only_answers and _names_a_class(column):
        if asked & YES:
            return _two_classes(is_positive[codes], f"not {column}", column, remarks)
        if asked & NO and is_healthy_name(column):
            return _two_classes(is_positive[codes], column, f"not {column}", remarks)
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


def _remarks_on_lists(
    findings: list[list[str]], codes: NDArray[np.intp], labels: set[str]
) -> list[str]:
    """Report findings that are read as one, but seem to be a list that contains a label."""
    of_label = {folded(each): each for each in labels}
    for found, count in _counted(findings, codes).most_common():
        if _NUMBER.fullmatch(found):
            continue
        for used in filter(found.__contains__, _SEPARATORS):
            parts = {folded(part) for part in found.split(used) if re.search(r"\w", part)}
            listed = [label for key, label in of_label.items() if key in parts]
            if listed and len(parts) > 1:
                return [
                    f"{found!r} ({counted(count, 'row')}) is read as one finding, and not as "
                    f"{listed[0]!r}. If such cells list several findings, name their separator: "
                    + by_interface(
                        python=f"separator={used!r}.",
                        shell=f"--separator {_SHELL_NEWLINE if used == _NEWLINE else repr(used)}.",
                    )
                ]
    return []


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
