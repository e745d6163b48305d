"""Train the pretrained model of the package, and write its file.

    KERAS_BACKEND=jax python benchmarks/train_pretrained.py chest_xray --version 2 \
        --write docs/guide/recipes.md

A recipe is fitted on all patients of the folder, whatever its splits. Its probabilities are
calibrated, and its threshold keeps a recall floor, both with scores of models that were not
trained on the patient: those of patient-grouped folds. The same models also predict altered copies
of these images; the card contains all these results. An input gate is fitted around the model. The
weights of each fit are rounded to 16 bits if no probability of its training images changes by more
than 1e-3. Then the file is written, loaded again and compared, and its digest is added to the
index, where ``load_pretrained`` finds it; the previous file of the index is removed.

The output is also written beside the file. ``--write`` puts the results into a page of the guide,
between its two marks. Each fit and the scores of each fold are saved in the folder ``--work``, so
that a stopped run can continue. Everything depends only on ``--random-state``.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pretrained_figures import MOST_CHANGED, Figures, FittedOnce, figures_of
from recall_guarantee import write

from skpneumo import (
    RecallFloorClassifier,
    __version__,
    load_chest_xray,
    load_model,
    make_recipe,
    save_model,
)
from skpneumo._files import atomic_write
from skpneumo.cli._training_record import TrainingRecord
from skpneumo.cli._updates import n_updates
from skpneumo.decision import InputGate
from skpneumo.recipes._pretrained import INDEX, WEIGHTS

START = "<!-- pretrained: start -->"

NOTICE = (
    "This is no medical device, and no diagnosis follows from what it says. It was trained on "
    "chest X-rays of children of one to five years from one hospital; on images of adults from "
    "elsewhere an earlier version was no better than chance (AUC about .5)."
)
COLLECTION = (
    "Kermany et al. 2018: frontal chest X-rays of children of one to five years, Guangzhou Women "
    "and Children's Medical Center, CC BY 4.0"
)


class Log:
    """Prints lines, and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the collection, all splits of it")
    parser.add_argument("--name", default="kermany")
    parser.add_argument("--version", type=int, required=True, help="of these weights")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder to write to")
    parser.add_argument("--recipe", default="quality")
    parser.add_argument("--size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--recall", type=float, default=0.93)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--false-alarms", type=float, default=0.01, help="rate of the input gate")
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=-1, help="threads that read images")
    parser.add_argument(
        "--stress-patients", type=int, default=1000, help="of whom altered copies are scored"
    )
    parser.add_argument("--work", type=Path, help="folder of fits and scores, to continue from")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page of the guide to update")
    parser.add_argument("--card", type=Path, help="JSON of more figures for the card")
    options = parser.parse_args()
    if options.write is not None and START not in options.write.read_text(encoding="utf-8"):
        parser.error(f"{options.write} has no place for the figures: {START}")
    train(options, Log())


def train(options: argparse.Namespace, log: Log) -> Path:
    """Fit, round, write and compare; returns the file."""
    start = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    xrays = load_chest_xray(options.data)
    X, y, patients = xrays.X, xrays.target, xrays.groups
    names = list(xrays.target_names)
    log(
        f"skpneumo {__version__}, {options.name} {options.version}: recipe {options.recipe} on "
        f"{len(y)} images of {len(np.unique(patients))} patients, "
        + ", ".join(f"{np.sum(y == i)} {name}" for i, name in enumerate(names))
    )
    pipeline = make_recipe(
        options.recipe,
        size=options.size,
        epochs=options.epochs,
        random_state=options.random_state,
        n_jobs=options.n_jobs,
    )
    work = options.work or Path(f"{options.name}-{options.version}-fits")
    work.mkdir(parents=True, exist_ok=True)
    floor: Any = RecallFloorClassifier(
        FittedOnce(pipeline, str(work)),
        recall=options.recall,
        confidence=options.confidence,
        cv=options.folds,
        ensemble=False,
        # Unaltered images have lower scores than augmented ones, which a temperature cannot shift;
        # almost half of all thresholds are on one step of an isotonic regression.
        calibration="sigmoid",
        pos_label=1,
    )
    model = InputGate(
        floor,
        on_outlier="nan",
        false_alarm_rate=options.false_alarms,
        random_state=options.random_state,
    )
    model.fit(X, y, groups=patients)
    largest = max(each.largest_change_ for each in model.estimator_.estimators_)
    floor = forget_the_fits(model, pipeline)
    log(f"Fitted {options.folds} folds and the whole in {_minutes(start)}.")
    log(
        "Weights are "
        + (
            "rounded to 16 bits before calibration"
            if largest <= MOST_CHANGED
            else "left at 32 bits, for 16 would be too few"
        )
        + f": that moves a probability of {len(X)} training images by {largest:.1e} at most."
    )
    for line in _figures(floor):
        log(line)
    figures = figures_of(pipeline, floor, xrays, options.folds, options.stress_patients, work)
    for line in figures.lines():
        log(line)
    log(f"Input gate: {model.terms_}")
    model.target_names_ = names
    path = options.out / f"{options.name}-{options.version}.skpneumo"
    record = TrainingRecord.of(xrays, n_updates=n_updates(pipeline, X, y), hold_out=0, useless="")
    provenance = provenance_of(options, xrays, floor, record, figures)
    save_model(model, path, provenance=provenance)
    found = load_model(path).predict_proba(X)
    if not np.array_equal(found, model.predict_proba(X), equal_nan=True):
        raise RuntimeError(f"{path} predicts other than what was saved.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log(
        f"Wrote {path.name}: {path.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}. Loaded again, "
        "it predicts the same bit for bit."
    )
    add_to_index(options.out / INDEX, options.name, options.version, path.name, digest)
    log(f"Done in {_minutes(start)}.")
    with atomic_write(path.with_suffix(".txt")) as file:
        file.write("\n".join(log.lines) + "\n")
    if options.write is not None:
        write(
            options.write, "pretrained", _for_the_guide(options, xrays, pipeline, floor, figures)
        )
    return path


