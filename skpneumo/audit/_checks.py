"""Check single files, names, labels and the order of the rows."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.model_selection import KFold

from skpneumo.audit._findings import Finding

__all__ = ["file_findings", "format_findings", "label_findings", "order_findings"]

# Shorter side as a share of the median. In the Kermany collection it varies sevenfold.
_SMALL_SHARE = 0.25
_BLANK_STD = 1.0
_N_FOLDS = 5

# Used share of the range from black to white. Radiographs use most of it. In 16-bit files, the
# limit is that of fourteen bits; twelve bits are 6 %.
_NARROW_SHARE = 0.125
_NARROW_SHARE_IF_DEEP = 0.26
# Minimum number of distinct values of an image that is not blank.
_FEWEST_LEVELS = 16
# Formats without a checksum of the pixels, and the share of flat rows that suggests damage.
_WITHOUT_CHECKSUM = {"TIFF", "DICOM"}
_TAIL_SHARE = 0.02

# The order is not random if this many folds without one of the classes are so unlikely.
_MAX_P_VALUE = 1e-4


def file_findings(frame: pd.DataFrame) -> list[Finding]:
    """Find single files that are unreadable, blank, coloured, small or of another bit depth."""
    findings = [
        Finding(row.status, [row.path], row.error)
        for row in frame[frame["status"].isin(["unreadable", "truncated"])].itertuples()
    ]
    readable = frame[frame["status"].eq("ok")]
    if readable.empty:
        return findings
    usual_depth = readable["bit_depth"].mode().min()
    usual_side = readable[["width", "height"]].min(axis=1).median()
    for row in readable.itertuples():
        if _is_narrow(row):
            findings.append(Finding("narrow_range", [row.path], _range_used(row)))
        elif row.std < _BLANK_STD:
            findings.append(
                Finding("blank", [row.path], f"grey level {row.mean:.0f} ± {row.std:.2f}")
            )
        if row.format in _WITHOUT_CHECKSUM and row.flat_tail >= max(2, _TAIL_SHARE * row.height):
            detail = f"the last {row.flat_tail} of {row.height} rows are of one grey level"
            findings.append(Finding("flat_tail", [row.path], detail))
        if row.coloured:
            findings.append(Finding("coloured", [row.path], f"mode {row.mode}"))
        if min(row.width, row.height) < _SMALL_SHARE * usual_side:
            detail = (
                f"{row.width} x {row.height} pixels; the shorter side is usually {usual_side:.0f}"
            )
            findings.append(Finding("small", [row.path], detail))
        if row.bit_depth != usual_depth:
            findings.append(
                Finding("odd_depth", [row.path], f"{row.bit_depth} bits; most have {usual_depth}")
            )
    return findings


def format_findings(frame: pd.DataFrame) -> list[Finding]:
    """Report the files in which damage cannot be detected, in one finding."""
    raw = frame.loc[frame["status"].eq("ok") & frame["compression"].eq("raw"), "path"]
    if raw.empty:
        return []
    return [
        Finding(
            "uncompressed",
            raw.tolist(),
            "TIFF without compression, and therefore without a checksum",
        )
    ]


def _is_narrow(row: Any) -> bool:
    used = (row.highest - row.lowest) / row.white
    most = _NARROW_SHARE_IF_DEEP if row.white > 255 else _NARROW_SHARE
    return _FEWEST_LEVELS / max(row.white, 255.0) <= used < most


def _range_used(row: Any) -> str:
    text = f"grey levels {row.lowest:g} to {row.highest:g}, where {row.white:g} is white"
    if row.white > 255:
        text += f": {int(row.highest).bit_length()} bits in a file of {row.bit_depth}"
    return text


def label_findings(frame: pd.DataFrame) -> list[Finding]:
    """Find patients in several splits, names that contradict labels, and missing classes."""
    findings = []
    n_splits = frame.groupby("patient")["split"].nunique()
    shared = frame[frame["patient"].isin(n_splits.index[n_splits > 1])]
    for patient, rows in shared.groupby("patient"):
        counts = rows["split"].value_counts().sort_index()
        where = ", ".join(f"{n} in {split or 'no split'}" for split, n in counts.items())
        findings.append(
            Finding("patient_across_splits", rows["path"].tolist(), f"{patient}: {where}")
        )

    # The names of most of its files tell what a label means, so that labels may be of any kind.
    named = frame[frame["etiology"].ne("unknown") & frame["label"].notna()]
    says_normal = named["etiology"].eq("normal")
    label_is_normal = says_normal.groupby(named["label"]).transform("mean").gt(0.5)
    findings += [
        Finding("label_against_name", [row.path], f"named {row.etiology}, label {row.label}")
        for row in named[says_normal.ne(label_is_normal)].itertuples()
    ]

    labelled = frame[frame["label"].notna()]
    labels = set(labelled["label"].astype(str))
    for split, rows in labelled.groupby("split"):
        if missing := sorted(labels - set(rows["label"].astype(str))):
            findings.append(
                Finding(
                    "single_class_split",
                    rows["path"].tolist(),
                    f"{split or 'the collection'} has no {' and no '.join(missing)}",
                )
            )
    return findings


def order_findings(frame: pd.DataFrame) -> list[Finding]:
    """Find splits whose order would leave unshuffled folds without one of the classes."""
    findings = []
    for split, rows in frame[frame["label"].notna()].groupby("split"):
        shares = rows["label"].value_counts(normalize=True)
        if len(shares) < 2 or len(rows) < _N_FOLDS:
            continue
        codes, _ = pd.factorize(rows["label"])
        n_poor = sum(
            len(np.unique(codes[test])) < len(shares) for _, test in KFold(_N_FOLDS).split(codes)
        )
        chance_of_one = (1 - shares.min()) ** (len(rows) // _N_FOLDS)
        if n_poor and binom.sf(n_poor - 1, _N_FOLDS, chance_of_one) < _MAX_P_VALUE:
            findings.append(
                Finding(
                    "sorted_by_class",
                    rows["path"].tolist(),
                    f"{n_poor} of {_N_FOLDS} unshuffled folds of {split or 'the rows'} "
                    f"({len(rows)} rows) lack a class",
                )
            )
    return findings
