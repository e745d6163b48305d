"""Compute confidence intervals for images clustered by patient.

Images of one patient resemble each other, so thirty images of one child are not thirty children.
Proportions (recall, specificity, ...) have Wilson's interval for the effective number of images;
sums, differences and ratios combine the limits of two estimates (MOVER); metrics of scores have a
t interval on the logit scale, with patients as the unit.

None of them shrinks to a point if a model makes no error. A plain bootstrap does: every resample
of a test without errors has no errors.
"""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, stdtrit
from sklearn.utils import check_scalar

__all__ = [
    "ClusteredEstimate",
    "clustered_difference",
    "clustered_share",
    "correlation",
    "design_effect",
    "dominated",
    "effective_size",
    "logit_interval",
    "mover_difference",
    "mover_mean",
    "mover_ratio",
    "mover_sum",
    "newcombe_auc_interval",
    "normal_quantile",
    "t_quantile",
    "wilson_interval",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Interval = tuple[float, float]

# With this many patients of equal size, the variance between them can be estimated.
_ENOUGH_EFFECTIVE_PATIENTS = 20


def normal_quantile(confidence_level: float) -> float:
    """Compute the half width of a two-sided interval of a standard normal variable."""
    check_scalar(confidence_level, "confidence_level", Real)
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level={confidence_level} is not between 0 and 1. Pass a value such as "
            "0.95."
        )
    return float(ndtri((1 + confidence_level) / 2))


def t_quantile(confidence_level: float, degrees_of_freedom: float) -> float:
    """Compute the half width of a two-sided interval of a t variable."""
    normal_quantile(confidence_level)  # checks the level
    return float(stdtrit(degrees_of_freedom, (1 + confidence_level) / 2))


def wilson_interval(proportion: float, n: float, confidence_level: float) -> Interval:
    """Compute Wilson's score interval; ``n`` may be fractional (an effective sample size).

    :meth:`scipy.stats.BinomTestResult.proportion_ci` accepts only whole counts.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22 (1927), 209-212.
    """
    if not n > 0:
        return np.nan, np.nan
    z2_n = normal_quantile(confidence_level) ** 2 / n
    centre = (proportion + z2_n / 2) / (1 + z2_n)
    half = np.sqrt(z2_n * (proportion * (1 - proportion) + z2_n / 4)) / (1 + z2_n)
    # At 0 and 1 rounding errors would exclude the estimate itself.
    low = 0.0 if proportion == 0 else max(0.0, centre - half)
    high = 1.0 if proportion == 1 else min(1.0, centre + half)
    return float(low), float(high)


def design_effect(
    hits: Floats, sizes: Floats, confidence_level: float, least: float = 1.0
) -> float:
    """Compute how many clustered images carry the information of one independent image.

    It is the ratio of the variance between patients to the binomial variance. Near 0 or 1 the
    plain ratio depends on few patients (and is 0 / 0 without errors), so z²/2 patients of typical
    size with only hits and z²/2 with only misses are added, as in Agresti and Coull's interval.
    Without errors the result is the worst case (all images of a patient are alike), with many
    errors the plain ratio, and with one image per patient it is 1.

    Parameters
    ----------
    hits, sizes : ndarray of shape (n_patients,)
        Number of hits and of all images of each patient.
    confidence_level : float
    least : float, default=1.0
        Smallest result. If hits are shares, the variance can be less than binomial.

    Returns
    -------
    float

    References
    ----------
    J. N. K. Rao and A. J. Scott, "A simple method for the analysis of clustered binary data",
    Biometrics 48 (1992), 577-585.

    C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud, "Comparative study of confidence
    intervals for proportions in complex sample surveys", Journal of Survey Statistics and
    Methodology 7 (2019), 334-364: with the plain ratio the coverage of every interval is too low;
    Wilson's is recommended.

    A. Agresti and B. A. Coull, "Approximate is better than exact for interval estimation of
    binomial proportions", The American Statistician 52 (1998), 119-126.
    """
    n = sizes.sum()
    typical = (sizes @ sizes) / n
    added = normal_quantile(confidence_level) ** 2 / 2
    total = n + 2 * added * typical
    p = (hits.sum() + added * typical) / total
    between = ((hits - p * sizes) ** 2).sum() + added * typical**2 * ((1 - p) ** 2 + p**2)
    return float(max(least, between / (total * p * (1 - p))))


def effective_size(sizes: NDArray[Any]) -> float:
    """Compute the effective number of patients, as if the images of each were all alike."""
    return float(sizes.sum() ** 2 / (sizes @ sizes)) if sizes.any() else 0.0


def dominated(sizes: NDArray[Any]) -> bool:
    """Tell whether a few patients have most of the images.

    The variance between one or two patients cannot be estimated. The same holds if the effective
    number of patients is less than half of their number, and less than twenty.
    """
    n = effective_size(sizes)
    n_patients = np.count_nonzero(sizes)
    return n_patients == 1 or n < min(n_patients / 2, _ENOUGH_EFFECTIVE_PATIENTS)


