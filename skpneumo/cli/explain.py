"""``skpneumo explain``: write a heat map and a table row for each X-ray."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from skpneumo._file_state import file_identity
from skpneumo._files import atomic_write, require_writable_folder
from skpneumo._formatting import counted
from skpneumo._image_files import SkippedFile
from skpneumo.cli._options import FOLDER_ALONE, Force, Out, ReadBy, require_source
from skpneumo.cli._predicted_rows import RowCounts, predicted_columns, predicted_rows
from skpneumo.cli._tables import open_table
from skpneumo.cli._terminal import say
from skpneumo.cli._xray_files import Files, batches_of, files_to_read, path_of

if TYPE_CHECKING:
    from skpneumo.explanation import HeatMapDisplay

__all__ = ["explain"]

Method = Literal[
    "occlusion", "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients", "lime"
]

TABLE = "explanations.csv"

_LEAST_DPI, _MOST_DPI = 150, 600


def explain(
    model: Path,
    /,
    *files: Files,
    method: Annotated[tuple[Method, ...], Parameter(negative="", show_default=", ".join)] = (
        "occlusion",
    ),
    out: Out = Path("explanations"),
    target: str | None = None,
    batch_size: PositiveInt = 16,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> int:
    """Explain predictions: a heat map and a table row for each X-ray.

    The heat maps show the evidence for PNEUMONIA in orange and the evidence against it in
    blue. The rows, in explanations.csv, have the path, probability, label, the shares of the
    evidence in burnt-in text, lungs, corners, border and elsewhere, the figure and the error. A
    file that cannot be read gets a row with the error. An image that the model's input gate finds
    unlike the training images gets no figure, and a row with the reason in the column "withheld".
    In both cases the exit status is 1. The table is written when all rows are complete.

    Parameters
    ----------
    model
        Model file of `skpneumo fit`; or a .joblib file, which can run any code, so load only files
        you trust; or pretrained, the model that ships with the package.
    files
        X-ray files, folders to search, or - to read paths from standard input, one per line.
    method
        Explanation method. May be given several times, for maps side by side; the shares are those
        of the first method. The three "cam" methods need a network with convolutions,
        integrated_gradients needs a network, lime needs the package of that name, and occlusion
        explains every model.
    out
        Folder for the figures and the table; created if it does not exist.
    target
        Class to show the evidence for. Default: the positive one of two classes, or the second
        if it is unclear which is positive; with more classes, the most probable one for each
        X-ray.
    batch_size
        Number of images to explain at a time.
    force
        Overwrite the figures and the table of an earlier run.
    """
    from skpneumo._progress import progress
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._model_files import find_model, load_model, refuse_exported
    from skpneumo.cli._worth import files_seen_in_training, say_what_was_seen
    from skpneumo.explanation._regions import REGIONS

    require_source(files, read_by, "FILES")
    _check_folder(out)
    model = find_model(model)
    from skpneumo.cli._labels import class_names  # not before, because it imports more

    refuse_the_same_file({"the model": model, "--table": read_by.table, "the table": out / TABLE})
    if not force:
        _refuse_to_overwrite([out / TABLE])
    estimator = load_model(model)
    refuse_exported(estimator, model, "a heat map")
    listed = list(files_to_read(files, read_by, (model,), estimator))
    paths = [path_of(file) for file in listed]
    if not paths:
        raise ValueError(
            "There are no paths on standard input. Check the command that lists them."
        )
    figures = [out / name for name in _figure_names(paths)]
    _refuse_to_replace_x_rays(figures, paths)
    if not force:
        _refuse_to_overwrite(figures)
    folder = Path(files[0]) if len(files) == 1 else None
    seen = files_seen_in_training(estimator, paths, folder, read_by)
    say_what_was_seen(estimator, seen, folder, read_by)
    names = class_names(estimator)
    if target is not None and target not in names:
        raise ValueError(
            f"--target {target} is not a class of the model. Name one of {', '.join(names)}."
        )
    out.mkdir(exist_ok=True)
    columns = predicted_columns(estimator)
    batches = progress(list(batches_of(listed, batch_size)), "X-rays")
    later = (each for batch in batches for each in _explained(estimator, batch, target, method))
    # Computes the first row before opening the table, so that a failing method leaves no table.
    explained = chain([next(later)], later)
    counts, n_figures = RowCounts(columns), 0
    with open_table(out / TABLE, [*columns[:-1], *REGIONS, "figure", "error"]) as write_row:
        for (row, shares, display), figure in zip(explained, figures, strict=True):
            if display is not None:
                _save(display, figure)
            *found, error = row
            write_row([*found, *shares, None if display is None else figure.name, error])
            counts.add(row)
            n_figures += display is not None
    say(f"Saved {out / TABLE} and {counted(n_figures, 'figure')}.")
    return counts.say_what_is_missing()


def _explained(
    model: Any, batch: list[str | SkippedFile], target: str | None, methods: tuple[Method, ...]
) -> Iterator[tuple[list[Any], list[float | None], "HeatMapDisplay | None"]]:
    """Yield for each file its row of predictions, the shares of the evidence, and the display.

    Without a prediction, there are neither shares nor a display.
    """
    from skpneumo.cli._labels import class_names, shown_columns
    from skpneumo.explanation._batches import explain_batch
    from skpneumo.explanation._regions import REGIONS

    names, labels = class_names(model), model.classes_.tolist()
    shown = shown_columns(model)
    label_at = 1 + len(shown)  # after the path and the probabilities
    rows = predicted_rows(model, batch)
    good = [row for row in rows if row[label_at] is not None]
    usual = names[shown[0]] if len(shown) == 1 else None
    about = [target or usual or row[label_at] for row in good]
    asked = [names.index(name) for name in about]
    explanations = iter(
        explain_batch(
            model,
            [row[0] for row in good],
            [labels[column] for column in asked],
            [
                _probability(row[1:label_at], shown, column)
                for row, column in zip(good, asked, strict=True)
            ],
            methods,
            dict(zip(labels, names, strict=True)),
        )
    )
    for row in rows:
        if row[label_at] is not None:
            yield row, *next(explanations)
        else:
            yield row, [None] * len(REGIONS), None


def _probability(probabilities: list[float], shown: list[int], column: int) -> float:
    """Return a class's probability; with two classes, a row has only that of one."""
    if column in shown:
        return probabilities[shown.index(column)]
    return 1 - probabilities[0]


