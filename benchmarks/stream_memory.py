"""Compare the peak memory of predicting streamed images with having all of them in memory.

    python benchmarks/stream_memory.py

Each number is the largest resident size of a separate process, with Python, TensorFlow and the
network, in which a pipeline of ImageLoader and a small CNNClassifier predicts images from paths.
The images are symbolic links to one small synthetic file.
"""

import argparse
import tempfile
from pathlib import Path

from side_by_side import Row, in_turns, linked, main, ratio, run, spread

SIZE = 128


def predicted(folder: str, n: int, stream: bool) -> float:
    """Predict, and return the largest resident size in GB."""
    import numpy as np

    from skpneumo import CNNClassifier, ImageLoader, make_pipeline
    from skpneumo._machine import peak_memory

    paths = [f"{folder}/person{i}_virus_{i}.jpeg" for i in range(n)]
    loader = ImageLoader(size=SIZE, stream=stream, cache=False, n_jobs=-1)
    cnn = CNNClassifier(filters=(4,), dense_units=(), global_pooling="average", epochs=1)
    pipeline = make_pipeline(loader, cnn).fit(paths[:64], np.arange(64) % 2)
    assert pipeline.predict_proba(paths).shape == (n, 2)
    return peak_memory() / 1e9


def measure(options: argparse.Namespace) -> list[Row]:
    from skpneumo import make_chest_xray

    few, many = options.few, options.many
    with tempfile.TemporaryDirectory() as folder:
        make_chest_xray(Path(folder) / "one", n_patients=6, size=SIZE, random_state=0)
        links = Path(folder) / "links"
        linked(Path(folder) / "one", many, links)
        peaks = in_turns(
            options.repeat,
            {
                "few": lambda _: run(predicted, folder=str(links), n=few, stream=True),
                "many": lambda _: run(predicted, folder=str(links), n=many, stream=True),
                "memory": lambda _: run(predicted, folder=str(links), n=many, stream=False),
            },
        )
    streamed = f"{spread(peaks['many'], '.2f')} GB"
    return [
        Row(
            f"peak memory, {many:,} images of {SIZE} px streamed",
            streamed,
            f"in memory: {spread(peaks['memory'], '.2f')} GB",
            ratio(peaks["memory"], peaks["many"]),
            "< 1.5 GB",
        ),
        Row(
            f"the same, beside {few:,} images streamed",
            streamed,
            f"{few:,}: {spread(peaks['few'], '.2f')} GB",
            ratio(peaks["few"], peaks["many"]),
            "flat: 1",
        ),
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--few", type=int, default=10_000)
    arguments.add_argument("--many", type=int, default=100_000)
    main(__doc__, measure, (predicted,), arguments, repeat=2)