@dataclass(frozen=True)
class ClusteredEstimate:
    """A share of images (or a difference of shares), with its interval and influences.

    Attributes
    ----------
    value, low, high : float
        The estimate and its interval.
    n, n_patients : int
        Images and patients in the denominator.
    n_effective : float
        Effective number of patients.
    influence : ndarray of shape (n_patients_overall,)
        Influence of each patient on the estimate, from which correlations of estimates on the same
        patients are computed.
    """

    value: float
    low: float
    high: float
    n: int
    n_patients: int
    n_effective: float
    influence: Floats

    @property
    def complement(self) -> "ClusteredEstimate":
        """One minus this estimate."""
        return replace(
            self,
            value=1 - self.value,
            low=1 - self.high,
            high=1 - self.low,
            influence=-self.influence,
        )


def clustered_share(
    hit: Bools | Floats, among: Bools, patient: NDArray[np.intp], confidence_level: float
) -> ClusteredEstimate:
    """Estimate the share of ``hit`` among the images ``among``, with Wilson's interval.

    A hit may be a share itself, such as that of several predictions of an image.

    The interval is for the number of images divided by the design effect; if a few patients have
    most of the images, for the effective number of patients.

    Parameters
    ----------
    hit : ndarray of bool, or of float from 0 to 1, shape (n_images,)
    among : ndarray of bool, shape (n_images,)
    patient : ndarray of int, shape (n_images,)
        Codes from 0 without gaps.
    confidence_level : float
    """
    hits, sizes = _by_patient(hit, among, patient)
    n = int(sizes.sum())
    if n == 0:
        return _undefined(len(sizes))
    value = hits.sum() / n
    seen = sizes > 0
    alike = effective_size(sizes)
    least = 1.0 if hit.dtype == bool else 0.0
    effective = n / design_effect(hits[seen], sizes[seen], confidence_level, least)
    if dominated(sizes):
        effective = min(effective, alike)
    low, high = wilson_interval(value, effective, confidence_level)
    influence = (hits - value * sizes) / n
    return ClusteredEstimate(float(value), low, high, n, int(seen.sum()), alike, influence)


def clustered_difference(
    hit_a: Bools | Floats,
    hit_b: Bools | Floats,
    among: Bools,
    patient: NDArray[np.intp],
    confidence_level: float,
) -> ClusteredEstimate:
    """Estimate how much larger a share of the same images A has than B, with a paired interval.

    Bonett and Price add one pair in favour of each side, so that two classifiers that always agree
    do not get [0, 0]. Here the unit is the patient: the two added patients are of typical size,
    and all their images disagree. With one image per patient this is their interval, widened to
    contain the difference itself, which it does not with few patients, or if nearly all favour one
    side.

    References
    ----------
    D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data", Journal of Educational and Behavioral Statistics
    37 (2012), 479-488.
    """
    hits_a, sizes = _by_patient(hit_a, among, patient)
    net = hits_a - _by_patient(hit_b, among, patient)[0]
    n = sizes.sum()
    if n == 0:
        return _undefined(len(sizes))
    typical = (sizes @ sizes) / n
    total = n + 2 * typical
    centre = net.sum() / total
    added = typical**2 * ((1 - centre) ** 2 + (1 + centre) ** 2)
    variance = (((net - centre * sizes) ** 2).sum() + added) / total**2
    half = normal_quantile(confidence_level) * np.sqrt(variance)
    value = net.sum() / n
    # The interval is about the value with the added patients, and is widened to that without them.
    return ClusteredEstimate(
        float(value),
        float(max(-1.0, min(centre - half, value))),
        float(min(1.0, max(centre + half, value))),
        int(n),
        int((sizes > 0).sum()),
        effective_size(sizes),
        (net - value * sizes) / n,
    )


# The errors of a few patients can cancel by chance, which would leave an interval without width.
_MAX_CANCELLING = 0.9


def correlation(a: Floats, b: Floats) -> float:
    """Compute the correlation of two estimates from influences; 0 if those of one are all 0."""
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / scale, -1, 1)) if scale > 0 else 0.0


def mover_sum(
    a: ClusteredEstimate, b: ClusteredEstimate, weight_a: float, weight_b: float
) -> Interval:
    """Compute the interval of ``weight_a * a + weight_b * b`` for weights that are not negative.

    References
    ----------
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27 (2008), 1693-1702.
    """
    r = max(correlation(a.influence, b.influence), -_MAX_CANCELLING)
    total = weight_a * a.value + weight_b * b.value
    down = _root_sum(weight_a * (a.value - a.low), weight_b * (b.value - b.low), r)
    up = _root_sum(weight_a * (a.high - a.value), weight_b * (b.high - b.value), r)
    return total - down, total + up


