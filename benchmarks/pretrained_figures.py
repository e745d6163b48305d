"""Measure the pretrained model on patients that the models of the folds were not trained on.

Used by `train_pretrained.py`: saved fits, and the results in the card.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recipes import (
    CORRUPTIONS,
    WITHOUT_LUNGS,
    as_markdown_table,
    scores_of_copies,
    stress_columns,
    written,
)
from side_by_side import rows_of_patients
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from skpneumo import PatientKFold, load_model, save_model
from skpneumo._files import atomic_write
from skpneumo._predictions import Predictions
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.fitted import classifiers_of

UNALTERED = "unaltered"
WHOLE = "whole"
MOST_CHANGED = 1e-3  # largest change of a probability by rounding weights
METRICS = ("roc_auc", "balanced_accuracy", "recall", "specificity")
COUNTS = "of"  # the images and patients of a table
NAMES = {"roc_auc": "AUC", "balanced_accuracy": "balanced accuracy"}


class FittedOnce(ClassifierMixin, BaseEstimator):
    """A pipeline that is fitted once on the same images, then loaded from its file, and rounded.

    Rounded before calibration, so that calibration and threshold belong to the shipped weights.
    """

    def __init__(self, pipeline: Any, folder: str) -> None:
        self.pipeline = pipeline
        self.folder = folder

    def fit(self, X: Any, y: Any) -> Self:
        self.file_ = Path(self.folder, f"{self._digest(X, y)}.skpneumo")
        if not self.file_.exists():
            save_model(clone(self.pipeline).fit(X, y), self.file_)
        self.estimator_ = load_model(self.file_)
        self.largest_change_ = round_weights(self.estimator_, X)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        return self.estimator_.predict(X)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        return self.estimator_.predict_proba(X)

    def _digest(self, X: Any, y: Any) -> str:
        """Compute a digest of the files, their sizes, the labels and all parameters."""
        paths = [str(path) for path in X["path"]]
        sizes = [Path(path).stat().st_size for path in paths]
        parameters = repr(self.pipeline.get_params(deep=True))
        said = json.dumps([paths, sizes, np.asarray(y).tolist(), parameters])
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def round_weights(model: Any, X: Any) -> float:
    """Round the weights to 16 bits if this changes little; returns the largest change."""
    networks = [
        each.classifier for each in classifiers_of(model) if hasattr(each.classifier, "weights_")
    ]
    whole = [network.weights_ for network in networks]
    before = model.predict_proba(X)
    for network in networks:
        network.weights_ = [_rounded(array) for array in network.weights_]
    largest = float(np.abs(model.predict_proba(X) - before).max())
    if largest > MOST_CHANGED:
        for network, weights in zip(networks, whole, strict=True):
            network.weights_ = weights
    return largest


def _rounded(array: NDArray[Any]) -> Any:
    with np.errstate(over="ignore"):
        half = np.asarray(array).astype(np.float16)
    # Counts of batches, and other values that do not fit.
    if not np.isfinite(half).all():
        return array
    rounded = half.astype(np.float32)
    return rounded if isinstance(array, np.ndarray) else rounded[()]


@dataclass(frozen=True)
class Figures:
    """Tables of the card, with the measures and results by name."""

    tables: dict[str, dict[str, str]]

    def lines(self) -> list[str]:
        return [
            f"{title[0].upper()}{title[1:]}. "
            + "; ".join(f"{name}: {value}" for name, value in table.items())
            + "."
            for title, table in self.tables.items()
        ]

    def markdown(self) -> str:
        """Format a table of the unaltered images, and one of each group of altered ones."""
        plain = [
            {"": title, **table} for title, table in self.tables.items() if COUNTS not in table
        ]
        altered = [
            pd.DataFrame([*table.items()][1:], columns=[f"{title}, on {table[COUNTS]}", "value"])
            for title, table in self.tables.items()
            if COUNTS in table
        ]
        return "\n".join(map(as_markdown_table, [pd.DataFrame(plain), *altered])).rstrip()


def figures_of(
    pipeline: Any, floor: Any, xrays: Any, n_folds: int, n_patients: int, work: Path
) -> Figures:
    """Predict the images of each fold with the model of the others, with the model's threshold."""
    X, y, patients = xrays.X, xrays.target, xrays.groups
    stressed = np.zeros(len(y), dtype=bool)
    stressed[rows_of_patients(patients, n_patients)] = True
    scores = {name: np.full(len(y), np.nan) for name in (WHOLE, UNALTERED, *_corruptions())}
    for train, test in PatientKFold(n_folds).split(X, y, patients):
        model = FittedOnce(pipeline, str(work)).fit(X.iloc[train], y[train])
        found = _scores_of_fold(model, xrays.filenames, test, test[stressed[test]], n_patients)
        for name, score in found.items():
            scores[name][test if name == WHOLE else test[stressed[test]]] = score
    whole = floor._calibrate(scores.pop(WHOLE))
    tables = {"out of fold, by image": _plain(y, whole, patients, xrays.filenames, floor)}
    for split in np.unique(xrays.split):
        rows = xrays.split == split
        if not rows.all():
            tables[f"out of fold, the folder {split} alone"] = _plain(
                y[rows], whole[rows], patients[rows], xrays.filenames[rows], floor
            )
    if not stressed.any():
        return Figures(tables)
    asked = {name: floor._calibrate(score[stressed]) for name, score in scores.items()}
    return Figures(tables | _altered(y, asked, xrays, stressed, floor))


