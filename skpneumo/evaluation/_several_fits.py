"""Combine the evaluations of several fits: their mean, and the variance between them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skpneumo.evaluation._estimate import Estimate
from skpneumo.evaluation._intervals import t_quantile

__all__ = ["mean_over_fits"]

_NOT_SHARES = {
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
    "calibration_slope",
    "calibration_intercept",
    "net_benefit_at_prevalence",
}


def mean_over_fits(
    fits: Sequence[Sequence[Estimate]], confidence_level: float
) -> list[tuple[Estimate, float]]:
    """Compute the mean of each metric over the fits, and the standard deviation between them.

    Parameters
    ----------
    fits : sequence of sequences of Estimate
        The same metrics in the same order for each fit.
    confidence_level : float

    Returns
    -------
    list of (Estimate, float)
        The distance of each limit from the mean is the root of a sum of two squares: the average
        distance for one fit (as all fits see the same patients, averaging does not reduce it), and
        the half width of the t interval of the mean over the fits. The standard deviation is NaN
        for one fit.
    """
    return [_mean(several, confidence_level) for several in zip(*fits, strict=True)]


def _mean(several: tuple[Estimate, ...], confidence_level: float) -> tuple[Estimate, float]:
    first = several[0]
    defined = [each for each in several if not np.isnan(each.value)]
    if len(several) == 1 or not defined:
        return first, np.nan
    if len(defined) < len(several):
        lacking = next(each for each in several if np.isnan(each.value))
        reason = lacking.interval.removeprefix("undefined: ")
        why = f"undefined: for {len(several) - len(defined)} of {len(several)} fits {reason}"
        return replace(first, value=np.nan, low=np.nan, high=np.nan, interval=why), np.nan
    values = np.array([each.value for each in several])
    n_fits = len(several)
    if not np.isfinite(values).all():
        return replace(first, value=np.inf, low=min(e.low for e in several), high=np.inf), np.nan
    between = float(values.std(ddof=1))
    of_fits = t_quantile(confidence_level, n_fits - 1) * between / np.sqrt(n_fits)
    value = float(values.mean())
    down = np.mean([each.value - each.low for each in several])
    up = np.mean([each.high - each.value for each in several])
    low, high = float(value - np.hypot(down, of_fits)), float(value + np.hypot(up, of_fits))
    if first.metric not in _NOT_SHARES:
        low, high = max(0.0, low), min(1.0, high)
    combined = replace(
        first,
        value=value,
        low=low,
        high=high,
        n=round(np.mean([each.n for each in several])),
        n_patients=round(np.mean([each.n_patients for each in several])),
        n_effective=float(np.mean([each.n_effective for each in several])),
        interval=f"{first.interval}, {n_fits} fits",
    )
    return combined, between
