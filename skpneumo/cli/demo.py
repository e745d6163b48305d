"""``skpneumo demo``: run the whole workflow, from X-rays to a saved model and figures."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError
from cyclopts.types import NonNegativeInt, PositiveInt

from skpneumo._files import atomic_write, require_writable_folder
from skpneumo.cli._options import (
    FOLDER_ALONE,
    CollectionOptions,
    Force,
    NJobs,
    Out,
    ReadBy,
    Verbose,
    as_arguments,
)
from skpneumo.cli._tables import write_frame
from skpneumo.cli._terminal import say

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

    from skpneumo import Pipeline

__all__ = ["demo"]

# Small, so that the demo stays short. It varies parameters of two steps of the pipeline.
GRID: dict[str, list[Any]] = {
    "balance__sampler": ["under", "over"],
    "cnn__learning_rate": [1e-3, 3e-3],
}
FOLDS = 3
SYNTHETIC_PATIENTS = 400
MOST_PATIENTS = 2000
TEST_SHARE = 0.3
METRICS = ["recall", "specificity", "precision", "f1", "accuracy", "roc_auc"]


def demo(
    *,
    data: Path | None = None,
    out: Out = Path("skpneumo-demo"),
    patients: PositiveInt | None = None,
    size: PositiveInt = 48,
    epochs: PositiveInt = 20,
    random_state: NonNegativeInt = 0,
    n_jobs: NJobs = -1,
    force: Force = False,
    verbose: Verbose = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Run the whole workflow on synthetic X-rays, or on your own.

    It loads X-rays, splits them by patient, tunes a network for recall, evaluates it on held-out
    patients, and saves the model, its metrics and figures.

    Parameters
    ----------
    data
        Folder of your X-rays, with one sub-folder per class. Default: synthetic X-rays, which are
        written to the output folder. A split called test is not used.
    out
        Folder to write to.
    patients
        Number of synthetic patients, 400 by default. With your own X-rays, the largest number
        of patients to use, 2000 by default so that the demo stays short.
    size
        Side of the images given to the network, in pixels.
    epochs
        Number of training passes over the images.
    random_state
        Seed of the synthetic X-rays, the split, the folds and every fit.
    n_jobs
        Threads that read images; -1 is one for each processor.
    force
        Write to the output folder even if it is not empty.
    verbose
        Show every candidate's score in every fold.
    """
    from skpneumo.cli._collections import describe, positive_name
    from skpneumo.cli._finished import duration
    from skpneumo.cli._metrics_table import evaluated
    from skpneumo.cli._model_files import save_model
    from skpneumo.cli._training_record import TrainingRecord
    from skpneumo.cli._updates import n_updates
    from skpneumo.cli._worth import say_worth

    start = time.perf_counter()
    _prepare_folder(out, force)
    is_synthetic = data is None and read_by.table is None
    if is_synthetic:
        _refuse_options_of_own(read_by)
        xrays = _make_synthetic(out, patients or SYNTHETIC_PATIENTS, random_state)
        source = f"synthetic, written to {xrays.root}; no patient was X-rayed"
    else:
        xrays, n_all = _read(data, read_by, patients or MOST_PATIENTS)
        source = f"of {n_all} patients in {read_by.table or data}, without any test split"
    _say("Data", describe(xrays), source)
    positive = positive_name(xrays)
    trained_on, held_out = _split(xrays, read_by.hold_out or TEST_SHARE, random_state)

    pipeline = _small_pipeline(size, epochs, random_state, n_jobs)
    model, candidates = _tune(pipeline, trained_on, positive, random_state, verbose)

    metrics = evaluated(model, held_out)
    _say("Evaluate", "on the held-out patients, which were not used for any choice above")
    _indent(metrics.formatted(METRICS, positive))
    useless = say_worth(metrics, held_out)

    record = TrainingRecord.of(
        trained_on,
        n_updates=n_updates(pipeline, trained_on.X, trained_on.target),
        hold_out=0,
        useless=useless,
    )
    save_model(model, out / "model.skpneumo", xrays.target_names, provenance=record.as_dict())
    write_frame(metrics, out / "metrics.csv")
    write_frame(candidates, out / "candidates.csv")
    figures = _save_figures(model, trained_on, held_out, out)
    _say(
        "Save",
        f"{out}/: model.skpneumo, metrics.csv, candidates.csv",
        f"figures: {', '.join(figures)}",
    )
    say(f"\nDone in {duration(time.perf_counter() - start)}. Next, one row per X-ray:")
    table = f"--table {read_by.table} --path {read_by.path}" if read_by.table else ""
    say(f"  skpneumo predict {out / 'model.skpneumo'} {table or data or xrays.root}")
    if is_synthetic:
        say("Synthetic X-rays are easy: these results say nothing about real ones.")


