"""Measure whether a recall floor chosen on 60 % of the patients holds on the other 40 %.

Out-of-fold scores are fixed first; only the patients are split again, 200 times. In each split,
the threshold is chosen on one part and the recall is counted in the other, in two ways: the share
of images with pneumonia that are called positive; and the share of patients with pneumonia with
all images called positive, which the bound is about. The bound is on the recall of the population;
only with ``n_future`` is it on a count of patients. The exact bound of skpneumo is compared with
two common thresholds: the one that just keeps the floor in the sample, and the exact bound that
counts every image as a patient.

Run with scores of your own (a CSV with the columns path, label and score)::

    python benchmarks/recall_floor_resplits.py --scores scores.csv

or without, to score the pool under --data by a support vector machine on 48 x 48 pixels in
five patient-grouped folds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skpneumo._formatting import with_interval
from skpneumo.datasets import load_chest_xray, patient_ids
from skpneumo.decision import choose_operating_point
from skpneumo.splitting import PatientKFold

KEPT_SHARE = 0.6


def out_of_fold_scores(root: Path) -> pd.DataFrame:
    """Score every image of the pool with models that were not trained on its patient."""
    pool = load_chest_xray(root)
    pixels = np.stack(
        [
            np.asarray(
                Image.open(name).convert("L").resize((48, 48), Image.Resampling.BOX), np.float32
            ).ravel()
            for name in pool.filenames
        ]
    )
    model = make_pipeline(StandardScaler(), PCA(80, random_state=0), SVC(C=5))
    splits = PatientKFold(5, shuffle=True, random_state=0).split(pixels, pool.target, pool.groups)
    score = cross_val_predict(
        model, pixels, pool.target, cv=list(splits), method="decision_function"
    )
    return pd.DataFrame({"path": pool.filenames, "label": pool.target, "score": score})


def resplit(
    scores: pd.DataFrame,
    choose: Callable[[pd.DataFrame, int], float],
    floor: float,
    n_resplits: int,
) -> pd.DataFrame:
    """Choose the threshold on one part of the patients and count in the other, repeatedly."""
    patients = scores["patient"].unique()
    sick = scores["label"] == 1
    rows = []
    for seed in range(n_resplits):
        shuffled = np.random.default_rng(seed).permutation(patients)
        kept = scores["patient"].isin(shuffled[: round(KEPT_SHARE * len(patients))])
        rest = scores[~kept & sick]
        threshold = choose(scores[kept], rest["patient"].nunique())
        found = rest["score"] >= threshold
        rows.append(
            {
                "images": found.mean() >= floor,
                "patients": found.groupby(rest["patient"]).all().mean() >= floor,
                "recall": found.mean(),
                "specificity": (scores[~kept & ~sick]["score"] < threshold).mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Print a row for each method of choosing the threshold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/chest_xray"))
    parser.add_argument("--scores", type=Path, help="CSV with the columns path, label, score")
    parser.add_argument("--save", type=Path, help="write the scores that were computed here")
    parser.add_argument("--floor", type=float, default=0.98)
    parser.add_argument("--resplits", type=int, default=200)
    arguments = parser.parse_args()

    if arguments.scores:
        scores = pd.read_csv(arguments.scores)
    else:
        scores = out_of_fold_scores(arguments.data)
    if arguments.save:
        scores.to_csv(arguments.save, index=False)
    scores["patient"] = patient_ids(scores["path"])
    floor = arguments.floor

    def in_the_sample(kept: pd.DataFrame, _: int) -> float:
        return float(kept.loc[kept["label"] == 1, "score"].quantile(1 - floor, "lower"))

    def images_for_patients(kept: pd.DataFrame, _: int) -> float:
        return choose_operating_point(kept["label"], kept["score"], recall=floor).threshold

    def by_patient(kept: pd.DataFrame, _: int) -> float:
        return choose_operating_point(
            kept["label"], kept["score"], groups=kept["patient"], recall=floor
        ).threshold

    def by_future_patients(kept: pd.DataFrame, n_future: int) -> float:
        return choose_operating_point(
            kept["label"],
            kept["score"],
            groups=kept["patient"],
            recall=floor,
            n_future=n_future,
        ).threshold

    n_sick = scores.loc[scores["label"] == 1, "patient"].nunique()
    print(
        f"{len(scores)} images of {scores['patient'].nunique()} patients ({n_sick} with "
        f"pneumonia), AUC {roc_auc_score(scores['label'], scores['score']):.4f}; floor {floor}, "
        f"{arguments.resplits} resplits of {KEPT_SHARE:.0%} / {1 - KEPT_SHARE:.0%} of patients"
    )
    print(
        "Brackets: 95 % Clopper-Pearson intervals of the shares of resplits in which the floor "
        "holds;\nranges of the middle 95 % of resplits of recall and specificity (of images)"
    )
    columns = ("holds, images", "holds, patients", "recall", "specificity")
    print(f"{'threshold':20}" + "".join(f"{column:>22}" for column in columns))
    for choose in (in_the_sample, images_for_patients, by_patient, by_future_patients):
        found = resplit(scores, choose, floor, arguments.resplits)
        figures = []
        for unit in ("images", "patients"):
            held = binomtest(int(found[unit].sum()), len(found))
            interval = held.proportion_ci(0.95, method="exact")
            figures.append(with_interval(found[unit].mean(), interval.low, interval.high))
        for name in ("recall", "specificity"):
            low, high = found[name].quantile([0.025, 0.975])
            figures.append(with_interval(found[name].mean(), low, high))
        print(f"{choose.__name__:20}" + "".join(f"{figure:>22}" for figure in figures))


if __name__ == "__main__":
    main()
