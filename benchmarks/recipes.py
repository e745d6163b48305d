"""Compare recipes by patient-grouped cross-validation and by stress tests.

    python benchmarks/recipes.py chest_xray --out scores --recipes robust cnn-50-50-75

Each recipe is fitted once for each fold, on the patients of the others. The scores of each fit, of
the held-out images and of corrupted copies, are saved in the folder `--out`, so that a stopped run
can continue, and are pooled before metrics are computed. The table is written to `table.csv` in
that folder and, in parts that fit on a page, to `table.md`; the guide and
`skpneumo/recipes/measured.csv` have copies. Intervals are 95 % over patients, without the variance
of training.

`--seeds` fits each recipe so many times a fold. Figures are then over the scores of all of them,
and the table says how far the fits differ. `--sample` takes so many patients at random,
`--only-folds` fits only some of the folds: quicker, with wider intervals. The table says how many
images and folds a row rests on.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import binary_dilation
from side_by_side import rows_of_patients

from skpneumo import (
    PatientKFold,
    TransferClassifier,
    list_recipes,
    load_chest_xray,
    load_model,
    make_recipe,
    save_model,
)
from skpneumo._formatting import counted, with_interval
from skpneumo._predictions import Predictions
from skpneumo.datasets import patient_ids
from skpneumo.evaluation import evaluate_predictions
from skpneumo.evaluation._corruptions import CORRUPTIONS, HELD_BACK
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.evaluation._stress import corrupted
from skpneumo.evaluation._stress_summary import mean_rows
from skpneumo.explanation import lung_field
from skpneumo.fitted import classifiers_of

METRICS = ("recall", "specificity", "f1", "balanced_accuracy", "roc_auc", "ece")
STRESS_METRICS = ("balanced_accuracy", "specificity", "recall")
UNALTERED = "unaltered"
# Part of the names of the columns of stress tests, and of no others.
STRESS_COLUMNS = ("stress-tested", ", mean of stress tests", ", worst", ", held back", "roc_auc, ")
COST_COLUMNS = ("parameters", "minutes", "CPU minutes")
HEADINGS = {
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "ece": "calibration error",
    ", mean of stress tests": ", mean",
}


def frame_alone(image: Image.Image) -> Image.Image:
    """Black out all but the outer tenth."""
    width, height = image.size
    middle = (round(0.8 * width), round(0.8 * height))
    blackened = image.copy()
    blackened.paste(
        0, (width // 10, height // 10, width // 10 + middle[0], height // 10 + middle[1])
    )
    return blackened


def lungs_blacked_out(image: Image.Image) -> Image.Image:
    """Black out the lungs and a margin of two percent, because their outline is an estimate."""
    pixels = np.asarray(image)
    (lungs,) = lung_field(pixels[np.newaxis, ..., np.newaxis])
    wide = binary_dilation(lungs, iterations=round(0.02 * min(pixels.shape)))
    return Image.fromarray(np.where(wide, 0, pixels).astype(np.uint8))


WITHOUT_LUNGS = {"frame alone": frame_alone, "lungs blacked out": lungs_blacked_out}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--out", type=Path, required=True, help="folder of scores and tables")
    parser.add_argument("--recipes", nargs="+", default=list(list_recipes().index))
    parser.add_argument("--weights", help="path or 'imagenet' for pretrained recipes, or 'none'")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, nargs="+", metavar="FOLD", help="1 is the first")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each recipe in each fold")
    parser.add_argument("--sample", type=int, help="so many patients, drawn at random")
    parser.add_argument("--no-stress", action="store_true", help="leave the stress tests out")
    options = parser.parse_args()

    xrays = load_chest_xray(options.data)
    paths, y = xrays.filenames, xrays.target
    if options.sample is not None:
        rows = rows_of_patients(xrays.groups, options.sample)
        paths, y = paths[rows], y[rows]
    folds = list(PatientKFold(options.folds, shuffle=True, random_state=0).split(paths, y))
    corruptions = {} if options.no_stress else CORRUPTIONS | WITHOUT_LUNGS

    options.out.mkdir(parents=True, exist_ok=True)
    done = []
    for number in options.only_folds or range(1, len(folds) + 1):
        fits = [
            Fit(name, number, seed, len(folds), len(paths), options.out)
            for name in options.recipes
            for seed in range(options.seeds)
        ]
        measure(fits, paths, y, folds[number - 1], corruptions, options.weights)
        done += fits
        table = table_of(done, paths)
        table.to_csv(options.out / "table.csv", index=False)
        (options.out / "table.md").write_text(as_markdown(table))
    print(as_markdown(table))


@dataclass(frozen=True)
class Fit:
    """A recipe that is fitted with one seed on the patients of all folds but one."""

    recipe: str
    fold: int  # 1 is the first
    seed: int
    n_folds: int
    n_images: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.recipe}: fold {self.fold} of {self.n_folds}, fit {self.seed + 1}"

    @property
    def scores(self) -> Path:
        stem = f"{self.recipe}-{self.n_images}-images-fold-{self.fold}-of-{self.n_folds}"
        return self.folder / f"{stem}{f'-seed-{self.seed}' if self.seed else ''}.npz"

    @property
    def model(self) -> Path:
        """Path of the fitted model until all copies are scored."""
        return self.scores.with_suffix(".skpneumo")

    def has(self, corruptions: dict[str, Any]) -> bool:
        """Tell whether there are scores of these corruptions; an older file may lack some."""
        return self.scores.exists() and set(corruptions) <= set(np.load(self.scores).files)


def measure(
    fits: list[Fit],
    paths: np.ndarray,
    y: np.ndarray,
    fold: tuple[np.ndarray, np.ndarray],
    corruptions: dict[str, Any],
    weights: str | None,
) -> None:
    """Fit missing models, then score corrupted copies, which are made once for all models."""
    train, test = fold
    missing = [fit for fit in fits if not fit.has(corruptions)]
    for fit in missing:
        if not (fit.scores.exists() and fit.model.exists()):
            random_state = fit.fold - 1 + fit.seed * fit.n_folds
            pipeline = make_recipe(
                fit.recipe, random_state=random_state, n_jobs=-1, **start(fit.recipe, weights)
            )
            np.savez(fit.scores, **fitted_scores(pipeline, paths, y, train, test))
            save_model(pipeline, fit.model)
        print(fit, flush=True)
    models = {fit: load_model(fit.model) for fit in missing}
    for fit, scores in scores_of_copies(models, paths[test], corruptions).items():
        np.savez(fit.scores, **{**np.load(fit.scores), **scores})
        fit.model.unlink()


def start(name: str, weights: str | None) -> dict[str, Any]:
    """Get the initial weights for a recipe with a backbone; others have none."""
    if weights is None or not isinstance(make_recipe(name)[-1], TransferClassifier):
        return {}
    return {"weights": None if weights == "none" else weights}


def fitted_scores(
    pipeline: Any,
    paths: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    **params: Any,
) -> dict[str, Any]:
    begin, cpu = time.perf_counter(), time.process_time()
    pipeline.fit(paths[train], y[train], **params)
    return {
        "test": test,
        "y": y[test],
        "minutes": (time.perf_counter() - begin) / 60,
        "cpu_minutes": (time.process_time() - cpu) / 60,
        "n_parameters": count_parameters(pipeline),
        UNALTERED: pipeline.predict_proba(paths[test])[:, 1],
    }


def scores_of_copies(
    models: dict[Any, Any], paths: np.ndarray, corruptions: dict[str, Any]
) -> dict[Any, dict[str, np.ndarray]]:
    """Compute the scores of corrupted copies by each model, by the name of the corruption."""
    scores: dict[Any, dict[str, np.ndarray]] = {key: {} for key in models}
    if not models or not corruptions:
        return scores
    # Grey copies of 224 pixels a side are corrupted, so that full-size files are read only once.
    with corrupted(paths, lambda image: image, UNALTERED) as copies:
        for name, corruption in corruptions.items():
            with corrupted(copies, corruption, name) as altered:
                for key, model in models.items():
                    scores[key][name] = model.predict_proba(altered)[:, 1]
    return scores


def table_of(fits: list[Fit], paths: np.ndarray) -> pd.DataFrame:
    lines = []
    for recipe in dict.fromkeys(fit.recipe for fit in fits):
        parts = [
            {**np.load(fit.scores), "fold": fit.fold, "seed": fit.seed}
            for fit in fits
            if fit.recipe == recipe
        ]
        lines.append({"recipe": recipe, **line_of(parts, paths)})
    return pd.DataFrame(lines)


def count_parameters(pipeline: Any) -> int:
    classifiers = [each.classifier for each in classifiers_of(pipeline)]
    return sum(
        each.coef_.size + each.intercept_.size
        if hasattr(each, "coef_")
        else each.network_.count_params()
        for each in classifiers
    )


def line_of(parts: list[dict[str, Any]], paths: np.ndarray) -> dict[str, Any]:
    """Make a row of the table from the pooled scores of the folds."""
    y, score, files = pooled(parts, UNALTERED, paths)
    plain = evaluate_predictions(y, score, filenames=files, subgroups=None)
    plain = plain.set_index("metric")
    line = {
        "parameters": int(parts[0]["n_parameters"]),
        "minutes": f"{np.mean([part['minutes'] for part in parts]):.1f}",
        "CPU minutes": f"{np.mean([part['cpu_minutes'] for part in parts]):.1f}",
        "images": len(np.unique(files)),
        "folds": len({part["fold"] for part in parts}),
        **{metric: written(plain.loc[metric]) for metric in METRICS},
        **between_seeds(parts),
    }
    names = (UNALTERED, *CORRUPTIONS, *WITHOUT_LUNGS)
    tested = [part for part in parts if set(names) <= set(part)]
    if not tested:
        return line
    y, _, files = pooled(tested, UNALTERED, paths)
    scores = {name: pooled(tested, name, paths)[1] for name in names}
    return line | {
        "stress-tested": f"{len(np.unique(files))} images, {counted(len(tested), 'fit')}",
        **stress_columns(y, files, scores, patient_ids(files)),
    }


def pooled(
    parts: list[dict[str, Any]], name: str, paths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool labels, scores of one corruption and files of all fits."""
    y, score, test = (np.concatenate([part[key] for part in parts]) for key in ("y", name, "test"))
    return y, score, paths[test]