def _tune(
    pipeline: "Pipeline", trained_on: "Bunch", positive: str, random_state: int, verbose: bool
) -> "tuple[Any, pd.DataFrame]":
    """Search for the best parameters; return the model fitted with them, and all candidates."""
    from skpneumo.cli._fit_progress import fit_progress
    from skpneumo.cli._search import recall_search, table_of
    from skpneumo.cli._updates import updates_line

    search = recall_search(pipeline, GRID, FOLDS, None, random_state)
    search.set_params(verbose=3 if verbose else 0)
    _say("Train", updates_line(pipeline, trained_on.X, trained_on.target))
    with fit_progress(search, "Searching", quiet=verbose):
        search.fit(trained_on.X, trained_on.target, groups=trained_on.groups)
    candidates = table_of(search, trained_on)
    _say(
        "Tune",
        f"{len(candidates)} candidates in {FOLDS} patient-grouped folds: the highest recall",
        "whose balanced accuracy is within one standard error of the best;",
        "of all folds together, with 95 % intervals over patients:",
    )
    _indent(_shown(candidates, positive).to_string(index=False))
    return search.best_estimator_, candidates


def _refuse_options_of_own(read_by: CollectionOptions) -> None:
    """Refuse options about X-rays of the user's own where none are named."""
    if read_by == FOLDER_ALONE:
        return
    meant = " Did you mean --patients?" if read_by.patient else ""
    raise CycloptsError(
        msg=f"{as_arguments(None, read_by)} is for X-rays of your own, and "
        f"needs --data FOLDER or --table FILE.{meant}"
    )


def _split(xrays: "Bunch", hold_out: float, random_state: int) -> "tuple[Bunch, Bunch]":
    """Split X-rays by patient into those to train on and those held out, and say how many."""
    from skpneumo.cli._collections import describe, rows_of, split_by_patient

    train, test = split_by_patient(xrays, hold_out, random_state)
    shared = len(set(xrays.groups[train]) & set(xrays.groups[test]))
    _say(
        "Split",
        f"training: {describe(xrays, train)}",
        f"held out: {describe(xrays, test)}",
        f"patients in both: {shared}",
    )
    return rows_of(xrays, train), rows_of(xrays, test)


def _shown(candidates: "pd.DataFrame", positive: str) -> "pd.DataFrame":
    """Format the candidates for reading: each metric in one column, with its interval."""
    from skpneumo._formatting import based_on
    from skpneumo.cli._search import metric_with_interval

    table = candidates[[*GRID]].copy()
    for metric in ("recall", "specificity"):
        # All candidates have the same images and patients, so the counts go in the header.
        n, n_patients = candidates[[f"{metric}_n", f"{metric}_n_patients"]].iloc[0]
        name = f"recall of {positive}" if metric == "recall" else metric
        table[f"{name} ({based_on(int(n), int(n_patients))})"] = [
            metric_with_interval(row, metric, with_size=False) for _, row in candidates.iterrows()
        ]
    table["chosen"] = candidates["chosen"]
    return table


def _prepare_folder(out: Path, force: bool) -> None:
    import shutil

    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is a file. Name a folder for the demo with --out.")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise FileExistsError(
            f"The folder {out} is not empty. Name another with --out, or add --force to write "
            "the demo into it."
        )
    require_writable_folder(out, "the demo")
    out.mkdir(parents=True, exist_ok=True)
    # Removes only what an earlier demo wrote, which SYNTHETIC.txt marks.
    if (out / "chest_xray" / "SYNTHETIC.txt").exists():
        shutil.rmtree(out / "chest_xray")


