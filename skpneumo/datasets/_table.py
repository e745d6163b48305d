"""Read tables of images: CSV of any dialect, Excel, Parquet."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "column_names",
    "column_of",
    "distinct_columns",
    "read_table",
    "text_of",
    "without_index",
]

_EXCEL, _OLD_EXCEL, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_DELIMITERS = ",;\t|"
_MOST_NAMED = 12

# What programs write where there is nothing. "None" is not among it: that may be a class.
_MISSING = frozenset(
    {
        "", "na", "n/a", "n.a.", "nan", "<na>", "nat", "null", "-nan",
        "#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#null!", "#num!",
    }
)  # fmt: skip
_LONGEST_MISSING = max(map(len, _MISSING))


def read_table(file: str | os.PathLike[str], sheet: str | int = 0) -> pd.DataFrame:
    """Read a table, by its content, with every cell of a CSV as text.

    Text that is no UTF-8 is read as Latin-1, byte by byte, which is what older spreadsheets
    write. Rows in which every cell is empty are no rows.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no table, or has no such sheet.
    ImportError
        If what reads the format is not installed.
    """
    path = Path(file).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"There is no table {os.fspath(path)!r} (seen from {os.getcwd()!r}). Check the path."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"{os.fspath(path)!r} is a folder; name the table in it, or read the folder with "
            "load_chest_xray."
        )
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start == _EXCEL:
        frame = _read_excel(path, sheet)
    elif start == _PARQUET:
        frame = _read_parquet(path)
    elif start == _OLD_EXCEL:
        raise _unreadable(path, "it is an Excel file of before 2007")
    else:
        frame = _read_text(path)
    frame.columns = [name.strip() if isinstance(name, str) else name for name in frame.columns]
    return frame


def _unreadable(path: Path, reason: object) -> ValueError:
    return ValueError(
        f"{os.fspath(path)!r} is no table that can be read ({reason}). Save it as CSV, as .xlsx "
        "or as Parquet."
    )


def _read_excel(path: Path, sheet: str | int) -> pd.DataFrame:
    try:
        book = pd.ExcelFile(path, engine="openpyxl")
    except ImportError as error:
        raise ImportError(
            'Excel tables need openpyxl: pip install "skpneumo[tables]". CSV needs nothing.'
        ) from error
    except (BadZipFile, KeyError, ValueError) as error:
        raise _unreadable(path, "it is a zip archive, but no Excel file") from error
    with book:
        names = [str(name) for name in book.sheet_names]
        if isinstance(sheet, int) and 0 <= sheet < len(names):
            sheet = names[sheet]
        if sheet not in names:
            raise ValueError(
                f"{os.fspath(path)!r} has no sheet {sheet!r}; its sheets are "
                f"{', '.join(map(repr, names))}. Name one of them with sheet=, in the shell "
                "--sheet."
            )
        frame = pd.read_excel(book, sheet_name=sheet, dtype=object)
    frame = frame.dropna(how="all").reset_index(drop=True)
    frame.attrs["sheet"] = sheet
    frame.attrs["other sheets"] = [name for name in names if name != sheet]
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            'Parquet tables need pyarrow: pip install "skpneumo[parquet]". CSV needs nothing.'
        ) from error
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_text(path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            text = _utf_8_or_latin_1(content)
        if "\0" in text:
            raise ValueError("it holds bytes that are no text")
        return _parsed(text)
    except (ValueError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _utf_8_or_latin_1(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parsed(text: str) -> pd.DataFrame:
    """The rows of a CSV, as text, so that a patient 007 keeps its zeros and a class None its name.

    pandas takes the first column for an index where rows are longer than the header, so that all
    others move by one without a word.
    """
    lines = StringIO(text, newline="")
    header = next((line for line in lines if line.strip()), "")
    delimiter, start = "", text.index(header)
    if header.lower().startswith("sep="):  # by which spreadsheets tell each other
        delimiter, start = header.strip()[4:5], start + len(header)
    lines.seek(start)
    reader = csv.reader(lines, delimiter=delimiter or _delimiter_of(header), strict=True)
    names = next(reader, [])
    while names and not names[-1].strip():
        names.pop()
    if not names:
        raise ValueError("it is empty")
    rows: list[list[str]] = []
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{_row(rows)} has a quotation mark too many: {error}") from error
        if cells is None:
            return pd.DataFrame(rows, columns=names, dtype=object)
        if any(map(str.strip, cells[len(names) :])):
            if len(names) == 1 and not rows:
                raise ValueError(
                    f"its first line, {names[0]!r}, has fewer cells than the next; it has to name "
                    "the columns: remove what stands above their names"
                )
            raise ValueError(
                f"{_row(rows)} has {len(cells)} cells for {len(names)} columns, {cells[:3]}...; "
                "a cell with a delimiter in it has to be in quotation marks"
            )
        if any(map(str.strip, cells)):
            rows.append(cells[: len(names)] + [""] * (len(names) - len(cells)))


def _delimiter_of(header: str) -> str:
    """What divides the names of the columns into most parts."""
    return max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each), [])))


def _row(before: list[list[str]]) -> str:
    return f"row {len(before) + 1} below the names of the columns"


def without_index(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the names of its index, if it has any, as columns."""
    unnamed = [
        level
        for level, name in enumerate(table.index.names)
        if name is None or name in table.columns
    ]
    if len(unnamed) == table.index.nlevels:
        return table.reset_index(drop=True)
    return table.reset_index(level=unnamed, drop=True).reset_index()


