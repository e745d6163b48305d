"""The result of an audit: frames, a summary in words, and a page."""

import os
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._formatting import (
    based_on,
    class_name,
    counted,
    printable,
    with_interval,
    written_on,
)
from skpneumo._html import document, fragment, prose, table, thumbnails, write_page
from skpneumo._paths import collection_and_split
from skpneumo.audit._findings import KINDS
from skpneumo.audit._histogram_svg import histogram_svg
from skpneumo.audit._shift import auc_of, chance_of
from skpneumo.audit._shortcut_images import shortcut_images

__all__ = ["ImageAudit"]

_MOST_SHOWN = 8
_MOST_PATHS = 12


@dataclass(frozen=True, repr=False)
class ImageAudit:
    """The result of :func:`audit_images`.

    Attributes
    ----------
    frame : DataFrame
        A row for each file, in the order given: path, label, split, patient, etiology; status
        ("ok", "unreadable", "truncated") and error; bytes, format, mode, bit_depth, width,
        height, coloured; mean, std and the percentiles p1, p50, p99 of the grey levels (0 to
        255); lowest and highest value and white, in the units of the file; flat_tail, how many
        rows at the end have one grey level, unless the first row has it too; content, a hash of
        the pixels; sharpness, local_contrast and noise, in grey levels; jpeg_table, the mean of
        the quantization table, device, from EXIF or DICOM, and compression, of a TIFF;
        duplicate_group and near_duplicate_group, missing for files without copies;
        self_confidence, if an estimator was given.
    findings : DataFrame
        A row for each fault, the most severe first: kind, severity ("error": scores on this
        collection will be wrong; "warning": should be checked; "note": for information), n_files,
        paths, detail.
    shift : DataFrame
        A row for each class and split compared: auc with auc_low and auc_high, the numbers of
        images and patients it is based on, and the AUC by chance: chance_low and chance_high, the
        middle 95 % of the AUC when the patients are assigned to the two splits at random, p_value,
        the share of these permutations that reach auc, and n_permutations.
    shortcuts : DataFrame
        A row for each class and source, such as "upper left corner", by which the class might be
        recognised without looking at the lungs: columns as in ``shift``, notable_auc, above which
        the interval of a finding lies, may_be_disease, whether the disease may change the source
        as well, and the remedy.
    regions : dict of str to ndarray of bool, shape (64, 64)
        Where a source lies on the thumbnails, for sources that are part of the image.
    not_checked : list of str
        What was not checked, and why.
    histograms : ndarray of shape (n_files, 32)
        Shares of the pixels in 32 ranges of grey levels.
    thumbnails : ndarray of shape (n_files, 64, 64), uint8
        Thumbnails, black for unreadable files.
    date : str
        Date of the audit.

    Examples
    --------
    >>> from skpneumo import audit_images
    >>> audit = audit_images(
    ...     ["IM-0001-0001.jpeg", "person7_virus_1.jpeg", "person7_virus_2.jpeg"],
    ...     y=["NORMAL", "PNEUMONIA", "PNEUMONIA"], split=["train", "train", "test"],
    ...     open_files=False)
    >>> audit.findings[["kind", "n_files"]]
                        kind  n_files
    0  patient_across_splits        2
    1     single_class_split        1
    >>> audit.frame["patient"].tolist()
    ['normal-IM-0001', 'virus-7', 'virus-7']
    """

    frame: pd.DataFrame
    findings: pd.DataFrame
    shift: pd.DataFrame
    shortcuts: pd.DataFrame
    regions: dict[str, NDArray[np.bool_]]
    not_checked: list[str]
    histograms: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]
    date: str

    @property
    def counts(self) -> pd.DataFrame:
        """Numbers of images and patients by label, split and etiology."""
        grouped = self.frame.groupby(["label", "split", "etiology"], dropna=False)
        return grouped.agg(images=("path", "size"), patients=("patient", "nunique")).reset_index()

    @property
    def intensities(self) -> pd.DataFrame:
        """Grey levels by label and split: medians over images, with the middle 90 % of them."""
        readable = self.frame[self.frame["status"].eq("ok")]
        rows = []
        for (label, split), group in readable.groupby(["label", "split"], dropna=False):
            row = {"label": label, "split": split, "images": len(group)}
            for name in ("mean", "std", "p1", "p50", "p99"):
                low, middle, high = group[name].quantile([0.05, 0.5, 0.95])
                row[name] = f"{middle:.0f} ({low:.0f} to {high:.0f})"
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def formats(self) -> pd.DataFrame:
        """Number of images by format, mode and bit depth, with their range of sizes."""
        readable = self.frame[self.frame["status"].eq("ok")]
        grouped = readable.groupby(["format", "mode", "bit_depth"])
        return grouped.agg(
            images=("path", "size"),
            width_min=("width", "min"),
            width_median=("width", "median"),
            width_max=("width", "max"),
            height_min=("height", "min"),
            height_median=("height", "median"),
            height_max=("height", "max"),
        ).reset_index()

    def summary(self) -> str:
        """Describe the collection and the findings in words.

        Returns
        -------
        text : str
            Sizes of the collection, findings by kind with the remedy, shift and shortcuts with
            intervals, and what was not checked.
        """
        lines = [self._headline(), "", self._finding_counts()]
        for kind, group in self.findings.groupby("kind", sort=False):
            known = KINDS[str(kind)]
            lines += [
                "",
                f"{known.severity.upper()} {kind}: {known.title}",
                f"  {self._cases(group)}. {known.advice}",
            ]
            lines += [f"  - {self._named(row)}" for _, row in group.head(_MOST_SHOWN).iterrows()]
            if len(group) > _MOST_SHOWN:
                lines.append(f"  - and {len(group) - _MOST_SHOWN} more in .findings")
        if len(self.shift):
            lines += ["", "Shift between splits, AUC [95 % interval]"]
            lines += [
                f"  {_compared(row)} | {auc_of(row)} | {chance_of(row)}"
                for row in self.shift.itertuples()
            ]
        if len(self.shortcuts):
            lines += ["", *self._shortcut_lines()]
        if self.not_checked:
            lines += ["", "Not checked", *(f"  - {reason}" for reason in self.not_checked)]
        return printable("\n".join(lines))

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the audit as one page that needs no network.

        Parameters
        ----------
        path : str or path-like
            File to write. If writing fails, an existing file is left as it was.
        """
        write_page(path, document(self._title(), self._body()))

    def _title(self) -> str:
        """Write the title, such as "Audit of chest_xray (test), 2026-03-01"."""
        inner = {*self.frame["split"].astype(str), *self.frame["label"].astype(str)}
        one_class = self.frame["label"].nunique() < 2
        name, split = collection_and_split(self.frame["path"], inner, one_class)
        part = f" ({split})" if split else ""
        return f"Audit of {name or 'an X-ray collection'}{part}, {self.date}"

    def __repr__(self) -> str:
        return f"<ImageAudit: {self._headline()}; {self._finding_counts()}>"

    def _repr_html_(self) -> str:
        return self._body()

    def _headline(self) -> str:
        frame = self.frame
        labels = ", ".join(
            f"{n:,} {label}" if isinstance(label, str) else f"{n:,} of {class_name(label)}"
            for label, n in frame["label"].value_counts().sort_index().items()
        )
        if n_missing := int(frame["label"].isna().sum()):
            labels += f"{', ' if labels else ''}{n_missing:,} without a label"
        n_patients = counted(frame["patient"].nunique(), "patient")
        text = f"{counted(len(frame), 'image')} ({labels}) of {n_patients}"
        by_split = frame[frame["split"].ne("")].groupby("split", sort=False)["patient"].nunique()
        if len(by_split):
            n_shared = int(frame.groupby("patient")["split"].nunique().gt(1).sum())
            text += "; " + ", ".join(f"{n:,} in {split}" for split, n in by_split.items())
            text += f", {n_shared or 'none'} shared"
        return text

    def _finding_counts(self) -> str:
        if self.findings.empty:
            return "no findings"
        counts = self.findings["severity"].value_counts()
        return ", ".join(
            f"{counts[severity]} {severity}{'s' if counts[severity] > 1 else ''}"
            for severity in ("error", "warning", "note")
            if severity in counts
        )

    def _named(self, finding: pd.Series) -> str:
        names = [os.path.basename(path) for path in finding["paths"][:3]]
        more = ", ..." if len(finding["paths"]) > 3 else ""
        return f"{finding['detail']}: {', '.join(names)}{more}"

    def _formats_table(self) -> pd.DataFrame:
        formats = self.formats
        shown = formats[["format", "mode", "bit_depth", "images"]].copy()
        for side in ("width", "height"):
            low, middle, high = (formats[f"{side}_{name}"] for name in ("min", "median", "max"))
            shown[f"{side} (range)"] = [
                f"{m:.0f} ({a} to {b})" for a, m, b in zip(low, middle, high, strict=True)
            ]
        return shown

    def _shift_table(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "class": _compared(row),
                "AUC": auc_of(row),
                "by chance": f"{row.chance_low:.2f} to {row.chance_high:.2f}",
                "p": f"{row.p_value:.3f}",
            }
            for row in self.shift.itertuples()
        )

    def _shortcut_lines(self) -> list[str]:
        n_permutations = int(self.shortcuts["n_permutations"].max())
        lines = [
            "What tells the classes apart besides the lungs, AUC [95 % interval]. Chance: middle",
            f"95 % of {n_permutations:,} random assignments of labels to patients; * marks",
            "what the disease may change, too.",
        ]
        names = [f"{row.source}{' *' * row.may_be_disease}" for row in self.shortcuts.itertuples()]
        labels = [str(label) for label in self.shortcuts["label"]]
        name_width, label_width = max(map(len, names)), max(map(len, labels))
        for name, label, row in zip(names, labels, self.shortcuts.itertuples(), strict=True):
            auc = with_interval(row.auc, row.auc_low, row.auc_high, form=".2f")
            lines.append(
                f"  {name:<{name_width}}  {label:<{label_width}}  {auc}"
                f"  chance {row.chance_low:.2f} to {row.chance_high:.2f}, p = {row.p_value:.3f}"
            )
        return lines

    def _shortcut_table(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "source": row.source,
                "class": str(row.label),
                "AUC": with_interval(row.auc, row.auc_low, row.auc_high, form=".2f").replace(
                    " ", "\N{NO-BREAK SPACE}"
                ),
                "by chance": f"{row.chance_low:.2f} to {row.chance_high:.2f}",
                "p": f"{row.p_value:.3f}",
                "may be disease": "yes" if row.may_be_disease else "no",
            }
            for row in self.shortcuts.itertuples()
        )

    def _body(self) -> str:
        parts = [
            f"<p>{escape(self._headline())}. {escape(written_on('Audit', self.date))}</p>",
            f"<p><b>{escape(self._finding_counts())}</b></p>",
        ]
        for kind, group in self.findings.groupby("kind", sort=False):
            known = KINDS[str(kind)]
            parts.append(
                f'<details open><summary><span class="{known.severity}">{known.severity}</span> '
                f"{escape(known.title)}: {self._cases(group)}</summary>"
                f'<p>{escape(known.advice)}</p><div class="findings">'
            )
            parts += [self._finding_html(row) for _, row in group.head(_MOST_SHOWN).iterrows()]
            parts.append("</div>")
            if len(group) > _MOST_SHOWN:
                parts.append(f"<p>and {len(group) - _MOST_SHOWN} more</p>")
            parts.append("</details>")
        parts += ["<h2>Images and patients</h2>", table(self.counts)]
        parts += ["<h2>Files</h2>", table(self._formats_table())]
        parts += [
            "<h2>Grey levels</h2>",
            "<p>Medians over images, and the middle 90 % of them.</p>",
            table(self.intensities),
            histogram_svg(self._mean_histograms()),
        ]
        if len(self.shift):
            parts += ["<h2>Shift between splits</h2>", _by_chance(self.shift, "splits")]
            parts.append(table(self._shift_table()))
        if len(self.shortcuts):
            parts += ["<h2>What tells the classes apart besides the lungs</h2>"]
            parts += [_by_chance(self.shortcuts, "labels"), table(self._shortcut_table())]
        if self.not_checked:
            items = "".join(f"<li>{prose(reason)}</li>" for reason in self.not_checked)
            parts += ["<h2>Not checked</h2>", f"<ul>{items}</ul>"]
        return printable(fragment("".join(parts)))

    def _finding_html(self, finding: pd.Series) -> str:
        detail = f"<p>{escape(finding['detail'])}</p>"
        if finding["severity"] == "note":  # about the collection, not about single images
            return f'<section class="wide">{detail}</section>'
        if finding["kind"] == "shortcut":
            images, captions = shortcut_images(finding, self.frame, self.thumbnails, self.regions)
            return f'<section class="wide">{detail}{thumbnails(images, captions)}</section>'
        shown = self.frame[self.frame["path"].isin(finding["paths"])].head(_MOST_PATHS)
        captions = [
            f"{os.path.basename(row.path)}, {_label(row.label)}" + (row.split and f", {row.split}")
            for row in shown.itertuples()
        ]
        if finding["kind"] == "skipped":  # these files are not in the frame
            captions = [os.path.basename(path) for path in finding["paths"][:_MOST_PATHS]]
        more = len(finding["paths"]) - max(len(shown), len(captions))
        if shown["status"].ne("ok").all():  # there is nothing to see
            return f'<section class="wide">{detail}<p>{escape("; ".join(captions))}</p></section>'
        return (
            f'<section class="{"wide" if len(shown) > 1 else ""}">{detail}'
            + thumbnails(self.thumbnails[shown.index], captions)
            + (f"<p>and {more} more files</p>" if more > 0 else "")
            + "</section>"
        )

    def _mean_histograms(self) -> dict[str, Any]:
        readable = self.frame["status"].eq("ok")
        return {
            f"{_label(label)} ({based_on(len(group), group['patient'].nunique())})": (
                self.histograms[group.index].mean(axis=0)
            )
            for label, group in self.frame[readable].groupby("label", dropna=False)
        }

    def _cases(self, findings: pd.DataFrame) -> str:
        n_files = len(set().union(*findings["paths"]))
        if findings["kind"].eq("skipped").all():  # these files are not in the frame
            return f"{counted(n_files, 'file')} besides {counted(len(self.frame), 'image')}"
        return f"{counted(len(findings), 'case')}, {n_files:,} of {len(self.frame):,} files"


def _compared(row: Any) -> str:
    return f"{class_name(row.label)} of {row.split} against {row.reference}"


def _by_chance(found: pd.DataFrame, permuted: str) -> str:
    """Explain the columns about chance."""
    n = int(found["n_permutations"].max())
    return (
        f"<p>By chance: the middle 95 % of the AUCs of {n:,} random assignments of {permuted} to "
        "patients; p: the share of these assignments that reach the AUC.</p>"
    )


def _label(label: Any) -> str:
    return "no label" if pd.isna(label) else f"label {label}"
