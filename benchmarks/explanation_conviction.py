"""Measure how well the explanation report finds models that use a shortcut, and only those.

For each seed, synthetic radiographs are drawn, and four small networks are trained on them: on the
unchanged images; on images with a bright marker in a corner at random; on images with it if and
only if there is pneumonia; and on images with it if and only if there is none.
`explanation_report` judges each on images of other patients. Corner, size, brightness and shape of
the marker, and how visible the pneumonia is, vary between seeds.

The output is the verdicts with Wilson's 95 % intervals, the measures that they are based on, and
the pointing game of the maps of the first kind of network: how often the strongest evidence is in
the disc of an opacity, on images whose pneumonia was found.

    python benchmarks/explanation_conviction.py --seeds 100

Other networks, on the unchanged images only:

    python benchmarks/explanation_conviction.py --network residual --kind "no marker" --seeds 10
"""

import argparse
import os
import platform
import tempfile
import time

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import binomtest

from skpneumo import CNNClassifier, ImageLoader, make_chest_xray
from skpneumo.explanation import explanation_report
from skpneumo.explanation._methods import maps_by

# The right verdict for each kind of network.
KINDS = {
    "no marker": "lungs",
    "marker at random": "lungs",
    "marker with pneumonia": "shortcut",
    "marker without pneumonia": "shortcut",
}
NETWORKS = {
    "flat": {"filters": (8, 16, 32), "epochs": 15, "learning_rate": 3e-3},
    "pooled": {
        "filters": (8, 16, 32),
        "global_pooling": "average",
        "epochs": 80,
        "learning_rate": 3e-3,
    },
    "residual": {
        "filters": (16, 32, 64),
        "convs_per_block": 2,
        "residual": True,
        "batch_norm": True,
        "global_pooling": "average",
        "dense_units": (),
        "epochs": 20,
    },
}
POINTING = ("hires_cam", "grad_cam", "grad_cam++", "integrated_gradients", "occlusion")


def planted(images: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the same marker, a letter or a square, to the same corner of some images."""
    images = images.copy()
    size = images.shape[1]
    side, gap = rng.integers(size // 10, size // 6, endpoint=True), rng.integers(1, 4)
    brightness = int(rng.integers(200, 255, endpoint=True))
    left = int(rng.choice([gap, size - side - gap]))
    top = int(rng.choice([gap, size - side - gap]))
    letter, font = rng.random() < 0.5, ImageFont.load_default(int(side) + 3)
    for row in rows:
        marked = Image.fromarray(images[row, :, :, 0])
        if letter:
            ImageDraw.Draw(marked).text((left, top - 2), "R", fill=brightness, font=font)
        else:
            marked.paste(brightness, (left, top, left + int(side), top + int(side)))
        images[row, :, :, 0] = marked
    return images


def points_at_opacity(maps: np.ndarray, truth: pd.DataFrame) -> list[bool]:
    """Tell whether the strongest evidence is in one of the discs of the opacities."""
    height, width = maps.shape[1:]
    hits = []
    for heat, found in zip(maps, truth.to_dict("records"), strict=True):
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        x, y = (column + 0.5) / width * found["width"], (row + 0.5) / height * found["height"]
        hits.append(
            any(
                np.hypot(x - found[f"{disc}_x"], y - found[f"{disc}_y"]) <= found[f"{disc}_radius"]
                for disc in ("opacity", "opacity2")
            )
        )
    return hits


def trial(
    seed: int, size: int, n_patients: int, network_name: str, kinds: list[str]
) -> tuple[list[dict], dict[str, list[bool]]]:
    """Train and judge the networks of a seed."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        xrays = make_chest_xray(
            folder,
            n_patients=n_patients,
            images_per_patient=1,
            weights=(0.5, 0.3, 0.2),
            size=(3 * size // 2, 2 * size),
            difficulty=float(rng.uniform(0, 0.3)),
            val_fraction=0,
            test_fraction=0.4,
            random_state=seed,
        )
        plain = np.asarray(ImageLoader(size=size).transform(xrays.filenames))
    y, train = xrays.target, xrays.split == "train"
    marked = {
        "no marker": np.array([], dtype=int),
        "marker at random": np.flatnonzero(rng.random(len(y)) < 0.5),
        "marker with pneumonia": np.flatnonzero(y == 1),
        "marker without pneumonia": np.flatnonzero(y == 0),
    }
    verdicts, pointing = [], {}
    for kind in kinds:
        images = planted(plain, marked[kind], rng)
        network = CNNClassifier(**NETWORKS[network_name], batch_size=16, random_state=seed)
        network.fit(images[train], y[train])
        report = explanation_report(
            network, images[~train], y[~train], groups=xrays.groups[~train], random_state=seed
        )
        value = report.measures.set_index("measure")["value"]
        left = report.remaining.query("metric == 'AUC'").set_index("images")["value"]
        verdicts.append(
            {
                "model": kind,
                "verdict": report.verdict,
                "accuracy": network.score(images[~train], y[~train]),
                "edge": value.get("edge", np.nan),
                "outside": value.get("from outside", np.nan),
                "AUC left without lungs": left["lungs blacked out"],
                "AUC left of the frame": left["frame alone"],
            }
        )
        if kind == "no marker":
            found = report.frame["outcome"].eq("TP").to_numpy()
            shown, truth = images[~train][found], xrays.frame[~train][found]
            pointing = {
                name: points_at_opacity(maps_by(name, network, shown), truth) for name in POINTING
            }
    return verdicts, pointing


def share(n_hits: int, n: int) -> str:
    low, high = binomtest(n_hits, n).proportion_ci(0.95, method="wilson")
    return f"{n_hits} of {n}, {n_hits / n:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--size", type=int, default=48, help="pixels a side")
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--network", choices=list(NETWORKS), default="flat")
    parser.add_argument(
        "--kind", action="append", choices=list(KINDS), help="again for several; default: all"
    )
    arguments = parser.parse_args()
    kinds = arguments.kind or list(KINDS)
    start = time.perf_counter()
    rows: list[dict] = []
    hits: dict[str, list[bool]] = {name: [] for name in POINTING}
    for seed in range(arguments.seeds):
        verdicts, pointing = trial(
            seed, arguments.size, arguments.patients, arguments.network, kinds
        )
        rows += verdicts
        for name in hits:
            hits[name] += pointing.get(name, [])
    frame = pd.DataFrame(rows)
    print(
        f"{arguments.network} networks, {arguments.seeds} seeds, {arguments.patients} patients "
        f"with an image each, 40 % of them judged, {arguments.size} x {arguments.size} pixels; "
        f"{os.cpu_count()} processors, {platform.platform()}, {time.perf_counter() - start:.0f} s"
    )
    for kind in kinds:
        right = KINDS[kind]
        some = frame[frame["model"].eq(kind)]
        print(f"\n{kind}: {right} {share(int(some['verdict'].eq(right).sum()), len(some))}")
        print(f"  verdicts {some['verdict'].value_counts().to_dict()}")
        for name in some.columns[2:]:
            low, middle, high = some[name].quantile([0, 0.5, 1])
            print(f"  {name:22} median {middle:.2f}, from {low:.2f} to {high:.2f}")
    if "no marker" not in kinds:
        return
    print("\npointing game, found pneumonia of the networks without a marker")
    for name, each in hits.items():
        print(f"  {name:20} {share(sum(each), len(each))}")


if __name__ == "__main__":
    main()
