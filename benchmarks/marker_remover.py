"""Measure how often MarkerRemover changes the lungs, and how much burnt-in text it removes.

    python benchmarks/marker_remover.py chest_xray --sample 600

It runs on images of 224 pixels a side, and on copies with four lines of text, one in each corner.
The lungs are those of `lung_field`, which is off by a few percent of the width. Shares have 95 %
intervals over patients.
"""

import argparse
from pathlib import Path

import numpy as np
from side_by_side import rows_of_patients

from skpneumo import ImageLoader, MarkerRemover, load_chest_xray
from skpneumo._formatting import with_interval
from skpneumo.evaluation._corruptions import CORRUPTIONS
from skpneumo.evaluation._intervals import clustered_share
from skpneumo.evaluation._stress import corrupted
from skpneumo.explanation import lung_field

SIDE = 224
TEXT = "text in every corner"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--sample", type=int, default=600, help="so many patients, at random")
    options = parser.parse_args()

    xrays = load_chest_xray(options.data)
    rows = rows_of_patients(xrays.groups, options.sample)
    patient = np.unique(xrays.groups[rows], return_inverse=True)[1]
    images = np.asarray(ImageLoader(size=SIDE).fit_transform(xrays.filenames[rows]))
    painted = MarkerRemover().transform(images) != images
    lungs = lung_field(images)[..., None]
    written("images with something painted over", painted.any((1, 2, 3)), patient)
    written("images with something of the lungs painted over", (painted & lungs).any((1, 2, 3)),
            patient)  # fmt: skip
    print(f"pixels painted over: {painted.mean():.2%}, of the lungs {painted[lungs].mean():.3%}")

    with corrupted(images, CORRUPTIONS[TEXT], TEXT) as marked:
        marked = np.asarray(marked)
    strokes = marked.astype(int) - images > 60
    removed = np.abs(MarkerRemover().transform(marked).astype(int) - marked) > 30
    of_each = (strokes & removed).sum((1, 2, 3)) / strokes.sum((1, 2, 3))
    print(f"text removed, mean over images: {of_each.mean():.1%} of its pixels")
    written("images with half of the text removed", of_each >= 0.5, patient)


def written(what: str, hit: np.ndarray, patient: np.ndarray) -> None:
    share = clustered_share(hit, np.ones(len(hit), dtype=bool), patient, 0.95)
    print(
        f"{what}: {with_interval(share.value, share.low, share.high, share.n, share.n_patients)}"
    )


if __name__ == "__main__":
    main()
