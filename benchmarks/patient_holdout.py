"""Train one CNN from scratch on 80 % of the patients and test it on the others.

    python benchmarks/patient_holdout.py chest_xray

prints, for the held-out patients, the AUC, recall and specificity at a threshold of one half,
and the recall where specificity is 0.93, with 95 % intervals from a bootstrap over patients.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    load_chest_xray,
    make_pipeline,
    patient_ids,
    patient_train_test_split,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()

    xrays = load_chest_xray(options.data, split="train")
    train, test, y_train, y_test = patient_train_test_split(
        xrays.filenames,
        xrays.target,
        test_size=0.2,
        stratify=xrays.target,
        random_state=options.random_state,
    )
    pipeline = make_pipeline(
        ImageLoader(size=(64, 64), n_jobs=2),
        CNNClassifier(
            filters=(16, 32, 64, 128),
            convs_per_block=2,
            residual=True,
            batch_norm=True,
            global_pooling="average",
            dense_units=(),
            epochs=15,
            schedule="cosine",
            augmentation=ImageAugmenter(
                rotation=10, zoom=0.1, width_shift=0.1, height_shift=0.1, horizontal_flip=True
            ),
            random_state=options.random_state,
        ),
    )
    start = time.perf_counter()
    pipeline.fit(train, y_train)
    minutes = (time.perf_counter() - start) / 60
    score = pipeline.predict_proba(test)[:, 1]

    n_patients = len(np.unique(patient_ids(test)))
    print(f"trained on {len(train)} images in {minutes:.1f} minutes")
    print(f"tested on {len(test)} images of {n_patients} patients that training never saw")
    for name, (value, low, high) in measure(test, y_test, score).items():
        print(f"{name:28} {value:.4f}  [{low:.4f}, {high:.4f}]")


def measure(paths, y, score, n_resamples=1000):
    """Compute estimates, and percentile intervals over patients drawn with replacement."""
    point = scores(y, score)
    patients, group = np.unique(patient_ids(paths), return_inverse=True)
    members = [np.flatnonzero(group == i) for i in range(len(patients))]
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(n_resamples):
        drawn = rng.integers(len(patients), size=len(patients))
        rows = np.concatenate([members[i] for i in drawn])
        resampled.append(list(scores(y[rows], score[rows]).values()))
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return {name: (point[name], low[i], high[i]) for i, name in enumerate(point)}


def scores(y, score):
    false_alarms, recalls, _ = roc_curve(y, score)
    return {
        "AUC": roc_auc_score(y, score),
        "recall at 0.5": np.mean(score[y == 1] >= 0.5),
        "specificity at 0.5": np.mean(score[y == 0] < 0.5),
        "recall at specificity 0.93": recalls[false_alarms <= 0.07].max(),
    }


if __name__ == "__main__":
    main()
