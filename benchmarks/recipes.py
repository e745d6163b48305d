"""Compare recipes by patient-grouped cross-validation and by stress tests.

    python benchmarks/recipes.py chest_xray --out scores --recipes robust cnn-50-50-75

Each recipe is fitted once for each fold, on the patients of the others. Each fold's scores, of
the held-out images as they are and of corrupted copies, are kept in the folder `--out`, so that a
run that was stopped continues where it was, and are pooled before a figure is computed. The table
is written to `table.csv` in that folder and, in two parts that fit on a page, to `table.md`; the
guide and `skpneumo/recipes/measured.csv` have copies. Intervals are 95 %, over patients; they
leave out the chance in training.

`--sample` takes so many patients at random, `--use-folds` fits only the first of the folds:
quicker, with wider intervals. The table says how many images and folds a row rests on.
"""

import argparse
import time
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
    make_recipe,
)
from skpneumo._formatting import with_interval
from skpneumo._predictions import Predictions
from skpneumo.datasets import patient_ids
from skpneumo.evaluation import evaluate_predictions
from skpneumo.evaluation._corruptions import CORRUPTIONS, HELD_BACK
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._estimates import estimate_metrics
from skpneumo.evaluation._stress import corrupted
from skpneumo.evaluation._stress_summary import mean_rows
from skpneumo.explanation import lung_field
from skpneumo.fitted import classifiers_of

METRICS = ("recall", "specificity", "f1", "balanced_accuracy", "roc_auc")
STRESS_METRICS = ("balanced_accuracy", "specificity", "recall")
UNALTERED = "unaltered"
# What the names of the columns of stress tests have and others have not.
STRESS_COLUMNS = (", mean of stress tests", ", worst", ", held back", "roc_auc, ")
HEADINGS = {
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "f1": "F1",
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
    parser.add_argument("--use-folds", type=int, help="fit only so many of the folds")
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
    lines = []
    for name in options.recipes:
        parts = []
        for i, (train, test) in enumerate(folds[: options.use_folds]):
            file = options.out / f"{name}-{len(paths)}-images-fold-{i + 1}-of-{len(folds)}.npz"
            if not measured(file, corruptions):
                pipeline = make_recipe(name, random_state=i, n_jobs=-1, **start(name, options))
                scores = fitted_scores(pipeline, paths, y, train, test, corruptions)
                np.savez(file, **scores)
            parts.append(dict(np.load(file)))
            print(f"{name}: fold {i + 1} of {len(folds)}", flush=True)
        lines.append({"recipe": name, **line_of(parts, paths)})
        table = pd.DataFrame(lines)
        table.to_csv(options.out / "table.csv", index=False)
        (options.out / "table.md").write_text(as_markdown(table))
    print(as_markdown(table))


def measured(file: Path, corruptions: dict[str, Any]) -> bool:
    """Whether a file has the scores of these corruptions; an older one may lack some."""
    return file.exists() and set(corruptions) <= set(np.load(file).files)


def start(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The weights that a recipe with a backbone begins with; others take none."""
    if options.weights is None or not isinstance(make_recipe(name)[-1], TransferClassifier):
        return {}
    return {"weights": None if options.weights == "none" else options.weights}


def fitted_scores(
    pipeline: Any,
    paths: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    corruptions: dict[str, Any],
) -> dict[str, Any]:
    begin, cpu = time.perf_counter(), time.process_time()
    pipeline.fit(paths[train], y[train])
    minutes = (time.perf_counter() - begin) / 60
    cpu_minutes = (time.process_time() - cpu) / 60
    scores = {UNALTERED: pipeline.predict_proba(paths[test])[:, 1]}
    scores |= scores_of_copies(pipeline, paths[test], corruptions)
    return {
        "test": test,
        "y": y[test],
        "minutes": minutes,
        "cpu_minutes": cpu_minutes,
        "n_parameters": count_parameters(pipeline),
        **scores,
    }


def scores_of_copies(
    pipeline: Any, paths: np.ndarray, corruptions: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Scores of corrupted copies of images, by the name of the corruption."""
    scores = {}
    # Corrupted are grey copies of 224 pixels a side: files of full size are read once for all.
    with corrupted(paths, lambda image: image, UNALTERED) as copies:
        for name, corruption in corruptions.items():
            with corrupted(copies, corruption, name) as altered:
                scores[name] = pipeline.predict_proba(altered)[:, 1]
    return scores


def count_parameters(pipeline: Any) -> int:
    classifiers = [each.classifier for each in classifiers_of(pipeline)]
    return sum(
        each.coef_.size + each.intercept_.size
        if hasattr(each, "coef_")
        else each.network_.count_params()
        for each in classifiers
    )


def line_of(parts: list[dict[str, Any]], paths: np.ndarray) -> dict[str, Any]:
    """One row of the table: what the folds have measured together."""
    y = np.concatenate([part["y"] for part in parts])
    files = paths[np.concatenate([part["test"] for part in parts])]
    scores = {
        name: np.concatenate([part[name] for part in parts])
        for name in (UNALTERED, *CORRUPTIONS, *WITHOUT_LUNGS)
        if name in parts[0]
    }
    plain = evaluate_predictions(y, scores[UNALTERED], filenames=files, subgroups=None)
    plain = plain.set_index("metric")
    line = {
        "parameters": int(parts[0]["n_parameters"]),
        "minutes": f"{np.mean([part['minutes'] for part in parts]):.1f}",
        "CPU minutes": f"{np.mean([part['cpu_minutes'] for part in parts]):.1f}",
        "images": len(y),
        "folds": len(parts),
        **{metric: written(plain.loc[metric]) for metric in METRICS},
    }
    if not set(scores) & set(CORRUPTIONS):
        return line
    return line | stress_columns(y, files, scores, patient_ids(files))


def stress_columns(
    y: np.ndarray,
    files: np.ndarray,
    scores: dict[str, Any],
    patients: np.ndarray,
    threshold: float = 0.5,
) -> dict[str, str]:
    """What the corrupted copies come to, over the same patients as the images as they are."""
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
    for name, words in HEADINGS.items():
        column = column.replace(name, words)
    return column


def written(row: Any) -> str:
    return with_interval(row.value, row.low, row.high)


def as_markdown(table: pd.DataFrame) -> str:
    """Two tables: the images as they are, and the stress tests of the recipes that had them."""
    stress = [name for name in table.columns if any(part in name for part in STRESS_COLUMNS)]
    parts = [as_markdown_table(table.drop(columns=stress))]
    if stress:
        tested = table.dropna(subset=stress, how="all")
        parts.append(as_markdown_table(tested[["recipe", *stress]]))
    return "\n".join(parts)


def as_markdown_table(table: pd.DataFrame) -> str:
    table = table.fillna("").rename(columns=lambda name: heading(str(name)))
    header = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "---|" * len(table.columns)
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join([header, rule, *lines]) + "\n"


if __name__ == "__main__":
    main()