def _save(display: "HeatMapDisplay", path: Path) -> None:
    """Save a figure, at the resolution of its image if possible."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=display.figure_size, layout="constrained")
    display.plot(ax=figure.add_subplot())
    inches = display.figure_size[0] / (1 + len(display.maps))
    width = display.sources[0].pixels.shape[1]
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=min(max(width / inches, _LEAST_DPI), _MOST_DPI))


def _figure_names(paths: list[str]) -> list[str]:
    """Name figures after their X-rays; equal names, from two folders, get numbers."""
    taken, names = {TABLE}, []
    for path in paths:
        stem, number = Path(path).stem, 1
        name = f"{stem}.png"
        while name.lower() in taken:  # some file systems ignore case
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(name.lower())
        names.append(name)
    return names


def _check_folder(out: Path) -> None:
    """Raise before the model is loaded if figures cannot be saved there."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(
            f"--out {out} is a file, but figures need a folder. Name a folder."
        )
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {out.parent} to create the folder {out.name} in. Create it "
            "first, or name another."
        )
    require_writable_folder(out, TABLE)


def _refuse_to_overwrite(files: list[Path]) -> None:
    if there := [file for file in files if file.exists()]:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}{others} already exist{'s' * (len(there) == 1)}. Name another folder with "
            "--out, or add --force."
        )


def _refuse_to_replace_x_rays(figures: list[Path], paths: list[str]) -> None:
    """Raise if a figure would overwrite an X-ray, whatever --force says."""
    there = [figure for figure in figures if figure.exists()]
    if not there:
        return
    x_rays = {file_identity(path) for path in paths if os.path.exists(path)}
    for figure in there:
        if file_identity(figure) in x_rays:
            raise FileExistsError(
                f"{figure} is one of the X-rays, which a figure would overwrite. Name another "
                "folder with --out."
            )
