"""``skpneumo predict``: from files to rows, a batch at a time."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from cyclopts import Parameter
from cyclopts.types import PositiveInt
from cyclopts.validators import Number

from skpneumo.cli._options import Force

__all__ = ["predict"]

STDIN = "-"


def _no_option(_: Any, file: str) -> None:
    """Let ``-`` through, which the parser would take for an option, and nothing else like it."""
    if file.startswith("-") and file != STDIN:
        raise ValueError(f"There is no option {file}; a file of that name is ./{file}.")


def predict(
    model: Path,
    /,
    *files: Annotated[
        str, Parameter(allow_leading_hyphen=True, required=True, validator=_no_option)
    ],
    format: Literal["csv", "jsonl"] = "csv",
    out: Annotated[Path | None, Parameter(name=("--out", "--output", "-o"))] = None,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    batch_size: PositiveInt = 128,
    force: Force = False,
) -> int:
    """Write one row per X-ray: path, probability, label, error.

    The probability is that of the second class, PNEUMONIA; a model of three or more classes
    has one column for each instead. A file that cannot be read becomes a row that says why;
    the exit status is then 1.

    Parameters
    ----------
    model
        Model file, of `skpneumo fit` or joblib. It is a pickle: trust where it comes from.
    files
        X-ray files, folders to search for them, or - for paths on standard input, one a line.
    format
        Comma-separated values with a header, or one JSON object a line.
    out
        File to write instead of standard output.
    threshold
        Probability from which on the label is PNEUMONIA. Default: the model's own.
    batch_size
        How many images are in memory at a time.
    force
        Overwrite the output file if it exists.
    """
    from skpneumo.cli._labels import class_names, threshold_of
    from skpneumo.cli._model_files import load_model, refuse_to_overwrite
    from skpneumo.cli._progress import progress

    if out is not None:
        refuse_to_overwrite(out, force)
    estimator = load_model(model)
    names = class_names(estimator)
    if threshold is None:
        threshold = threshold_of(estimator)
    elif len(names) != 2:
        raise ValueError(
            f"--threshold is for models of two classes; {model} has {len(names)}: {names}."
        )
    columns = ["probability"] if len(names) == 2 else [f"probability_{name}" for name in names]
    total = None if STDIN in files or any(map(os.path.isdir, files)) else len(files)
    n_rows = n_bad = 0
    with _opened(out) as stream:
        write = _row_writer(stream, format, ["path", *columns, "label", "error"])
        for batch in _batches(progress(_expanded(files), "X-rays", total), batch_size):
            for row in _rows(estimator, batch, threshold):
                write(row)
                n_rows += 1
                n_bad += row[-1] is not None
            stream.flush()
    if n_bad:
        print(
            f"skpneumo: {n_bad} of {n_rows} files could not be read; their rows say why.",
            file=sys.stderr,
        )
    if not n_rows:
        raise ValueError("There were no paths on standard input. Check what was to list them.")
    return 1 if n_bad else 0


def _expanded(files: Iterable[str]) -> Iterator[str]:
    """Hand on files, the images of folders, and the lines of standard input, as they come."""
    for file in files:
        if file == STDIN:
            yield from _expanded(path for line in sys.stdin if (path := line.rstrip("\r\n")))
        elif os.path.isdir(file):
            yield from _images_in(file)
        else:
            yield file


def _batches(paths: Iterable[str], size: int) -> Iterator[list[str]]:
    paths = iter(paths)
    while batch := list(islice(paths, size)):
        yield batch


def _rows(model: Any, batch: list[str], threshold: float) -> list[list[Any]]:
    """Predict a batch; its bad files become rows with their error."""
    from skpneumo.cli._labels import labels_of
    from skpneumo.loading import UnreadableImagesError

    failures: dict[str, Exception] = {}
    good = batch
    n_probabilities = 1 if len(model.classes_) == 2 else len(model.classes_)
    predicted: Iterator[list[Any]] = iter(())
    while good:
        try:
            probabilities = model.predict_proba(good)
        except UnreadableImagesError as error:
            if not error.failures.keys() & set(good):
                raise
            failures |= error.failures
            good = [path for path in good if path not in failures]
            continue
        labels = labels_of(probabilities, model, threshold)
        shown = probabilities[:, -n_probabilities:].astype(float).round(6).tolist()
        predicted = ([*row, label, None] for row, label in zip(shown, labels, strict=True))
        break
    nothing = [None] * (n_probabilities + 1)
    return [
        [path, *nothing, _in_one_line(failures[path])]
        if path in failures
        else [path, *next(predicted)]
        for path in batch
    ]


def _in_one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _row_writer(
    stream: TextIO, form: Literal["csv", "jsonl"], columns: list[str]
) -> Callable[[list[Any]], None]:
    """Return the function that writes one row; a CSV has had its header by then."""
    if form == "jsonl":
        return lambda row: print(json.dumps(dict(zip(columns, row, strict=True))), file=stream)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    return writer.writerow


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    # File names are bytes; those that are not UTF-8 come out as they went in.
    if out is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")
        yield sys.stdout
    else:
        with open(out, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield stream


def _images_in(folder: str) -> Iterator[str]:
    """Find the images of a folder and below, in one order everywhere."""
    from skpneumo.datasets._folders import IMAGE_SUFFIXES

    found = False
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                found = True
                yield os.path.join(parent, name)
    if not found:
        # The folder itself goes on, and becomes a row that says it is no image.
        yield folder