def _make_synthetic(out: Path, patients: int, random_state: int) -> "Bunch":
    from skpneumo import make_chest_xray

    return make_chest_xray(
        out / "chest_xray",
        n_patients=patients,
        difficulty=0.0,
        val_fraction=0,
        test_fraction=0,
        random_state=random_state,
    )


def _read(data: Path | None, read_by: CollectionOptions, patients: int) -> "tuple[Bunch, int]":
    """Read some patients of all splits except the test split; also count all patients."""
    from dataclasses import replace

    import numpy as np

    from skpneumo.cli._collections import (
        read_collection,
        require_known_classes,
        rows_of,
        two_classes,
    )

    xrays = read_collection(data, replace(read_by, hold_out=None), "all", "both")
    two_classes(xrays, read_by.table or data)
    if read_by.table is None and not read_by.positive:
        require_known_classes(xrays.target_names, data)
    rows = xrays.split != "test"
    if not rows.any():
        raise ValueError(
            f"{read_by.table or data} has only a test split, which the demo does not use."
        )
    _, number = np.unique(xrays.groups, return_inverse=True)
    there = np.unique(number[rows])
    # Evenly spread over the sorted names, and so over the classes.
    chosen = there[np.linspace(0, len(there) - 1, patients).astype(int)]
    return rows_of(xrays, rows & np.isin(number, chosen)), len(there)


def _small_pipeline(size: int, epochs: int, random_state: int, n_jobs: int) -> "Pipeline":
    from skpneumo import CNNClassifier, ImageAugmenter, ImageLoader, ImageResampler, Pipeline

    network = CNNClassifier(
        filters=(16, 32, 64),
        global_pooling="max",
        dense_units=(),
        epochs=epochs,
        schedule="cosine",
        # Records recall in every epoch, and uses the best epoch rather than the last.
        early_stopping=True,
        n_iter_no_change=epochs,
        augmentation=ImageAugmenter(rotation=10, width_shift=0.1, height_shift=0.1, zoom=0.1),
        random_state=random_state,
    )
    return Pipeline(
        [
            ("balance", ImageResampler(random_state=random_state)),
            ("load", ImageLoader(size=size, n_jobs=n_jobs)),
            ("cnn", network),
        ]
    )


def _save_figures(model: Any, train: "Bunch", test: "Bunch", out: Path) -> list[str]:
    import matplotlib

    matplotlib.use("agg")  # writes files, so no display is needed
    import matplotlib.pyplot as plt

    from skpneumo.evaluation import (
        ErrorGalleryDisplay,
        ImageGridDisplay,
        ThresholdDisplay,
        TrainingCurvesDisplay,
        plot_evaluation,
    )

    names = train.target_names
    score = model.predict_proba(test.filenames)[:, 1]
    labels = [names[label] for label in train.target]
    truth = [names[label] for label in test.target]
    figures = {
        "samples.png": ImageGridDisplay.from_images(train.filenames, labels).figure_,
        "training.png": TrainingCurvesDisplay.from_estimator(model).figure_,
        "evaluation.png": plot_evaluation(
            test.target, score, groups=test.groups, names=tuple(names)
        ),
        "threshold.png": ThresholdDisplay.from_predictions(
            truth, score, groups=test.groups, pos_label=names[1]
        ).figure_,
        "worst-errors.png": ErrorGalleryDisplay.from_predictions(
            test.filenames, truth, score, pos_label=names[1]
        ).figure_,
    }
    for name, figure in figures.items():
        with atomic_write(out / name, "wb") as file:
            figure.savefig(file, format="png", dpi=120)
        plt.close(figure)
    return list(figures)


def _say(step: str, *lines: str) -> None:
    say()
    for i, line in enumerate(lines):
        say(f"{step if i == 0 else '':10}{line}", flush=True)


def _indent(text: str) -> None:
    say("\n".join(f"{'':10}{line}" for line in text.splitlines()), flush=True)
