"""Write the section about predictive values and net benefit at a given prevalence."""

from typing import Any

from skpneumo._messages import by_interface
from skpneumo.report._context import ReportContext
from skpneumo.report._markup import Section, paragraph, rows_table, sizes
from skpneumo.report._wording import figure_of, metric_name

__all__ = ["at_prevalence"]

_MEANINGS = {
    "precision_at_prevalence": "share of positive predictions that are right",
    "negative_predictive_value_at_prevalence": "share of negative predictions that are right",
    "net_benefit_at_prevalence": "true positives per image, minus false ones at the given odds",
}


def at_prevalence(context: ReportContext) -> Section:
    """Write the section, or a sentence that no prevalence was given."""
    title, prevalence = "At another prevalence", context.settings.prevalence
    if prevalence is None:
        text = (
            "No prevalence was given. Predictive values and net benefit depend on how common the "
            "illness is where the model is used. For these metrics, "
            + by_interface(python="pass prevalence.", shell="add --prevalence.")
        )
        return Section("prevalence", title, paragraph(text))
    threshold = context.settings.threshold_probability or prevalence
    rows: list[dict[str, Any]] = [
        {"metric": metric_name(metric), "value [interval]": figure_of(context.found[metric])}
        | sizes(context.found[metric])
        | {"meaning": meaning}
        for metric, meaning in _MEANINGS.items()
    ]
    text = (
        f"These are the metrics if a share of {prevalence:g} of the images show "
        f"{context.names[1]}, with the recall and the specificity measured here. The net benefit "
        f"weights false alarms by the odds of {threshold:g}, the probability from which on one "
        "would act."
    )
    return Section("prevalence", title, paragraph(text) + rows_table(rows, title))
