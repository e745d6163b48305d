"""Write the cards of the summary: a metric each, judged by colour and in words."""

import math
from html import escape

from skpneumo._formatting import counted
from skpneumo.report._context import ReportContext
from skpneumo.report._evaluation import Estimate
from skpneumo.report._wording import NBSP, basis, figure_of, metric_name

__all__ = ["judgement_of", "metric_cards"]

# A metric is good if its whole interval is at or above this value.
GOOD = {"recall": 0.9, "specificity": 0.8, "roc_auc": 0.9}


def metric_cards(context: ReportContext) -> str:
    """Write the cards of recall, specificity and AUC."""
    tiles = []
    for metric in GOOD:
        estimate = context.found[metric]
        severity, words = judgement_of(context, metric)
        value, _, interval = figure_of(estimate).partition(
            ": " if math.isnan(estimate.value) else NBSP
        )
        tiles.append(
            f'<li class="{severity}-card"><span>{escape(metric_name(metric))}</span>'
            f"<b>{escape(value)}</b><span>{escape(interval)}</span>"
            f"<span>{escape(basis(estimate))}</span><em>{escape(words)}</em></li>"
        )
    return f'<ul class="tiles">{"".join(tiles)}</ul>'


def judgement_of(context: ReportContext, metric: str) -> tuple[str, str]:
    """Judge a metric by its interval: "error", "warning", "good" or "note", and in words."""
    estimate, balanced = context.found[metric], context.found["balanced_accuracy"]
    if math.isnan(estimate.value):
        return "note", "undefined on these images"
    chance = context.found["roc_auc"] if metric == "roc_auc" else balanced
    if not math.isnan(chance.value) and chance.low <= 0.5:
        # A recall of 1 of a model that predicts positive for every image is worthless.
        return "error", "not shown to be better than chance"
    bound, name = GOOD[metric], ""
    if metric == "recall" and context.rule.floor_classifier is not None:
        bound, name = context.rule.floor_classifier.recall, "the guaranteed floor of"
    severity, words = _against(estimate, bound, name)
    seen = context.settings.seen_in_training
    if severity == "good" and seen is not None and seen.any():
        return "note", (
            f"{words}, but {int(seen.sum()):,} of {counted(len(seen), 'image')} were "
            "seen in training"
        )
    return severity, words


def _against(estimate: Estimate, bound: float, name: str) -> tuple[str, str]:
    of = f"{name} {bound:g}".strip()
    if estimate.low >= bound:
        return "good", f"the whole interval is at or above {of}"
    if estimate.high < bound:
        return "error", f"the whole interval is below {of}"
    return "warning", f"the interval reaches below {of}"
