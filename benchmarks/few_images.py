"""Measure recipes on few images: the same patients held out, the others drawn at random.

    python benchmarks/few_images.py chest_xray --out few --images 100 300 1000 4000 --draws 3

One fold of patients is held out, the same as in `recipes.py`. For each draw, patients are drawn
from the others until there are enough images, and every recipe is fitted on the same images. The
scores of each fit are saved in the folder `--out`, so that a stopped run can continue. `table.md`
in that folder has the balanced accuracy at a threshold of one half, and the gain of the first
recipe over each of the others, both over all measured draws and with 95 % intervals over the
patients held out; `curve.svg` shows it.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from recipes import as_markdown_table, written

from skpneumo import PatientKFold, load_chest_xray, make_recipe
from skpneumo._formatting import with_interval
from skpneumo._plotting import CYCLE, LINE_STYLES, MARKERS
from skpneumo._predictions import Predictions
from skpneumo.evaluation._differences import estimate_differences
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics

METRIC = "balanced_accuracy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--out", type=Path, required=True, help="folder of scores and table")
    parser.add_argument("--images", type=int, nargs="+", default=[100, 300, 1000, 4000])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument(
        "--recipes", nargs="+", default=["robust", "dense-baseline", "hog-svm"],
        help="the first is compared with each of the others",
    )  # fmt: skip
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    xrays = load_chest_xray(options.data)
    paths, y, patients = xrays.filenames, xrays.target, xrays.groups.astype(str)
    folds = PatientKFold(5, shuffle=True, random_state=0)
    pool, test = next(iter(folds.split(paths, y)))
    for draw in range(options.draws):
        for n in sorted(options.images):
            rows = pool[drawn(patients[pool], n, draw)]
            for name in options.recipes:
                file = options.out / f"{name}-{n}-images-draw-{draw}.npz"
                if file.exists():
                    continue
                begin = time.process_time()
                model = make_recipe(name, random_state=draw).fit(paths[rows], y[rows])
                cpu_minutes = (time.process_time() - begin) / 60
                score = model.predict_proba(paths[test])[:, 1]
                np.savez(file, y=y[test], score=score, rows=rows, cpu_minutes=cpu_minutes)
                print(f"{name}: {len(rows)} images, draw {draw + 1}", flush=True)
                write(options.out, options.recipes, options.images, patients[test])


def drawn(patients: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw patients at random until there are enough rows, and return these in order."""
    order = np.random.default_rng(seed).permutation(np.unique(patients))
    counts = pd.Series(patients).value_counts()[order].cumsum().to_numpy()
    return np.flatnonzero(np.isin(patients, order[: np.searchsorted(counts, n) + 1]))


def write(out: Path, recipes: Sequence[str], images: Sequence[int], patients: np.ndarray) -> None:
    lines, curves = [], {name: [] for name in recipes}
    for n in sorted(images):
        files = {name: sorted(out.glob(f"{name}-{n}-images-draw-*.npz")) for name in recipes}
        n_draws = min(map(len, files.values()))
        if not n_draws:
            continue
        found = {name: pooled(each[:n_draws], patients) for name, each in files.items()}
        line: dict[str, Any] = {"images": n, "draws": n_draws}
        for name, predictions in found.items():
            (estimate,) = estimate_metrics(predictions, [METRIC], Settings(0.95))
            line[name] = written(estimate)
            curves[name].append((n, estimate.value, estimate.low, estimate.high))
        first, *others = recipes
        for name in others:
            (gain,) = estimate_differences(found[first], found[name], [METRIC], 0.95)
            line[f"{first} minus {name}"] = with_interval(gain.difference, gain.low, gain.high)
        minutes = [float(np.load(file)["cpu_minutes"]) for file in files[first]]
        line[f"CPU minutes of {first}"] = f"{np.mean(minutes):.1f}"
        lines.append(line)
    if lines:
        (out / "table.md").write_text(as_markdown_table(pd.DataFrame(lines)), encoding="utf-8")
        plot(curves, out / "curve.svg")


def pooled(files: Sequence[Path], patients: np.ndarray) -> Predictions:
    """Pool the predictions of all draws; the patients held out are the same in each."""
    codes = np.unique(patients, return_inverse=True)[1]
    parts = [np.load(file) for file in files]
    return joined([at_one_half(part["y"], part["score"], codes) for part in parts])


def at_one_half(y: np.ndarray, score: np.ndarray, codes: np.ndarray) -> Predictions:
    return Predictions(y == 1, score >= 0.5, score, codes, None, 1)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Pool the predictions of all draws; a patient may be in several."""
    positive, predicted, score, patients = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("positive", "predicted", "score", "patient")
    )
    codes = np.unique(patients, return_inverse=True)[1]
    return Predictions(positive, predicted, score, codes, None, 1)


def plot(curves: dict[str, list[tuple[int, float, float, float]]], file: Path) -> None:
    """Draw the curves on nothing, in colours that are legible on white and on black."""
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
        "#808080",
    )
    with plt.rc_context({**ink, "svg.hashsalt": "few images", "svg.fonttype": "path"}):
        figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
        for i, (name, points) in enumerate(curves.items()):
            n, value, low, high = np.array(points).T
            apart = n * 1.04 ** (i - (len(curves) - 1) / 2)  # or intervals would hide each other
            axes.errorbar(
                apart,
                value,
                [value - low, high - value],
                label=name,
                capsize=3,
                color=CYCLE[i],
                marker=MARKERS[i],
                linestyle=LINE_STYLES[i],
            )
        axes.set(xscale="log", xlabel="images to train on", ylabel="balanced accuracy")
        axes.set_xticks(n, [f"{each:,.0f}" for each in n])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", frameon=False)
        figure.savefig(file, transparent=True, metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
