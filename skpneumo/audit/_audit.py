"""Audit a collection: read every file once, then check the collection as a whole."""

import os
import warnings
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from skpneumo._formatting import printable, today
from skpneumo._messages import by_interface
from skpneumo._paths import carried_patients, check_paths
from skpneumo._patients import check_groups
from skpneumo._random import check_random_state
from skpneumo._sklearn import HasMethods, Interval, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.audit._acquisition import (
    acquisition_findings,
    acquisition_in_headers,
    acquisition_of,
    devices_of,
    lateral_findings,
)
from skpneumo.audit._checks import file_findings, format_findings, label_findings, order_findings
from skpneumo.audit._duplicates import can_hash, duplicates, group_identical, group_similar
from skpneumo.audit._findings import Finding, findings_frame
from skpneumo.audit._pose import FEWEST_IMAGES, pose_findings
from skpneumo.audit._reading import no_readings, read_images
from skpneumo.audit._report import ImageAudit
from skpneumo.audit._shift import FEWEST_PATIENTS, measure_shift, shift_findings
from skpneumo.audit._shortcuts import measure_shortcuts, shortcut_findings
from skpneumo.audit._suspects import refuse_what_is_not_fitted_again, suspect_labels
from skpneumo.datasets import UnknownPatientsWarning, etiologies, patient_ids

__all__ = ["audit_images"]

_SPLITS = ("train", "val", "test")


