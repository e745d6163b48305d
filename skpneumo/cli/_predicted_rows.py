"""Make rows with a model's predictions for X-ray files, and with errors of unreadable ones."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted, in_one_line
from skpneumo._image_files import SkippedFile
from skpneumo.cli._terminal import say
from skpneumo.cli._xray_files import path_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RowCounts", "predicted_columns", "predicted_rows"]


def predicted_columns(model: Any) -> list[str]:
    """Name the cells of the rows that :func:`predicted_rows` makes."""
    from skpneumo._responses import positive_column
    from skpneumo.cli._labels import class_names, shown_columns
    from skpneumo.fitted import gate_of

    names, shown = class_names(model), shown_columns(model)
    probabilities = [f"probability_{names[column]}" for column in shown]
    if shown == [1] and positive_column(model) == 1:
        # Only if the illness is the second class, so that a program that expects it is not misled.
        probabilities = ["probability"]
    withheld = ["withheld"] if gate_of(model) else []
    return ["path", *probabilities, "label", *withheld, "error"]


def predicted_rows(
    model: Any, batch: Sequence[str | SkippedFile], threshold: float | None = None
) -> list[list[Any]]:
    """Predict a batch, by default at the model's own threshold; unreadable files get rows too.

    A withheld image has no probabilities and no label, unless the gate only warns.
    """
    from skpneumo._pixel_values import OtherPixelsError
    from skpneumo._responses import reasons_to_withhold
    from skpneumo.cli._labels import shown_columns
    from skpneumo.fitted import gate_of
    from skpneumo.loading import UnreadableImagesError

    failures: dict[str, Exception] = {
        file.path: ValueError(f"skipped: {file.reason}")
        for file in batch
        if isinstance(file, SkippedFile)
    }
    paths = [path_of(file) for file in batch]
    good = [path for path in paths if path not in failures]
    columns = shown_columns(model)
    inner = gate_of(model)
    predicted: Iterator[list[Any]] = iter(())
    while good:
        try:
            probabilities, labels = _predicted(model, good, threshold)
        except (UnreadableImagesError, OtherPixelsError) as error:
            if error.failures.keys() & set(good):
                failures |= error.failures
                good = [path for path in good if path not in failures]
                continue
            if isinstance(error, UnreadableImagesError):
                raise
            if len(batch) > 1:
                alone = (predicted_rows(model, [file], threshold) for file in batch)
                return [row for rows in alone for row in rows]
            failures |= dict.fromkeys(good, error)
            break
        shown = probabilities[:, columns].astype(float).round(6).tolist()
        answers = [[*row, label] for row, label in zip(shown, labels, strict=True)]
        reasons = reasons_to_withhold(model, good)
        if inner is not None and reasons is not None:
            warns = inner.gate.on_outlier == "warn"
            answers = [
                [*(answer if warns or not reason else [None] * len(answer)), reason or None]
                for answer, reason in zip(answers, reasons, strict=True)
            ]
        predicted = ([*answer, None] for answer in answers)
        break
    nothing = [None] * (len(columns) + 1 + (inner is not None))
    return [
        [path, *nothing, in_one_line(failures[path])]
        if path in failures
        else [path, *next(predicted)]
        for path in paths
    ]


class RowCounts:
    """Counts the rows that are written, those without a prediction, and the labels."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns
        self.n_rows = self.n_bad = self.n_unlike = 0
        self._answers_unlike = False
        self.labels: Counter[str] = Counter()

    def add(self, row: list[Any]) -> None:
        """Count a row."""
        cells = dict(zip(self._columns, row, strict=True))
        self.n_rows += 1
        self.n_bad += cells["error"] is not None
        if cells.get("withheld") is not None:
            self.n_unlike += 1
            self._answers_unlike |= bool(cells["label"])
        if cells["label"]:
            self.labels[cells["label"]] += 1

    def count(self, rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
        """Count rows as they pass."""
        for row in rows:
            self.add(row)
            yield row

    def say_what_is_missing(self) -> int:
        """Say on standard error which predictions are missing; return the exit status."""
        if self.n_bad:
            why = "its row says why" if self.n_bad == 1 else "their rows say why"
            files = counted(self.n_rows, "file")
            say(f"skpneumo: {self.n_bad:,} of {files} could not be read; {why}.", file=sys.stderr)
        if self.n_unlike:
            become = "withheld"
            if self._answers_unlike:
                become = "predicted all the same, because the gate only warns"
            say(
                f"skpneumo: {self.n_unlike} of {self.n_rows} images are unlike the training "
                f"images and were {become}; their rows say why.",
                file=sys.stderr,
            )
        return 1 if self.n_bad or self.n_unlike else 0


def _predicted(
    model: Any, paths: list[str], threshold: float | None
) -> tuple["NDArray[Any]", "NDArray[np.object_]"]:
    from skpneumo._responses import probabilities_and_labels
    from skpneumo.cli._labels import labels_at, labels_of
    from skpneumo.fitted import without_gate

    if threshold is None:
        probabilities, predicted = probabilities_and_labels(model, paths)
        return probabilities, labels_of(predicted, model)
    probabilities = without_gate(model).predict_proba(paths)
    return probabilities, labels_at(threshold, probabilities, model)
