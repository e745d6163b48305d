"""Write the initial weights of the package, and measure their gain on few images.

    python benchmarks/initial_weights.py chest_xray --write
    python benchmarks/initial_weights.py chest_xray --out initial --images 100 --draws 3

With `--write` the recipe "robust" is fitted on all patients of the folder, and the weights of its
network are written to the file that ``CNNClassifier(initial_weights="kermany")`` reads.

Otherwise, weights are trained without one fold of patients. Some of these patients are drawn until
there are enough images, and the recipe is fitted on them twice, with random weights and with the
trained ones; the others test both. The scores of each fit are saved in the folder `--out`, so that
a stopped run can continue. `table.md` in that folder has what both reach over all draws, and
the gain with a 95 % interval over patients.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from few_images import at_one_half, drawn, joined
from pretrained_figures import FittedOnce
from recipes import as_markdown_table, written

from skpneumo import PatientKFold, load_chest_xray, make_recipe
from skpneumo._formatting import with_interval
from skpneumo._predictions import Predictions
from skpneumo.classifiers._saved_weights import SHIPPED, write_weights
from skpneumo.evaluation._differences import estimate_differences
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics

RECIPE = "robust"
METRICS = ("roc_auc", "balanced_accuracy", "recall", "specificity")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--write", action="store_true", help="the weights that ship")
    parser.add_argument("--out", type=Path, default=Path("initial"), help="fits, scores and table")
    parser.add_argument("--images", type=int, nargs="+", default=[100])
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    xrays = load_chest_xray(options.data)
    if options.write:
        everything = np.arange(len(xrays.target))
        write(SHIPPED["kermany"], fitted(xrays, everything, options.out), xrays.filenames)
        return
    folds = PatientKFold(5, shuffle=True, random_state=0)
    others, mine = next(iter(folds.split(xrays.filenames, xrays.target)))
    file = options.out / "without-the-first-fold.npz"
    if not file.exists():
        write(file, fitted(xrays, others, options.out), xrays.filenames[others])
    measure(xrays, mine, file, options)


def fitted(xrays: Any, rows: np.ndarray, folder: Path) -> Any:
    """Fit the network of the recipe on some rows."""
    once = FittedOnce(make_recipe(RECIPE, random_state=0, n_jobs=-1), str(folder))
    return once.fit(xrays.X.iloc[rows], xrays.target[rows]).estimator_[-1]


def write(file: Path, network: Any, paths: np.ndarray) -> None:
    loader = make_recipe(RECIPE, n_jobs=-1)["load"]
    images = np.asarray(loader.fit_transform(paths))
    arguments = dict(network.network_spec_.arguments)
    write_weights(file, network.weights_, arguments, images)
    print(f"Wrote {file.name}: {file.stat().st_size / 1e6:.2f} MB, of {len(images)} images")


def measure(xrays: Any, rows: np.ndarray, file: Path, options: argparse.Namespace) -> None:
    paths, y, patients = xrays.filenames, xrays.target, xrays.groups.astype(str)
    lines = []
    for n in options.images:
        found: dict[str, list[Predictions]] = {"random": [], "initial": []}
        for draw in range(options.draws):
            train = rows[drawn(patients[rows], n, draw)]
            test = rows[~np.isin(patients[rows], patients[train])]
            codes = np.unique(patients, return_inverse=True)[1][test]  # the same in all draws
            for start, weights in (("random", None), ("initial", str(file))):
                scores = options.out / f"{start}-{n}-images-draw-{draw}.npy"
                if not scores.exists():
                    model = make_recipe(RECIPE, random_state=draw, n_jobs=-1)
                    model.set_params(cnn__initial_weights=weights).fit(paths[train], y[train])
                    np.save(scores, model.predict_proba(paths[test])[:, 1])
                    print(f"{start}: {len(train)} images, draw {draw + 1}", flush=True)
                score = np.load(scores)
                found[start].append(at_one_half(y[test], score, codes))
        lines += [{"images": n, "draws": options.draws, **line} for line in compared(found)]
        table = as_markdown_table(pd.DataFrame(lines))
        (options.out / "table.md").write_text(table, encoding="utf-8")
    print(table)


def compared(found: dict[str, list[Predictions]]) -> list[dict[str, str]]:
    """What both reach over all draws, and the gain, metric by metric."""
    random, initial = joined(found["random"]), joined(found["initial"])
    rows = zip(
        estimate_metrics(random, METRICS, Settings(0.95)),
        estimate_metrics(initial, METRICS, Settings(0.95)),
        estimate_differences(initial, random, METRICS, 0.95),
        strict=True,
    )
    return [
        {
            "metric": gain.metric,
            "random weights": written(before),
            "initial weights": written(after),
            "gain": with_interval(gain.difference, gain.low, gain.high),
        }
        for before, after, gain in rows
    ]


if __name__ == "__main__":
    main()
