"""Read tables of images: CSV of any dialect, also compressed, Excel, Parquet."""

import csv
import gzip
import os
import re
import shlex
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, time
from difflib import get_close_matches
from io import StringIO
from math import inf
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import quoted
from skpneumo._image_files import BEGINNING, kind_of_file
from skpneumo._messages import by_interface

__all__ = [
    "column_called",
    "column_names",
    "column_of",
    "distinct_columns",
    "other_sheets",
    "read_table",
    "rounded_numbers",
    "text_of",
    "without_index",
]

_GZIP = b"\x1f\x8b"
_JSON = re.compile(r"\s*(\{|\[\s*[\[{])")
_EXCEL, _OLD_EXCEL, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_DELIMITERS = ",;\t|"
_MOST_NAMED = 12

# What programs write into empty cells. "None" is not among them, because it may be a class.
_MISSING = frozenset(
    {
        "", "na", "n/a", "n.a.", "nan", "<na>", "nat", "null", "-nan",
        "#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#null!", "#num!",
    }
)  # fmt: skip
_LONGEST_MISSING = max(map(len, _MISSING))
_EXACT_IN_SHEET, _EXACT_FLOAT = 10**15, 2**53


def read_table(file: str | os.PathLike[str], sheet: str | int = 0) -> pd.DataFrame:
    """Read a table in the format of its content; every cell of a CSV is text.

    Text that is not UTF-8 is read as Windows-1252 or Latin-1, which older spreadsheets write. Rows
    in which every cell is empty are ignored.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a table, or has no such sheet.
    ImportError
        If the package that reads the format is not installed.
    """
    path = Path(os.path.expanduser(file))
    if not path.exists():
        raise FileNotFoundError(
            f"There is no table {os.fspath(path)!r} (seen from {os.getcwd()!r}). Check the path."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"{os.fspath(path)!r} is a folder; "
            + by_interface(
                python="pass the table in it, or read the folder with load_chest_xray.",
                shell="name the table in it, or name the folder without --table.",
            )
        )
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start == _EXCEL:
        frame = _read_excel(path, sheet)
    elif start == _PARQUET:
        frame = _read_parquet(path)
    elif start == _OLD_EXCEL:
        raise _unreadable(path, "it is an Excel file from before 2007")
    else:
        frame = _read_text(path)
    frame.columns = [name.strip() if isinstance(name, str) else name for name in frame.columns]
    return frame


def _unreadable(path: Path, reason: object) -> ValueError:
    return ValueError(
        f"{os.fspath(path)!r} cannot be read as a table ({reason}). Save it as CSV, .xlsx or "
        "Parquet" + by_interface(python=", or pass a DataFrame.", shell=".")
    )


def _read_excel(path: Path, sheet: str | int) -> pd.DataFrame:
    try:
        book = pd.ExcelFile(path, engine="openpyxl")
    except ImportError as error:
        raise ImportError(
            'Excel tables need openpyxl: pip install "skpneumo[tables]". CSV needs no package.'
        ) from error
    except (BadZipFile, KeyError, ValueError) as error:
        raise _unreadable(path, "it is a zip archive, but not an Excel file") from error
    with book:
        names = [str(name) for name in book.sheet_names]
        if isinstance(sheet, int) and 0 <= sheet < len(names):
            sheet = names[sheet]
        if sheet not in names:
            raise ValueError(
                f"{os.fspath(path)!r} has no sheet {sheet!r}; its sheets are "
                f"{quoted(names)}. Choose one of them with "
                f"{by_interface(python='sheet=', shell='--sheet')}."
            )
        # Without the header of pandas, which renames the second column of a name. Text such as
        # "None" is not a missing value, because it may be a class.
        cells = pd.read_excel(
            book, sheet_name=sheet, header=None, dtype=object, keep_default_na=False, na_values=""
        )
    sheets = {"sheet": sheet, "other sheets": [name for name in names if name != sheet]}
    try:
        frame = _below_header(cells.dropna(how="all"))
    except ValueError as error:
        raise ValueError(f"{_unreadable(path, error)}{other_sheets(sheets)}") from error
    frame.attrs |= sheets
    return frame


