"""How much memory a process grows by with each further fit: ours, and Keras by itself.

    python benchmarks/refit_memory.py --fits 100 --repeats 3

Each repeat is a process of its own, the two kinds in turns. It fits small networks one after the
other, as a search does, at another learning rate each, and keeps none of them. The growth is the
slope of the resident memory over the fits that follow `--warm-up`, by least squares. For Keras
a network is built and compiled for each fit, with `clear_session` before it.

Printed are the median and the range over the repeats, in MiB a fit.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

KINDS = ("skpneumo", "keras")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(resident_after_each_fit(options)))
        return
    growth: dict[str, list[float]] = {kind: [] for kind in KINDS}
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(options.repeats):
        for kind in KINDS:
            measured = in_a_process_of_its_own(kind)
            resident = np.array(measured["resident"][options.warm_up :])
            growth[kind].append(float(np.polyfit(np.arange(len(resident)), resident, 1)[0]))
            seconds[kind].append(measured["seconds"] / options.fits)
            print(f"{kind}: {growth[kind][-1]:.3f} MiB a fit", file=sys.stderr, flush=True)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors")
    print("| | MiB a fit, median [range] | seconds a fit, median [range] |\n|---|---|---|")
    for kind in KINDS:
        print(f"| {kind} | {spread(growth[kind])} | {spread(seconds[kind])} |")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def in_a_process_of_its_own(kind: str) -> dict[str, object]:
    command = [sys.executable, __file__, *sys.argv[1:], "--only", kind]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def resident_after_each_fit(options: argparse.Namespace) -> dict[str, object]:
    import time

    rng = np.random.default_rng(0)
    shape = (options.images, options.size, options.size, 1)
    X, y = rng.integers(0, 255, shape, dtype=np.uint8), np.arange(options.images) % 2
    fit = {"skpneumo": fit_ours, "keras": fit_keras}[options.only]()
    resident = []
    begin = time.perf_counter()
    for i in range(options.fits):
        fit(X, y, 1e-3 * (1 + i / options.fits))
        resident.append(resident_mebibytes())
    return {"resident": resident, "seconds": time.perf_counter() - begin}


def fit_ours() -> Callable[[np.ndarray, np.ndarray, float], None]:
    from skpneumo import CNNClassifier

    def fit(X: np.ndarray, y: np.ndarray, rate: float) -> None:
        CNNClassifier(
            filters=(8, 16), dense_units=(16,), epochs=1, learning_rate=rate, random_state=0
        ).fit(X, y)

    return fit


def fit_keras() -> Callable[[np.ndarray, np.ndarray, float], None]:
    import keras

    def fit(X: np.ndarray, y: np.ndarray, rate: float) -> None:
        keras.utils.clear_session()
        model = keras.Sequential(
            [
                keras.Input(X.shape[1:]),
                keras.layers.Rescaling(1 / 127.5, -1.0),
                keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
                keras.layers.MaxPooling2D(),
                keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
                keras.layers.MaxPooling2D(),
                keras.layers.Flatten(),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss)
        model.fit(X, y, batch_size=32, epochs=1, verbose=0)

    return fit


def resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
