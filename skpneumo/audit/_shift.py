"""Measure how well a classifier recognises the split of an image, and so how splits differ."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import binomtest, bootstrap, mannwhitneyu, rankdata
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpneumo._formatting import based_on, class_name, counted, with_interval
from skpneumo._random import random_seed
from skpneumo.audit._findings import Finding
from skpneumo.audit._reading import THUMBNAIL_SIDE

__all__ = [
    "CONFIDENCE",
    "FEWEST_PATIENTS",
    "auc_of",
    "chance_of",
    "domain_auc",
    "measure_shift",
    "permute_patients",
    "shift_findings",
]

FEWEST_PATIENTS = 15
CONFIDENCE = 0.95

# A smaller AUC is not reported, however many images make it certain.
_NOTABLE_AUC = 0.6
_COARSE_SIDE = 8
_N_FOLDS = 5
_N_PERMUTATIONS = 499
_PENALTY = 100.0
_COLUMNS = (
    "label", "split", "reference", "n_images", "n_patients", "n_reference",
    "n_reference_patients", "auc", "auc_low", "auc_high", "chance_low", "chance_high", "p_value",
    "n_permutations",
)  # fmt: skip


def measure_shift(
    frame: pd.DataFrame,
    histograms: NDArray[np.float64],
    thumbnails: NDArray[np.uint8],
    rng: np.random.RandomState,
) -> tuple[pd.DataFrame, list[str]]:
    """Compare each split with the largest, class by class.

    Returns
    -------
    shift : DataFrame
        A row for each class and split: the AUC of telling it from the reference, with a bootstrap
        interval over patients that is conditional on the fitted models; its range by chance, when
        the patients are assigned to the two splits at random and models are fitted again; and the
        share of these permutations that reach the AUC, as a p-value, which is not corrected for
        multiple comparisons.
    too_small : list of str
        The classes and splits that have too few patients.
    """
    readable = frame[frame["status"].eq("ok")]
    features = _features(frame, histograms, thumbnails)
    splits = [split for split in readable["split"].unique() if split]
    rows, too_small = [], []
    if len(splits) > 1:
        reference = readable["split"].value_counts()[splits].idxmax()
        for split in splits:
            if split == reference:
                continue
            for label, of_class in readable.groupby("label"):
                here = of_class.index[of_class["split"].eq(split)]
                there = of_class.index[of_class["split"].eq(reference)]
                n_here, n_there = (frame.loc[i, "patient"].nunique() for i in (here, there))
                if min(n_here, n_there) < FEWEST_PATIENTS:
                    too_small.append(
                        f"{class_name(label)} in {split} ({counted(n_here, 'patient')})"
                    )
                    continue
                permutations = permute_patients(frame["patient"], here, there, rng)
                found = domain_auc(features, permutations, rng)
                counts = len(here), n_here, len(there), n_there
                rows.append((label, split, reference, *counts, *found, _N_PERMUTATIONS))
    return pd.DataFrame(rows, columns=list(_COLUMNS)), too_small


def shift_findings(shift: pd.DataFrame, frame: pd.DataFrame) -> list[Finding]:
    """Report the shifts that are significant, after correction, and large enough to matter."""
    findings = []
    for row in shift.itertuples():
        beyond_chance = row.p_value * len(shift) <= 1 - CONFIDENCE  # Bonferroni
        if beyond_chance and row.auc_low > _NOTABLE_AUC:
            files = frame["split"].eq(row.split) & frame["label"].eq(row.label)
            findings.append(
                Finding(
                    "shift",
                    frame.loc[files, "path"].tolist(),
                    f"{class_name(row.label)} of {row.split} is recognised against "
                    f"{row.reference} with AUC {auc_of(row)}; {chance_of(row)}",
                )
            )
    return findings


def auc_of(row: Any) -> str:
    """Format the AUC of a row with its interval and the numbers of images and patients."""
    figure = with_interval(row.auc, row.auc_low, row.auc_high, form=".2f")
    here = based_on(row.n_images, row.n_patients)
    return f"{figure} ({here} against {based_on(row.n_reference, row.n_reference_patients)})"


def chance_of(row: Any) -> str:
    """Format the range of the AUC by chance, and the p-value."""
    return (
        f"by chance {row.chance_low:.2f} to {row.chance_high:.2f} ({row.n_permutations} random "
        f"permutations of the patients), p = {row.p_value:.3f}"
    )


def _features(
    frame: pd.DataFrame, histograms: NDArray[np.float64], thumbnails: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the size, shape, intensities and a miniature of every image."""
    width = frame["width"].to_numpy(float, na_value=1.0)
    height = frame["height"].to_numpy(float, na_value=1.0)
    block = THUMBNAIL_SIDE // _COARSE_SIDE
    coarse = thumbnails.reshape(-1, _COARSE_SIDE, block, _COARSE_SIDE, block).mean(axis=(2, 4))
    return np.column_stack(
        [
            np.log(width),
            np.log(height),
            np.log(width / height),
            np.sqrt(histograms),
            coarse.reshape(len(frame), -1),
        ]
    )