def _below_header(cells: pd.DataFrame) -> pd.DataFrame:
    """Use the first row of a sheet as the names of the columns."""
    if cells.empty:
        return cells
    header = cells.iloc[0]
    # Cells beyond the only name tell that it is a title. Before it, they are an index.
    last = header.notna().to_numpy().nonzero()[0].max()
    if header.count() == 1 and cells.iloc[1:2, last + 1 :].notna().any(axis=None):
        raise ValueError(_above_header(_text(header.dropna().iloc[0])))
    rows = cells.iloc[1:].reset_index(drop=True)
    used = header.notna() | rows.notna().any()
    rows = rows.loc[:, used]
    rows.columns = [_text(name) for name in header[used]]
    return rows


def _above_header(line: str) -> str:
    return (
        f"its first line, {line!r}, has fewer cells than the next; it has to name the columns: "
        "remove what stands above their names"
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            'Parquet tables need pyarrow: pip install "skpneumo[parquet]". CSV needs no package.'
        ) from error
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_text(path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    try:
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            text = _decoded(content)
        kind = kind_of_file(content[:BEGINNING])
        if "\0" in text:
            raise ValueError(
                "it contains bytes that are not text" if kind == "text" else f"it is {kind}"
            )
        if kind == "a web page":
            raise ValueError("it is a web page, which some programs write in place of a sheet")
        if _JSON.match(text):
            raise ValueError("it is JSON, which pandas.read_json reads")
        return _parse_with_spaces(text)
    except (ValueError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _unreadable(path, error) from error


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("latin-1")


def _parse_with_spaces(text: str) -> pd.DataFrame:
    """Read a quotation mark after a space as the first of a cell, or else as part of its text."""
    try:
        return _parse_csv(text, skip_space=True)
    except (ValueError, csv.Error):
        with suppress(ValueError, csv.Error):
            return _parse_csv(text, skip_space=False)
        raise


def _parse_csv(text: str, skip_space: bool) -> pd.DataFrame:
    """Read the cells of a CSV as text, so that a patient 007 keeps the zeros.

    pandas.read_csv is not used: where rows are longer than the header, it silently uses the first
    column as an index, which shifts all others by one.
    """
    lines = StringIO(text, newline="")
    header = next((line for line in lines if line.strip()), "")
    delimiter, start = "", text.index(header)
    if header.lower().startswith("sep="):  # how spreadsheets declare the delimiter
        delimiter, start = header.strip()[4:5], start + len(header)
    lines.seek(start)
    reader = csv.reader(
        lines,
        delimiter=delimiter or _delimiter_of(header),
        strict=True,
        skipinitialspace=skip_space,
    )
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
            raise ValueError(f"{_row(rows)} has an extra quotation mark: {error}") from error
        if cells is None:
            return pd.DataFrame(rows, columns=names, dtype=object)
        if any(map(str.strip, cells[len(names) :])):
            if len(names) == 1 and not rows:
                raise ValueError(_above_header(names[0]))
            raise ValueError(
                f"{_row(rows)} has {len(cells)} cells for {len(names)} columns, {cells[:3]}...; "
                "put a cell that contains the delimiter in quotation marks"
            )
        if any(map(str.strip, cells)):
            rows.append(cells[: len(names)] + [""] * (len(names) - len(cells)))


def _delimiter_of(header: str) -> str:
    """Choose the delimiter that divides the header into most columns."""
    return max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each), [])))


def _row(before: list[list[str]]) -> str:
    return f"row {len(before) + 1} below the column names"


