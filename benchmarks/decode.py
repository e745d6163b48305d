"""How fast full-size JPEGs become images, first and second time, beside what others do.

First decode: ImageLoader without a cache, ``keras.utils.image_dataset_from_directory``, OpenCV,
and a bare libjpeg-turbo that decodes at a fraction of the size as ImageLoader does. Second decode:
ImageLoader with its cache in a folder; the others have none. Each run is a process of its own,
and they alternate. Imports are not counted; opening the cache is. Printed are medians and, over
rounds, median and range of the ratio of each one's time to ImageLoader's.

    python benchmarks/decode.py --data DIR --peers PYTHON

PYTHON is the interpreter of an environment of its own, with
``pip install tensorflow opencv-python-headless simplejpeg``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZE = 128

# Each program decodes the files named on standard input and prints seconds and a checksum.
# Reading the names and importing are not counted.
START = """
import json, os, sys, time
paths, size, threads, cache, folder = json.load(sys.stdin)
from concurrent.futures import ThreadPoolExecutor
def timed(load):
    start = time.perf_counter()
    images = load()
    print(json.dumps([time.perf_counter() - start, float(images.mean())]))
def on_threads(decode):
    import numpy as np
    images = np.empty((len(paths), size, size, 1), np.uint8)
    def fill(row):
        images[row, ..., 0] = decode(paths[row])
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(paths))))
    return images
"""

OURS = """
import skpneumo.loading._shelf, lmdb, filelock
from skpneumo import ImageLoader
loader = ImageLoader(size=size, cache=cache or False, n_jobs=threads)
timed(lambda: loader.transform(paths))
"""

KERAS = """
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
def load():
    data = keras.utils.image_dataset_from_directory(
        folder, labels=None, color_mode="grayscale", image_size=(size, size), batch_size=32,
        shuffle=False, verbose=False)
    return np.concatenate([batch.numpy() for batch in data])
timed(load)
"""

OPENCV = """
import cv2
cv2.setNumThreads(1)
def decode(path):
    return cv2.resize(
        cv2.imread(path, cv2.IMREAD_GRAYSCALE), (size, size), interpolation=cv2.INTER_AREA)
timed(lambda: on_threads(decode))
"""

TURBO = """
import numpy as np, simplejpeg, cv2
cv2.setNumThreads(1)
def decode(path):
    with open(path, "rb") as file:
        data = file.read()
    pixels = simplejpeg.decode_jpeg(
        data, "GRAY", fastdct=False, fastupsample=False,
        min_height=2 * size, min_width=2 * size, min_factor=1)
    return cv2.resize(pixels[..., 0], (size, size), interpolation=cv2.INTER_AREA)
timed(lambda: on_threads(decode))
"""


def run(python: str, program: str, job: list) -> tuple[float, float]:
    finished = subprocess.run(
        [python, "-c", START + program],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    if finished.returncode:
        raise RuntimeError(finished.stderr)
    seconds, mean = json.loads(finished.stdout.splitlines()[-1])
    return seconds, mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--peers", required=True, help="interpreter that has the peers")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    paths = sorted(str(path) for path in options.data.rglob("*.jp*g"))
    with tempfile.TemporaryDirectory() as folder:
        job = [paths, SIZE, options.threads, None, str(options.data)]
        cached = [paths, SIZE, options.threads, str(Path(folder) / "cache"), str(options.data)]
        programs = {
            "ImageLoader, first": (sys.executable, OURS, job),
            "ImageLoader, cached": (sys.executable, OURS, cached),
            "keras.utils": (options.peers, KERAS, job),
            "OpenCV": (options.peers, OPENCV, job),
            "libjpeg-turbo, scaled": (options.peers, TURBO, job),
        }
        run(sys.executable, OURS, cached)  # which fills the cache
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, each in programs.items():
                results[name].append(run(*each))
    seconds = {name: np.array([run[0] for run in runs]) for name, runs in results.items()}
    print(
        f"{len(paths)} JPEGs to {SIZE} x {SIZE} on {options.threads} threads, "
        f"{options.rounds} rounds; {os.cpu_count()} processors, {platform.platform()}"
    )
    ours = [seconds["ImageLoader, first"], seconds["ImageLoader, cached"]]
    print(f"{'':<24}{'seconds':>9}{'mean grey':>11}  {'times ours, first':<26}times ours, cached")
    for name, values in seconds.items():
        ratios = [
            f"{np.median(values / own):.2f} [{(values / own).min():.2f}, "
            f"{(values / own).max():.2f}]"
            for own in ours
        ]
        print(
            f"{name:<24}{np.median(values):>9.4f}{results[name][0][1]:>11.2f}  "
            f"{ratios[0]:<26}{ratios[1]}"
        )


if __name__ == "__main__":
    main()
