"""``skpneumo explain``: a picture and a row for each X-ray, of what the model looked at."""

import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts.types import PositiveInt

from skpneumo._files import atomic_write
from skpneumo._image_files import SkippedFile
from skpneumo._tables import open_table
from skpneumo.cli._options import FOLDER_ALONE, Force, Out, ReadBy, require_source
from skpneumo.cli._predicted_rows import predicted_rows
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
    method: tuple[Method, ...] = ("occlusion",),
    out: Out = Path("explanations"),
    target: str | None = None,
    batch_size: PositiveInt = 16,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> int:
    """Draw what the model looked at, a picture and a row for each X-ray.

    The pictures have the evidence for PNEUMONIA in vermillion and the evidence against it in
    blue. The rows, in explanations.csv, have path, probability, label, the shares of the
    evidence for it that lie in burnt-in text, lungs, corners, border and elsewhere, the picture
    and the error. A file that cannot be read becomes a row that says why; the exit status is
    then 1. The table is there when all of its rows are.

    Parameters
    ----------
    model
        Model file, of `skpneumo fit` or joblib. It is a pickle: trust where it comes from.
    files
        X-ray files, folders to search for them, or - for paths on standard input, one a line.
    method
        How to find out. Name it again for pictures of several methods side by side; the shares
        are of the first. The three of "cam" need a network with convolutions,
        integrated_gradients any network, lime its package; occlusion explains every model.
    out
        Folder for the pictures and the table; made if it is not there.
    target
        Class whose evidence is drawn. Default: the second of two, of more the most probable one
        of each X-ray.
    batch_size
        How many images are explained at a time.
    force
        Overwrite pictures and table of an earlier run.
    """
    from skpneumo._progress import progress
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._labels import class_names
    from skpneumo.cli._model_files import load_model
    from skpneumo.explanation._batches import REGIONS, explain_batch

    require_source(files, read_by, "FILES")
    _check_folder(out)
    refuse_the_same_file({"the model": model, "the table": out / TABLE})
    if not force:
        _refuse_to_overwrite([out / TABLE])
    listed = list(files_to_read(files, read_by, own=(model,)))
    paths = [path_of(file) for file in listed]
    if not paths:
        raise ValueError("There were no paths on standard input. Check what was to list them.")
    pictures = [out / name for name in _picture_names(paths)]
    _refuse_to_replace_x_rays(pictures, paths)
    if not force:
        _refuse_to_overwrite(pictures)
    estimator = load_model(model)
    names, labels = class_names(estimator), estimator.classes_.tolist()
    if target is not None and target not in names:
        raise ValueError(f"--target {target} is not one of the model's classes {names}.")
    out.mkdir(exist_ok=True)
    columns = ["probability"] if len(names) == 2 else [f"probability_{name}" for name in names]
    picture_of = iter(pictures)

    def explained(batch: list[str | SkippedFile]) -> Iterator[list[Any]]:
        rows = predicted_rows(estimator, batch)
        good = [row for row in rows if row[-1] is None]
        about = [target or (names[1] if len(names) == 2 else row[-2]) for row in good]
        asked = [names.index(name) for name in about]
        explanations = iter(
            explain_batch(
                estimator,
                [row[0] for row in good],
                [labels[column] for column in asked],
                [_probability(row, c) for row, c in zip(good, asked, strict=True)],
                method,
                dict(zip(labels, names, strict=True)),
            )
        )
        for (*found, error), picture in zip(rows, picture_of, strict=False):
            if error is None:
                shares, display = next(explanations)
                _save(display, picture)
                yield [*found, *shares, picture.name, None]
            else:
                yield [*found, *[None] * len(REGIONS), None, error]

    batches = progress(list(batches_of(listed, batch_size)), "X-rays")
    # The first row before the table is begun: a method that cannot explain the model leaves none.
    later = (row for batch in batches for row in explained(batch))
    rows = chain([next(later)], later)
    n_bad = 0
    header = ["path", *columns, "label", *REGIONS, "picture", "error"]
    with open_table(out / TABLE, header) as write_row:
        for row in rows:
            write_row(row)
            n_bad += row[-1] is not None
    n_good = len(paths) - n_bad
    print(f"Kept {out / TABLE} and {n_good} picture{'s' * (n_good != 1)}.")
    if n_bad:
        print(
            f"skpneumo: {n_bad} of {len(paths)} files could not be read; their rows say why.",
            file=sys.stderr,
        )
    return 1 if n_bad else 0


def _probability(row: list[Any], column: int) -> float:
    """Of two classes a row has the second one's probability alone, of more all of them."""
    probabilities = row[1:-2]
    if len(probabilities) > 1:
        return probabilities[column]
    return probabilities[0] if column == 1 else 1 - probabilities[0]


def _save(display: "HeatMapDisplay", path: Path) -> None:
    """Write the picture, its films in as many pixels as they have where that is possible."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=display.figure_size, layout="constrained")
    display.plot(ax=figure.add_subplot())
    inches = display.figure_size[0] / (1 + len(display.maps))
    width = display.films[0].pixels.shape[1]
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=min(max(width / inches, _LEAST_DPI), _MOST_DPI))


def _picture_names(paths: list[str]) -> list[str]:
    """Name pictures after their X-rays; those of the same name, in two folders, get numbers."""
    taken, names = {TABLE}, []
    for path in paths:
        stem, number = Path(path).stem, 1
        name = f"{stem}.png"
        while name.lower() in taken:  # to some file systems case is no difference
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(name.lower())
        names.append(name)
    return names


def _check_folder(out: Path) -> None:
    """Raise before the model is loaded if pictures cannot be kept there."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out {out} is a file; name a folder for the pictures.")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {out.parent} to make the folder {out.name} in; make it first."
        )


def _refuse_to_overwrite(files: list[Path]) -> None:
    if there := [file for file in files if file.exists()]:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}{others} exists already. Name another folder with --out, or add --force."
        )


def _refuse_to_replace_x_rays(pictures: list[Path], paths: list[str]) -> None:
    """Raise if a picture would take the place of an X-ray, which not even --force can mean."""
    there = [picture for picture in pictures if picture.exists()]
    if not there:
        return
    x_rays = {_identity(path) for path in paths if os.path.exists(path)}
    for picture in there:
        if _identity(picture) in x_rays:
            raise FileExistsError(
                f"{picture} is one of the X-rays, and its place would be taken by a picture. "
                "Name another folder with --out."
            )


def _identity(path: str | Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
