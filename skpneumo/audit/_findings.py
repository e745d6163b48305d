"""The kinds of fault that an audit tells apart, the gravest first."""

from typing import Any, NamedTuple

import pandas as pd

from skpneumo._formatting import printable

__all__ = ["KINDS", "Finding", "Kind", "findings_frame"]


class Kind(NamedTuple):
    """How grave a kind of finding is, what it is, and what to do about it."""

    severity: str
    title: str
    remedy: str


class Finding(NamedTuple):
    """One fault: its kind, the files it is about, and what was seen."""

    kind: str
    paths: list[str]
    detail: str


KINDS = {
    "conflicting_labels": Kind(
        "error",
        "the same image under different labels",
        "Find out which label is right, and drop the other file.",
    ),
    "patient_across_splits": Kind(
        "error",
        "a patient in more than one split",
        "Split by patient: a model recognises a child it has seen.",
    ),
    "duplicate_across_splits": Kind(
        "error",
        "the same image in more than one split",
        "Drop it from all splits but one, or the test knows the training.",
    ),
    "label_against_name": Kind(
        "error",
        "a file name that says another class than the label",
        "Look at the file; one of the two is wrong.",
    ),
    "missing_label": Kind(
        "error", "files without a label", "Label them or drop them; no class counts them."
    ),
    "unreadable": Kind("error", "a file that cannot be opened", "Fetch it again or drop it."),
    "truncated": Kind("error", "a file that ends too early", "Fetch it again or drop it."),
    "blank": Kind("error", "an image without content", "Drop it."),
    "narrow_range": Kind(
        "error",
        "an image that uses a small part of its grey levels",
        "It is nearly black or grey to a network. Twelve bits in a file of sixteen are read by "
        "ImageLoader(white=4095) or `skpneumo fit --white 4095`, other values likewise; export "
        "others with their contrast.",
    ),
    "single_class_split": Kind(
        "error",
        "a split without all classes",
        "Split again, stratified; recall or specificity has no value in it.",
    ),
    "shift": Kind(
        "warning",
        "a split that was acquired otherwise",
        "Expect other scores there than in cross-validation; train with strong augmentation.",
    ),
    "acquisition": Kind(
        "warning",
        "a class that comes mostly from one view or device",
        "A network may learn the device for the disease: balance the classes over it, and test "
        "within one.",
    ),
    "shortcut": Kind(
        "warning",
        "a class that can be told without looking at the lungs",
        "A network may learn it for the disease, and will fail where it says nothing.",
    ),
    "suspect_label": Kind(
        "warning",
        "a label that the model contradicts with confidence",
        "Have a radiologist look again. Keep the file if the label stands.",
    ),
    "duplicate": Kind(
        "warning",
        "the same image more than once",
        "Keep one; or keep them in one fold, as PatientKFold does within a patient.",
    ),
    "near_duplicate": Kind(
        "warning",
        "almost the same image for different patients",
        "Look at them; treat copies as duplicates.",
    ),
    "skipped": Kind(
        "warning",
        "files that are no images which can be read",
        "Convert images of other formats to PNG, and move the others; nothing learns from them.",
    ),
    "recurring_names": Kind(
        "warning",
        "file names that recur in several folders, and so name no patient",
        "The folders were taken for the patients; if that is wrong, pass groups=, in the shell "
        "--patient-pattern or the --patient of a --table.",
    ),
    "missing_patient": Kind(
        "warning",
        "files without a patient among those given",
        "Name their patients, or leaks between these stay unseen.",
    ),
    "inverted": Kind(
        "warning",
        "an image in which black and white seem to have changed places",
        "Look at it, and invert it if the others are right.",
    ),
    "rotated": Kind(
        "warning",
        "an image that seems to lie on its side or head",
        "Look at it, and turn it if the others are upright.",
    ),
    "flat_tail": Kind(
        "warning",
        "an image that ends in rows of one grey level, in a format without a checksum",
        "Look whether its end has been lost, and fetch it again.",
    ),
    "coloured": Kind(
        "warning", "a coloured image among X-rays", "Look for burnt-in marks or a wrong file."
    ),
    "odd_depth": Kind(
        "warning",
        "another bit depth than most",
        "Scale the values alike, or the network learns the depth.",
    ),
    "small": Kind(
        "warning", "less than a quarter of the usual size", "Look for thumbnails; drop them."
    ),
    "uncompressed": Kind(
        "note",
        "files in which damaged pixels cannot be told from others",
        "Compare them with the checksums of where they come from, once, and save them as PNG.",
    ),
    "unknown_names": Kind(
        "note",
        "file names that tell no patient",
        "Pass groups=, in the shell --patient-pattern or the --patient of a --table, or leaks "
        "between patients stay unseen.",
    ),
    "sorted_by_class": Kind(
        "note",
        "rows in the order of the classes",
        "Never use KFold unshuffled on them; PatientKFold and StratifiedKFold are safe.",
    ),
}


def findings_frame(findings: list[Finding]) -> pd.DataFrame:
    """Put the findings into a frame, the gravest kinds first."""
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