def without_index(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the named levels of the index into columns, and drop the others."""
    unnamed = [
        level
        for level, name in enumerate(table.index.names)
        if name is None or name in table.columns
    ]
    if len(unnamed) == table.index.nlevels:
        return table.reset_index(drop=True)
    return table.reset_index(level=unnamed, drop=True).reset_index()


def distinct_columns(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield each column with a unique name; the second of the same name is ``name.1``."""
    seen: Counter[str] = Counter()
    for position, column in enumerate(map(str, frame.columns)):
        name = f"{column}.{seen[column]}" if seen[column] else column
        seen[column] += 1
        yield name, frame.iloc[:, position]


def column_of(frame: pd.DataFrame, name: str, parameter: str) -> pd.Series:
    """Return a column of a table, or raise an error that names its columns."""
    if name not in frame.columns:
        raise ValueError(
            f"The table has no column {name!r}; its columns are {column_names(frame)}."
            f"{_suggestion(name, frame)} Name the column with "
            f"{by_interface(python=f'{parameter}=', shell=f'--{parameter}')}.{_elsewhere(frame)}"
        )
    found = frame[name]
    if isinstance(found, pd.DataFrame):
        raise ValueError(f"The table has {found.shape[1]} columns {name!r}. Rename all but one.")
    return found


def column_called(name: str, frame: pd.DataFrame) -> str | None:
    """Find a column by its usual name, in upper or lower case; None if there is none."""
    if name in frame.columns:
        return name
    alike = [each for each in frame.columns if str(each).strip().casefold() == name]
    return alike[0] if len(alike) == 1 else None


def column_names(frame: pd.DataFrame) -> str:
    """List the names of the first columns of a table."""
    return quoted(map(str, frame.columns), _MOST_NAMED, " and {} more")


def _suggestion(name: str, frame: pd.DataFrame) -> str:
    folded = {str(each).strip().casefold(): str(each) for each in frame.columns}
    near = get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.7)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def _elsewhere(frame: pd.DataFrame) -> str:
    """Suggest where else the column may be."""
    if others := other_sheets(frame.attrs):
        return others
    if len(frame.columns) == 1:
        return " The first line of the table has to be the column names."
    return ""


def other_sheets(attributes: Mapping[Any, Any]) -> str:
    """Name the other sheets of a workbook, by the attributes of a table; "" if there are none."""
    others = attributes.get("other sheets")
    if not others:
        return ""
    return (
        f" This is the sheet {attributes['sheet']!r}; there are also "
        f"{quoted(others)}: "
        + by_interface(python=f"sheet={others[0]!r}.", shell=f"--sheet {shlex.quote(others[0])}.")
    )


def rounded_numbers(frame: pd.DataFrame, column: pd.Series) -> list[str]:
    """Return the numbers of a column that are too long to be exact, as text.

    A spreadsheet stores 15 digits of a number, and a float has few more.
    """
    longest = _EXACT_IN_SHEET if "sheet" in frame.attrs else _EXACT_FLOAT
    inexact = (int, float) if "sheet" in frame.attrs else (float,)
    return [
        _text(cell)
        for cell in column.tolist()
        if isinstance(cell, inexact) and longest <= abs(cell) < inf
    ]


def text_of(column: pd.Series) -> NDArray[np.object_]:
    """Convert the cells of a column to text without surrounding space, "" for empty cells."""
    return np.array([_text(cell) for cell in column.tolist()], dtype=object)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        text = cell.strip()
        return "" if len(text) <= _LONGEST_MISSING and text.lower() in _MISSING else text
    if isinstance(cell, np.ndarray):  # a list in a Parquet file
        cell = cell.tolist()
    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:
        return ""
    if isinstance(cell, os.PathLike):
        return os.fspath(cell)
    if isinstance(cell, bytes):  # text in some Parquet files
        return os.fsdecode(cell).strip()
    # A missing value turns a column of whole numbers into floats.
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time.min:
        return str(cell.date())
    return str(cell).strip()
