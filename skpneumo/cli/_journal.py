"""Save rows as they are computed, so that an interrupted run can continue.

Rows are appended to ``FILE.part`` as lines of JSON; its first line describes the run. Once all
rows are there, they are written to ``FILE`` in the requested format.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

from skpneumo._file_state import file_state
from skpneumo._files import atomic_write, named_in_errors, open_unlinked
from skpneumo._image_files import SkippedFile
from skpneumo.cli._tables import csv_rows
from skpneumo.cli._xray_files import path_of

__all__ = ["Format", "Journal", "require_pyarrow", "row_writer", "state_of_content"]

Format = Literal["csv", "jsonl", "parquet"]

_ROWS_PER_GROUP = 50_000


class Journal:
    """Saved rows of a run that may be interrupted and continued.

    Parameters
    ----------
    out : Path
        The file to write in the end.
    run : dict
        What the rows depend on. Only a run with an equal description can be continued.
    from_scratch : bool
        Discard rows that are already there.

    Raises
    ------
    FileExistsError
        If there are rows of another run, or another process is writing to them.
    """

    def __init__(self, out: Path, run: dict[str, Any], from_scratch: bool) -> None:
        self._out = out
        self.path = out.with_name(f"{out.name}.part")
        # In mode "a" every write goes to the end of the file.
        self._file: IO[bytes] = open(  # noqa: SIM115 - see close
            self.path, "a+b", opener=open_unlinked
        )
        self._lock()
        if from_scratch:
            self._file.truncate(0)
        header = _line(run)
        self._file.seek(0)
        start = self._file.read(len(header))
        if len(start) < len(header) and header.startswith(start):
            # It is new, or a full disk or a kill left only a part of the header.
            self._file.truncate(0)
            with named_in_errors(self.path):
                self._file.write(header)
                self._file.flush()
        else:
            self._file.seek(0)
            self._check_run(run)

    def _lock(self) -> None:
        """Lock out other processes; the system removes the lock when this process ends."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise FileExistsError(
                f"Another process is writing to {self.path}. Wait for it, or name another file "
                "with --out."
            ) from None
        except OSError:  # a network file system without locks
            return

    def _check_run(self, run: dict[str, Any]) -> None:
        found = _whole_lines(self._file)
        try:
            first = json.loads(next(found, b"null"))
        except ValueError:
            first = None
        if not isinstance(first, dict) or first != run:
            known = first if isinstance(first, dict) else {}
            changed = [name for name in run if known.get(name) != run[name]]
            raise self._another_run(f"with another {' and '.join(changed)}")

    def _another_run(self, how: str) -> FileExistsError:
        self._file.close()
        return FileExistsError(
            f"{self.path} contains an unfinished run {how}. Repeat that command to finish it, "
            "name another file with --out, or add --force to start from scratch."
        )

    def skip_done(self, paths: Iterator[str | SkippedFile]) -> Iterator[list[Any]]:
        """Skip the paths that already have rows; yield those rows.

        Must be exhausted before the first :meth:`add`.
        """
        self._file.seek(0)
        lines = _whole_lines(self._file)
        end = len(next(lines))
        for number, line in enumerate(lines, start=1):
            row, state = json.loads(line)
            file = next(paths, None)
            if (path := None if file is None else path_of(file)) != row[0]:
                found = "there are fewer files now" if path is None else f"now it is {path!r}"
                raise self._another_run(f"on other files: number {number} was {row[0]!r}, {found}")
            if state != state_of_content(row[0]):
                self._file.close()
                raise FileExistsError(
                    f"{self.path} has rows of files that have changed since, the first of them "
                    f"{path!r}. Restore them, name another file with --out, or add --force to "
                    "start from scratch."
                )
            end += len(line)
            yield row
        # A killed run may have left half a row at the end.
        self._file.seek(end)
        self._file.truncate()

    def add(self, rows: Iterable[list[Any]], states: Iterable[Any]) -> None:
        """Save some rows, with the states of their files before these were read.

        They survive if the process is killed afterwards.
        """
        with named_in_errors(self.path):
            self._file.write(b"".join(map(_line, zip(rows, states, strict=True))))
            self._file.flush()

    def finish(self, form: Format, columns: Sequence[str]) -> None:
        """Write the file, completely or not at all, and remove the journal."""
        self._file.seek(0)
        lines = _whole_lines(self._file)
        next(lines)
        rows = (json.loads(line)[0] for line in lines)
        if form == "parquet":
            with atomic_write(self._out, "wb") as file:
                _write_parquet(file, columns, rows)
        else:
            with atomic_write(self._out, errors="surrogateescape", newline="") as stream:
                write = row_writer(stream, form, columns)
                for row in rows:
                    write(row)
        self.discard()

    def discard(self) -> None:
        """Remove the journal."""
        self.close()
        self.path.unlink()

    def close(self) -> None:
        """Leave the journal for another run to continue."""
        with named_in_errors(self.path):
            self._file.close()


def row_writer(
    stream: IO[str], form: Format, columns: Sequence[str]
) -> Callable[[list[Any]], Any]:
    """Return a function that writes one row; the header of a CSV is written at once."""
    if form == "jsonl":
        return lambda row: print(json.dumps(dict(zip(columns, row, strict=True))), file=stream)
    return csv_rows(stream, columns)


def require_pyarrow() -> Any:
    """Import pyarrow, to raise before anything is predicted if it is missing."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            'Parquet needs pyarrow: pip install "skpneumo[parquet]". Or use --format csv, which '
            "needs no other package."
        ) from error
    return pyarrow


def _write_parquet(file: IO[bytes], columns: Sequence[str], rows: Iterator[list[Any]]) -> None:
    pyarrow = require_pyarrow()
    schema = pyarrow.schema(
        (name, pyarrow.float64() if name.startswith("probability") else pyarrow.string())
        for name in columns
    )
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _ROWS_PER_GROUP)):
            table = [dict(zip(columns, map(_in_utf_8, row), strict=True)) for row in group]
            writer.write_table(pyarrow.Table.from_pylist(table, schema))


def _in_utf_8(cell: Any) -> Any:
    """Escape the bytes of names that are not UTF-8, which Parquet cannot store."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


def state_of_content(path: str) -> list[int] | None:
    """Return the state of a file without its change time, which a change of permissions moves."""
    state = file_state(path)
    return None if state is None else [*state[:3]]


def _line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield line
