"""The kinds of findings of an audit, the most severe first."""

from typing import Any, NamedTuple

import pandas as pd

from skpneumo._formatting import printable
from skpneumo._messages import by_interface

__all__ = ["KINDS", "Finding", "Kind", "findings_frame"]


class Kind(NamedTuple):
    """Severity, title and remedy of a kind of finding; the remedy in the shell, if it differs."""

    severity: str
    title: str
    remedy: str
    in_shell: str = ""

    @property
    def advice(self) -> str:
        """The remedy in the words of whoever reads it."""
        return by_interface(python=self.remedy, shell=self.in_shell or self.remedy)


class Finding(NamedTuple):
    """One fault: its kind, its files, and what was observed."""

    kind: str
    paths: list[str]
    detail: str


KINDS = {
    "conflicting_labels": Kind(
        "error",
        "the same image under different labels",
        "Find out which label is right, and remove the other file.",
    ),
    "patient_across_splits": Kind(
        "error",
        "a patient in more than one split",
        "Split by patient: a model recognises children that it was trained on.",
    ),
    "duplicate_across_splits": Kind(
        "error",
        "the same image in more than one split",
        "Remove it from all splits but one; otherwise the test contains training images.",
    ),
    "label_against_name": Kind(
        "error",
        "a file name that contradicts the label",
        "Look at the file; one of the two is wrong.",
    ),
    "missing_label": Kind(
        "error", "files without a label", "Label them or remove them; they count for no class."
    ),
    "unreadable": Kind("error", "a file that cannot be opened", "Download it again or remove it."),
    "truncated": Kind("error", "a file that ends too early", "Download it again or remove it."),
    "blank": Kind("error", "an image without content", "Remove it."),
    "narrow_range": Kind(
        "error",
        "an image that uses a small part of its grey levels",
        "To a network it is nearly black or grey. Read 12 bits in a 16-bit file with "
        "ImageLoader(white=4095) or `skpneumo fit --white 4095`, other depths likewise; export "
        "other images with more contrast.",
    ),
    "single_class_split": Kind(
        "error",
        "a split without all classes",
        "Split again, stratified; recall or specificity is undefined in it.",
    ),
    "shift": Kind(
        "warning",
        "a split that was acquired differently",
        "Expect other scores there than in cross-validation; train with strong augmentation.",
    ),
    "acquisition": Kind(
        "warning",
        "a class that comes mostly from one view or device",
        "A network may learn the view or device instead of the disease: balance the classes over "
        "it, and test within one.",
    ),
    "lateral": Kind(
        "warning",
        "lateral views among frontal ones",
        "Leave them out, or train and report on the two views separately.",
    ),
    "shortcut": Kind(
        "warning",
        "a class that can be told without looking at the lungs",
        "A network may learn it instead of the disease, and fail where it is absent.",
    ),
    "suspect_label": Kind(
        "warning",
        "a label that the model confidently contradicts",
        "Have a radiologist look again. Keep the file if the label is right.",
    ),
    "duplicate": Kind(
        "warning",
        "the same image more than once",
        "Keep one, or keep all in one fold, as PatientKFold does within a patient.",
    ),
    "near_duplicate": Kind(
        "warning",
        "almost the same image for different patients",
        "Look at them; treat copies as duplicates.",
    ),
    "skipped": Kind(
        "warning",
        "files that cannot be read as images",
        "Convert images of other formats to PNG, allow reading what cannot be opened, and move "
        "the others; they are not used.",
    ),
    "recurring_names": Kind(
        "warning",
        "file names that recur in several folders, and so do not identify a patient",
        "The folders were treated as the patients; if that is wrong, pass groups.",
        "The folders were treated as the patients; if that is wrong, add --patient-pattern, or "
        "--patient beside a --table.",
    ),
    "missing_patient": Kind(
        "warning",
        "files for which no patient was given",
        "Pass their patients; otherwise leakage between them cannot be detected.",
    ),
    "inverted": Kind(
        "warning",
        "an image in which black and white seem to be exchanged",
        "Look at it, and invert it if the others are right.",
    ),
    "rotated": Kind(
        "warning",
        "an image that seems to be on its side or upside down",
        "Look at it, and turn it if the others are upright.",
    ),
    "flat_tail": Kind(
        "warning",
        "an image that ends in rows of one grey level, in a format without a checksum",
        "Check whether its end has been lost, and download it again.",
    ),
    "coloured": Kind(
        "warning", "a coloured image among X-rays", "Look for burnt-in marks or a wrong file."
    ),
    "odd_depth": Kind(
        "warning",
        "a bit depth that differs from most",
        "Scale the values alike; otherwise the network learns the depth.",
    ),
    "small": Kind(
        "warning", "less than a quarter of the usual size", "Look for thumbnails; remove them."
    ),
    "uncompressed": Kind(
        "note",
        "files in which damaged pixels cannot be detected",
        "Compare them once with the checksums of their source, and save them as PNG.",
    ),
    "unknown_names": Kind(
        "note",
        "file names that do not identify a patient",
        "Pass groups; otherwise leakage between patients cannot be detected.",
        "Add --patient-pattern, or --patient beside a --table; otherwise leakage between patients "
        "cannot be detected.",
    ),
    "sorted_by_class": Kind(
        "note",
        "rows in the order of the classes",
        "Do not use KFold without shuffling; PatientKFold and StratifiedKFold are safe.",
    ),
}


def findings_frame(findings: list[Finding]) -> pd.DataFrame:
    """Put the findings into a frame, the most severe kinds first."""
    order = list(KINDS)
    ranked = sorted(findings, key=lambda finding: order.index(finding.kind))
    rows: list[dict[str, Any]] = [
        {
            "kind": finding.kind,
            "severity": KINDS[finding.kind].severity,
            "n_files": len(finding.paths),
            "paths": finding.paths,
            "detail": printable(finding.detail),
        }
        for finding in ranked
    ]
    return pd.DataFrame(rows, columns=["kind", "severity", "n_files", "paths", "detail"])
