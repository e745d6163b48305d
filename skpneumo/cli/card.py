"""``skpneumo card``: a model card as Markdown."""

from hashlib import file_digest
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
    """Write a model card: what is known, and what only a person can add, left open.

    With a folder of X-rays the card has data, split and figures with intervals, of the split that
    is evaluated. Items that a person has to write are unchecked boxes.

    Parameters
    ----------
    model
        Model file of `skpneumo fit` or `skpneumo export`; or a .joblib file, which runs what is in
        it: load only those you trust; or pretrained, the model that ships with the package.
    folder
        Folder to evaluate on, with one sub-folder per class, or per split and class.
    out
        Card to write, as Markdown.
    stress
        Evaluate on altered copies of the images as well; takes minutes.
    shortcuts
        Examine whether the model uses a shortcut; takes minutes.
    n_jobs
        Threads that read images for the audit; -1 is one for each processor.
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
        notice_of,
        refuse_to_overwrite,
    )
    from skpneumo.report import model_card

    if folder is None and read_by.table is None and (stress or shortcuts):
        raise ValueError("--stress and --shortcuts need X-rays: name a FOLDER, or a --table.")
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--out": out})
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    found: dict[str, Any] = {}
    if folder is not None or read_by.table is not None:
        found = _evidence(estimator, folder, read_by, stress, shortcuts, n_jobs)
    notice = notice_of(estimator)
    written = model_card(
        estimator,
        name=model.stem,
        target_names=class_names(estimator),
        provenance={
            "model file": model.name,
            "SHA-256 of the model file": _checksum(model),
            **({"what the model is not": notice} if notice else {}),
        },
        **found,
    )
    with atomic_write(out) as file:
        file.write(printable(written))
    n_open = written.count("- [ ]")
    say(f"Saved {out}. {n_open} items are left for a person to write: the unchecked boxes.")


def _evidence(
    estimator: Any,
    folder: Path | None,
    read_by: CollectionOptions,
    stress: bool,
    shortcuts: bool,
    n_jobs: int | None,
) -> dict[str, Any]:
    """Evaluate on the split that is for it, and whatever else was asked for."""
    import numpy as np

    from skpneumo._progress import working
    from skpneumo.audit import audit_images
    from skpneumo.cli._collections import describe, patients_given
    from skpneumo.cli._evaluated_split import evaluated_split
    from skpneumo.cli._metrics_table import is_positive
    from skpneumo.evaluation import stress_test
    from skpneumo.explanation import explanation_report
    from skpneumo.report import EvaluationReport

    xrays, split = evaluated_split(estimator, folder, read_by)
    classes = np.asarray(estimator.classes_)
    if len(classes) > 2 and (stress or shortcuts):
        raise ValueError("--stress and --shortcuts are for models of two classes.")
    rows = np.full(len(xrays.target), True) if split is None else xrays.split == split
    X, y = xrays.X[rows], classes[xrays.target[rows]]
    say(f"Evaluating on {describe(xrays, rows)}.", flush=True)
    names = dict(enumerate(xrays.target_names))
    with working("Auditing and evaluating"):
        audited = audit_images(
            xrays.filenames,
            [names[label] for label in xrays.target],
            xrays.split,
            groups=patients_given(xrays, read_by),
            skipped=xrays.skipped,
            n_jobs=n_jobs,
        )
        evaluation = EvaluationReport.from_estimator(
            estimator,
            xrays.filenames,
            classes[xrays.target],
            split=xrays.split,
            part=split,
            groups=xrays.groups,
            pos_label=classes[is_positive(xrays)].tolist() if len(classes) > 2 else None,
            target_names=xrays.target_names,
            audit=audited,
        )
    found: dict[str, Any] = {"evaluation": evaluation}
    if stress:
        with working("Evaluating on altered copies"):
            found["stress"] = stress_test(estimator, X, y, groups=xrays.groups[rows])
    if shortcuts:
        with working("Looking for shortcuts"):
            found["shortcuts"] = explanation_report(estimator, X, y, groups=xrays.groups[rows])
    return found


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
