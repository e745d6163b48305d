"""Find classes that differ in how their images were acquired: in view or device."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from skpneumo._formatting import class_name
from skpneumo.audit._findings import Finding
from skpneumo.datasets import CollectionWarning, read_dicom_headers

__all__ = [
    "acquisition_findings",
    "acquisition_in_headers",
    "acquisition_of",
    "devices_of",
    "lateral_findings",
]

# Columns of a table that together describe one property, each by the names that it has in tables
# from read_dicom_headers and in those of NIH, CheXpert, MIMIC-CXR and PadChest, in lower case.
_COLUMNS = {
    "view": (("view_position", "viewposition", "view position", "projection", "frontal/lateral"),),
    "device": (("manufacturer",), ("model", "manufacturermodelname")),
}
_NOT_SAID = "not said"
# As devices and public tables write them. Not LLD, a frontal view of a patient lying on the side.
_LATERAL = frozenset(
    {"LL", "RL", "L", "LAT", "LATERAL", "LEFT LATERAL", "RIGHT LATERAL", "LLAT", "RLAT"}
)

# Share of the patients of a class, difference from the share of the others, and p-value.
_MIN_SHARE = 0.5
_MIN_DIFFERENCE = 0.2
_MAX_P_VALUE = 1e-3


def acquisition_of(X: Any) -> pd.DataFrame:
    """Read the view and device of each row, if X is a table that has them.

    Returns
    -------
    acquisition : DataFrame of shape (n_rows, n_known)
        The columns ``view`` and ``device``, as text. Missing is also a value, because it can tell
        classes apart like any other.
    """
    known = {}
    if isinstance(X, pd.DataFrame):
        called = [str(column).strip().lower() for column in X.columns]
        for name, parts in _COLUMNS.items():
            found = [
                text for part in parts if (text := _first_filled(X, called, part)) is not None
            ]
            if found:
                joined = found[0].str.cat(found[1:], sep=" ").str.strip()
                known[name] = joined.mask(joined.eq(""), _NOT_SAID)
    return pd.DataFrame(known).reset_index(drop=True)


def _first_filled(X: pd.DataFrame, called: list[str], names: tuple[str, ...]) -> Any:
    """Return the first column with one of the names that has a value, as text; None if none."""
    empty = None
    for name in names:
        for i in (i for i, each in enumerate(called) if each == name):
            column = X.iloc[:, i]
            # As objects, because columns of numbers and of categories refuse a new text.
            text = column.astype(object).where(column.notna(), "").astype(str)
            if text.str.strip().ne("").any():
                return text
            empty = text if empty is None else empty
    return empty


def acquisition_in_headers(paths: NDArray[np.object_], formats: pd.Series) -> pd.DataFrame:
    """Read the view and device of each file of the format DICOM from its header.

    The result is as from :func:`acquisition_of`; without columns if no file is DICOM.
    """
    files = list(dict.fromkeys(paths[formats.eq("DICOM").to_numpy()]))
    if not files:
        return pd.DataFrame(index=range(len(paths)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollectionWarning)  # of patients, who are not used here
        headers = read_dicom_headers(files).set_index("path")
    return acquisition_of(headers.reindex(paths))


def devices_of(acquisition: pd.DataFrame, in_exif: pd.Series) -> pd.Series:
    """Return the device of each file, from the table or DICOM, else from EXIF, "" for none."""
    if "device" not in acquisition:
        return in_exif
    return in_exif.where(acquisition["device"].eq(_NOT_SAID), acquisition["device"])


def lateral_findings(frame: pd.DataFrame, acquisition: pd.DataFrame) -> list[Finding]:
    """Find the lateral views of a collection of mostly other views."""
    if "view" not in acquisition:
        return []
    views = acquisition["view"].str.strip().str.upper().to_numpy()
    lateral = np.isin(views, [*_LATERAL])
    if not 0 < lateral.sum() <= len(lateral) / 2:
        return []
    paths = frame["path"].to_numpy()
    return [
        Finding("lateral", paths[views == view].tolist(), f"view {view}")
        for view in dict.fromkeys(views[lateral])
    ]


def acquisition_findings(frame: pd.DataFrame, acquisition: pd.DataFrame) -> list[Finding]:
    """Find classes in which most patients have a view or device that is rarer in the others.

    Both frames have the same rows: ``path``, ``label`` and ``patient``, and what
    :func:`acquisition_of` returns.
    """
    findings = []
    labelled = frame["label"].notna()
    for name in acquisition:
        rows = frame.loc[labelled, ["path", "label", "patient"]]
        rows = rows.assign(value=acquisition.loc[labelled.to_numpy(), name].to_numpy())
        # A patient counts once for each class and value, whatever the number of images.
        patients = rows.drop_duplicates(["label", "patient", "value"])
        findings += [
            finding
            for label in sorted(rows["label"].unique(), key=str)
            if (finding := _finding(name, label, rows, patients))
        ]
    return findings


def _finding(name: str, label: Any, rows: pd.DataFrame, patients: pd.DataFrame) -> Finding | None:
    of_class = patients["label"].eq(label)
    value = patients.loc[of_class, "value"].mode().min()
    has_value = patients["value"].eq(value)
    counts = [
        [(group & has_value).sum(), (group & ~has_value).sum()] for group in (of_class, ~of_class)
    ]
    (with_it, without), (others_with_it, others_without) = counts
    share = with_it / (with_it + without)
    n_others = others_with_it + others_without
    others_share = others_with_it / n_others if n_others else 1.0
    if share <= _MIN_SHARE or others_share > share - _MIN_DIFFERENCE:
        return None
    if fisher_exact(counts, alternative="greater").pvalue >= _MAX_P_VALUE:
        return None
    paths = rows.loc[rows["label"].eq(label) & rows["value"].eq(value), "path"].tolist()
    return Finding(
        "acquisition",
        paths,
        f"{class_name(label)}: {name} {value} in {share:.0%} of {with_it + without} patients, "
        f"and in {others_share:.0%} of the {n_others} of other classes",
    )
