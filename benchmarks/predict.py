"""Compare the time to predict full-size JPEGs from paths with other implementations.

    python benchmarks/predict.py originals --peers PYTHON

One network with the same weights everywhere: a pipeline of ImageLoader and CNNClassifier; Keras's
``predict`` over a tf.data pipeline that reads, decodes and resizes on all cores; and embetter's
ImageLoader, a resize with Pillow, and Keras's ``predict``. "Cold" is with an empty decode cache,
which is filled during the run; "warm" with one that an earlier process has filled; the others have
none. The time is from paths to probabilities in a separate process, with compilation, but without
imports and loading the weights. The files are symbolic links to those of the folder, as many as
`--images`, and are in the system's file cache already.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from side_by_side import Row, in_turns, linked, main, ratio, run, seconds

SIZE = 128
FILTERS, DENSE = (32, 64, 128), 64


def ours(paths: list[str], folder: str, cache: str) -> dict[str, float]:
    import joblib

    import skpneumo.loading.cache._lmdb  # noqa: F401, with what it imports when a cache is opened
    from skpneumo import ImageLoader, make_pipeline

    loader = ImageLoader(size=SIZE, cache=cache, n_jobs=-1)
    pipeline = make_pipeline(loader, joblib.load(f"{folder}/classifier"))
    return timed(lambda: pipeline.predict_proba(paths)[:, 1])


def tf_data(paths: list[str], folder: str) -> dict[str, float]:
    import tensorflow as tf

    model = keras_network(folder)

    def decode(path: Any) -> Any:
        return tf.image.resize(tf.io.decode_jpeg(tf.io.read_file(path), channels=1), (SIZE, SIZE))

    def probabilities() -> Any:
        images = tf.data.Dataset.from_tensor_slices(paths)
        images = images.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        return model.predict(images.batch(32).prefetch(tf.data.AUTOTUNE), verbose=0)

    return timed(probabilities)


def embetter_loader(paths: list[str], folder: str) -> dict[str, float]:
    import numpy as np
    from embetter.vision import ImageLoader

    loader, model = ImageLoader(convert="L"), keras_network(folder)

    def probabilities() -> Any:
        # One by one, because all at once would need gigabytes.
        images = (loader.transform([path])[0].resize((SIZE, SIZE)) for path in paths)
        return model.predict(np.stack([np.asarray(image) for image in images]), verbose=0)

    return timed(probabilities)


def keras_network(folder: str) -> Any:
    import keras
    import numpy as np
    from keras import layers

    network = [keras.Input((SIZE, SIZE, 1)), layers.Rescaling(1 / 127.5, -1.0)]
    for n_filters in FILTERS:
        network += [
            layers.Conv2D(n_filters, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
        ]
    network += [
        layers.Flatten(),
        layers.Dense(DENSE, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(network)
    with np.load(f"{folder}/weights.npz") as weights:
        model.set_weights(list(weights.values()))
    return model


def timed(probabilities: Callable[[], Any]) -> dict[str, float]:
    begin = time.perf_counter()
    found = probabilities()
    return {"seconds": time.perf_counter() - begin, "mean": float(found.mean())}


def fit_network(folder: str, data: str) -> None:
    """Save a network whose probabilities differ between images."""
    import joblib
    import numpy as np

    from skpneumo import CNNClassifier, ImageLoader, load_chest_xray

    xrays = load_chest_xray(data)
    X = ImageLoader(size=SIZE, n_jobs=-1).transform(xrays.filenames)
    cnn = CNNClassifier(FILTERS, dense_units=(DENSE,), epochs=2, random_state=0)
    joblib.dump(cnn.fit(X, xrays.target), f"{folder}/classifier")
    np.savez(f"{folder}/weights.npz", *cnn.network_.get_weights())


def measure(options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        run(fit_network, folder=folder, data=str(options.originals))
        job = {
            "folder": folder,
            "paths": linked(options.originals, options.images, Path(folder) / "xrays"),
        }
        run(ours, **job, cache=f"{folder}/filled")
        results = in_turns(
            options.repeat,
            {
                "cold": lambda i: run(ours, **job, cache=f"{folder}/empty-{i}"),
                "warm": lambda _: run(ours, **job, cache=f"{folder}/filled"),
                "tf.data": lambda _: run(tf_data, options.peers, **job),
                "embetter": lambda _: run(embetter_loader, options.peers, **job),
            },
        )
    times = {name: [each["seconds"] for each in runs] for name, runs in results.items()}
    means = {name: runs[0]["mean"] for name, runs in results.items()}
    # Only the decoders differ; a larger difference means another computation.
    assert max(means.values()) - min(means.values()) < 0.1, means
    return [
        Row(
            f"paths to probabilities, {options.images} originals, cache {which}",
            seconds(times[which], ".1f"),
            f"{peer}: {seconds(times[name], '.1f')}",
            ratio(times[name], times[which]),
            reach,
        )
        for which, reach in (("cold", "≥ 1.5"), ("warm", "≥ 3"))
        for name, peer in (
            ("tf.data", "Keras over `tf.data`"),
            ("embetter", "embetter's loader, Keras"),
        )
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("originals", type=Path, help="folder with train/, of full-size JPEGs")
    arguments.add_argument("--images", type=int, default=2000)
    programs = (ours, tf_data, embetter_loader, fit_network)
    main(__doc__, measure, programs, arguments, repeat=3)
