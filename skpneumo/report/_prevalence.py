"""Predictive values and net benefit where pneumonia is as common as the author says."""

from typing import Any

from skpneumo.report._context import ReportContext
from skpneumo.report._markup import Section, paragraph, rows_table, sizes
from skpneumo.report._wording import figure_of, metric_name

__all__ = ["at_prevalence"]

_MEANINGS = {
    "precision_at_prevalence": "of those called positive, the share that is",
    "negative_predictive_value_at_prevalence": "of those called negative, the share that is",
    "net_benefit_at_prevalence": "true positives per image, less false ones at the stated odds",
}


def at_prevalence(context: ReportContext) -> Section:
    """The section, or the sentence that no prevalence was stated."""
    title, prevalence = "At another prevalence", context.settings.prevalence
    if prevalence is None:
        text = (
            "None was stated. Predictive values and net benefit depend on how common the illness "
            "is where the model is used: pass prevalence=, in the shell --prevalence, for these "
            "figures."
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
        f"Where {prevalence:g} of the images show {context.names[1]}, with the recall and the "
        f"specificity measured here. The net benefit weighs a false alarm by the odds of "
        f"{threshold:g}, from which probability on somebody would act."
    )
    return Section("prevalence", title, paragraph(text) + rows_table(rows, title))
