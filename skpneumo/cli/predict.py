"""``skpneumo predict``: write a row for each X-ray, batch by batch."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from hashlib import blake2b
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any

from cyclopts import Parameter
from cyclopts.types import PositiveInt
from cyclopts.validators import Number

from skpneumo._files import is_device, named_in_errors
from skpneumo._formatting import printable
from skpneumo.cli._journal import (
    Format,
    Journal,
    require_pyarrow,
    row_writer,
    state_of_content,
)
from skpneumo.cli._options import FOLDER_ALONE, Force, ReadBy, require_source
from skpneumo.cli._predicted_rows import RowCounts, predicted_columns, predicted_rows
from skpneumo.cli._terminal import NAMES_AS_BYTES, say
from skpneumo.cli._xray_files import (
    STDIN,
    Files,
    batches_of,
    contents_of,
    files_to_read,
    path_of,
)

__all__ = ["predict"]

# Fewer X-rays may well all be of one class.
_ENOUGH_FOR_TWO_ANSWERS = 20
_FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


def predict(
    model: Path,
    /,
    *files: Files,
    format: Format | None = None,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    batch_size: PositiveInt = 128,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> int:
    """Write one row per X-ray: path, probability, label, error.

    With a model that has an input gate, as `skpneumo fit` creates, there is one more column,
    "withheld": why an image is unlike the training images, such as "upside down". Such an image
    has no probability and no label, and the exit status is then 1.

    The probability is that of the positive class, PNEUMONIA. If that is the model's first class,
    or it is unclear which class is positive, the column is called after the class, such as
    probability_abnormal. A model of three or more classes has such a column for each.

    A file that cannot be read gets a row with the error, and so does a file in a folder that is
    not an image; the exit status is then 1. With --out, rows are saved to FILE.part batch by batch
    until they are complete; after an interruption the same command continues where it stopped. In
    CSV, names that a spreadsheet would read as a formula are prefixed with an apostrophe.

    Parameters
    ----------
    model
        Model file of `skpneumo fit`; or of `skpneumo export`, which needs neither Keras nor
        TensorFlow; or a .joblib file, which can run any code, so load only files you trust; or
        pretrained, the model that ships with the package.
    files
        X-ray files, folders to search, or - to read paths from standard input, one per line.
    format
        Comma-separated values with a header, one JSON object per line, or Parquet (not for
        standard output). Default: by the suffix of the output file, or else csv.
    out
        File to write instead of standard output.
    threshold
        Probability from which the label is the positive class. Default: the model's own.
    batch_size
        Number of images in memory at a time.
    force
        Overwrite the output file if it exists, and start from scratch if FILE.part exists.
    """
    from skpneumo._progress import progress
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._model_files import find_model, load_model, refuse_to_overwrite

    require_source(files, read_by, "FILES")
    if str(out) == "-":  # standard output
        out = None
    if out is None and sys.__stdout__ is None:
        raise ValueError("Standard output is closed. Name a file with --out.")
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--table": read_by.table, "--out": out})
    form = _checked_format(format, out)
    if out is not None:
        refuse_to_overwrite(out, force)
    estimator = load_model(model)
    for folder in filter(os.path.isdir, files):
        say(f"skpneumo: {contents_of(folder, read_by.leave_out)}", file=sys.stderr)
    if threshold is not None:
        _require_two_classes(estimator, model)
    columns = predicted_columns(estimator)
    part = None if out is None else out.with_name(f"{out.name}.part")
    listed = files_to_read(files, read_by, (out, part, model), estimator)
    total = None if STDIN in files or any(map(os.path.isdir, files)) else len(files) or None
    paths = progress(listed, "X-rays", total)
    counts = RowCounts(columns)

    def predicted() -> Iterator[tuple[list[Any], Iterator[list[Any]]]]:
        for batch in batches_of(paths, batch_size):
            states = [state_of_content(path_of(file)) for file in batch]  # before they are read
            yield states, counts.count(predicted_rows(estimator, batch, threshold))

    if out is None:
        _print_rows((rows for _, rows in predicted()), form, columns, sys.stdout)
    elif is_device(out):  # beside which there can be no FILE.part
        with named_in_errors(out), out.open("w", encoding="utf-8", newline="") as device:
            _print_rows((rows for _, rows in predicted()), form, columns, device)
    else:
        run = {"model": _digest(model), "threshold": threshold, "columns": columns}
        with closing(Journal(out, run, from_scratch=force)) as journal:
            if n_done := sum(1 for _ in counts.count(journal.skip_done(paths))):
                say(f"skpneumo: continuing after {n_done} rows of {journal.path}", file=sys.stderr)
            for states, rows in predicted():
                journal.add(rows, states)
            if counts.n_rows:
                journal.finish(form, columns)
            else:
                journal.discard()
    status = counts.say_what_is_missing()
    _warn_of_one_answer(counts.labels)
    if not counts.n_rows:
        raise ValueError(
            "There are no paths on standard input. Check the command that lists them."
        )
    return status


def _checked_format(format: Format | None, out: Path | None) -> Format:
    """Return the format, by default that of the suffix; raise if it cannot be written there."""
    from skpneumo.cli._model_files import refuse_other_formats

    if format is None and out is not None:
        refuse_other_formats(out, *_FORMATS, remedy="choose the format with --format")
        format = _FORMATS.get(out.suffix.lower())
    if format == "parquet":
        if out is None or is_device(out):
            raise ValueError(
                f"Parquet cannot be written to {'standard output' if out is None else out}. Name "
                "a file with --out."
            )
        require_pyarrow()
    return format or "csv"


def _require_two_classes(estimator: Any, model: Path) -> None:
    """Raise for ``--threshold`` with a model of several classes, which it cannot decide among."""
    from skpneumo.cli._labels import class_names

    names = class_names(estimator)
    if len(names) != 2:
        raise ValueError(
            f"--threshold is for models of two classes; {model} has {len(names)}: "
            f"{', '.join(names)}. Leave it out."
        )


def _warn_of_one_answer(labels: Counter[str]) -> None:
    """Say in red that a model is useless which predicts the same for many X-rays."""
    from skpneumo.cli._worth import say_in_red

    if labels.total() < _ENOUGH_FOR_TWO_ANSWERS or len(labels) > 1:
        return
    [(answer, n_all)] = labels.items()
    say_in_red(
        f"The model predicts {answer} for all {n_all:,} X-rays. A model with only one answer "
        f"is useless, unless all of these X-rays are {answer}.",
        sys.stderr,
    )


def _digest(model: Path) -> str:
    with open(model, "rb") as file:
        return blake2b(file.read(), digest_size=16).hexdigest()


def _print_rows(
    batches: Iterable[Iterable[list[Any]]], form: Format, columns: list[str], to: IO[str]
) -> None:
    # File names are bytes; those that are not UTF-8 are written unchanged.
    if isinstance(to, TextIOWrapper):
        to.reconfigure(errors=NAMES_AS_BYTES)
    write = row_writer(to, form, columns)
    on_terminal = to.isatty()
    for rows in batches:
        for row in rows:
            if on_terminal:
                row = [printable(cell) if isinstance(cell, str) else cell for cell in row]
            write(row)
        to.flush()
