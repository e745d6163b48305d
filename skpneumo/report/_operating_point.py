"""The section about the threshold: how it was chosen, its guarantee, and whether it held."""

from typing import TYPE_CHECKING, Any

from skpneumo._html import table
from skpneumo.decision import RecallFloorClassifier
from skpneumo.report._context import ReportContext
from skpneumo.report._evaluation import clustered_share
from skpneumo.report._markup import Section, paragraph, rows_table, sizes
from skpneumo.report._sentences import sentences_about_floor
from skpneumo.report._wording import bracketed, figure_of, guarantee_of, metric_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["operating_point", "promised_table"]


def operating_point(context: ReportContext) -> Section:
    """The threshold, who chose it, what was promised, and what came of it here."""
    rule, found = context.rule, context.found
    at = "No threshold." if rule.threshold is None else f"Threshold {rule.threshold:.4g}."
    rows: list[dict[str, Any]] = [
        {"share": metric_name(metric), "here": figure_of(found[metric])} | sizes(found[metric])
        for metric in ("recall", "specificity", "precision")
    ]
    parts = [paragraph(f"{at} {rule.origin}")]
    if rule.promise is not None:
        rows += _referred(context)
        parts += [
            table(promised_table(rule.promise), "What was promised, by patients, in training")
        ]
        parts += [paragraph(guarantee_of(rule.promise.guarantee_terms_))]
        said = sentences_about_floor(
            context.predictions,
            rule.promise.recall,
            context.settings.confidence_level,
            rule.promise.patients_known_,
        )
        parts += [paragraph(sentence) for sentence in said.values()]
    parts.append(rows_table(rows, "What was measured here, by images"))
    return Section("operating-point", "Operating point", "".join(parts))


def promised_table(chosen: RecallFloorClassifier) -> "pd.DataFrame":
    """What was promised when a threshold was chosen, and how it was there."""
    import pandas as pd

    recall = bracketed(chosen.recall_, *chosen.recall_interval_)
    specificity = bracketed(chosen.specificity_, *chosen.specificity_interval_)
    bound = f"{chosen.recall_bound_:.3f}"
    rows: list[tuple[str, str, str, str, int]] = [
        ("recall", f"at least {chosen.recall:g}", bound, recall, chosen.n_positive_)
    ]
    if chosen.specificity is None:
        rows.append(("specificity", "nothing", "none", specificity, chosen.n_negative_))
    else:
        floor = f"at least {chosen.specificity:g}"
        referred = bracketed(chosen.referral_rate_, *chosen.referral_interval_)
        both = chosen.n_positive_ + chosen.n_negative_
        rows += [
            (_at_upper_threshold(chosen), floor, "the floor", specificity, chosen.n_negative_),
            ("referred", "nothing", "none", referred, both),
        ]
    bound_name = f"lower bound, confidence {chosen.confidence:g}"
    return pd.DataFrame(rows, columns=["share", "promised", bound_name, "in training", "patients"])


def _referred(context: ReportContext) -> list[dict[str, Any]]:
    """What a second threshold makes of it; nothing where there is none."""
    chosen, predictions = context.rule.promise, context.predictions
    if chosen is None or chosen.specificity is None or predictions.score is None:
        return []
    below = predictions.score < chosen.upper_threshold_
    shares = (
        (_at_upper_threshold(chosen), below, ~predictions.positive),
        (
            f"referred, from {chosen.threshold_:.4g} to {chosen.upper_threshold_:.4g}",
            below & predictions.predicted,
            below | ~below,
        ),
    )
    rows = []
    for name, hit, among in shares:
        share = clustered_share(hit, among, predictions.patient, context.settings.confidence_level)
        why = "undefined: no image is negative"  # the only ones that may be lacking
        figure = bracketed(share.value, share.low, share.high, undefined=why)
        rows.append(
            {"share": name, "here": figure} | {"images": share.n, "patients": share.n_patients}
        )
    return rows


def _at_upper_threshold(chosen: RecallFloorClassifier) -> str:
    return f"specificity at {chosen.upper_threshold_:.4g}, the upper threshold"
