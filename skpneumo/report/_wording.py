"""Format metrics, their intervals and sample sizes, and parameters for a report."""

import ast
import math
import re
from typing import Any

from sklearn.base import BaseEstimator

from skpneumo._formatting import counted, with_interval
from skpneumo._plotting import metric_label
from skpneumo.report._evaluation import Estimate

__all__ = [
    "MEANINGS",
    "NBSP",
    "basis",
    "bracketed",
    "figure_of",
    "guarantee_of",
    "indented_code",
    "metric_name",
    "one_line_repr",
]

NBSP = "\N{NO-BREAK SPACE}"

_LONGEST = 300
_LINE = 88

MEANINGS = {
    "accuracy": "share of images predicted correctly",
    "recall": "share of positive images predicted positive; the others are missed",
    "specificity": "share of negative images predicted negative; the others are false alarms",
    "precision": "share of positive predictions that are right; lower if the disease is rarer",
    "negative_predictive_value": "share of negative predictions that are right",
    "f1": "harmonic mean of precision and recall",
    "balanced_accuracy": "mean of recall and specificity",
    "roc_auc": "chance that a positive image scores above a negative one",
    "average_precision": "mean precision over all thresholds; higher if positives are common",
    "brier_score": "mean squared error of the probabilities; 0 is best",
    "ece": "mean distance between probability and frequency; 0 is best, but see the next row",
    "ece_by_chance": "the same distance for right probabilities, with its range",
    "calibration_slope": "1 is right; below 1 probabilities are too extreme, above 1 too moderate",
    "calibration_intercept": "0 is right; above 0 probabilities are too low on average",
    "positive_likelihood_ratio": "factor by which a positive prediction multiplies the odds",
    "negative_likelihood_ratio": "factor by which a negative prediction multiplies the odds",
    "withheld": "share of images that the input gate withholds; the other rows include them",
}


_NAMES = {"recall": "recall (sensitivity)", "brier_score": "Brier score"}


def metric_name(metric: str) -> str:
    """Name a metric for statisticians and physicians."""
    return _NAMES.get(metric, metric_label(metric))


def figure_of(estimate: Estimate) -> str:
    """Format the value and interval, or the reason why there are none."""
    return bracketed(estimate.value, estimate.low, estimate.high, undefined=estimate.interval)


def bracketed(value: float, low: float, high: float, *, undefined: str = "undefined") -> str:
    """Format a value and its interval without line breaks, or ``undefined`` for NaN."""
    if math.isnan(value):
        return undefined
    text = with_interval(value, low, high).replace(" ", NBSP)
    return text.replace("inf", "\N{INFINITY}")


def basis(estimate: Estimate) -> str:
    """Format the number of images and patients of an estimate."""
    return f"{counted(estimate.n, 'image')} of {counted(estimate.n_patients, 'patient')}"


def one_line_repr(value: Any) -> str:
    """Format a value in one line, without memory addresses, which differ between runs."""
    text = value.__repr__(N_CHAR_MAX=10**6) if isinstance(value, BaseEstimator) else repr(value)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    if isinstance(value, BaseEstimator) or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…"


def guarantee_of(terms: str) -> str:
    """Write a sentence with the terms of a guarantee."""
    return f"The guarantee is {terms[0].lower()}{terms[1:]}"


def indented_code(estimator: Any) -> str:
    """Format an estimator as code, with an indentation of two spaces per level."""
    text = one_line_repr(estimator)
    try:
        return _unparse_in_lines(ast.parse(text, mode="eval").body, "")
    except SyntaxError:  # the repr of a parameter is not code
        return text


def _unparse_in_lines(node: ast.expr, indent: str) -> str:
    """Write code in one line if it fits, or else with one argument per line."""
    line = ast.unparse(node)
    if len(indent) + len(line) <= _LINE or not isinstance(node, ast.Call | ast.List | ast.Tuple):
        return line
    within = f"{indent}  "
    if isinstance(node, ast.Call):
        opening, closing = f"{ast.unparse(node.func)}(", ")"
        parts = [_unparse_in_lines(each, within) for each in node.args]
        parts += [f"{each.arg}={_unparse_in_lines(each.value, within)}" for each in node.keywords]
    else:
        opening, closing = "[]" if isinstance(node, ast.List) else "()"
        parts = [_unparse_in_lines(each, within) for each in node.elts]
    return "\n".join([opening, *(f"{within}{part}," for part in parts), f"{indent}{closing}"])
