"""Write the sections of a report that consist of text and tables."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted, written_on
from skpneumo._html import table
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
from skpneumo.report._metric_cards import metric_cards
from skpneumo.report._provenance import (
    checksum_of,
    parameters,
    versions,
)
from skpneumo.report._wording import (
    MEANINGS,
    figure_of,
    indented_code,
    metric_name,
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
    "This is not a medical device, and this report is not a clinical validation. Neither may be "
    "used for diagnosis, triage or any other decision about a patient."
)


def summary(context: ReportContext) -> Section:
    """Write the summary: three metrics, and warnings about them."""
    lead = (
        f"How well the model distinguishes {context.names[1]} (positive) from {context.names[0]} "
        f"(negative), with {context.settings.confidence_level:.0%} intervals. "
        f"{written_on('Report', context.settings.date)}"
    )
    callouts = "".join(callout(*each) for each in _warnings(context))
    return Section(
        "summary",
        "Summary",
        f"{paragraph(lead)}{metric_cards(context)}{callouts}"
        f"{callout('note', 'Not a medical device', _NOT_A_DEVICE)}",
    )


def _warnings(context: ReportContext) -> Iterator[tuple[str, str, str]]:
    """Yield warnings about wrong or unreliable results: severity, name, text."""
    collection, seen = context.collection, context.settings.seen_in_training
    if context.useless:
        yield "error", "Useless model", context.useless
    if seen is not None and seen.any():
        yield (
            "error",
            "Seen in training",
            f"The model was fitted on {int(seen.sum()):,} of the {len(seen):,} evaluated images, "
            "or on others of their patients, so the results are too good.",
        )
    if n_shared := collection.shared_patients():
        yield (
            "error",
            "Patients shared",
            f"{counted(n_shared, 'evaluated patient')} also in another split of the collection. "
            "If the model was fitted on it, the results are too good, because patients may be "
            "recognised.",
        )
    if collection.part is None and seen is None:
        yield (
            "warning",
            "Training unknown",
            "No split of the collection was set aside for evaluation. If the model was fitted on "
            "any of these patients, the results are too good.",
        )
    if context.audit is not None:
        severities = context.audit.findings["severity"]
        if n_errors := int(severities.eq("error").sum()):
            yield (
                "error",
                "Faults in the data",
                f"The audit found {counted(n_errors, 'fault')} that make results on this "
                "collection wrong; see the section on data.",
            )
    if context.dominant:
        yield "warning", "One patient has most images", context.dominant
    if context.rule.floor_classifier is None:
        yield "warning", "No recall floor", context.rule.origin


def data_card(context: ReportContext) -> Section:
    """Write the section about the collection and the audit of its files."""
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
            else "the data are not files."
        )
        parts.append(paragraph(f"The files were not audited: {reason}"))
    elif context.audit.findings.empty:
        parts.append(paragraph("The audit of the files found no faults."))
    else:
        parts.append(table(_finding_kinds(context.audit.findings), "Findings, most severe first"))
    if context.audit is not None and context.audit.not_checked:
        parts += [paragraph("Not checked by the audit:"), bullets(context.audit.not_checked)]
    if description:
        parts.append(details("Description of the collection", preformatted(description)))
    return Section("data", "Data", "".join(parts))


def _finding_kinds(findings: "pd.DataFrame") -> "pd.DataFrame":
    from skpneumo.audit._findings import KINDS

    grouped = findings.groupby("kind", sort=False)
    frame = grouped.agg(
        severity=("severity", "first"),
        cases=("kind", "size"),
        files=("paths", lambda paths: len(set().union(*paths))),  # a file may be in several cases
    ).reset_index()
    frame.insert(0, "finding", [KINDS[kind].title for kind in frame["kind"]])
    frame["what to do"] = [KINDS[kind].remedy for kind in frame["kind"]]
    return frame.drop(columns="kind")


def protocol(context: ReportContext) -> Section:
    """Write the section about the splits and how the intervals were computed."""
    collection, settings = context.collection, context.settings
    which = "All rows are" if collection.part is None else f"The split {collection.part!r} is"
    relation = f"{which} evaluated. {_what_was_seen(context)}"
    unit = (
        "The unit of sampling is the patient, not the image, so images of one patient do not "
        "count as independent"
        if context.predictions.clustered
        else "As far as is known, no patient has more than one image here"
    )
    how = (
        f"Intervals are two-sided {settings.confidence_level:.0%} intervals. {unit}. Shares have "
        "Wilson's interval for an effective number of images; metrics of scores have a t interval "
        "by the jackknife; the calibration error has a bootstrap interval with "
        f"{settings.n_resamples:,} resamples and seed {settings.random_state}."
    )
    return Section(
        "protocol",
        "Protocol",
        paragraph(relation)
        + table(collection.relations(context.audit), "Splits")
        + paragraph(how),
    )


def _what_was_seen(context: ReportContext) -> str:
    """Write whether the model was fitted on the evaluated patients, if known."""
    seen = context.settings.seen_in_training
    if seen is not None:
        return (
            f"Of the {counted(len(seen), 'evaluated image')}, {int(seen.sum()):,} were among "
            "those that the model was fitted on, or are of their patients where these are known, "
            "according to its file."
        )
    if context.collection.part is None:
        return (
            "It is not recorded which patients the model was fitted on, so it may have seen these."
        )
    return (
        "It is not recorded which patients the model was fitted on. If they are in other splits "
        "of this collection, the table shows what these share with the evaluated one, which "
        "should be nothing."
    )


def metrics(context: ReportContext) -> Section:
    """Write the section with every metric of all evaluated images."""
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
    """Write the section with the metrics of subgroups, or the reason why there are none."""
    given = context.settings.subgroups
    by_etiology = isinstance(given, str) and given == "etiology"
    title = "Subgroups by etiology" if by_etiology else "Subgroups"
    frame = context.subgroups()
    if frame.empty:
        why = (
            "the file names have no etiology, or all have the same."
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
        "A subgroup with images of only one class is compared with all images of the other class. "
        "Overlapping intervals do not show that two subgroups are equal. Subgroups are small, and "
        "of many intervals some miss by chance."
    )
    return Section(
        "subgroups", title, paragraph(text) + rows_table(rows, "Each subgroup separately")
    )


def limits(context: ReportContext) -> Section:
    """Write the section about the limits of the results."""
    predictions, collection = context.predictions, context.collection
    n, n_positive = len(predictions), int(predictions.positive.sum())
    items = [
        "Intervals are about new patients like these. They say nothing about other hospitals, "
        "machines, ages or diseases, nor about a model trained with another seed.",
        f"Precision, average precision, accuracy and calibration are valid if {n_positive:,} of "
        f"{n:,} images are positive. If the disease is rarer, precision is lower.",
        "If models, thresholds or seeds are chosen by these results, the results of the chosen "
        "one are too good. Use them only once.",
        "Labels are assumed to be true. The patient's true condition may differ.",
    ]
    if collection.patients_from.startswith("unknown"):
        items.append(
            "Patients are unknown. If some have several images here, the intervals are too narrow."
        )
    if context.audit is None:
        items.append("The files were not audited, so there may be copies and damaged files.")
    else:
        shifts = context.audit.findings.query("kind == 'shift'")["detail"]
        items += [
            f"The splits differ in how they were acquired: {detail}. A classifier without access "
            "to the lungs can tell them apart, so results on one say little about the other."
            for detail in shifts
        ]
        items += context.audit.findings.query("kind == 'shortcut'")["detail"].tolist()
    return Section(
        "limits",
        "Limits",
        f"{bullets(items)}{callout('note', 'Not a medical device', _NOT_A_DEVICE)}",
    )


def facts_of(context: ReportContext) -> dict[str, str]:
    """Collect the date, seed and checksums of a report."""
    settings = context.settings
    return {
        "date": settings.date,
        "seed of the report": str(settings.random_state),
        **settings.provenance,
        "SHA-256 of the evaluated images and labels": checksum_of(context.collection),
    }


def reproduction(context: ReportContext, facts: dict[str, str]) -> Section:
    """Write the section with versions, seeds, checksums and parameters."""
    by_name = parameters(context.estimator)
    seeds = {
        f"seed of the model, {name}": value
        for name, value in by_name.items()
        if name.endswith("random_state")
    }
    body = pairs_table(facts | seeds, ("what", "value"), "This report")
    body += pairs_table(versions(), ("package", "version"), "Versions")
    body += f"<h3>Model</h3>{preformatted(indented_code(context.estimator))}"
    body += details(
        "All parameters", pairs_table(by_name, ("parameter", "value"), "Parameters of the model")
    )
    return Section("reproduction", "Reproduction", body)