def distinct_columns(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each column under a name of its own; of several of one name, the second is ``name.1``."""
    seen: Counter[str] = Counter()
    for position, column in enumerate(map(str, frame.columns)):
        name = f"{column}.{seen[column]}" if seen[column] else column
        seen[column] += 1
        yield name, frame.iloc[:, position]


def column_of(frame: pd.DataFrame, name: str, parameter: str) -> pd.Series:
    """A column of a table, or an error that names those there are."""
    if name not in frame.columns:
        raise ValueError(
            f"The table has no column {name!r}; its columns are {column_names(frame)}."
            f"{_meant(name, frame)} Say which it is with {parameter}=, in the shell "
            f"--{parameter}.{_elsewhere(frame)}"
        )
    found = frame[name]
    if isinstance(found, pd.DataFrame):
        raise ValueError(f"The table has {found.shape[1]} columns {name!r}. Rename all but one.")
    return found


def column_names(frame: pd.DataFrame) -> str:
    """Name the columns of a table, some of many."""
    names = [str(each) for each in frame.columns]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more


def _meant(name: str, frame: pd.DataFrame) -> str:
    folded = {str(each).strip().casefold(): str(each) for each in frame.columns}
    near = get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.7)
    return f" Was {folded[near[0]]!r} meant?" if near else ""


def _elsewhere(frame: pd.DataFrame) -> str:
    """Where else the column may be."""
    if others := frame.attrs.get("other sheets"):
        return (
            f" This is the sheet {frame.attrs['sheet']!r}; there are also "
            f"{', '.join(map(repr, others))}: sheet={others[0]!r}, in the shell --sheet."
        )
    if len(frame.columns) == 1:
        return " The first line of the table has to be that of the names of the columns."
    return ""


def text_of(column: pd.Series) -> NDArray[np.object_]:
    """The cells of a column as text without space around it, "" where there is nothing."""
    cells = np.empty(len(column), dtype=object)
    cells[:] = [_text(cell) for cell in column.tolist()]
    return cells


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        text = cell.strip()
        return "" if len(text) <= _LONGEST_MISSING and text.lower() in _MISSING else text
    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:
        return ""
    if isinstance(cell, os.PathLike):
        return os.fspath(cell)
    # A column of whole numbers in which one is missing has become one of 7.0.
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
