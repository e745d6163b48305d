"""Measure how much time a second Dask worker saves in a search.

    python benchmarks/dask_workers.py chest_xray --sample 200 --repeats 5

The same grid of 8 candidates on 2 folds of paths runs on one and on two local worker processes. A
worker has one thread in Dask and in the backend, so two of them need two processors. Both clusters
stay up and run in turns, so that other load affects both. The first search of each is not counted,
because it decodes the images and compiles the network once in each worker. Without a folder, the
images are synthetic. The output is the time of a search and the ratio of consecutive ones, as
median and range.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Before any backend starts, here or in the workers, which inherit it.
os.environ |= dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)

import joblib
import numpy as np
from distributed import Client, LocalCluster
from side_by_side import ratio, rows_of_patients, spread

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    PatientKFold,
    Pipeline,
    ResumableGridSearchCV,
    load_chest_xray,
    make_chest_xray,
)

GRID = {"cnn__learning_rate": [1e-2, 3e-3, 1e-3, 3e-4], "cnn__class_weight": [None, "balanced"]}
WORKERS = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of X-rays; none: invented ones")
    parser.add_argument("--sample", type=int, default=200, help="patients, drawn at random")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths, y = collection(options, Path(folder))
        clusters = {n: start(n, Path(folder)) for n in WORKERS}
        print("both clusters are up", file=sys.stderr, flush=True)
        scores = {n: search(options, client, paths, y) for n, (_, client) in clusters.items()}
        np.testing.assert_allclose(scores[1], scores[2])
        seconds = alternate(options, clusters, paths, y)
        for cluster, client in clusters.values():
            client.close()
            cluster.close()
    report(len(paths), seconds)


def collection(options: argparse.Namespace, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    if options.data is None:
        xrays = make_chest_xray(folder / "xrays", n_patients=options.sample, random_state=0)
        return xrays.filenames, xrays.target
    xrays = load_chest_xray(options.data)
    rows = rows_of_patients(xrays.groups, options.sample)
    return xrays.filenames[rows], xrays.target[rows]


def start(n_workers: int, folder: Path) -> tuple[LocalCluster, Client]:
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        dashboard_address=":0",  # any free port: there are two clusters
        local_directory=str(folder),
    )
    return cluster, Client(cluster)


def search(options: argparse.Namespace, client: Client, paths: Any, y: Any) -> np.ndarray:
    """Search, and return the score of each candidate."""
    cnn = CNNClassifier(
        filters=(8, 16, 32), epochs=options.epochs, precision="float32", random_state=0
    )
    pipe = Pipeline([("load", ImageLoader(size=options.size)), ("cnn", cnn)])
    grid = ResumableGridSearchCV(
        pipe, GRID, scoring="roc_auc", cv=PatientKFold(2), refit=False, error_score="raise"
    )
    with joblib.parallel_config(backend="dask", client=client):
        return grid.fit(paths, y).cv_results_["mean_test_score"]


def alternate(
    options: argparse.Namespace, clusters: dict[int, tuple[LocalCluster, Client]], *data: Any
) -> dict[int, list[float]]:
    seconds: dict[int, list[float]] = {n: [] for n in WORKERS}
    for repeat in range(options.repeats):
        for n in WORKERS if repeat % 2 == 0 else WORKERS[::-1]:
            begin = time.perf_counter()
            search(options, clusters[n][1], *data)
            seconds[n].append(time.perf_counter() - begin)
            print(f"{n} workers: {seconds[n][-1]:.1f} s", file=sys.stderr, flush=True)
    return seconds


def report(n_images: int, seconds: dict[int, list[float]]) -> None:
    load = os.getloadavg()[0]
    print(f"{n_images} images, {os.cpu_count()} processors, load {load:.1f} at the end")
    print("| workers | seconds of a search |\n|---|---|")
    for n, values in seconds.items():
        print(f"| {n} | {spread(values, '.1f')} |")
    print(f"\ntwo workers are {ratio(seconds[1], seconds[2])} times as fast as one")


if __name__ == "__main__":
    main()
