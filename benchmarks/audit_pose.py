"""Measure how many inverted and rotated images the audit finds, and how many it names wrongly.

    python benchmarks/audit_pose.py chest_xray

Of 1,200 patients, one image each is audited as it is. Then a fifth of them, drawn at random, is
altered, in one way at a time. The intervals are Wilson's, at 95 %.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from skpneumo import load_chest_xray
from skpneumo._formatting import with_interval
from skpneumo.audit import audit_images
from skpneumo.evaluation._intervals import wilson_interval

ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "inverted": ImageOps.invert,
    "rotated by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "rotated by 180 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_180),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="images to audit")
    parser.add_argument("--patients", type=int, default=1200, help="so many, at random")
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    xrays = load_chest_xray(options.folder)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(xrays.groups))
    _, first = np.unique(xrays.groups[rows], return_index=True)
    paths = xrays.filenames[rng.permutation(rows[first])[: options.patients]]
    altered = paths[: len(paths) // 5]

    print("| images | number | found |\n| --- | --- | --- |")
    report("as they are", found_among(paths, options.jobs), paths)
    for name, alter in ALTERATIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            copies = [altered_copy(path, folder, alter) for path in altered]
            found = found_among([*copies, *paths[len(copies) :]], options.jobs)
            report(name, found, copies)
            report("the others beside them", found, paths[len(copies) :])


def altered_copy(path: str, folder: str, alter: Callable[[Image.Image], Image.Image]) -> str:
    copy = os.path.join(folder, f"{Path(path).stem}.png")
    with Image.open(path) as image:
        alter(image.convert("L")).save(copy)
    return copy


def found_among(paths: "np.ndarray | list[str]", n_jobs: int) -> set[str]:
    """The images that the audit calls inverted or rotated."""
    # With one label for all, nothing else is measured that would take long.
    audit = audit_images(
        paths, ["xray"] * len(paths), groups=paths, near_duplicates=False, n_jobs=n_jobs
    )
    named = audit.findings[audit.findings["kind"].isin(["inverted", "rotated"])]
    return {path for files in named["paths"] for path in files}


def report(name: str, found: set[str], paths: "np.ndarray | list[str]") -> None:
    n = len(paths)
    share = sum(path in found for path in paths) / n
    low, high = wilson_interval(share, n, 0.95)
    print(f"| {name} | {n} | {round(share * n)}: {with_interval(share, low, high)} |", flush=True)


if __name__ == "__main__":
    main()
