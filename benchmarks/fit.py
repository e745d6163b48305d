"""Compare the time to fit a network with batch normalisation, and its AUC, with Keras.

    python benchmarks/fit.py chest_xray

Both fit the same layers on the same images and epochs, once for each patient-grouped fold and in
turns: CNNClassifier with its defaults, and Keras in float32 with ``model.fit`` on the array. The
time is that of the fit in a separate process, with compilation and without imports. The
probabilities of the held-out images are pooled over the folds, and the difference in AUC has a
95 % interval over patients, which leaves out the chance in training.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from side_by_side import Row, in_turns, main, ratio, run, sample_of_patients, seconds

FILTERS, DENSE = (32, 64, 128), 64


def ours(folder: str, train: list[int], test: list[int], epochs: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from skpneumo import CNNClassifier

    X, y = np.load(f"{folder}/X.npy"), np.load(f"{folder}/y.npy")
    cnn = CNNClassifier(
        FILTERS, dense_units=(DENSE,), batch_norm=True, epochs=epochs, random_state=seed
    )
    begin = time.perf_counter()
    cnn.fit(X[train], y[train])
    elapsed = time.perf_counter() - begin
    return {"seconds": elapsed, "score": cnn.predict_proba(X[test])[:, 1].tolist()}


def keras_alone(
    folder: str, train: list[int], test: list[int], epochs: int, seed: int
) -> dict[str, Any]:
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    X, y = np.load(f"{folder}/X.npy"), np.load(f"{folder}/y.npy")
    begin = time.perf_counter()
    model = keras_network(X.shape[1:])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(X[train], y[train], batch_size=32, epochs=epochs, verbose=0)
    elapsed = time.perf_counter() - begin
    return {"seconds": elapsed, "score": model.predict(X[test], verbose=0)[:, 0].tolist()}


def keras_network(shape: Any) -> Any:
    import keras
    from keras import layers

    network = [keras.Input(shape), layers.Rescaling(1 / 127.5, -1.0)]
    for n_filters in FILTERS:
        network += [
            layers.Conv2D(
                n_filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            ),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
        ]
    network += [
        layers.Flatten(),
        layers.Dense(DENSE, use_bias=False, kernel_initializer="he_normal"),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dense(1),
    ]
    return keras.Sequential(network)


def measure(options: argparse.Namespace) -> list[Row]:
    import numpy as np

    from skpneumo import ImageLoader, PatientKFold
    from skpneumo.evaluation import compare_predictions

    names, labels = sample_of_patients(options.data, options.patients)
    paths, y = np.array(names, dtype=object), np.array(labels)
    folds = list(PatientKFold(options.repeat, shuffle=True, random_state=0).split(paths, y))
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/X.npy", ImageLoader(size=options.size, n_jobs=-1).transform(paths))
        np.save(f"{folder}/y.npy", y)

        def job(i: int) -> dict[str, Any]:
            train, test = (rows.tolist() for rows in folds[i])
            shared = {"folder": folder, "epochs": options.epochs, "seed": i}
            return {**shared, "train": train, "test": test}

        results = in_turns(
            options.repeat,
            {
                "skpneumo": lambda i: run(ours, **job(i)),
                "Keras": lambda i: run(keras_alone, options.peers, **job(i)),
            },
        )
    times = {name: [each["seconds"] for each in runs] for name, runs in results.items()}
    scores = {
        name: np.concatenate([each["score"] for each in runs]) for name, runs in results.items()
    }
    test = np.concatenate([test for _, test in folds])
    auc = compare_predictions(
        y[test],
        scores["skpneumo"],
        scores["Keras"],
        y_pred_a=scores["skpneumo"] > 0.5,
        y_pred_b=scores["Keras"] > 0,  # logits
        filenames=paths[test],
    )
    auc = auc.set_index("metric").loc["roc_auc"]
    what = (
        f"{len(folds[0][0])} images of {options.size} px, {options.epochs} epochs, batch "
        f"normalisation, {len(folds)} folds"
    )
    return [
        Row(
            f"fit: {what}",
            seconds(times["skpneumo"], ".1f"),
            f"Keras, float32: {seconds(times['Keras'], '.1f')}",
            ratio(times["Keras"], times["skpneumo"]),
            "≥ 4 on a CPU with AMX, never < 1",
        ),
        Row(
            "AUC of these fits on held-out patients",
            f"{auc.value_a:.4f}",
            f"Keras: {auc.value_b:.4f}",
            f"difference {auc.difference:+.4f}, 95 % [{auc.low:+.4f}, {auc.high:+.4f}]",
            "within .002",
        ),
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", type=Path, help="folder with train/ (and val/)")
    arguments.add_argument("--patients", type=int, default=500, help="drawn at random")
    arguments.add_argument("--size", type=int, default=128)
    arguments.add_argument("--epochs", type=int, default=5)
    main(__doc__, measure, (ours, keras_alone), arguments, repeat=3)
