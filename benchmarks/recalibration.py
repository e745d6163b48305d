"""Measure what a calibration on unaltered images costs on images from elsewhere.

    python benchmarks/recalibration.py chest_xray --scores scores --recipes quality

Reads the scores that `recipes.py` saved in the folder `--scores`, of all folds and with stress
tests. The scores of each fold are calibrated by a logistic regression on those of the other folds,
unaltered, and both are compared at a threshold of one half. The table is printed; intervals are
95 % over patients.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recipes import UNALTERED, WITHOUT_LUNGS, Fit, as_markdown_table, line_of
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from skpneumo import load_chest_xray
from skpneumo.evaluation._corruptions import CORRUPTIONS

N_FOLDS = 5
COLUMNS = (
    "recall",
    "specificity",
    "balanced_accuracy",
    "ece",
    "balanced_accuracy, mean of stress tests",
    "balanced_accuracy, worst",
    "balanced_accuracy, held back",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--scores", type=Path, required=True, help="folder of recipes.py")
    parser.add_argument("--recipes", nargs="+", default=["quality"])
    options = parser.parse_args()
    paths = load_chest_xray(options.data).filenames
    rows = []
    for recipe in options.recipes:
        fits = [Fit(recipe, i + 1, 0, N_FOLDS, len(paths), options.scores) for i in range(N_FOLDS)]
        parts = [{**np.load(fit.scores), "fold": fit.fold, "seed": fit.seed} for fit in fits]
        for probabilities, scored in (("as fitted", parts), ("calibrated", calibrated(parts))):
            line = line_of(scored, paths)
            rows.append(
                {
                    "recipe": recipe,
                    "probabilities": probabilities,
                    **{name: line[name] for name in COLUMNS},
                }
            )
    print(as_markdown_table(pd.DataFrame(rows)))


def calibrated(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calibrate the scores of each fold on the unaltered images of the others."""
    names = (UNALTERED, *CORRUPTIONS, *WITHOUT_LUNGS)
    found = []
    for part in parts:
        others = [other for other in parts if other is not part]
        regression = LogisticRegression(C=np.inf).fit(
            np.concatenate([log_odds(other[UNALTERED]) for other in others]),
            np.concatenate([other["y"] for other in others]),
        )
        scores = {name: regression.predict_proba(log_odds(part[name]))[:, 1] for name in names}
        found.append(part | scores)
    return found


def log_odds(score: np.ndarray) -> np.ndarray:
    """Compute log-odds as a column; scores of 0 or 1 are moved by a millionth."""
    return logit(np.clip(score.astype(float), 1e-6, 1 - 1e-6))[:, np.newaxis]


if __name__ == "__main__":
    main()
