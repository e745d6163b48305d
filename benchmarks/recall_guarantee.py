"""Measure how often the guarantee of a recall floor is broken, by how the threshold is chosen.

Patients with 1 to 5 images are drawn, a model is fitted and a threshold chosen for a recall of 0.9
at 95 % confidence, and the true recall of patients (all images called positive) is counted on
4,000 new ones. A guarantee of 95 % may be broken in 5 of 100 trials::

    nice -n 10 python benchmarks/recall_guarantee.py --trials 500 --results recall_guarantee.jsonl

With ``--mapie``, the same is measured for independent images, one per patient, and compared with
MAPIE's ``BinaryClassificationController``, whose fixed-sequence control gives the same guarantee;
without MAPIE, this part is skipped with a message.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpneumo._formatting import with_interval
from skpneumo.decision import RecallFloorClassifier

FLOOR = 0.9
N_FEATURES = 20
SHARE_OF_PATIENT = 0.5  # intraclass correlation of the features
PREVALENCE = 0.6
DISTANCE = 0.7  # of the classes, in each of five features

MODELS: dict[str, Callable[[int], Any]] = {
    "logistic regression": lambda seed: make_pipeline(
        StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)
    ),
    "small network": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier((16,), max_iter=60, random_state=seed)
    ),
}
MODES = ("default", "folds, averaged", "folds, fitted again")


def draw(
    rng: np.random.Generator, n_patients: int, most_images: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw features, labels and patient ids."""
    ill = rng.random(n_patients) < PREVALENCE
    patient = np.repeat(np.arange(n_patients), rng.integers(1, most_images + 1, n_patients))
    own = rng.normal(size=(n_patients, N_FEATURES))[patient]
    image = rng.normal(size=(len(patient), N_FEATURES))
    X = np.sqrt(SHARE_OF_PATIENT) * own + np.sqrt(1 - SHARE_OF_PATIENT) * image
    X[:, :5] += DISTANCE * ill[patient, None]
    return X, ill[patient].astype(int), patient


def true_shares(called: np.ndarray, y: np.ndarray, patient: np.ndarray) -> tuple[float, float]:
    """Compute the recall of patients (all images positive) and the specificity of images."""
    ill = y == 1
    missed = np.bincount(patient[ill], ~called[ill])[np.unique(patient[ill])] > 0
    return float(1 - missed.mean()), float((~called[~ill]).mean())


def fitted(mode: str, model: Any, data: tuple[np.ndarray, ...]) -> RecallFloorClassifier:
    """Fit the classifier of a trial."""
    options: dict[str, Any] = {
        "default": {},
        "folds, averaged": {"cv": 5, "ensemble": True},
        "folds, fitted again": {"cv": 5, "ensemble": False},
    }[mode]
    X, y, patient = data
    return RecallFloorClassifier(model, recall=FLOOR, **options).fit(X, y, groups=patient)


def run(path: Path, trials: int) -> None:
    """Write a line of results for each model, size and mode."""
    lines = path.read_text().splitlines() if path.exists() else []
    done = {tuple(json.loads(line)["cell"]) for line in lines}
    new = draw(np.random.default_rng(10**6), 4000)
    for mode, name, n_patients in product(MODES, MODELS, (200, 100)):
        if (name, n_patients, mode) in done:
            continue
        shares, words = [], set()
        for trial in range(trials):
            data = draw(np.random.default_rng(trial), n_patients)
            classifier = fitted(mode, MODELS[name](trial), data)
            words.add(classifier.guarantee_)
            shares.append(true_shares(classifier.predict(new[0]) == 1, *new[1:]))
        recalls, specificities = np.transpose(shares)
        line = {
            "cell": [name, n_patients, mode],
            "guarantee": sorted(words),
            "broken": int(np.sum(recalls < FLOOR)),
            "trials": trials,
            "recall": float(recalls.mean()),
            "specificity": float(specificities.mean()),
        }
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def table(path: Path) -> str:
    """Format the results as Markdown."""
    rows = [
        "| model | patients | threshold by | `guarantee_` | guarantee failed in | recall of "
        "patients | specificity of images |",
        "|---" * 7 + "|",
    ]
    for line in map(json.loads, path.read_text().splitlines()):
        name, n_patients, mode = line["cell"]
        interval = binomtest(line["broken"], line["trials"]).proportion_ci(0.95, method="exact")
        broken = with_interval(line["broken"] / line["trials"], interval.low, interval.high)
        words = " or ".join(line["guarantee"])
        rows.append(
            f"| {name} | {n_patients} | {mode} | {words} | {broken} | {line['recall']:.3f} | "
            f"{line['specificity']:.3f} |"
        )
    return "\n".join(rows)


def beside_mapie(trials: int) -> str:
    """Compare the same guarantee on independent images between skpneumo and MAPIE."""
    try:
        from mapie.risk_control import BinaryClassificationController
    except ImportError as error:
        return f"Beside MAPIE: skipped, for it cannot be imported ({error}). pip install mapie"
    new = draw(np.random.default_rng(10**6), 20_000, most_images=1)
    rows = [
        "| images to choose by | by | guarantee failed in | specificity |",
        "|---" * 4 + "|",
    ]
    for n in (200, 400):
        found: dict[str, list[tuple[float, float]]] = {}
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            X, y, _ = draw(rng, 200, most_images=1)
            model = LogisticRegression(max_iter=1000).fit(X, y)
            X, y, patient = draw(rng, n, most_images=1)
            ours = RecallFloorClassifier(FrozenEstimator(model), recall=FLOOR)
            called = ours.fit(X, y, groups=patient).predict(new[0]) == 1
            found.setdefault("skpneumo", []).append(true_shares(called, *new[1:]))
            for method in ("bonferroni_holm", "fixed_sequence"):
                theirs = BinaryClassificationController(
                    model.predict_proba,
                    "recall",
                    target_level=FLOOR,
                    confidence_level=0.95,
                    list_predict_params=np.linspace(0.005, 0.995, 199),  # safest first
                    fwer_method=method,
                )
                with warnings.catch_warnings():
                    # No threshold was found, so all are called positive.
                    warnings.simplefilter("ignore")
                    theirs.calibrate(X, y)
                if theirs.best_predict_param is None:
                    called = np.ones(len(new[0]), dtype=bool)
                else:
                    called = np.asarray(theirs.predict(new[0])) == 1
                shares = true_shares(called, *new[1:])
                found.setdefault(f"MAPIE, {method}", []).append(shares)
        for name, shares in found.items():
            recalls, specificities = np.transpose(shares)
            n_broken = int(np.sum(recalls < FLOOR))
            interval = binomtest(n_broken, trials).proportion_ci(0.95, method="exact")
            error = 1.96 * specificities.std(ddof=1) / np.sqrt(trials)
            mean = specificities.mean()
            rows.append(
                f"| {n} | {name} | {with_interval(n_broken / trials, interval.low, interval.high)}"
                f" | {with_interval(mean, mean - error, mean + error)} |"
            )
    return "\n".join(rows)


def write(page: Path, name: str, text: str) -> None:
    """Write a table between its two marks."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    after = rest.split(end)[1]
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Simulate missing results, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("recall_guarantee.jsonl"))
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--table", action="store_true", help="the table of what is done alone")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write to the guide's page")
    parser.add_argument("--mapie", action="store_true", help="compare with MAPIE, and that alone")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.mapie:
        name, text = "mapie", beside_mapie(arguments.trials)
    else:
        if not arguments.table:
            run(arguments.results, arguments.trials)
        name, text = "guarantee", table(arguments.results)
    if arguments.write:
        write(arguments.write, name, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
