"""Measure the loss of accuracy and gain of time of decoding JPEGs at reduced size.

For each size, every JPEG below ``--data`` is loaded twice: by ImageLoader, which decodes a large
JPEG at 1/2, 1/4 or 1/8 of its size, and by a full decode followed by the same resize. The output
is the absolute differences in grey levels (of 255), their mean with a 95 % bootstrap interval over
images, and the images per second of processor time in alternating runs on one thread, with their
ratio and its range. Without ``--data``, the images are synthetic radiographs.

    python benchmarks/loading_draft_accuracy.py --data DIR
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps, features
from scipy.stats import bootstrap

from skpneumo import ImageLoader, make_chest_xray
from skpneumo.loading._resizing import DecodedImage, resize_image

SIZES = (64, 128, 224)
RUNS = 5


def load_in_full(paths: list[str], size: int) -> np.ndarray:
    """Load the images without decoding at reduced size."""
    images = []
    for path in paths:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L")
        images.append(resize_image(DecodedImage(upright, *upright.size), (size, size), "stretch"))
    return np.stack(images)


def seconds(load: Callable, *args: object) -> float:
    start = time.process_time()
    load(*args)
    return time.process_time() - start


def report(paths: list[str]) -> None:
    libjpeg = features.version("libjpeg_turbo") or features.version("jpg")
    print(
        f"{len(paths)} JPEGs; Pillow {PIL.__version__}, libjpeg {libjpeg}; "
        f"{os.cpu_count()} processors, {platform.platform()}"
    )
    print(
        f"{'size':>5} {'mean difference [95 %]':>24} {'largest':>8} {'99.9 %':>7} "
        f"{'images/s':>9} {'in full':>8} {'ratio':>6}"
    )
    for size in SIZES:
        loader = ImageLoader(size=size, cache=False, n_jobs=1)
        scaled = loader.transform(paths)[..., 0].astype(int)
        difference = np.abs(scaled - load_in_full(paths, size))
        per_image = difference.mean(axis=(1, 2))
        interval = bootstrap((per_image,), np.mean, method="percentile", rng=0).confidence_interval
        times = np.array(
            [
                (seconds(loader.transform, paths), seconds(load_in_full, paths, size))
                for _ in range(RUNS)
            ]
        )
        ratios = times[:, 1] / times[:, 0]
        speeds = len(paths) / np.median(times, axis=0)
        print(
            f"{size:>5} {per_image.mean():>10.3f} [{interval.low:.3f}, {interval.high:.3f}] "
            f"{difference.max():>8} {np.quantile(difference, 0.999):>7.1f} "
            f"{speeds[0]:>9.0f} {speeds[1]:>8.0f} "
            f"{np.median(ratios):>6.2f} [{ratios.min():.2f}, {ratios.max():.2f}]"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of JPEGs, searched through")
    folder = parser.parse_args().data
    if folder is not None:
        report(sorted(str(path) for path in folder.rglob("*.jp*g")))
        return
    xrays = make_chest_xray(n_patients=40, size=(800, 2000), random_state=0)
    report(list(xrays.filenames))


if __name__ == "__main__":
    main()
