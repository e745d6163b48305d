"""Compare the growth of memory with each further fit with Keras alone.

    python benchmarks/refit_memory.py

Each process fits small networks in turn, as in a search, each with another learning rate, dropout
and L2 penalty, and keeps none of them. The growth is the slope of the resident memory over the
fits after the first ten, by least squares. With Keras, a network is built and compiled for each
fit, after `clear_session`; its memory grows so evenly that fewer fits are enough.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import psutil
from side_by_side import Row, in_turns, main, ratio, run, spread

WARM_UP = 10
IMAGES, SIZE = 64, 32


def ours(fits: int) -> dict[str, float]:
    from skpneumo import CNNClassifier

    def fit(X: Any, y: Any, rate: float, dropout: float, l2: float) -> None:
        CNNClassifier(
            filters=(8, 16),
            dense_units=(16,),
            dropout=dropout,
            l2=l2,
            epochs=1,
            learning_rate=rate,
            random_state=0,
        ).fit(X, y)

    return growth(fit, fits)


def keras_alone(fits: int) -> dict[str, float]:
    import keras
    from keras import layers

    def fit(X: Any, y: Any, rate: float, dropout: float, l2: float) -> None:
        keras.utils.clear_session()
        penalty = {"kernel_regularizer": keras.regularizers.L2(l2)}
        network = [keras.Input(X.shape[1:]), layers.Rescaling(1 / 127.5, -1.0)]
        for n_filters in (8, 16):
            network += [
                layers.Conv2D(n_filters, 3, padding="same", activation="relu", **penalty),
                layers.MaxPooling2D(),
                layers.Dropout(dropout),
            ]
        network += [
            layers.Flatten(),
            layers.Dense(16, activation="relu", **penalty),
            layers.Dropout(dropout),
            layers.Dense(1, **penalty),
        ]
        model = keras.Sequential(network)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss)
        model.fit(X, y, batch_size=32, epochs=1, verbose=0)

    return growth(fit, fits)


def growth(fit: Callable[..., None], fits: int) -> dict[str, float]:
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (IMAGES, SIZE, SIZE, 1), dtype=np.uint8)
    y = np.arange(IMAGES) % 2
    resident = []
    begin = time.perf_counter()
    for i in range(fits):
        share = i / fits
        fit(X, y, rate=1e-3 * (1 + share), dropout=0.1 + 0.3 * share, l2=1e-4 * (1 + share))
        resident.append(resident_mebibytes())
    elapsed = time.perf_counter() - begin
    after = resident[WARM_UP:]
    slope = np.polyfit(np.arange(len(after)), after, 1)[0]
    return {"mebibytes": float(slope), "seconds": elapsed / fits}


def resident_mebibytes() -> float:
    return psutil.Process().memory_info().rss / 2**20


def measure(options: argparse.Namespace) -> list[Row]:
    results = in_turns(
        options.repeat,
        {
            "skpneumo": lambda _: run(ours, fits=options.fits),
            "Keras": lambda _: run(keras_alone, options.peers, fits=options.keras_fits),
        },
    )
    own, keras = (
        {key: [each[key] for each in results[name]] for key in ("mebibytes", "seconds")}
        for name in ("skpneumo", "Keras")
    )
    return [
        Row(
            f"memory growth per fit, {options.fits} fits",
            f"{spread(own['mebibytes'], '.2f')} MiB",
            f"Keras, {options.keras_fits} fits: {spread(keras['mebibytes'], '.1f')} MiB",
            "",  # a ratio to almost zero means nothing
            "< 1 MB",
        ),
        Row(
            "time per fit of these, of which a search makes many",
            f"{spread(own['seconds'], '.2f')} s",
            f"Keras: {spread(keras['seconds'], '.2f')} s",
            ratio(keras["seconds"], own["seconds"]),
            "",
        ),
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--fits", type=int, default=100)
    arguments.add_argument("--keras-fits", type=int, default=40)
    main(__doc__, measure, (ours, keras_alone), arguments, repeat=3)