class PatientPermutations(NamedTuple):
    """Assignments of patients to two sides: the real one, and random permutations.

    Attributes
    ----------
    rows : Index of length n_rows
        The files, those of the first side first.
    unit : ndarray of shape (n_rows,)
        The unit of each file, which is permuted as a whole: the images of a patient on one side.
    sides : ndarray of bool, shape (n_units, 1 + n_permutations)
        Whether each unit is on the first side; the first column is the real assignment.
    splits : list of (train, test)
        Folds by patient.
    """

    rows: pd.Index
    unit: NDArray[np.intp]
    sides: NDArray[np.bool_]
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def permute_patients(
    patients: pd.Series,
    here: pd.Index,
    there: pd.Index,
    rng: np.random.RandomState,
    n_permutations: int = _N_PERMUTATIONS,
) -> PatientPermutations:
    """Make folds of the patients of two sides, and permute the sides within each fold."""
    rows = here.append(there)
    is_here = np.arange(len(rows)) < len(here)
    units, unit = np.unique(
        np.column_stack([is_here, pd.factorize(patients[rows])[0]]), axis=0, return_inverse=True
    )
    splitter = StratifiedGroupKFold(_N_FOLDS, shuffle=True, random_state=random_seed(rng))
    splits = list(splitter.split(is_here, is_here, units[unit, 1]))
    sides = np.tile((units[:, 0] == 1)[:, np.newaxis], n_permutations + 1)
    generator = np.random.default_rng(random_seed(rng))
    for _, test in splits:
        # Permuting within folds preserves the share of both sides in each fold.
        units_in_fold = np.unique(unit[test])
        sides[units_in_fold, 1:] = generator.permuted(sides[units_in_fold, 1:], axis=0)
    return PatientPermutations(rows, unit, sides, splits)


def domain_auc(
    features: NDArray[np.float64], permutations: PatientPermutations, rng: np.random.RandomState
) -> tuple[float, ...]:
    """Return the AUC with its interval, its range by chance, and the p-value."""
    scores = _scores_of_units(features[permutations.rows], permutations)
    aucs = _aucs(scores, permutations.sides)
    auc, by_chance = float(aucs[0]), aucs[1:]
    high_scores, low_scores = (
        scores[permutations.sides[:, 0], 0],
        scores[~permutations.sides[:, 0], 0],
    )
    interval = bootstrap(
        (high_scores, low_scores),
        _auc,
        n_resamples=999,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(random_seed(rng)),
    ).confidence_interval
    low, high = interval.low, interval.high
    if low == high:
        # If the separation is perfect, it is perfect in every resample.
        n = min(len(high_scores), len(low_scores))
        low, high = binomtest(round(n * auc), n).proportion_ci(CONFIDENCE, method="wilson")
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    chance_low, chance_high = np.quantile(by_chance, tails)
    p_value = (1 + np.sum(by_chance >= auc)) / (1 + len(by_chance))
    return auc, float(low), float(high), float(chance_low), float(chance_high), float(p_value)


def _scores_of_units(
    features: NDArray[np.float64], permutations: PatientPermutations
) -> NDArray[np.float64]:
    """Return out-of-fold scores, of shape (n_units, 1 + n_permutations)."""
    # Ridge regression, because it fits all permutations at once.
    model = make_pipeline(StandardScaler(), Ridge(alpha=_PENALTY))
    unit, n_units = permutations.unit, len(permutations.sides)
    sides = permutations.sides[unit].astype(float)
    # The models of the folds have different scales; ranks within a fold are comparable.
    ranks = np.empty_like(sides)
    for train, test in permutations.splits:
        scores = model.fit(features[train], sides[train]).predict(features[test])
        ranks[test] = rankdata(scores, axis=0) / len(test)
    # One score per unit, because the bootstrap needs independent values.
    n_rows = len(unit)
    total = csr_array((np.ones(n_rows), (unit, np.arange(n_rows))), shape=(n_units, n_rows))
    return (total @ ranks) / np.bincount(unit)[:, np.newaxis]


def _aucs(scores: NDArray[np.float64], sides: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the AUC of each column of scores for the same column of sides."""
    n_here = sides.sum(axis=0)
    above = (rankdata(scores, axis=0) * sides).sum(axis=0) - n_here * (n_here + 1) / 2
    return above / (n_here * (len(sides) - n_here))


def _auc(
    high: NDArray[np.float64], low: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    n_pairs = high.shape[axis] * low.shape[axis]
    return mannwhitneyu(high, low, axis=axis, method="asymptotic").statistic / n_pairs
