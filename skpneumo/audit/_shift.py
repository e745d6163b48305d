"""Can a classifier tell from which split an image comes? Then the splits differ."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap, mannwhitneyu, rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpneumo._formatting import based_on, counted, with_interval
from skpneumo._random import random_seed
from skpneumo.audit._findings import Finding
from skpneumo.audit._reading import THUMBNAIL_SIDE

__all__ = ["FEWEST_PATIENTS", "auc_of", "control_of", "measure_shift", "shift_findings"]

FEWEST_PATIENTS = 15
CONFIDENCE = 0.95

# An AUC this far from one half is worth a word, however many images make it certain.
_NOTABLE_AUC = 0.6
_COARSE_SIDE = 8
_N_FOLDS = 5
_COLUMNS = (
    "label", "split", "reference", "n_images", "n_patients", "n_reference",
    "n_reference_patients", "auc", "auc_low", "auc_high", "control_auc", "control_low",
    "control_high", "control_n_images", "control_n_patients",
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
        A row for each class and split: AUC of telling it from the reference, and that of
        telling as many random patients of the reference from the rest of it, each with a
        bootstrap interval over patients.
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
                if min(n_here, n_there - n_here) < FEWEST_PATIENTS:
                    too_small.append(f"{label} in {split} ({counted(n_here, 'patient')})")
                    continue
                auc = _domain_auc(features, frame["patient"], here, there, rng)
                drawn = _draw_patients(frame.loc[there, "patient"], len(here), rng)
                control = _domain_auc(features, frame["patient"], there[drawn], there[~drawn], rng)
                n_drawn = frame.loc[there[drawn], "patient"].nunique()
                counts = len(here), n_here, len(there), n_there
                rows.append(
                    (label, split, reference, *counts, *auc, *control, int(drawn.sum()), n_drawn)
                )
    return pd.DataFrame(rows, columns=list(_COLUMNS)), too_small


def shift_findings(shift: pd.DataFrame, frame: pd.DataFrame) -> list[Finding]:
    """The rows that are beyond chance, beyond their control, and large enough to matter."""
    findings = []
    for row in shift.itertuples():
        if row.auc_low > max(_NOTABLE_AUC, row.control_high):
            files = frame["split"].eq(row.split) & frame["label"].eq(row.label)
            findings.append(
                Finding(
                    "shift",
                    frame.loc[files, "path"].tolist(),
                    f"{row.label} of {row.split} is told from {row.reference} with AUC "
                    f"{auc_of(row)}; control {control_of(row)}",
                )
            )
    return findings


def auc_of(row: Any) -> str:
    """The AUC of a row of the shift, with its interval and what it rests on."""
    figure = with_interval(row.auc, row.auc_low, row.auc_high, form=".2f")
    here = based_on(row.n_images, row.n_patients)
    return f"{figure} ({here} against {based_on(row.n_reference, row.n_reference_patients)})"


def control_of(row: Any) -> str:
    """The same of its control."""
    figure = with_interval(row.control_auc, row.control_low, row.control_high, form=".2f")
    drawn = based_on(row.control_n_images, row.control_n_patients)
    rest = based_on(
        row.n_reference - row.control_n_images, row.n_reference_patients - row.control_n_patients
    )
    return f"{figure} ({drawn} against {rest})"


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


def _domain_auc(
    features: NDArray[np.float64],
    patients: pd.Series,
    here: pd.Index,
    there: pd.Index,
    rng: np.random.RandomState,
) -> tuple[float, float, float]:
    rows = here.append(there)
    is_here = np.arange(len(rows)) < len(here)
    groups = patients[rows].to_numpy()
    splitter = StratifiedGroupKFold(_N_FOLDS, shuffle=True, random_state=random_seed(rng))
    splits = list(splitter.split(features[rows], is_here, groups))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.03, class_weight="balanced", max_iter=1000)
    )
    scores = cross_val_predict(
        model, features[rows], is_here, cv=splits, method="decision_function"
    )
    # Every fold's model scores on a scale of its own; ranks within the fold are on one.
    ranks = np.empty(len(rows))
    for _, test in splits:
        ranks[test] = rankdata(scores[test]) / len(test)
    # One score for each patient: these are independent, as the bootstrap wants them.
    by_patient = pd.Series(ranks).groupby([is_here, groups]).mean()
    low_scores, high_scores = by_patient[False].to_numpy(), by_patient[True].to_numpy()
    interval = bootstrap(
        (high_scores, low_scores),
        _auc,
        n_resamples=999,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(random_seed(rng)),
    ).confidence_interval
    auc, low, high = float(_auc(high_scores, low_scores)), interval.low, interval.high
    if low == high:
        # Without a patient out of order every resample is faultless too.
        n = min(len(high_scores), len(low_scores))
        low, high = binomtest(round(n * auc), n).proportion_ci(CONFIDENCE, method="wilson")
    return auc, float(low), float(high)


def _auc(
    high: NDArray[np.float64], low: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    n_pairs = high.shape[axis] * low.shape[axis]
    return mannwhitneyu(high, low, axis=axis, method="asymptotic").statistic / n_pairs


def _draw_patients(
    patients: pd.Series, n_images: int, rng: np.random.RandomState
) -> NDArray[np.bool_]:
    """Mark the rows of random patients, until there are as many as in the split compared."""
    shuffled = rng.permutation(patients.unique())
    n_so_far = patients.value_counts()[shuffled].cumsum().to_numpy()
    drawn = shuffled[: np.searchsorted(n_so_far, n_images) + 1]
    return patients.isin(drawn).to_numpy()