@validate_params(
    {
        "skipped": [pd.DataFrame, None],
        "open_files": ["boolean"],
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "near_duplicates": ["boolean", None],
        "hash_distance": [Interval(Integral, 0, 256, closed="both")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "date": [str, None],
    },
    prefer_skip_nested_validation=True,
)
def audit_images(
    paths: Any,
    y: ArrayLike | None = None,
    split: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    skipped: pd.DataFrame | None = None,
    open_files: bool = True,
    estimator: Any = None,
    near_duplicates: bool | None = None,
    hash_distance: int = 26,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    date: str | None = None,
) -> ImageAudit:
    """Find faults that make a collection of X-rays unsuitable for training or evaluation.

    Every file is opened and decoded once; nothing is changed.

    Parameters
    ----------
    paths : array-like of shape (n_samples,) or (n_samples, 1), or DataFrame
        Paths of images, which are read as :class:`~skpneumo.ImageLoader` reads them: by the same
        decoders, within the same limits. A table with the column ``path`` may also have the
        columns ``view_position``, ``manufacturer`` and ``model`` of
        :func:`~skpneumo.datasets.read_dicom_headers`, or the same by their names in the tables of
        NIH, CheXpert, MIMIC-CXR and PadChest: a class that comes mostly from one view or device,
        and lateral views among frontal ones, are findings. Without these columns, the headers of
        DICOM files are read.
    y : array-like of shape (n_samples,), default=None
        Labels; None, NaN and "" are missing labels. If None, the names of the folders that the
        files are in.
    split : array-like of shape (n_samples,) of str, default=None
        Split of each file, "" for none. If None, the name of the folder above the class folder
        if it is train, val or test.
    groups : array-like of shape (n_samples,), default=None
        Patient of each file; None, NaN and "" are missing patients. If None, read from the file
        names.
    skipped : DataFrame, default=None
        Files that were skipped when the collection was read, as in ``skipped`` of
        :func:`~skpneumo.datasets.load_chest_xray`: ``path`` and ``reason``. They become findings.
    open_files : bool, default=True
        Whether to open and decode every file. If False, only names, labels, patients and splits
        are checked, which takes seconds for a hundred thousand files.
    estimator : classifier with ``predict_proba``, default=None
        A pipeline from paths to probabilities. If given, clones of it are fitted in five
        patient-grouped folds, or fewer if a class has fewer patients, and labels that contradict
        the out-of-fold probabilities are listed. Needs cleanlab:
        ``pip install "skpneumo[audit]"``.
    near_duplicates : bool, default=None
        Whether to compare perceptual hashes, also with those of the mirrored images. This needs
        ImageHash (``pip install "skpneumo[audit]"``); None compares them if it is installed, and
        otherwise the report says that they were not compared.
    hash_distance : int, default=26
        Two images are similar if at most this many of the 256 bits of their hashes differ.
        Copies with another compression, size, brightness or contrast stay within 26, mirrored
        or not; different children of the Kermany collection begin at 36. Crops of more than
        about a hundredth of the side, rotations, negatives and added borders are not found.
    n_jobs : int, default=None
        Number of threads that read files.
    random_state : int, RandomState instance or None, default=0
        Seed of the folds, permutations and bootstrap.
    date : str, default=None
        Date of the audit; today by default.

    Returns
    -------
    audit : ImageAudit
        Its ``findings`` are the faults, ``frame`` has a row for each file, ``summary()`` describes
        both in words. It is displayed in notebooks, and ``to_html`` writes a page.

    Raises
    ------
    ValueError
        If ``y``, ``split`` or ``groups`` differ from ``paths`` in length, some labels are text
        and others numbers, or the ``estimator`` cannot be fitted again, as a FrozenEstimator.
    TypeError
        If ``groups`` contains ids of several types.
    ImportError
        If ``near_duplicates=True`` or an ``estimator`` needs a package that is not installed.

    Notes
    -----
    Unreadable files and missing files, labels and patients are findings, not errors, so that an
    audit always covers the whole collection. A file without a patient counts as a separate
    patient.

    The majority of the collection decides which images are inverted, or rotated by a quarter or
    half turn: those whose 16 x 16 miniature resembles the median of all miniatures about as well
    as others do once it is inverted or turned back, and much less as it is.

    The shift between splits is the AUC with which a linear model on size, shape, intensities and
    an 8 x 8 miniature separates the files of one class in one split from those in the largest
    split, cross-validated by patient. A permutation test assigns the same patients to the two
    splits at random and fits again. A shift is reported when the AUC is beyond chance, corrected
    for the number of comparisons, and its interval lies above 0.6. The interval resamples
    patients, not fits, so in small splits the AUC strays further from one half than it says,
    mostly downward; the permutations show by how much. If the two sides are separated perfectly,
    a bootstrap has nothing to resample, and the interval is Wilson's on the patients of the
    smaller side.

    Shortcuts are searched for in the same way over all splits: a linear model tries to separate
    each class from the others by one source at a time, none of which shows the lungs. The sources
    are width over height, width and height, format, mode and bit depth, the JPEG tables, and the
    device named in EXIF or DICOM; each corner (a quarter of the width by a tenth of the height),
    the outer tenth, and all places where almost no image has lungs, as miniatures; and single
    numbers: bytes per pixel, mean grey level, sharpness, local contrast, noise, and width over
    height of the lungs. The permutation test assigns the labels to the patients at random. A
    source is a finding when its AUC is beyond chance, corrected for the number of comparisons,
    and its interval lies above 0.65; above 0.8 for the single numbers, which the disease may
    change as well.

    References
    ----------
    S. Rabanser, S. Günnemann, Z. Lipton, Failing loudly: an empirical study of methods for
    detecting dataset shift, NeurIPS 2019.

    C. G. Northcutt, L. Jiang, I. L. Chuang, Confident learning: estimating uncertainty in
    dataset labels, JAIR 70, 2021.

    Examples
    --------
    >>> import shutil
    >>> from skpneumo.audit import audit_images
    >>> from skpneumo.datasets import make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, size=96, random_state=0)
    >>> copy = xrays.filenames[0].replace("train", "test")
    >>> _ = shutil.copy(xrays.filenames[0], copy)
    >>> audit = audit_images([*xrays.filenames, copy])
    >>> audit.findings[["kind", "severity", "n_files"]]
                          kind severity  n_files
    0    patient_across_splits    error        4
    1  duplicate_across_splits    error        2
    """
    if not open_files and estimator is not None:
        raise ValueError(
            "open_files=False, but the estimator opens the files. Pass only one of the two."
        )
    if estimator is not None:  # before every file is read
        refuse_what_is_not_fitted_again(estimator)
    acquisition = acquisition_of(paths)
    carried = carried_patients(paths)
    paths = check_paths(paths)
    frame, findings = _describe(paths, y, split, groups, carried)
    readings = read_images(paths, n_jobs) if open_files else no_readings(len(paths))
    if acquisition.columns.empty:
        acquisition = acquisition_in_headers(paths, readings.frame["format"])
    frame = pd.concat([frame, readings.frame], axis=1)
    frame["device"] = devices_of(acquisition, frame["device"])
    rng = check_random_state(random_state)

    not_checked = _group_duplicates(
        frame, readings.thumbnails, open_files, near_duplicates, hash_distance
    )
    shift, too_small = measure_shift(frame, readings.histograms, readings.thumbnails, rng)
    shortcuts, regions, too_few = measure_shortcuts(frame, readings.thumbnails, rng)
    if open_files:
        not_checked += _not_compared(shift, too_small, shortcuts, too_few)
    if estimator is None:
        # The pages of other commands, without this option, contain an audit, too.
        shell = "`skpneumo audit` looks for them with --model"
        reason = by_interface(python="no estimator was given", shell=shell)
        not_checked.append(f"suspect labels: {reason}")
    else:
        frame["self_confidence"], suspects, limits = suspect_labels(frame, estimator, rng)
        findings += suspects
        not_checked += limits

    if open_files and frame["status"].eq("ok").sum() < FEWEST_IMAGES:
        not_checked.append(f"inverted and rotated images, in fewer than {FEWEST_IMAGES} images")
    findings += [
        *file_findings(frame),
        *format_findings(frame),
        *pose_findings(frame, readings.thumbnails),
        *_skipped_findings(skipped),
        *label_findings(frame),
        *acquisition_findings(frame, acquisition),
        *lateral_findings(frame, acquisition),
        *order_findings(frame),
        *duplicates(frame),
        *shift_findings(shift, frame),
        *shortcut_findings(shortcuts, frame),
    ]
    return ImageAudit(
        frame=frame,
        findings=findings_frame(findings),
        shift=shift,
        shortcuts=shortcuts,
        regions=regions,
        not_checked=not_checked,
        histograms=readings.histograms,
        thumbnails=readings.thumbnails,
        date=today() if date is None else date,
    )


def _not_compared(
    shift: pd.DataFrame, small_splits: list[str], shortcuts: pd.DataFrame, small_classes: list[str]
) -> list[str]:
    """Name the splits and classes that were too small to be compared, or the lack of others."""
    few = f"for fewer than {FEWEST_PATIENTS} patients"
    missing = []
    if small_splits:
        missing.append(f"shift, {few} here or in the largest split: {', '.join(small_splits)}")
    elif shift.empty:
        missing.append("shift: there is only one split")
    if small_classes:
        missing.append(
            f"shortcuts, {few} of the class or of the others: {', '.join(small_classes)}"
        )
    elif shortcuts.empty:
        missing.append("shortcuts: there is only one class")
    return missing


def _group_duplicates(
    frame: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    open_files: bool,
    near_duplicates: bool | None,
    hash_distance: int,
) -> list[str]:
    """Add columns with groups of identical and similar images; return what was not checked."""
    frame["duplicate_group"] = group_identical(frame)
    if not open_files:
        return [
            "the images themselves: "
            + by_interface(python="open_files=False", shell="--names-only was given")
        ]
    if near_duplicates is False:
        return ["near duplicates: near_duplicates=False"]
    if near_duplicates is None and not can_hash():
        return ['near duplicates: `pip install "skpneumo[audit]"`']
    frame["near_duplicate_group"] = group_similar(frame, thumbnails, hash_distance)
    return []


def _describe(
    paths: NDArray[np.object_],
    y: ArrayLike | None,
    split: ArrayLike | None,
    groups: ArrayLike | None,
    carried: NDArray[np.object_] | None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Collect what is known about the files without opening them."""
    findings = []
    if groups is None:
        groups = carried
    if groups is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnknownPatientsWarning)  # becomes a finding
            groups = patient_ids(paths)
        for kind, prefix, detail in (
            ("unknown_names", "unknown-", "each treated as a patient"),
            ("recurring_names", "folder-", "whose folders were treated as the patients"),
        ):
            rows = np.array([patient.startswith(prefix) for patient in groups], dtype=bool)
            if rows.any():
                named = f"{rows.sum()} of {len(paths)} files, {detail}"
                findings.append(Finding(kind, paths[rows].tolist(), named))
    if y is None:
        y = [Path(path).parent.name for path in paths]
    if split is None:
        split = [_split_folder(path) for path in paths]
    check_consistent_length(paths, y, split, groups)
    # An object column, because the string type of pandas refuses names that are not UTF-8.
    frame = pd.DataFrame({"path": pd.Series(paths, dtype=object)})
    frame["label"], without_label = _column(y)
    _refuse_mixed_labels(frame["label"].dropna())
    parts, without_split = _column(split)
    frame["split"] = parts.astype(object).where(~without_split, "").astype(str)
    patients, without_patient = _column(groups)
    check_groups(patients[~without_patient], int((~without_patient).sum()))
    if without_patient.any():
        names = [printable(path) for path in paths]
        patients = patients.astype(str).where(~without_patient, names)
    frame["patient"] = patients
    frame["etiology"] = etiologies(paths)
    for kind, missing, detail in (
        ("missing_label", without_label, "without a label"),
        ("missing_patient", without_patient, "without a patient, each treated as one"),
    ):
        if missing.any():
            named = f"{missing.sum()} of {len(paths)} files {detail}"
            findings.append(Finding(kind, paths[missing].tolist(), named))
    return frame, findings


def _skipped_findings(skipped: pd.DataFrame | None) -> list[Finding]:
    """Make a finding for each reason."""
    if skipped is None:
        return []
    by_reason: dict[str, list[str]] = {}
    for path, reason in zip(skipped["path"], skipped["reason"], strict=True):
        by_reason.setdefault(reason, []).append(path)
    return [Finding("skipped", paths, reason) for reason, paths in by_reason.items()]


def _refuse_mixed_labels(labels: pd.Series) -> None:
    is_text = labels.map(lambda label: isinstance(label, str)).astype(bool)
    if is_text.any() and not is_text.all():
        text, number = labels[is_text].iloc[0], labels[~is_text].iloc[0]
        raise ValueError(
            f"y has labels that are text, such as {text!r}, and others that are not, such as "
            f"{number!r}. Make all of them text, or all of them numbers."
        )


def _column(values: ArrayLike) -> tuple[pd.Series, pd.Series]:
    """Convert values, one per file, to a Series, and mark where they are missing."""
    # Through objects, because numpy turns a NaN among strings into the string "nan".
    listed = column_or_1d(np.asarray(values, dtype=object))
    words = [printable(each) if isinstance(each, str) else each for each in listed]
    missing = pd.isna(listed) | np.array(
        [isinstance(each, str) and not each.strip() for each in words]
    )
    column = pd.Series(words).mask(missing)
    # A missing value has turned 0 and 1 into 0.0 and 1.0.
    return column.convert_dtypes() if missing.any() else column, pd.Series(missing)


def _split_folder(path: str) -> str:
    folder = os.path.basename(os.path.dirname(os.path.dirname(path))).lower()
    return folder if folder in _SPLITS else ""
