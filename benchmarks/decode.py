"""Compare the time to decode full-size JPEGs, the first and second time, with other readers.

    python benchmarks/decode.py originals --peers PYTHON

First decode: ImageLoader without a cache, ``keras.utils.image_dataset_from_directory``, OpenCV,
and a bare libjpeg-turbo that decodes at a fraction of the size as ImageLoader does. Second decode:
ImageLoader with its cache in a folder that another process has filled; the others have none. The
files are symbolic links to those of the folder, as many as `--images`. Imports are not counted,
but opening the cache is. The files are in the system's file cache already.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from side_by_side import Row, in_turns, linked, main, ratio, run, seconds

SIZE = 128


def ours(paths: list[str], threads: int, cache: str | None = None, **_: Any) -> float:
    import skpneumo.loading.cache._lmdb  # noqa: F401, with what it imports when a cache is opened
    from skpneumo import ImageLoader

    loader = ImageLoader(size=SIZE, cache=cache or False, n_jobs=threads)
    return timed(lambda: loader.transform(paths))


def keras_utils(folder: str, threads: int, **_: Any) -> float:
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def load() -> Any:
        data = keras.utils.image_dataset_from_directory(
            folder,
            labels=None,
            color_mode="grayscale",
            image_size=(SIZE, SIZE),
            batch_size=32,
            shuffle=False,
            verbose=False,
        )
        return np.concatenate([batch.numpy() for batch in data])

    return timed(load)


def opencv(paths: list[str], threads: int, **_: Any) -> float:
    import cv2

    cv2.setNumThreads(1)

    def decode(path: str) -> Any:
        pixels = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        return cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)

    return timed(lambda: on_threads(decode, paths, threads))


def libjpeg_turbo(paths: list[str], threads: int, **_: Any) -> float:
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)

    def decode(path: str) -> Any:
        pixels = simplejpeg.decode_jpeg(
            Path(path).read_bytes(),
            "GRAY",
            fastdct=False,
            fastupsample=False,
            min_height=2 * SIZE,
            min_width=2 * SIZE,
            min_factor=1,
        )
        return cv2.resize(pixels[..., 0], (SIZE, SIZE), interpolation=cv2.INTER_AREA)

    return timed(lambda: on_threads(decode, paths, threads))


def on_threads(decode: Callable[[str], Any], paths: list[str], threads: int) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    images = np.empty((len(paths), SIZE, SIZE, 1), np.uint8)

    def fill(row: int) -> None:
        images[row, ..., 0] = decode(paths[row])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(paths))))
    return images


def timed(load: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    images = load()
    elapsed = time.perf_counter() - begin
    # Readers with other results are not compared.
    assert images.shape[1:] == (SIZE, SIZE, 1), images.shape
    assert 30 < images.mean() < 220, images.mean()
    return elapsed


def measure(options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        links = Path(folder) / "xrays"
        job = {
            "paths": linked(options.originals, options.images, links),
            "folder": str(links),
            "threads": options.threads,
        }
        cached = partial(run, ours, **job, cache=str(Path(folder) / "cache"))
        cached()  # which fills the cache
        peers = {
            "`keras.utils`": keras_utils,
            "OpenCV": opencv,
            "libjpeg-turbo, scaled": libjpeg_turbo,
        }
        times = in_turns(
            options.repeat,
            {
                "first": lambda _: run(ours, **job),
                "second": lambda _: cached(),
                **{
                    name: lambda _, program=program: run(program, options.peers, **job)
                    for name, program in peers.items()
                },
            },
        )
    first = f"first decode, {options.images} full-size JPEGs to {SIZE} px"
    second = "second decode of them, in another process"
    to_reach = [
        (first, "first", "`keras.utils`", "≥ 1.3"),
        (first, "first", "OpenCV", ""),
        (first, "first", "libjpeg-turbo, scaled", "≥ .9"),
        (second, "second", "`keras.utils`", "≥ 20"),
        (second, "second", "OpenCV", ""),
    ]
    return [
        Row(
            what,
            seconds(times[which], ".3f"),
            f"{peer}: {seconds(times[peer], '.3f')}",
            ratio(times[peer], times[which]),
            reach,
        )
        for what, which, peer, reach in to_reach
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("originals", type=Path, help="folder of full-size JPEGs")
    arguments.add_argument("--images", type=int, default=500)
    arguments.add_argument("--threads", type=int, default=2)
    programs = (ours, keras_utils, opencv, libjpeg_turbo)
    main(__doc__, measure, programs, arguments, repeat=7)
