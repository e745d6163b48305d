"""Read tables of images: CSV of any dialect, Excel, Parquet."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["column_of", "read_table", "text_of"]

_EXCEL, _OLD_EXCEL, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_DELIMITERS = ",;\t"

# What programs write where there is nothing. "None" is not among it: that may be a class.
_MISSING = frozenset({"", "na", "n/a", "nan", "<na>", "nat", "null", "-nan", "#n/a"})
_LONGEST_MISSING = max(map(len, _MISSING))


def read_table(file: str | os.PathLike[str], sheet: str | int = 0) -> pd.DataFrame:
    """Read a table, by its content, with every cell of a CSV as text.

    Text that is no UTF-8 is read as Latin-1, byte by byte, which is what older spreadsheets
    write.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no table.
    ImportError
        If what reads the format is not installed.
    """
    path = Path(file).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no table {os.fspath(path)!r}. Check the path.")
    if path.is_dir():
        raise IsADirectoryError(
            f"{os.fspath(path)!r} is a folder; name the table in it, or read the folder with "
            "load_chest_xray."
        )
    with open(path, "rb") as stream:
        start = stream.read(4)
    try:
        if start == _EXCEL:
            return _read_excel(path, sheet)
        if start == _PARQUET:
            return _read_parquet(path)
        if start == _OLD_EXCEL:
            raise ValueError("it is an Excel file of before 2007")
        return _read_text(path)
    except ValueError as error:
        raise ValueError(
            f"{os.fspath(path)!r} is no table that can be read ({error}). Save it as CSV, as "
            ".xlsx or as Parquet."
        ) from error


def _read_excel(path: Path, sheet: str | int) -> pd.DataFrame:
    try:
        return pd.read_excel(path, sheet_name=sheet, dtype=object)
    except ImportError as error:
        raise ImportError(
            'Excel tables need openpyxl: pip install "skpneumo[tables]". CSV needs nothing.'
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            'Parquet tables need pyarrow: pip install "skpneumo[parquet]". CSV needs nothing.'
        ) from error


def _read_text(path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if "\0" in text:
        raise ValueError("it holds bytes that are no text")
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    # As text, so that a patient 007 keeps its zeros and a class None its name.
    return pd.read_csv(StringIO(text), sep=delimiter, dtype=object, keep_default_na=False)


def column_of(frame: pd.DataFrame, name: str, parameter: str) -> pd.Series:
    """A column of a table, or an error that names those there are."""
    if name not in frame.columns:
        shown = ", ".join(repr(each) for each in frame.columns)
        raise ValueError(
            f"The table has no column {name!r}; its columns are {shown}. Say which it is with "
            f"{parameter}=, in the shell --{parameter}."
        )
    found = frame[name]
    if isinstance(found, pd.DataFrame):
        raise ValueError(f"The table has {found.shape[1]} columns {name!r}. Rename all but one.")
    return found


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
