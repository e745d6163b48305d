"""Estimate the calibration intercept and slope of probabilities."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logit

from skpneumo.evaluation._influence import degrees_of_freedom
from skpneumo.evaluation._intervals import t_quantile

__all__ = ["NEAREST_TO_CERTAIN", "Line", "calibration_intercept", "calibration_slope"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEAREST_TO_CERTAIN = 1e-7
"""Probabilities are clipped to this distance from 0 and 1, which have no logit."""

_MOST_STEPS = 100
_CONVERGED = 1e-8
_STEEPEST = 1e3
_NO_SPREAD = 1e-6
_SAME = 1e-6  # of logits, above the rounding of float32


class Line(NamedTuple):
    """A parameter with its interval; NaN, with the reason, if there is no finite solution."""

    value: float
    low: float
    high: float
    why_undefined: str = ""


def calibration_slope(
    positive: Bools, probability: Floats, patient: NDArray[np.intp], confidence_level: float
) -> Line:
    """Estimate the slope of a logistic regression of the labels on the logits.

    It is 1 if the probabilities are right, below 1 if they are too extreme, and above 1 if they
    are too close to the mean. The interval is a t interval by the jackknife over patients, with
    one Newton step for each patient left out.

    References
    ----------
    D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45
    (1958), 562-565.

    B. Van Calster, D. Nieboer, Y. Vergouwe, B. De Cock, M. J. Pencina and E. W. Steyerberg, "A
    calibration hierarchy for risk models was defined: from utopia to empirical data", Journal
    of Clinical Epidemiology 74 (2016), 167-176.
    """
    x = _logits(probability)
    if np.ptp(x) < _SAME:
        return _no_line("all probabilities are equal")
    # Also if the lowest score of one class equals the highest of the other.
    if x[positive].min() >= x[~positive].max() or x[positive].max() <= x[~positive].min():
        return _no_line("the scores separate the classes, so no finite slope fits")
    # scikit-learn's logistic regression gives neither an offset, needed for the intercept below,
    # nor the information of each patient, needed for the jackknife.
    # Centred, so that the two parameters can be told apart however little the scores spread.
    design = np.column_stack([np.ones_like(x), x - x.mean()])
    line = _most_likely_line(design, positive)
    if line is None or abs(line[1]) > _STEEPEST:
        return _no_line("the scores nearly separate the classes, so no finite slope fits")
    surplus, weight = _residuals(line, design, positive)
    n = int(patient.max()) + 1
    gradient, information = np.zeros((n, 2)), np.zeros((n, 2, 2))
    np.add.at(gradient, patient, surplus[:, None] * design)
    np.add.at(information, patient, weight[:, None, None] * design[:, :, None] * design[:, None])
    rest = information.sum(axis=0) - information
    moved = -(np.linalg.pinv(rest) @ gradient[:, :, None])[:, 1, 0]
    return _with_jackknife(float(line[1]), moved, confidence_level)


def calibration_intercept(
    positive: Bools, probability: Floats, patient: NDArray[np.intp], confidence_level: float
) -> Line:
    """Estimate the intercept of the same regression with a slope of 1: calibration in the large.

    It is 0 if the probabilities have the right mean (on the logit scale), and above 0 if they are
    too low. The interval is computed as in :func:`calibration_slope`.
    """
    x = _logits(probability)

    def surplus(intercept: float) -> float:
        return float((positive - expit(intercept + x)).sum())

    bound = float(np.abs(x).max()) + np.log(len(x)) + 1
    intercept = float(brentq(surplus, -bound, bound, xtol=1e-12))
    fitted = expit(intercept + x)
    gradient = np.bincount(patient, positive - fitted)
    information = np.bincount(patient, fitted * (1 - fitted))
    rest = np.maximum(information.sum() - information, np.finfo(float).tiny)
    return _with_jackknife(intercept, -gradient / rest, confidence_level)


def _logits(probability: Floats) -> Floats:
    return logit(np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN))


def _most_likely_line(design: Floats, positive: Bools) -> Floats | None:
    """Fit a logistic regression by Newton's method; None if it does not converge."""
    sign = np.where(positive, 1.0, -1.0)

    def loss(line: Floats) -> float:
        return -float(log_expit(sign * (design @ line)).sum())

    line = np.zeros(2)
    for _ in range(_MOST_STEPS):
        surplus, weight = _residuals(line, design, positive)
        step = np.linalg.lstsq(design.T * weight @ design, design.T @ surplus, rcond=None)[0]
        # Far from the optimum, full steps diverge or alternate between two lines.
        while loss(line + step) > loss(line):
            step = step / 2
        line = line + step
        if np.abs(step).max() <= _CONVERGED * max(1.0, float(np.abs(line).max())):
            return line
    return None


def _residuals(line: Floats, design: Floats, positive: Bools) -> tuple[Floats, Floats]:
    """Compute the residuals of the labels at the fitted line, and their variances."""
    fitted = expit(design @ line)
    return positive - fitted, fitted * (1 - fitted)


def _with_jackknife(value: float, moved: Floats, confidence_level: float) -> Line:
    """Compute the interval of a value from the changes when each patient is left out."""
    n = len(moved)
    moved = moved - moved.mean()
    standard_error = float(np.sqrt((n - 1) / n * (moved @ moved)))
    if not standard_error > _NO_SPREAD:
        return _no_line(
            "leaving out any patient makes no difference, so its error cannot be estimated"
        )
    half = t_quantile(confidence_level, degrees_of_freedom(moved)) * standard_error
    return Line(value, value - half, value + half)


def _no_line(why: str) -> Line:
    return Line(np.nan, np.nan, np.nan, why)