def _altered(
    y: NDArray[Any], asked: dict[str, Any], xrays: Any, rows: NDArray[np.bool_], floor: Any
) -> dict[str, dict[str, str]]:
    """Measure stress tests and shortcuts on the same patients."""
    y, files, patients = y[rows], xrays.filenames[rows], xrays.groups[rows]
    columns = stress_columns(y, files, asked, patients, floor.threshold_)
    columns = {name.replace("_", " "): value for name, value in columns.items()}
    of = f"{len(y)} images of {len(np.unique(patients))} patients"
    auc = _plain(y, asked[UNALTERED], patients, files, floor)["AUC"]
    shortcuts = {
        name.replace("roc auc", "AUC"): value
        for name, value in columns.items()
        if name.startswith("roc auc")
    }
    stress = {name: value for name, value in columns.items() if not name.startswith("roc auc")}
    return {
        "stress tests": {COUNTS: of, **stress},
        "shortcuts": {COUNTS: of, "AUC, as they are": auc, **shortcuts},
    }


def _plain(
    y: NDArray[Any], scores: NDArray[Any], patients: Any, files: Any, floor: Any
) -> dict[str, str]:
    patient = np.unique(patients, return_inverse=True)[1]
    found = Predictions(y == 1, scores >= floor.threshold_, scores, patient, files, 1)
    return {
        NAMES.get(each.metric, each.metric): f"{written(each)} of {each.n} images"
        for each in estimate_metrics(found, METRICS, Settings(0.95))
    }


def _scores_of_fold(
    model: Any, paths: NDArray[Any], test: NDArray[Any], stressed: NDArray[Any], n_patients: int
) -> dict[str, NDArray[Any]]:
    """Predict images that the model was not trained on, or load the scores of an earlier run."""
    file = model.file_.with_suffix(f".{n_patients}.npz")
    if not file.exists():
        scores = {WHOLE: model.predict_proba(paths[test])[:, 1]}
        if len(stressed):
            scores |= scores_of_copies({WHOLE: model}, paths[stressed], _corruptions())[WHOLE]
        with atomic_write(file, "wb") as out:
            np.savez(out, **scores)
    with np.load(file) as saved:
        return {name: saved[name] for name in saved.files}


def _corruptions() -> dict[str, Any]:
    return {UNALTERED: lambda image: image, **CORRUPTIONS, **WITHOUT_LUNGS}