def forget_the_fits(model: Any, pipeline: Any) -> Any:
    """Replace objects that save their fits by pipelines; returns the classifier in the gate."""
    floor = model.estimator_
    floor.estimators_ = [each.estimator_ for each in floor.estimators_]
    floor.estimator_ = floor.estimators_[0]
    floor.estimator = model.estimator.estimator = pipeline
    return floor


def provenance_of(
    options: argparse.Namespace, xrays: Any, floor: Any, record: TrainingRecord, figures: Figures
) -> dict[str, Any]:
    """Make the provenance of the file: the notice and the model card."""
    positive = int(np.sum(xrays.target == 1))
    card = {
        "collection": COLLECTION,
        "recipe": options.recipe,
        "random_state": options.random_state,
        "images": len(xrays.target),
        "positive images": positive,
        "patients": len(np.unique(xrays.groups)),
        "operating point": _figures(floor),
        **figures.tables,
        "limits": [
            "Children of one to five years, one hospital; no adults, no other place.",
            "NORMAL images of another series or machine, of the same hospital too, may often be "
            "called PNEUMONIA: specificity is what is lost first.",
            "Labels are those of the collection, not of a panel of today.",
            "Probabilities presuppose the collection's share of pneumonia, "
            f"{positive / len(xrays.target):.2f}.",
        ],
    }
    if options.card is not None:
        card |= json.loads(options.card.read_text(encoding="utf-8"))
    return {
        "name": options.name,
        "version": options.version,
        "notice": NOTICE,
        "card": card,
        # With its hashes, `evaluate` recognises the images and patients.
        **record.as_dict(),
    }


def add_to_index(path: Path, name: str, version: int, file: str, digest: str) -> None:
    """Add a file to the index of ``load_pretrained``."""
    index = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = index.get(name, {}).get("file", file)
    index[name] = {"version": version, "file": file, "sha256": digest}
    with atomic_write(path) as out:
        out.write(json.dumps(index, indent=1) + "\n")
    if before != file:
        for old in (path.with_name(before), path.with_name(before).with_suffix(".txt")):
            old.unlink(missing_ok=True)


def _figures(floor: Any) -> list[str]:
    """Compute metrics of the operating point on patients that the models were not trained on."""
    (low, high), (s_low, s_high) = floor.recall_interval_, floor.specificity_interval_
    return [
        f"Threshold {floor.threshold_:.4f} on calibrated probabilities, for a recall of "
        f"{floor.recall:g} with confidence {floor.confidence:g}.",
        f"Out of fold, by patient: recall {floor.recall_:.4f} [{low:.4f}, {high:.4f}] of "
        f"{floor.n_positive_} patients, specificity {floor.specificity_:.4f} "
        f"[{s_low:.4f}, {s_high:.4f}] of {floor.n_negative_}.",
        floor.guarantee_terms_,
    ]


def _for_the_guide(
    options: argparse.Namespace, xrays: Any, pipeline: Any, floor: Any, figures: Figures
) -> str:
    (low, high), (s_low, s_high) = floor.recall_interval_, floor.specificity_interval_
    epochs = pipeline.get_params().get("cnn__epochs", "its own number of")
    intro = (
        f"Version {options.version}: `{options.recipe}`, fitted for {epochs} epochs on "
        f"{len(xrays.target):,} images. Of patients unseen in training, in {options.folds} folds, "
        f"it finds {floor.recall_:.3f} [{low:.3f}, {high:.3f}] at a specificity of "
        f"{floor.specificity_:.3f} [{s_low:.3f}, {s_high:.3f}], both by patient. At its threshold "
        "the models of the folds reach:"
    )
    return f"\n{intro}\n\n{figures.markdown()}\n"


def _minutes(start: float) -> str:
    return f"{(time.perf_counter() - start) / 60:.1f} minutes"


if __name__ == "__main__":
    main()
