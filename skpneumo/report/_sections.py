"""The sections of a report that are made of words and tables."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted
from skpneumo._html import table
from skpneumo.report._cards import cards
from skpneumo.report._context import ReportContext
from skpneumo.report._evaluation import METRICS, Estimate
from skpneumo.report._markup import (
    Section,
    bullets,
    callout,
    details,
    pairs_table,
    paragraph,
    preformatted,
    rows_table,
    sizes,
)
from skpneumo.report._provenance import (
    checksum_of,
    parameters,
    versions,
)
from skpneumo.report._wording import (
    MEANINGS,
    figure_of,
    metric_name,
    outlined,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "data_card",
    "facts_of",
    "limits",
    "metrics",
    "protocol",
    "reproduction",
    "subgroups",
    "summary",
]

_NOT_A_DEVICE = (
    "This is not a medical device, and this report is no clinical validation. Neither may be "
    "used for diagnosis, triage or any other decision about a patient."
)


def summary(context: ReportContext) -> Section:
    """Summary: three metrics, and reservations about them."""
    lead = (
        f"How well the model tells {context.names[1]} (positive) from {context.names[0]} "
        f"(negative), with {context.settings.confidence_level:.0%} intervals. "
        f"Report of {context.settings.date}."
    )
    callouts = "".join(callout(*each) for each in _warnings(context))
    return Section(
        "summary",
        "Summary",
        f"{paragraph(lead)}{cards(context)}{callouts}"
        f"{callout('note', 'Not a medical device', _NOT_A_DEVICE)}",
    )


def _warnings(context: ReportContext) -> Iterator[tuple[str, str, str]]:
    """What makes the figures wrong, or says less than they seem to: severity, name, text."""
    collection, seen = context.collection, context.settings.seen_in_training
    if context.useless:
        yield "error", "Useless model", context.useless
    if seen is not None and seen.any():
        yield (
            "error",
            "Seen in training",
            f"The model was fitted on {int(seen.sum()):,} of the {len(seen):,} evaluated images, "
            "or on others of their patients, so the figures flatter it.",
        )
    if n_shared := collection.shared_patients():
        yield (
            "error",
            "Patients shared",
            f"{counted(n_shared, 'evaluated patient')} also in another part of the collection. "
            "If the model was fitted on it, the figures flatter the model: a child is recognised.",
        )
    if collection.part is None and seen is None:
        yield (
            "warning",
            "Training unknown",
            "No part of the collection was set aside for evaluation here. If the model was "
            "fitted on any of these patients, the figures flatter it.",
        )
    if context.audit is not None:
        severities = context.audit.findings["severity"]
        if n_errors := int(severities.eq("error").sum()):
            yield (
                "error",
                "Faults in the data",
                f"The audit found {counted(n_errors, 'fault')} that make scores on this "
                "collection wrong; see the data.",
            )
    if context.dominant:
        yield "warning", "One patient has most images", context.dominant
    if context.rule.promise is None:
        yield "warning", "No recall floor", context.rule.origin


def data_card(context: ReportContext) -> Section:
    """Who is in the collection, and what an audit of its files found."""
    collection, description = context.collection, context.settings.description
    n_images, n_patients = len(collection.labels), len(set(collection.patients.tolist()))
    parts = [
        paragraph(
            f"{counted(n_images, 'image')} of {counted(n_patients, 'patient')}. Patients: "
            f"{collection.patients_from}."
        ),
        table(collection.counts(context.label_names), "Images and patients"),
        "<h3>Audit</h3>",
    ]
    if context.audit is None:
        reason = (
            "it was not asked for."
            if collection.filenames is not None
            else "the data are no files."
        )
        parts.append(paragraph(f"There was no audit of the files: {reason}"))
    elif context.audit.findings.empty:
        parts.append(paragraph("The audit of the files found no fault."))
    else:
        parts.append(table(_finding_kinds(context.audit.findings), "Findings, the gravest first"))
    if context.audit is not None and context.audit.not_checked:
        parts += [paragraph("Not checked by the audit:"), bullets(context.audit.not_checked)]
    if description:
        parts.append(details("The collection's own description", preformatted(description)))
    return Section("data", "Data", "".join(parts))


def _finding_kinds(findings: "pd.DataFrame") -> "pd.DataFrame":
    from skpneumo.audit._findings import KINDS

    grouped = findings.groupby("kind", sort=False)
    frame = grouped.agg(
        severity=("severity", "first"), cases=("kind", "size"), files=("n_files", "sum")
    ).reset_index()
    frame.insert(0, "finding", [KINDS[kind].title for kind in frame["kind"]])
    frame["what to do"] = [KINDS[kind].remedy for kind in frame["kind"]]
    return frame.drop(columns="kind")


def protocol(context: ReportContext) -> Section:
    """How the evaluated patients relate to the others, and how the intervals were made."""
    collection, settings = context.collection, context.settings
    which = "All rows are" if collection.part is None else f"The part {collection.part!r} is"
    relation = f"{which} evaluated. {_what_was_seen(context)}"
    unit = (
        "Patients, not images, are what was drawn at random, so images of one patient do not "
        "count as independent"
        if context.predictions.clustered
        else "No patient has more than one image here, as far as is known"
    )
    how = (
        f"Intervals are two-sided, of {settings.confidence_level:.0%}. {unit}. Shares have "
        "Wilson's interval, on an effective number of images; metrics of scores a t interval by "
        f"the jackknife; the calibration error a bootstrap of {settings.n_resamples:,} "
        f"resamples, seed {settings.random_state}."
    )
    return Section(
        "protocol",
        "Protocol",
        paragraph(relation) + table(collection.relations(context.audit), "Parts") + paragraph(how),
    )


def _what_was_seen(context: ReportContext) -> str:
    """Whether the model was fitted on whom it is evaluated on, as far as that is known."""
    seen = context.settings.seen_in_training
    if seen is not None:
        return (
            f"Of the {counted(len(seen), 'evaluated image')}, {int(seen.sum()):,} were among "
            "those that the model was fitted on, or are of their patients where these are known, "
            "as its file records."
        )
    if context.collection.part is None:
        return (
            "Whom the model was fitted on is not recorded, so whether it has seen these patients "
            "cannot be told from here."
        )
    return (
        "Whom the model was fitted on is not recorded; if on other parts of this collection, what "
        "they have in common with the evaluated one is in the table, and ought to be nothing."
    )


def metrics(context: ReportContext) -> Section:
    """Every metric of all evaluated images."""
    rows: list[dict[str, Any]] = [
        {"metric": metric_name(metric), "value [interval]": figure_of(context.found[metric])}
        | sizes(context.found[metric])
        | {"interval by": _method(context.found[metric]), "meaning": MEANINGS[metric]}
        for metric in (*METRICS, "withheld")
        if metric in context.found
    ]
    notes = bullets(context.frame.attrs["notes"])
    return Section("metrics", "Metrics", rows_table(rows, "All evaluated images") + notes)


def _method(estimate: Estimate) -> str:
    return "" if math.isnan(estimate.value) else estimate.interval


def subgroups(context: ReportContext) -> Section:
    """The metrics of each subgroup, or why there are none."""
    given = context.settings.subgroups
    by_etiology = isinstance(given, str) and given == "etiology"
    title = "Subgroups by etiology" if by_etiology else "Subgroups"
    frame = context.subgroups()
    if frame.empty:
        why = (
            "the file names tell no etiology, or all tell the same."
            if by_etiology
            else "none were asked for, or all images are in the same."
        )
        return Section("subgroups", title, paragraph(f"There are none: {why}"))
    estimates = [(row["subgroup"], Estimate.from_row(row)) for row in frame.to_dict("records")]
    rows: list[dict[str, Any]] = [
        {"subgroup": str(name), "metric": metric_name(estimate.metric)}
        | {"value [interval]": figure_of(estimate)}
        | sizes(estimate)
        for name, estimate in estimates
    ]
    text = (
        "A subgroup that has images of one class only is set against all of the other class. "
        "Intervals that overlap do not make two subgroups alike, and each subgroup is smaller "
        "than the whole; of many, one misses by chance."
    )
    return Section(
        "subgroups", title, paragraph(text) + rows_table(rows, "Each subgroup by itself")
    )


def limits(context: ReportContext) -> Section:
    """What the figures do not say."""
    predictions, collection = context.predictions, context.collection
    n, n_positive = len(predictions), int(predictions.positive.sum())
    items = [
        "Intervals are about new patients like these. They say nothing about other hospitals, "
        "machines, ages or diseases, nor about a model trained with another seed.",
        f"Precision, average precision, accuracy and calibration hold where {n_positive:,} of "
        f"{n:,} images are positive. Where the disease is rarer, precision is lower.",
        "Whoever chooses between models, thresholds or seeds by figures like these makes the "
        "chosen one's too good. They are good for one look.",
        "Labels are taken for the truth. What the label says and what the child had may differ.",
    ]
    if collection.patients_from.startswith("unknown"):
        items.append(
            "Patients are unknown. If some have several images here, the intervals are too short."
        )
    if context.audit is None:
        items.append("The files were not audited: copies and damaged files are not ruled out.")
    else:
        shifts = context.audit.findings.query("kind == 'shift'")["detail"]
        items += [
            f"The parts differ in how they were acquired: {detail}. A classifier that sees no "
            "lung tells them apart, so figures of one say little about the other."
            for detail in shifts
        ]
        items += context.audit.findings.query("kind == 'shortcut'")["detail"].tolist()
    return Section(
        "limits",
        "Limits",
        f"{bullets(items)}{callout('note', 'Not a medical device', _NOT_A_DEVICE)}",
    )


def facts_of(context: ReportContext) -> dict[str, str]:
    """Date, seed and checksums of a report."""
    settings = context.settings
    return {
        "date": settings.date,
        "seed of the report": str(settings.random_state),
        **settings.provenance,
        "SHA-256 of the evaluated images and labels": checksum_of(context.collection),
    }


def reproduction(context: ReportContext, facts: dict[str, str]) -> Section:
    """Versions, seeds, checksums and parameters."""
    by_name = parameters(context.estimator)
    seeds = {
        f"seed of the model, {name}": value
        for name, value in by_name.items()
        if name.endswith("random_state")
    }
    body = pairs_table(facts | seeds, ("what", "value"), "This report")
    body += pairs_table(versions(), ("package", "version"), "Versions")
    body += f"<h3>Model</h3>{preformatted(outlined(context.estimator))}"
    body += details(
        "All parameters", pairs_table(by_name, ("parameter", "value"), "Parameters of the model")
    )
    return Section("reproduction", "Reproduction", body)
