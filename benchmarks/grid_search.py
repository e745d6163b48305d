"""Compare the time of a grid search over networks on real files with scikeras.

    python benchmarks/grid_search.py chest_xray originals

Both search twelve candidates on three patient-grouped folds with scikit-learn's GridSearchCV, from
paths, for as many epochs of the same layers: ImageLoader and CNNClassifier with their defaults;
and a FunctionTransformer that decodes with Pillow, and scikeras's KerasClassifier. Rates, dropout
and class weights are searched. The time is that of `fit` without the refit, in a separate process
without imports. Neither has a cache of an earlier run.

The gain depends on the time of a fit: compilation and decoding are saved, which are a smaller part
with more images and epochs. `--patients`, `--epochs` and `--size` measure it for your sizes. With
a folder of full-size X-rays, the search is repeated on as many of them, where some are links to
the same file: only the time is meaningful, not the accuracy.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from side_by_side import Row, in_turns, linked, main, ratio, run, sample_of_patients, seconds

RATES, DROPOUTS, WEIGHTS = (1e-2, 3e-3, 1e-3), (0.0, 0.3), (None, "balanced")
FILTERS, DENSE = (16, 32, 64), 64


def ours(paths: list[str], y: list[int], folds: Any, size: int, epochs: int) -> dict[str, float]:
    from skpneumo import CNNClassifier, ImageLoader, make_pipeline

    pipeline = make_pipeline(
        ImageLoader(size=size, n_jobs=-1),
        CNNClassifier(FILTERS, dense_units=(DENSE,), epochs=epochs, random_state=0),
    )
    grid = {
        "cnnclassifier__learning_rate": RATES,
        "cnnclassifier__dropout": DROPOUTS,
        "cnnclassifier__class_weight": WEIGHTS,
    }
    return searched(pipeline, grid, paths, y, folds)


def scikeras_alone(
    paths: list[str], y: list[int], folds: Any, size: int, epochs: int
) -> dict[str, float]:
    import keras
    import numpy as np
    from keras import layers
    from PIL import Image
    from scikeras.wrappers import KerasClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def load(paths: Any) -> Any:
        images = [Image.open(path).convert("L").resize((size, size)) for path in paths]
        return np.stack([np.asarray(image) for image in images])[..., None]

    def network(dropout: float) -> Any:
        stack = [keras.Input((size, size, 1)), layers.Rescaling(1 / 127.5, -1.0)]
        for n_filters in FILTERS:
            stack += [
                layers.Conv2D(
                    n_filters,
                    3,
                    padding="same",
                    activation="relu",
                    kernel_initializer="he_normal",
                ),
                layers.MaxPooling2D(),
                layers.Dropout(dropout),
            ]
        stack += [
            layers.Flatten(),
            layers.Dense(DENSE, activation="relu", kernel_initializer="he_normal"),
            layers.Dropout(dropout),
            layers.Dense(1, activation="sigmoid"),
        ]
        return keras.Sequential(stack)

    classifier = KerasClassifier(
        network,
        dropout=0.0,
        optimizer="adam",
        optimizer__learning_rate=1e-3,
        loss="binary_crossentropy",
        batch_size=32,
        epochs=epochs,
        verbose=0,
    )
    pipeline = make_pipeline(FunctionTransformer(load), classifier)
    grid = {
        "kerasclassifier__optimizer__learning_rate": RATES,
        "kerasclassifier__dropout": DROPOUTS,
        "kerasclassifier__class_weight": WEIGHTS,
    }
    return searched(pipeline, grid, paths, y, folds)


def searched(
    pipeline: Any, grid: dict[str, Any], paths: list[str], y: list[int], folds: Any
) -> dict[str, float]:
    import numpy as np
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(
        pipeline, grid, cv=folds, scoring="accuracy", refit=False, error_score="raise"
    )
    begin = time.perf_counter()
    search.fit(np.array(paths, dtype=object), np.array(y))
    elapsed = time.perf_counter() - begin
    return {"seconds": elapsed, "accuracy": float(search.cv_results_["mean_test_score"].max())}


def measure(options: argparse.Namespace) -> list[Row]:
    paths, y = sample_of_patients(options.data, options.patients)
    rows = [compared(options.data, paths, y, options)]
    if options.originals is not None:
        with tempfile.TemporaryDirectory() as folder:
            paths = linked(options.originals, len(paths), Path(folder) / "xrays")
            y = [int(Path(path).resolve().parent.name != "NORMAL") for path in paths]
            rows.append(compared(options.originals, paths, y, options))
    return rows


def compared(data: Path, paths: list[str], y: list[int], options: argparse.Namespace) -> Row:
    from skpneumo import PatientKFold

    folds = PatientKFold(3, shuffle=True, random_state=0).split(paths, y)
    job = {
        "paths": paths,
        "y": y,
        "folds": [[rows.tolist() for rows in fold] for fold in folds],
        "size": options.size,
        "epochs": options.epochs,
    }
    results = in_turns(
        options.repeat,
        {
            "skpneumo": lambda _: run(ours, **job),
            "scikeras": lambda _: run(scikeras_alone, options.peers, **job),
        },
    )
    times = {name: [each["seconds"] for each in runs] for name, runs in results.items()}
    best = dict.fromkeys(results, "")
    if data == options.data:  # no patient is in two folds
        for name, runs in results.items():
            best[name] = f", best accuracy {max(each['accuracy'] for each in runs):.3f}"
    return Row(
        f"grid search from paths, 12 candidates × 3 folds: {len(paths)} of `{data.name}` to "
        f"{options.size} px, {options.epochs} epochs",
        f"{seconds(times['skpneumo'], '.0f')}{best['skpneumo']}",
        f"scikeras: {seconds(times['scikeras'], '.0f')}{best['scikeras']}",
        ratio(times["scikeras"], times["skpneumo"]),
        "≥ 4",
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", type=Path, help="folder with train/ (and val/)")
    arguments.add_argument(
        "originals", type=Path, nargs="?", help="folder with train/, of full-size JPEGs"
    )
    arguments.add_argument("--patients", type=int, default=250, help="drawn at random")
    arguments.add_argument("--size", type=int, default=64)
    arguments.add_argument("--epochs", type=int, default=5)
    main(__doc__, measure, (ours, scikeras_alone), arguments, repeat=2)