def between_seeds(parts: list[dict[str, Any]]) -> dict[str, str]:
    """Measure how much fits with other seeds differ over the same folds."""
    seeds = sorted({part["seed"] for part in parts})
    if len(seeds) == 1:
        return {}
    values: dict[str, list[float]] = {"balanced_accuracy": [], "roc_auc": []}
    for seed in seeds:
        of_seed = [part for part in parts if part["seed"] == seed]
        y, score = (np.concatenate([part[key] for part in of_seed]) for key in ("y", UNALTERED))
        found = Predictions(y == 1, score >= 0.5, score, np.arange(len(y)), None, 1)
        for estimate in estimate_metrics(found, list(values), Settings(0.95)):
            values[estimate.metric].append(estimate.value)
    return {
        f"standard deviation of {len(seeds)} seeds, {metric}": f"{np.std(of, ddof=1):.4f}"
        for metric, of in values.items()
    }


def stress_columns(
    y: np.ndarray,
    files: np.ndarray,
    scores: dict[str, Any],
    patients: np.ndarray,
    threshold: float = 0.5,
) -> dict[str, str]:
    """Compute the metrics of corrupted copies, over the patients of the unchanged images."""
    patient = np.unique(patients, return_inverse=True)[1]
    found = {
        name: Predictions(y == 1, score >= threshold, score, patient, files, 1)
        for name, score in scores.items()
    }
    plain = found[UNALTERED]
    settings = Settings(0.95)
    of_each = {
        name: {e.metric: e for e in estimate_metrics(each, STRESS_METRICS, settings)}
        for name, each in found.items()
    }
    counted = {name: found[name] for name in CORRUPTIONS if name not in HELD_BACK}
    columns = {}
    for row in mean_rows(counted, plain, STRESS_METRICS, 0.95):
        metric = row["metric"]
        worst = min(counted, key=lambda name: of_each[name][metric].value)
        columns[f"{metric}, mean of stress tests"] = written(pd.Series(row))
        columns[f"{metric}, worst"] = f"{written(of_each[worst][metric])} ({worst})"
    columns["balanced_accuracy, held back"] = "; ".join(
        f"{written(of_each[name]['balanced_accuracy'])} ({name})" for name in HELD_BACK
    )
    for name in WITHOUT_LUNGS:
        (auc,) = estimate_metrics(found[name], ["roc_auc"], settings)
        columns[f"roc_auc, {name}"] = written(auc)
    return columns


def heading(column: str) -> str:
    """Get the name of a column for readers."""
    for name, words in HEADINGS.items():
        column = column.replace(name, words)
    return column


def written(row: Any) -> str:
    return with_interval(row.value, row.low, row.high)


def as_markdown(table: pd.DataFrame) -> str:
    """Format three tables: the unchanged images, the stress tests, and the cost."""
    stress = [name for name in table.columns if any(part in name for part in STRESS_COLUMNS)]
    cost = [name for name in COST_COLUMNS if name in table.columns]
    parts = [table.drop(columns=[*stress, *cost])]
    if stress:
        parts.append(table.dropna(subset=stress, how="all")[["recipe", *stress]])
    if cost:
        parts.append(table[["recipe", *cost]])
    return "\n".join(map(as_markdown_table, parts))


def as_markdown_table(table: pd.DataFrame) -> str:
    table = table.fillna("").rename(columns=lambda name: heading(str(name)))
    header = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "---|" * len(table.columns)
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join([header, rule, *lines]) + "\n"


if __name__ == "__main__":
    main()
