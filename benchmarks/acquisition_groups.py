"""Measure recipes on images of a style that they have not seen, and the gain of balanced styles.

    python benchmarks/acquisition_groups.py chest_xray --out groups --recipes hog-svm robust

The files of this collection do not name the machine. So the images are grouped by properties that
need not depend on the disease: size and shape of the file, its outer tenth, grey level, sharpness,
local contrast and noise, clustered by k-means without the labels. Each recipe is fitted

- on the folds of `recipes.py`, so that images of every group, of other patients, are in training,
- without each group that has enough images of both classes, and without its patients,
- on the folds with weights that balance the classes within each group.

The first is compared with the second and with the third on the same images. The scores of each fit
are saved in the folder `--out`, so that a stopped run can continue, and scores of `recipes.py` in
that folder are used. `groups.md` in that folder has the tables; differences have 95 % intervals
over patients. `--only-folds` limits the fits with weights. `hog-svm` is fitted without weights
only, because its calibration does not pass them on to the support vector machine.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from few_images import at_one_half
from recipes import UNALTERED, Fit, as_markdown_table, fitted_scores, measure, written
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skpneumo import PatientKFold, audit_images, load_chest_xray, make_recipe
from skpneumo._formatting import with_interval
from skpneumo.audit._sources import sources_of
from skpneumo.evaluation._differences import estimate_differences
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics

N_FOLDS = 5
STYLE = (
    "width over height", "width and height in pixels", "bytes per pixel", "outer tenth",
    "mean grey level", "sharpness", "local contrast", "noise",
)  # fmt: skip
METRICS = ("roc_auc", "balanced_accuracy", "specificity", "recall")
FEWEST_IMAGES = 50  # of each class, in a group that is left out
LARGEST_WEIGHT = 10.0  # so that a few images do not make up a class
UNWEIGHTED = {"hog-svm"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--out", type=Path, required=True, help="folder of scores and tables")
    parser.add_argument("--recipes", nargs="+", default=["hog-svm", "dense-baseline", "robust"])
    parser.add_argument("--groups", type=int, default=6)
    parser.add_argument("--only-folds", type=int, nargs="+", default=[*range(1, N_FOLDS + 1)])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    xrays = load_chest_xray(options.data)
    group = groups_of(xrays.filenames, xrays.target, options.groups)
    study = Study(xrays.filenames, xrays.target, xrays.groups.astype(str), group, options.out)
    tables = [study.description()]
    for recipe in options.recipes:
        tables.append(study.leave_groups_out(recipe))
        if recipe not in UNWEIGHTED:
            tables.append(study.balance_groups(recipe, options.only_folds))
        text = "\n".join(map(as_markdown_table, tables))
        (options.out / "groups.md").write_text(text, encoding="utf-8")
    print(text)


def groups_of(paths: np.ndarray, y: np.ndarray, n_groups: int) -> np.ndarray:
    """Cluster the images by style, each kind of style with the same total variance."""
    audit = audit_images(paths, y, near_duplicates=False)
    sources = sources_of(audit.frame, audit.thumbnails)
    scaled = [StandardScaler().fit_transform(sources[name].features) for name in STYLE]
    features = np.hstack([each / np.sqrt(each.shape[1]) for each in scaled])
    style = PCA(0.9, random_state=0).fit_transform(features)
    return KMeans(n_groups, n_init=20, random_state=0).fit_predict(style)


class Study:
    """A collection with its groups, and the metrics of recipes on it."""

    def __init__(
        self, paths: np.ndarray, y: np.ndarray, patients: np.ndarray, group: np.ndarray, out: Path
    ) -> None:
        self.paths, self.y, self.patients, self.group, self.out = paths, y, patients, group, out
        self.codes = np.unique(patients, return_inverse=True)[1]
        self.folds = list(PatientKFold(N_FOLDS, shuffle=True, random_state=0).split(paths, y))

    def description(self) -> pd.DataFrame:
        """Count the images of each class in each group."""
        counts = pd.crosstab(self.group + 1, self.y == 1).rename(
            columns={False: "NORMAL", True: "PNEUMONIA"}
        )
        return counts.rename_axis("group").reset_index()

    def leave_groups_out(self, recipe: str) -> pd.DataFrame:
        """Compare, on each group, a model fitted without it with those fitted on all groups."""
        seen = self.out_of_fold_scores(recipe)
        unseen = np.full(len(self.y), np.nan)
        for group, test in self.groups_with_both_classes():
            others = ~np.isin(self.patients, self.patients[test])
            file = self.out / f"{recipe}-without-group-{group + 1}-of-{self.group.max() + 1}.npz"
            unseen[test] = self.saved_scores(file, recipe, np.flatnonzero(others), test)
        return pd.DataFrame(
            [
                {"recipe": recipe, "group left out": f"{group + 1}"}
                | self.comparison(unseen, seen, rows)
                for group, rows in self.groups_with_both_classes()
            ]
        )

    def balance_groups(self, recipe: str, folds: list[int]) -> pd.DataFrame:
        """Compare, on these folds, models fitted with and without balancing weights."""
        plain, weighted = self.out_of_fold_scores(recipe), np.full(len(self.y), np.nan)
        for number in folds:
            train, test = self.folds[number - 1]
            file = self.out / f"{recipe}-balanced-{self.group.max() + 1}-groups-fold-{number}.npz"
            weight = balancing_weights(self.y[train], self.group[train])
            weighted[test] = self.saved_scores(file, recipe, train, test, number - 1, weight)
        tested = np.flatnonzero(~np.isnan(weighted))
        return pd.DataFrame(
            [
                {"recipe": recipe, "balanced within groups, group": name}
                | self.comparison(weighted, plain, np.intersect1d(rows, tested))
                for name, rows in [
                    *((str(group + 1), rows) for group, rows in self.groups_with_both_classes()),
                    ("all", tested),
                ]
            ]
        )

    def groups_with_both_classes(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the groups with enough images of both classes, and their rows."""
        for group in range(self.group.max() + 1):
            rows = np.flatnonzero(self.group == group)
            if np.bincount(self.y[rows], minlength=2).min() >= FEWEST_IMAGES:
                yield group, rows

    def out_of_fold_scores(self, recipe: str) -> np.ndarray:
        """Compute the scores of all images by the fits of `recipes.py`."""
        score = np.full(len(self.y), np.nan)
        for number, (train, test) in enumerate(self.folds, start=1):
            fit = Fit(recipe, number, 0, N_FOLDS, len(self.y), self.out)
            if not fit.scores.exists():
                measure([fit], self.paths, self.y, (train, test), {}, None)
            score[test] = np.load(fit.scores)[UNALTERED]
        return score

    def saved_scores(
        self,
        file: Path,
        recipe: str,
        train: np.ndarray,
        test: np.ndarray,
        random_state: int = 0,
        weight: np.ndarray | None = None,
    ) -> np.ndarray:
        """Fit a recipe, unless the file has its scores already, and return the scores."""
        if not file.exists():
            pipeline = make_recipe(recipe, random_state=random_state, n_jobs=-1)
            weights = {} if weight is None else {f"{pipeline.steps[-1][0]}__sample_weight": weight}
            np.savez(file, **fitted_scores(pipeline, self.paths, self.y, train, test, **weights))
            print(file.stem, flush=True)
        return np.load(file)[UNALTERED]

    def comparison(self, new: np.ndarray, old: np.ndarray, rows: np.ndarray) -> dict[str, str]:
        """Write the metrics of the new scores of these images, and their changes from the old."""
        patients = np.unique(self.codes[rows], return_inverse=True)[1]  # without gaps
        after, before = (at_one_half(self.y[rows], score[rows], patients) for score in (new, old))
        line = {"images": f"{len(rows):,}"}
        for estimate, change in zip(
            estimate_metrics(after, METRICS, Settings(0.95)),
            estimate_differences(after, before, METRICS, 0.95),
            strict=True,
        ):
            line[estimate.metric] = written(estimate)
            line[f"{estimate.metric}, change"] = with_interval(
                change.difference, change.low, change.high
            )
        return line


def balancing_weights(y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Compute weights, 1 on average, that give both classes of a group the same total."""
    frame = pd.DataFrame({"group": group, "y": y})
    of_group = frame.groupby("group")["y"].transform("size")
    of_class = frame.groupby(["group", "y"])["y"].transform("size")
    weight = (of_group / (2 * of_class)).clip(upper=LARGEST_WEIGHT).to_numpy()
    return weight / weight.mean()


if __name__ == "__main__":
    main()