def mover_mean(a: ClusteredEstimate, b: ClusteredEstimate) -> Interval:
    """Compute the interval of (a + b) / 2 from the intervals of a and b."""
    low, high = mover_sum(a, b, 0.5, 0.5)
    # Rounding errors would leave the range of the two.
    return max(low, (a.low + b.low) / 2), min(high, (a.high + b.high) / 2)


def mover_difference(
    a: float, interval_a: Interval, b: float, interval_b: Interval, r: float = 0.0
) -> Interval:
    """Compute the interval of a - b from the intervals of a and b and their correlation.

    Solving (a - t)² = z² var(a - b) for the two limits t needs the variances of a and b near
    those limits. Those near the lower one are recovered from a's lower and b's upper limit,
    (a - low)² / z² and (high - b)² / z², and the covariance is r times their roots; the upper
    limit is the mirror image.

    References
    ----------
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27 (2008), 1693-1702.
    """
    low = a - b - _root_sum(a - interval_a[0], interval_b[1] - b, -r)
    high = a - b + _root_sum(interval_a[1] - a, b - interval_b[0], -r)
    return low, high


def mover_ratio(a: ClusteredEstimate, b: ClusteredEstimate) -> Interval:
    """Compute the interval of a / b from those of a and b; the upper limit may be infinite.

    It solves for the ratio at which the interval of ``a - ratio * b`` ends at 0. The root is in
    the denominator or numerator, so that a = 0 and b = 0 need no special case.

    References
    ----------
    R. G. Newcombe, "MOVER-R confidence intervals for ratios and products of two independently
    estimated quantities", Statistical Methods in Medical Research 25 (2016), 1774-1778.
    """
    r = min(correlation(a.influence, b.influence), _MAX_CANCELLING)
    cross = a.value * b.value - r * (a.value - a.low) * (b.high - b.value)
    root = cross**2 - a.low * (2 * a.value - a.low) * b.high * (2 * b.value - b.high)
    low_denominator = cross + np.sqrt(max(root, 0.0))
    low = a.low * (2 * a.value - a.low) / low_denominator if low_denominator > 0 else 0.0

    cross = a.value * b.value - r * (a.high - a.value) * (b.value - b.low)
    root = cross**2 - a.high * (2 * a.value - a.high) * b.low * (2 * b.value - b.low)
    high_denominator = b.low * (2 * b.value - b.low)
    high = (cross + np.sqrt(max(root, 0.0))) / high_denominator if high_denominator else np.inf
    return float(low), float(high)


def logit_interval(value: float, standard_error: float, quantile: float) -> Interval:
    """Compute an interval within (0, 1) that is symmetric on the logit scale.

    ``quantile`` is its half width in standard errors.

    References
    ----------
    M. Pohar Perme and D. Manevski, "Confidence intervals for the Mann-Whitney test",
    Statistical Methods in Medical Research 28 (2019), 3755-3768.
    """
    half = quantile * standard_error / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def newcombe_auc_interval(
    auc: float, n_positive: float, n_negative: float, confidence_level: float
) -> Interval:
    """Compute the score interval of an AUC, with Hanley and McNeil's variance at each candidate.

    Because the variance is that of the candidate and not of the estimate, the interval is not a
    point even for perfect separation. The sizes may be effective sample sizes.

    References
    ----------
    R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2", Statistics in Medicine 25 (2006), 559-573 (method 5).
    """
    if auc < 0.5:
        low, high = newcombe_auc_interval(1 - auc, n_positive, n_negative, confidence_level)
        return 1 - high, 1 - low
    z2 = normal_quantile(confidence_level) ** 2
    spare = (n_positive + n_negative) / 2 - 1

    def beyond(candidate: float) -> float:
        spread = (1 - candidate) / (2 - candidate) + candidate / (1 + candidate)
        variance = candidate * (1 - candidate) * (1 + spare * spread) / (n_positive * n_negative)
        return (candidate - auc) ** 2 - z2 * variance

    edge = 1e-12
    # With perfect separation, 1 is a trivial solution too.
    low = brentq(beyond, edge, min(auc, 1 - 1e-9))
    high = 1.0 if beyond(1 - edge) <= 0 else brentq(beyond, auc, 1 - edge)
    return float(low), float(high)


def _by_patient(
    hit: Bools | Floats, among: Bools, patient: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Count the hits and all images of each patient."""
    n_patients = int(patient.max()) + 1
    hits = np.bincount(patient[among], hit[among], minlength=n_patients)
    sizes = np.bincount(patient[among], minlength=n_patients)
    return hits.astype(float), sizes.astype(float)


def _undefined(n_patients: int) -> ClusteredEstimate:
    return ClusteredEstimate(np.nan, np.nan, np.nan, 0, 0, 0.0, np.zeros(n_patients))


def _root_sum(a: float, b: float, r: float) -> float:
    return float(np.sqrt(max(0.0, a * a + b * b + 2 * r * a * b)))
