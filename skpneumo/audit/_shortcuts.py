"""Find classes that can be recognised without the lungs, as a network may then learn to do."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import based_on, class_name, counted, with_interval
from skpneumo.audit._findings import Finding
from skpneumo.audit._shift import CONFIDENCE, FEWEST_PATIENTS, domain_auc, permute_patients
from skpneumo.audit._sources import sources_of

__all__ = ["measure_shortcuts", "shortcut_findings", "source_of"]

_FEWEST_PERMUTATIONS = 499
_MOST_IMAGES = 10_000
_COLUMNS = (
    "source", "label", "n_images", "n_patients", "n_others", "n_other_patients", "auc",
    "auc_low", "auc_high", "chance_low", "chance_high", "p_value", "n_permutations",
    "notable_auc", "may_be_disease", "remedy",
)  # fmt: skip

_RECOGNISED_BY = " is recognised against the others by "
_WITH = ", with AUC "


def measure_shortcuts(
    frame: pd.DataFrame, thumbnails: NDArray[np.uint8], rng: np.random.RandomState
) -> tuple[pd.DataFrame, dict[str, NDArray[np.bool_]], list[str]]:
    """Measure how well each class is recognised by everything except the lungs.

    Parameters
    ----------
    frame : DataFrame
        A row for each file, as in the audit.
    thumbnails : ndarray of uint8, shape (n_files, 64, 64)
        Thumbnails of the files.
    rng : RandomState
        Generator for folds, permutations and bootstrap.

    Returns
    -------
    shortcuts : DataFrame
        A row for each source and class: the AUC of a linear model, cross-validated by patient,
        with a bootstrap interval over patients; its range by chance, when the labels are permuted
        by patient and models are fitted again; and the share of these permutations that reach the
        AUC, as a p-value, which is not corrected for multiple comparisons.
    regions : dict of str to ndarray of bool, shape (64, 64)
        Where a source lies, for sources that are part of the image.
    too_few : list of str
        The classes that have too few patients.
    """
    readable = _some_patients(frame[frame["status"].eq("ok") & frame["label"].notna()], rng)
    pairs, too_few = _pairs(readable)
    if not pairs:
        return pd.DataFrame(columns=list(_COLUMNS)), {}, too_few
    sources = {
        name: source
        for name, source in sources_of(frame, thumbnails).items()
        if np.ptp(source.features[readable.index], axis=0).any()  # a constant tells nothing
    }
    # Enough that the smallest possible p-value is significant after Bonferroni's correction.
    n_permutations = max(_FEWEST_PERMUTATIONS, 20 * len(pairs) * len(sources) - 1)
    rows: list[tuple[Any, ...]] = []
    for label, here, there in pairs:
        counts = [n for i in (here, there) for n in (len(i), frame.loc[i, "patient"].nunique())]
        permutations = permute_patients(frame["patient"], here, there, rng, n_permutations)
        for name, source in sources.items():
            found = domain_auc(source.features, permutations, rng)
            about = source.notable_auc, source.may_be_disease, source.remedy
            rows.append((name, label, *counts, *found, n_permutations, *about))
    regions = {name: each.region for name, each in sources.items() if each.region is not None}
    return pd.DataFrame(rows, columns=list(_COLUMNS)), regions, too_few


def shortcut_findings(shortcuts: pd.DataFrame, frame: pd.DataFrame) -> list[Finding]:
    """Report the sources that are significant, after correction, and large enough to matter."""
    findings = []
    for row in shortcuts.itertuples():
        beyond_chance = row.p_value * len(shortcuts) <= 1 - CONFIDENCE  # Bonferroni
        if beyond_chance and row.auc_low > row.notable_auc:
            files = frame.loc[frame["label"].eq(row.label), "path"].tolist()
            findings.append(Finding("shortcut", files, _detail(row)))
    return findings


def source_of(detail: str) -> str:
    """Read the source from the detail of a finding."""
    return detail.split(_RECOGNISED_BY, 1)[1].split(_WITH, 1)[0]


def _some_patients(readable: pd.DataFrame, rng: np.random.RandomState) -> pd.DataFrame:
    """Sample patients of a large collection, to limit time and memory."""
    if len(readable) <= _MOST_IMAGES:
        return readable
    code, _ = pd.factorize(readable["patient"])
    order = rng.permutation(code.max() + 1)
    n_so_far = np.cumsum(np.bincount(code)[order])
    return readable[np.isin(code, order[n_so_far <= _MOST_IMAGES])]


def _pairs(readable: pd.DataFrame) -> tuple[list[tuple[Any, pd.Index, pd.Index]], list[str]]:
    """List each class with enough patients, its rows and those of the other classes."""
    pairs, too_few = [], []
    classes = sorted(readable["label"].unique(), key=str)
    # Of two classes one comparison is enough; a single class cannot be compared.
    for label in classes[1:] if len(classes) == 2 else classes if len(classes) > 2 else []:
        is_it = readable["label"].eq(label)
        here, there = readable.index[is_it], readable.index[~is_it]
        n = min(readable.loc[rows, "patient"].nunique() for rows in (here, there))
        if n < FEWEST_PATIENTS:
            too_few.append(f"{class_name(label)} against the others ({counted(n, 'patient')})")
        else:
            pairs.append((label, here, there))
    return pairs, too_few


def _detail(row: Any) -> str:
    figure = with_interval(row.auc, row.auc_low, row.auc_high, form=".2f")
    here = based_on(row.n_images, row.n_patients)
    there = based_on(row.n_others, row.n_other_patients)
    sure = (
        "The disease may change this as well: it is only certain that this single number "
        "tells the classes apart, so that a network need not look at the lungs."
        if row.may_be_disease
        else "It certainly does not show the lungs."
    )
    return (
        f"{class_name(row.label)}{_RECOGNISED_BY}{row.source}{_WITH}{figure} ({here} against "
        f"{there}; by chance {row.chance_low:.2f} to {row.chance_high:.2f}). {sure} {row.remedy}"
    )
