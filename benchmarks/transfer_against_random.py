"""Compare weights of ImageNet with random ones, both by TransferClassifier, in equal time.

    python benchmarks/transfer_against_random.py chest_xray mobilenet_0.75_224_notop.weights.h5

cross-validates, by patients, a MobileNet

- with the weights, first a head on frozen features and then its upper layers ("fine-tuned"),
- with the weights, only the head ("frozen"),
- with random weights, trained completely for as long as the first took,
- with random weights, only the head, for reference,

and prints AUC, recall and specificity of the pooled held-out images with 95 % intervals over
patients, and the difference of the AUC of the first to each of the others. The time is that of the
processor, which does not depend on other load; compilation is done before and not counted.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np

from skpneumo import ImageLoader, PatientKFold, TransferClassifier, load_chest_xray
from skpneumo._formatting import with_interval
from skpneumo.evaluation import compare_predictions, evaluate_predictions

METRICS = {"roc_auc": "AUC", "recall": "recall", "specificity": "specificity"}
PRETRAINED = "pretrained, fine-tuned"
FROM_END_TO_END = "random, from end to end"


class StopAfter(keras.callbacks.Callback):
    """Stop at the end of the epoch in which the time runs out."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self.start = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        if time.process_time() - self.start >= self.seconds:
            self.model.stop_training = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("weights", type=Path, help="MobileNet's, without top, as .weights.h5")
    parser.add_argument("--alpha", type=float, default=0.75, help="width of the weights")
    parser.add_argument("--images", type=int, default=1000, help="drawn at random")
    parser.add_argument("--size", type=int, default=96, help="pixels a side")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()

    xrays = load_chest_xray(options.data, split="train")
    rng = np.random.default_rng(options.random_state)
    rows = rng.permutation(len(xrays.filenames))[: options.images]
    paths, y = xrays.filenames[rows], xrays.target[rows]
    X = ImageLoader(size=(options.size, options.size)).fit_transform(paths)
    print(f"{len(y)} images of {len(np.unique(xrays.groups[rows]))} patients, {options.size} px")

    scores: dict[str, np.ndarray] = {}
    folds = PatientKFold(options.folds, shuffle=True, random_state=options.random_state)
    for train, test in folds.split(paths, y):
        seconds = 0.0
        for name, classifier in classifiers(options).items():
            warm_up(classifier, X[train], y[train])
            if name == FROM_END_TO_END:
                classifier.set_params(callbacks=[StopAfter(seconds)])
            start = time.process_time()
            classifier.fit(X[train], y[train])
            taken = time.process_time() - start
            if name == PRETRAINED:
                seconds = taken
            kept = scores.setdefault(name, np.full(len(y), np.nan))
            kept[test] = classifier.predict_proba(X[test])[:, 1]
            print(f"  {name}: {taken:.0f} s, {classifier.n_iter_} epochs", flush=True)

    for name, score in scores.items():
        frame = evaluate_predictions(y, score, filenames=paths, subgroups=None)
        frame = frame.set_index("metric")
        print(name)
        for metric, title in METRICS.items():
            print(f"  {title:12} {with_interval(*frame.loc[metric, ['value', 'low', 'high']])}")
        if name != PRETRAINED:
            difference = compare_predictions(y, scores[PRETRAINED], score, filenames=paths)
            difference = difference.set_index("metric").loc["roc_auc"]
            limits = with_interval(*difference[["difference", "low", "high"]], form="+.3f")
            print(f"  AUC of {PRETRAINED}, above this: {limits}")


def classifiers(options: argparse.Namespace) -> dict[str, TransferClassifier]:
    """Make the classifiers to compare; the first one sets the time."""
    shared = {
        "backbone": "MobileNet",
        "backbone_options": {"alpha": options.alpha},
        "epochs": 30,
        "random_state": options.random_state,
    }
    fine_tuned = {
        "fine_tune_from": "conv_dw_12",
        "fine_tune_epochs": 5,
        "fine_tune_learning_rate": 1e-4,
    }
    from_end_to_end = {
        "fine_tune_from": "all",
        "fine_tune_epochs": 1000,
        "fine_tune_learning_rate": 1e-3,
    }
    return {
        PRETRAINED: TransferClassifier(weights=options.weights, **shared, **fine_tuned),
        "pretrained, frozen": TransferClassifier(weights=options.weights, **shared),
        FROM_END_TO_END: TransferClassifier(weights=None, **shared, **from_end_to_end),
        "random, frozen": TransferClassifier(weights=None, **shared),
    }


def warm_up(classifier: TransferClassifier, X: np.ndarray, y: np.ndarray) -> None:
    """Compile everything."""
    rows = np.concatenate([np.flatnonzero(y == label)[:40] for label in np.unique(y)])
    brief = TransferClassifier(**classifier.get_params()).set_params(epochs=1, fine_tune_epochs=1)
    brief.fit(X[rows], y[rows]).predict_proba(X[rows])


if __name__ == "__main__":
    main()
