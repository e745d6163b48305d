"""Write the measured parts of a model card: metrics, stress test, shortcuts and data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted
from skpneumo.report._card_blocks import Block, Bullets, Table, Text
from skpneumo.report._wording import bracketed, metric_name

if TYPE_CHECKING:
    import pandas as pd

    from skpneumo.explanation import ExplanationReport
    from skpneumo.report._report import EvaluationReport

__all__ = ["Evidence", "analyses", "evaluation_data", "subgroups"]

_FIGURES = (
    "recall", "specificity", "precision", "negative_predictive_value", "roc_auc",
    "balanced_accuracy", "brier_score", "calibration_slope", "calibration_intercept",
)  # fmt: skip
_STRESS_METRICS = ("roc_auc", "recall", "specificity")


@dataclass(frozen=True)
class Evidence:
    """Measurements of a model.

    Parameters
    ----------
    evaluation : EvaluationReport or None
    stress : pandas.DataFrame or None
    shortcuts : ExplanationReport or None
    other_sections : bool
        Whether they are in other sections of the same page.
    explained : bool
        Whether one of these sections is about shortcuts.
    """

    evaluation: "EvaluationReport | None" = None
    stress: "pd.DataFrame | None" = None
    shortcuts: "ExplanationReport | None" = None
    other_sections: bool = False
    explained: bool = False

    def has(self, what: str) -> bool:
        """Tell whether there are metrics, a stress test or a search for shortcuts."""
        if what == "figures":
            return self.other_sections or self.evaluation is not None
        if what == "shortcuts" and self.explained:
            return True
        return getattr(self, what) is not None


def analyses(evidence: Evidence) -> list[Block]:
    """Write the metrics of all images, the stress test and the search for shortcuts."""
    return [*_figures(evidence), *_stress(evidence), *_shortcuts(evidence)]


def evaluation_data(evidence: Evidence) -> list[Block]:
    """Write the counts of the evaluated images, and what the audit found in them."""
    if evidence.other_sections:
        return [Text("See Data and Protocol on this page.")]
    report = evidence.evaluation
    if report is None:
        return [Text("No evaluation data are given.")]
    blocks: list[Block] = [
        Table(report.counts, "Images and patients"),
        Table(report.relations, "Splits, and what each shares with the evaluated one"),
    ]
    if report.audit is None:
        return [*blocks, Text("The files were not audited.")]
    severities = report.audit.findings["severity"].value_counts()
    found = ", ".join(f"{n} of severity {severity}" for severity, n in severities.items())
    return [*blocks, Text(f"Findings of the audit of the files: {found or 'none'}.")]


def _figures(evidence: Evidence) -> list[Block]:
    if evidence.other_sections:
        where = "Metrics, Figures and Operating point"
        if evidence.explained:
            where = "Metrics, Figures, Operating point and What the model looks at"
        return [Text(f"See {where} on this page.")]
    report = evidence.evaluation
    if report is None:
        return [Text("No metrics are given.")]
    overall = report.frame[report.frame["subgroup"].eq("all")]
    wanted = overall[overall["metric"].isin(_FIGURES)]
    caption = f"All evaluated images, {report.date}"
    notes = report.frame.attrs.get("notes", [])
    return [Table(_estimates(wanted), caption), *([Bullets(notes)] if notes else [])]


def subgroups(evidence: Evidence) -> list[Block]:
    """Write the metrics of each subgroup."""
    if evidence.other_sections:
        return [Text("See Subgroups on this page.")]
    report = evidence.evaluation
    if report is None:
        return []
    groups = report.frame[report.frame["subgroup"].ne("all")]
    if groups.empty:
        return [Text("No subgroups were evaluated.")]
    wanted = groups[groups["metric"].isin(_FIGURES)]
    frame = _estimates(wanted)
    frame.insert(0, "subgroup", wanted["subgroup"].astype(str).to_list())
    return [Table(frame, "Each subgroup separately")]


def _stress(evidence: Evidence) -> list[Block]:
    stress = evidence.stress
    if stress is None:
        return []
    shown = stress[stress["corruption"].isin(["unaltered", "mean", "worst"]) | stress["held_back"]]
    shown = shown[shown["metric"].isin(_STRESS_METRICS)]
    frame = _estimates(shown)
    frame.insert(0, "altered", [_corruption(row) for row in shown.to_dict("records")])
    frame["drop [interval]"] = [
        bracketed(row["drop"], row["drop_low"], row["drop_high"])
        for row in shown.to_dict("records")
    ]
    notes = stress.attrs.get("notes", [])
    return [
        Table(frame, "Images altered as those of another hospital might be"),
        *([Bullets(notes)] if notes else []),
    ]


def _corruption(row: dict[str, Any]) -> str:
    where = row.get("where")
    if row["corruption"] == "worst" and isinstance(where, str):
        return f"worst: {where}"
    return f"{row['corruption']} (held back)" if row["held_back"] else str(row["corruption"])


def _shortcuts(evidence: Evidence) -> list[Block]:
    found = evidence.shortcuts
    if found is None:
        return []
    said = {
        "lungs": "No shortcut was found",
        "shortcut": "The model uses a shortcut",
        "undecided": "Whether the model uses a shortcut is undecided",
    }[found.verdict]
    on = f"on {counted(len(found.frame), 'image')}, maps by {found.method}"
    frame = found.measures.copy()
    return [
        Text(f"{said}, {on}."),
        Bullets(found.reasons),
        Table(_estimates(frame.rename(columns={"measure": "metric"})), "Measures of shortcuts"),
        Table(_remaining(found.remaining), "Metrics without parts of the images"),
    ]


def _remaining(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "images": row.images,
            "metric": row.metric,
            "value [interval]": bracketed(row.value, row.low, row.high, undefined="undefined"),
        }
        for row in frame.itertuples()
    )


def _estimates(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "metric": [metric_name(row["metric"]) for row in rows],
            "value [interval]": [
                bracketed(
                    row["value"],
                    row["low"],
                    row["high"],
                    undefined=str(row.get("interval", "undefined")),
                )
                for row in rows
            ],
            "images": [int(row["n"]) for row in rows],
            "patients": [int(row["n_patients"]) for row in rows],
        }
    )
