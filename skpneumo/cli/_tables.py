"""Write CSV tables that are safe to open in a spreadsheet: text is never a formula."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from skpneumo._files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_rows", "open_table", "plain_cell", "write_frame"]

# First characters of cells that spreadsheets evaluate, including the wide forms of East Asian
# keyboards.
_BEGINS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def plain_cell(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would evaluate.

    Parameters
    ----------
    value : object
        A cell. Numbers, also as text, are not formulas.

    Returns
    -------
    value : object
        Remove one apostrophe before ``=``, ``+``, ``-``, ``@``, tab or line end to restore it.

    Examples
    --------
    >>> from skpneumo.cli._tables import plain_cell
    >>> plain_cell("=1+1"), plain_cell("person1_virus_6.jpeg"), plain_cell(-0.5), plain_cell("-1")
    ("'=1+1", 'person1_virus_6.jpeg', -0.5, '-1')
    """
    if not isinstance(value, str) or not value.lstrip("'").startswith(_BEGINS_A_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_rows(stream: IO[str], columns: Iterable[str]) -> Callable[[Iterable[Any]], Any]:
    """Begin a table, and return the function that writes a row.

    Parameters
    ----------
    stream : text file
        Opened with ``newline=""``.
    columns : iterable of str
        The header.

    Returns
    -------
    write_row : callable

    Examples
    --------
    >>> import sys
    >>> from skpneumo.cli._tables import csv_rows
    >>> write_row = csv_rows(sys.stdout, ["path", "probability"])
    path,probability
    >>> _ = write_row(["@home.png", 0.5])
    '@home.png,0.5
    """
    writer = csv.writer(_Lines(stream), lineterminator="\r\n")

    def write_row(row: Iterable[Any]) -> Any:
        return writer.writerow([plain_cell(value) for value in row])

    write_row(columns)
    return write_row


@contextmanager
def open_table(
    path: str | os.PathLike[str], columns: Iterable[str]
) -> Iterator[Callable[[Iterable[Any]], Any]]:
    r"""Begin a table that appears under its name only when all rows are written.

    Parameters
    ----------
    path : str or path-like
        The file.
    columns : iterable of str
        The header.

    Yields
    ------
    write_row : callable

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo.cli._tables import open_table
    >>> with TemporaryDirectory() as folder:
    ...     with open_table(Path(folder, "table.csv"), ["path"]) as write_row:
    ...         _ = write_row(["a.png"])
    ...     Path(folder, "table.csv").read_text()
    'path\na.png\n'
    """
    # File names are bytes; those that are not UTF-8 are written unchanged.
    with atomic_write(path, errors="surrogateescape", newline="") as stream:
        yield csv_rows(stream, columns)


def write_frame(frame: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    r"""Write a frame without its index.

    Parameters
    ----------
    frame : DataFrame
        The table.
    path : str or path-like
        The file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from skpneumo.cli._tables import write_frame
    >>> with TemporaryDirectory() as folder:
    ...     write_frame(pd.DataFrame({"class": ["+ill"], "n": [3]}), Path(folder, "table.csv"))
    ...     Path(folder, "table.csv").read_text()
    "class,n\n'+ill,3\n"
    """
    cells = frame.astype(object).where(frame.notna(), None)
    with open_table(path, frame.columns) as write_row:
        for row in cells.itertuples(index=False, name=None):
            write_row(row)


class _Lines:
    """A stream whose lines end with a line feed alone.

    The writers of the standard library and of pandas only quote their own line ends, so a name
    with a carriage return would break the row.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(line.removesuffix("\r\n") + "\n")
