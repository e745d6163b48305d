"""Can a classifier tell from which split an image comes? Then the splits differ."""

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

from skpneumo._formatting import based_on, counted, with_interval
from skpneumo._plotting import class_name
from skpneumo._random import random_seed
from skpneumo.audit._findings import Finding
from skpneumo.audit._reading import THUMBNAIL_SIDE

__all__ = [
    "CONFIDENCE",
    "FEWEST_PATIENTS",
    "auc_of",
    "chance_of",
    "deal_patients",
    "domain_auc",
    "measure_shift",
    "shift_findings",
]

FEWEST_PATIENTS = 15
CONFIDENCE = 0.95

# An AUC this far from one half is worth a word, however many images make it certain.
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
    """Compare each split with the largest, class by class, and say what could not be compared.

    Returns
    -------
    shift : DataFrame
        A row for each class and split: AUC of telling it from the reference, with a bootstrap
        interval over patients that is conditional on the models fitted; the range of what
        chance makes of it, by dealing the patients out to the two at random and fitting again;
        and the share of those deals that reach the AUC, as a p-value. None is corrected for
        looking at several rows.
    too_small : list of str
        The pairs that have too few patients.
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
                deals = deal_patients(frame["patient"], here, there, rng)
                found = domain_auc(features, deals, rng)
                counts = len(here), n_here, len(there), n_there
                rows.append((label, split, reference, *counts, *found, _N_PERMUTATIONS))
    return pd.DataFrame(rows, columns=list(_COLUMNS)), too_small


def shift_findings(shift: pd.DataFrame, frame: pd.DataFrame) -> list[Finding]:
    """The rows that are beyond chance, for all that were compared, and large enough to matter."""
    findings = []
    for row in shift.itertuples():
        beyond_chance = row.p_value * len(shift) <= 1 - CONFIDENCE  # Bonferroni
        if beyond_chance and row.auc_low > _NOTABLE_AUC:
            files = frame["split"].eq(row.split) & frame["label"].eq(row.label)
            findings.append(
                Finding(
                    "shift",
                    frame.loc[files, "path"].tolist(),
                    f"{class_name(row.label)} of {row.split} is told from {row.reference} with "
                    f"AUC {auc_of(row)}; {chance_of(row)}",
                )
            )
    return findings


def auc_of(row: Any) -> str:
    """The AUC of a row of the shift, with its interval and what it rests on."""
    figure = with_interval(row.auc, row.auc_low, row.auc_high, form=".2f")
    here = based_on(row.n_images, row.n_patients)
    return f"{figure} ({here} against {based_on(row.n_reference, row.n_reference_patients)})"


def chance_of(row: Any) -> str:
    """What the AUC would be by chance."""
    return (
        f"by chance {row.chance_low:.2f} to {row.chance_high:.2f} ({row.n_permutations} random "
        f"deals of the patients), p = {row.p_value:.3f}"
    )


def _features(
    frame: pd.DataFrame, histograms: NDArray[np.float64], thumbnails: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Size, shape, intensities and coarse layout of every image."""
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


class Deals(NamedTuple):
    """Patients dealt out to two sides: as they are, and at random.

    Attributes
    ----------
    rows : Index of length n_rows
        The files, those of the one side first.
    unit : ndarray of shape (n_rows,)
        What is dealt out: the images of a patient on one side.
    sides : ndarray of bool, shape (n_units, 1 + n_permutations)
        Whether each unit is on the one side: first as it is.
    splits : list of (train, test)
        Folds by patient.
    """

    rows: pd.Index
    unit: NDArray[np.intp]
    sides: NDArray[np.bool_]
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def deal_patients(
    patients: pd.Series,
    here: pd.Index,
    there: pd.Index,
    rng: np.random.RandomState,
    n_permutations: int = _N_PERMUTATIONS,
) -> Deals:
    """Fold the patients of two sides, and deal them out to these at random, fold by fold."""
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
        # Within folds, which are of like shares of both sides: so every deal's are.
        dealt = np.unique(unit[test])
        sides[dealt, 1:] = generator.permuted(sides[dealt, 1:], axis=0)
    return Deals(rows, unit, sides, splits)


def domain_auc(
    features: NDArray[np.float64], deals: Deals, rng: np.random.RandomState
) -> tuple[float, ...]:
    """AUC with its interval, the range of those by chance, and their share that reaches it."""
    scores = _scores_of_units(features[deals.rows], deals)
    aucs = _aucs(scores, deals.sides)
    auc, by_chance = float(aucs[0]), aucs[1:]
    high_scores, low_scores = scores[deals.sides[:, 0], 0], scores[~deals.sides[:, 0], 0]
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
        # Without a patient out of order every resample is faultless too.
        n = min(len(high_scores), len(low_scores))
        low, high = binomtest(round(n * auc), n).proportion_ci(CONFIDENCE, method="wilson")
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    chance_low, chance_high = np.quantile(by_chance, tails)
    p_value = (1 + np.sum(by_chance >= auc)) / (1 + len(by_chance))
    return auc, float(low), float(high), float(chance_low), float(chance_high), float(p_value)


def _scores_of_units(features: NDArray[np.float64], deals: Deals) -> NDArray[np.float64]:
    """Out-of-fold scores of every unit under every deal, of shape (n_units, n_deals)."""
    # Ridge regression, because it fits all deals at once.
    model = make_pipeline(StandardScaler(), Ridge(alpha=_PENALTY))
    unit, n_units = deals.unit, len(deals.sides)
    sides = deals.sides[unit].astype(float)
    # Every fold's model scores on a scale of its own; ranks within the fold are on one.
    ranks = np.empty_like(sides)
    for train, test in deals.splits:
        scores = model.fit(features[train], sides[train]).predict(features[test])
        ranks[test] = rankdata(scores, axis=0) / len(test)
    # One score for each unit: these are independent, as the bootstrap wants them.
    n_rows = len(unit)
    total = csr_array((np.ones(n_rows), (unit, np.arange(n_rows))), shape=(n_units, n_rows))
    return (total @ ranks) / np.bincount(unit)[:, np.newaxis]


def _aucs(scores: NDArray[np.float64], sides: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUC of each column of scores for its own column of sides."""
    n_here = sides.sum(axis=0)
    above = (rankdata(scores, axis=0) * sides).sum(axis=0) - n_here * (n_here + 1) / 2
    return above / (n_here * (len(sides) - n_here))


def _auc(
    high: NDArray[np.float64], low: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    n_pairs = high.shape[axis] * low.shape[axis]
    return mannwhitneyu(high, low, axis=axis, method="asymptotic").statistic / n_pairs
