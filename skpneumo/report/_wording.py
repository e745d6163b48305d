"""How a report writes its figures: none without its interval and what it rests on."""

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
    "described",
    "figure_of",
    "guarantee_of",
    "metric_name",
    "outlined",
]

NBSP = "\N{NO-BREAK SPACE}"

_LONGEST = 300
_LINE = 88

MEANINGS = {
    "accuracy": "images called rightly",
    "recall": "positive images called positive; the rest is missed",
    "specificity": "negative images called negative; the rest is a false alarm",
    "precision": "images called positive that are; falls where the disease is rarer",
    "negative_predictive_value": "images called negative that are; the mirror image of precision",
    "f1": "harmonic mean of precision and recall",
    "balanced_accuracy": "mean of recall and specificity",
    "roc_auc": "chance that a positive image scores above a negative one",
    "average_precision": "mean precision over all thresholds; higher where positives are common",
    "brier_score": "mean squared error of the probabilities; 0 is best",
    "ece": "mean distance of probability and frequency; 0 is best, but see the next row",
    "ece_by_chance": "what that distance would be of right probabilities, and its range",
    "calibration_slope": "1 is right; below it probabilities are too extreme, above it too timid",
    "calibration_intercept": "0 is right; above it probabilities are too low on the whole",
    "positive_likelihood_ratio": "how many times a positive call multiplies the odds",
    "negative_likelihood_ratio": "how many times a negative call multiplies the odds",
    "withheld": "images that the input gate withholds; in the other rows it withholds none",
}


_NAMES = {"recall": "recall (sensitivity)", "brier_score": "Brier score"}


def metric_name(metric: str) -> str:
    """The metric in the words of both readers, the statistician and the physician."""
    return _NAMES.get(metric, metric_label(metric))


def figure_of(estimate: Estimate) -> str:
    """Value and interval, or why there are none."""
    return bracketed(estimate.value, estimate.low, estimate.high, undefined=estimate.interval)


def bracketed(value: float, low: float, high: float, *, undefined: str = "undefined") -> str:
    """Value and interval, never on two lines; the words for undefined where there is none."""
    if math.isnan(value):
        return undefined
    text = with_interval(value, low, high).replace(" ", NBSP)
    return text.replace("inf", "\N{INFINITY}")


def basis(estimate: Estimate) -> str:
    """The images and patients that an estimate rests on."""
    return f"{counted(estimate.n, 'image')} of {counted(estimate.n_patients, 'patient')}"


def described(value: Any) -> str:
    """A value in a line, without the place in memory that differs from run to run."""
    text = value.__repr__(N_CHAR_MAX=10**6) if isinstance(value, BaseEstimator) else repr(value)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    if isinstance(value, BaseEstimator) or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…"


def guarantee_of(terms: str) -> str:
    """A sentence with the terms of a guarantee, which say first whether it is exact."""
    return f"The guarantee is {terms[0].lower()}{terms[1:]}"


def outlined(estimator: Any) -> str:
    """An estimator as code, indented by two letters for each estimator around."""
    text = described(estimator)
    try:
        return _broken(ast.parse(text, mode="eval").body, "")
    except SyntaxError:  # a parameter that does not write itself as code
        return text


def _broken(node: ast.expr, indent: str) -> str:
    """Code in one line where it fits, else its arguments in a line each."""
    line = ast.unparse(node)
    if len(indent) + len(line) <= _LINE or not isinstance(node, ast.Call | ast.List | ast.Tuple):
        return line
    within = f"{indent}  "
    if isinstance(node, ast.Call):
        opening, closing = f"{ast.unparse(node.func)}(", ")"
        parts = [_broken(each, within) for each in node.args]
        parts += [f"{each.arg}={_broken(each.value, within)}" for each in node.keywords]
    else:
        opening, closing = "[]" if isinstance(node, ast.List) else "()"
        parts = [_broken(each, within) for each in node.elts]
    return "\n".join([opening, *(f"{within}{part}," for part in parts), f"{indent}{closing}"])
