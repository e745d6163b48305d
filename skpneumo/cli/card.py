"""``skpneumo card``: a model card as Markdown."""

from pathlib import Path
from typing import Any

from skpneumo.cli._options import FOLDER_ALONE, CollectionOptions, Flag, Force, NJobs, Out, ReadBy
from skpneumo.cli._terminal import say

__all__ = ["card"]


def card(
    model: Path,
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("card.md"),
    stress: Flag = False,
    shortcuts: Flag = False,
    n_jobs: NJobs = -1,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Write a model card with known facts, and open items for a person to fill in.

    With a folder of X-rays, the card also describes the data, the evaluated split and the metrics
    with intervals. Items that a person has to write are unchecked boxes.

    Parameters
    ----------
    model
        Model file of `skpneumo fit` or `skpneumo export`; or a .joblib file, which can run any
        code, so load only files you trust; or pretrained, the model that ships with the package.
    folder
        Folder to evaluate on, with one sub-folder per class, or per split and class.
    out
        Markdown file to write.
    stress
        Also evaluate on altered copies of the images; takes minutes.
    shortcuts
        Also examine whether the model uses a shortcut; takes minutes.
    n_jobs
        Number of threads that read images for the audit; -1 is one for each processor.
    force
        Overwrite the card if it exists.
    """
    from skpneumo._files import atomic_write
    from skpneumo._formatting import printable
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._labels import class_names
    from skpneumo.cli._model_files import (
        find_model,
        load_model,
        origin_of,
        refuse_exported,
        refuse_other_formats,
        refuse_to_overwrite,
    )
    from skpneumo.report import model_card

    if folder is None and read_by.table is None and (stress or shortcuts):
        raise ValueError(
            "--stress and --shortcuts need X-rays. Name a FOLDER, or a table with --table."
        )
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--table": read_by.table, "--out": out})
    refuse_other_formats(out, ".md")
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    if shortcuts:
        refuse_exported(estimator, model, "--shortcuts")
    found: dict[str, Any] = {}
    if folder is not None or read_by.table is not None:
        found = _evidence(estimator, folder, read_by, stress, shortcuts, n_jobs)
    written = model_card(
        estimator,
        name=model.stem,
        target_names=class_names(estimator),
        provenance=origin_of(model, estimator),
        **found,
    )
    with atomic_write(out) as file:
        file.write(printable(written))
    n_open = written.count("- [ ]")
    say(f"Saved {out}. {n_open} items are left for a person to fill in: the unchecked boxes.")


def _evidence(
    estimator: Any,
    folder: Path | None,
    read_by: CollectionOptions,
    stress: bool,
    shortcuts: bool,
    n_jobs: int | None,
) -> dict[str, Any]:
    """Evaluate the model on the collection, with the further tests that were asked for."""
    from skpneumo._progress import working
    from skpneumo.cli._collections import describe
    from skpneumo.cli._evaluated_split import read_evaluated_split
    from skpneumo.evaluation import stress_test
    from skpneumo.explanation import explanation_report

    evaluated = read_evaluated_split(estimator, folder, read_by)
    n_classes = len(estimator.classes_)
    if n_classes > 2 and (stress or shortcuts):
        raise ValueError(
            f"--stress and --shortcuts are for models of two classes; this one has {n_classes}. "
            "Leave them out."
        )
    rows = evaluated.rows
    say(f"Evaluating on {describe(evaluated.collection, rows)}.", flush=True)
    with working("Auditing and evaluating"):
        found: dict[str, Any] = {"evaluation": evaluated.report(estimator, n_jobs)}
    X, y = evaluated.collection.X[rows], evaluated.labels(estimator.classes_)[rows]
    groups = evaluated.collection.groups[rows]
    positive = evaluated.positives(estimator.classes_)[0]
    if stress:
        with working("Evaluating on altered copies"):
            found["stress"] = stress_test(estimator, X, y, groups=groups, pos_label=positive)
    if shortcuts:
        with working("Looking for shortcuts"):
            found["shortcuts"] = explanation_report(
                estimator, X, y, groups=groups, pos_label=positive
            )
    return found
