"""Measure the time saved by halving and by continuing training, and the cost in score.

    python benchmarks/search.py chest_xray --sample 200 --repeats 3

Three searches run over the same candidates, folds and largest number of epochs: a full grid,
halving from the start on each rung, and halving that continues (`continue_training=True`). They
run in turns, `--repeats` times, each time with another seed of folds and networks. The output for
each is the trained epochs and the seconds of the search without the refit, and the AUC of the
refitted best candidate on patients outside of all searches, as median and range over the repeats.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import sample_of_patients, spread
from sklearn.metrics import roc_auc_score

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    PatientKFold,
    Pipeline,
    ResumableGridSearchCV,
    ResumableHalvingGridSearchCV,
    patient_train_test_split,
)

GRID = {"cnn__learning_rate": [1e-2, 3e-3, 1e-3], "cnn__class_weight": [None, "balanced"]}
KINDS = ("grid", "halving", "halving, continued")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sample", type=int, default=200, help="patients, drawn at random")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--schedule", choices=("cosine",))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    names, labels = sample_of_patients(options.data, options.sample)
    paths, y = np.array(names, dtype=object), np.array(labels)
    lines: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for seed in range(options.repeats):
        parts = patient_train_test_split(paths, y, test_size=0.3, random_state=seed)
        for kind in KINDS:
            lines[kind].append(measured(kind, options, seed, *parts))
            print(kind, lines[kind][-1], file=sys.stderr, flush=True)
    print(f"{len(paths)} images, {os.cpu_count()} processors")
    print("| search | epochs trained | seconds | AUC on unseen patients |\n|---|---|---|---|")
    for kind, values in lines.items():
        epochs, seconds, auc = zip(*values, strict=True)
        print(
            f"| {kind} | {spread(epochs, '.0f')} | {spread(seconds, '.1f')} "
            f"| {spread(auc, '.3f')} |"
        )


def pipeline(options: argparse.Namespace, seed: int) -> Pipeline:
    cnn = CNNClassifier(
        filters=(8, 16, 32), epochs=options.epochs, schedule=options.schedule, random_state=seed
    )
    return Pipeline([("load", ImageLoader(size=options.size)), ("cnn", cnn)])


def measured(
    kind: str,
    options: argparse.Namespace,
    seed: int,
    train: Any,
    test: Any,
    y_train: Any,
    y_test: Any,
) -> tuple[float, float, float]:
    common = {
        "cv": PatientKFold(3, shuffle=True, random_state=seed),
        "scoring": "roc_auc",
        "error_score": "raise",
    }
    if kind == "grid":
        search: Any = ResumableGridSearchCV(pipeline(options, seed), GRID, **common)
    else:
        search = ResumableHalvingGridSearchCV(
            pipeline(options, seed),
            GRID,
            resource="cnn__epochs",
            max_resources=options.epochs,
            factor=2,
            continue_training=kind == "halving, continued",
            return_train_score=False,
            **common,
        )
    begin = time.perf_counter()
    search.fit(train, y_train)
    seconds = time.perf_counter() - begin - search.refit_time_
    auc = roc_auc_score(y_test, search.predict_proba(test)[:, 1])
    return epochs_of(search, kind, options.epochs), seconds, auc


def epochs_of(search: Any, kind: str, epochs: int) -> float:
    """Count the epochs trained before the refit, over all candidates and folds."""
    if kind == "grid":
        return len(search.cv_results_["params"]) * search.n_splits_ * epochs
    steps = np.array(search.n_resources_)
    if kind == "halving, continued":
        steps = np.diff(steps, prepend=0)
    return int(steps @ np.array(search.n_candidates_)) * search.n_splits_


if __name__ == "__main__":
    main()
