"""Write the section about the threshold: its choice, its guarantee, and whether it held."""

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

__all__ = ["guarantee_table", "operating_point"]


def operating_point(context: ReportContext) -> Section:
    """Write the section: the threshold, who chose it, its guarantee, and the results here."""
    rule, found = context.rule, context.found
    at = "No threshold." if rule.threshold is None else f"Threshold {rule.threshold:.4g}."
    rows: list[dict[str, Any]] = [
        {"share": metric_name(metric), "here": figure_of(found[metric])} | sizes(found[metric])
        for metric in ("recall", "specificity", "precision")
    ]
    parts = [paragraph(f"{at} {rule.origin}")]
    if rule.floor_classifier is not None:
        rows += _referred(context)
        parts += [
            table(
                guarantee_table(rule.floor_classifier),
                "Guaranteed in training, by patients",
            )
        ]
        parts += [paragraph(guarantee_of(rule.floor_classifier.guarantee_terms_))]
        said = sentences_about_floor(
            context.predictions,
            rule.floor_classifier.recall,
            context.settings.confidence_level,
            rule.floor_classifier.patients_known_,
        )
        parts += [paragraph(sentence) for sentence in said.values()]
    parts.append(rows_table(rows, "Measured here, by images"))
    return Section("operating-point", "Operating point", "".join(parts))


def guarantee_table(chosen: RecallFloorClassifier) -> "pd.DataFrame":
    """Make the table of guaranteed and measured shares when the threshold was chosen."""
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
        rows += [
            (_at_upper_threshold(chosen), floor, "the floor", specificity, chosen.n_negative_),
            ("referred", "nothing", "none", referred, chosen.n_patients_),
        ]
    bound_name = f"lower bound, confidence {chosen.confidence:g}"
    return pd.DataFrame(
        rows, columns=["share", "guaranteed", bound_name, "in training", "patients"]
    )


def _referred(context: ReportContext) -> list[dict[str, Any]]:
    """Measure specificity and referral with the upper threshold, if there is one."""
    chosen, predictions = context.rule.floor_classifier, context.predictions
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
        why = "undefined: no image is negative"  # other shares are always defined
        figure = bracketed(share.value, share.low, share.high, undefined=why)
        rows.append(
            {"share": name, "here": figure} | {"images": share.n, "patients": share.n_patients}
        )
    return rows


def _at_upper_threshold(chosen: RecallFloorClassifier) -> str:
    return f"specificity at {chosen.upper_threshold_:.4g}, the upper threshold"
