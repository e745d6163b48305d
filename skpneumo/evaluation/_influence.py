"""Compute the influence of each patient on a metric, for standard errors and correlations.

The influence of a patient is the derivative of the metric with respect to the weight of the
patient's images (the infinitesimal jackknife). Influences sum to 0. Their squares sum to the
variance of the metric over patients, and their products to the covariance of two metrics, or of
two models that share some patients.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from skpneumo._predictions import Predictions

__all__ = [
    "INFLUENCES",
    "SHARES",
    "degrees_of_freedom",
    "influence_of",
    "jaccard_share",
    "placements",
    "shrunk_correlation",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Share = Callable[[Predictions], tuple[Bools, Bools]]

SHARES: dict[str, Share] = {
    "accuracy": lambda p: (p.positive == p.predicted, np.ones(len(p), dtype=bool)),
    "recall": lambda p: (p.predicted, p.positive),
    "specificity": lambda p: (~p.predicted, ~p.positive),
    "precision": lambda p: (p.positive, p.predicted),
    "negative_predictive_value": lambda p: (~p.positive, ~p.predicted),
}
"""Metrics that are the share of some images among others: masks of both."""

# Uncorrelated patients, added to those that a correlation is estimated from.
_ADDED_PATIENTS = 2.0

_ROUNDING = 1e-20  # of squares of influences, relative to the greatest


def influence_of(predictions: Predictions, metric: str) -> Floats:
    """Compute the influence of each patient on a metric; zeros if the metric is undefined.

    Parameters
    ----------
    predictions : Predictions
    metric : str
        A key of ``INFLUENCES``.

    Returns
    -------
    ndarray of shape (n_patients,)
    """
    by_image = INFLUENCES[metric](predictions)
    by_patient = np.zeros(predictions.n_patients)
    if np.isfinite(by_image).all():
        np.add.at(by_patient, predictions.patient, by_image)
    return by_patient


def degrees_of_freedom(influence: Floats) -> float:
    """Compute the degrees of freedom of the sum of squared influences.

    They are those of the scaled chi-squared variable with the mean and variance of the estimated
    variance (Satterthwaite), from the fourth moment of the influences. With normal influences they
    equal the number of patients; if only a few patients are in error, twice their number.

    References
    ----------
    F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2 (1946), 110-114.
    """
    squares = influence**2
    # Rounding, which depends on the order of the images, leaves some of the zeros not quite 0.
    n = np.count_nonzero(squares > _ROUNDING * squares.max(initial=0.0))
    if n < 2:
        return 1.0
    of_variance = (squares @ squares) / squares.sum() ** 2 - 1 / n
    return float(np.clip(2 / of_variance if of_variance > 0 else np.inf, 1.0, n - 1))


def shrunk_correlation(a: Floats, b: Floats) -> float:
    """Compute the correlation of two estimates from the influences of the patients they share.

    It is shrunk towards 0 as if two more, uncorrelated patients had been seen. The number of
    patients seen is the number that carries the variance (the participation ratio of squared
    influences): four, if the models err on four patients, and perfect agreement on four patients
    does not prove agreement on the fifth.
    """
    square_a, square_b = a**2, b**2
    product = square_a.sum() * square_b.sum()
    if product <= 0:
        return 0.0
    informative = square_a + square_b
    seen = informative.sum() ** 2 / (informative @ informative)
    shrinkage = seen / (seen + _ADDED_PATIENTS)
    return float(np.clip(shrinkage * (a @ b) / np.sqrt(product), -1.0, 1.0))


def jaccard_share(p: Predictions) -> tuple[Bools, Bools]:
    """Mark true positives, and the images that are or are predicted positive, for F1."""
    return p.positive & p.predicted, p.positive | p.predicted


def _of_share(hit: Bools, among: Bools) -> Floats:
    n = among.sum()
    if not n:
        return np.full(len(hit), np.nan)
    value = (hit & among).sum() / n
    return among * (hit - value) / n


def _of_f1(p: Predictions) -> Floats:
    # F1 = 2J / (1 + J) is a function of a share J, and so changes by its derivative.
    hit, among = jaccard_share(p)
    jaccard = hit.sum() / among.sum() if among.any() else np.nan
    return 2 / (1 + jaccard) ** 2 * _of_share(hit, among)


def _of_balanced_accuracy(p: Predictions) -> Floats:
    return (_of_share(*SHARES["recall"](p)) + _of_share(*SHARES["specificity"](p))) / 2


def placements(p: Predictions) -> Floats:
    """Compute for each image the share of the other class that its score is on the right side of.

    The mean over either class is the AUC. All are NaN if a class has no image.
    """
    positive, score = p.positive, p.score
    assert score is not None
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return np.full(len(p), np.nan)
    rank = rankdata(score)
    placement = np.empty(len(p))
    placement[positive] = (rank[positive] - rankdata(score[positive])) / n_negative
    placement[~positive] = 1 - (rank[~positive] - rankdata(score[~positive])) / n_positive
    return placement


def _of_roc_auc(p: Predictions) -> Floats:
    placement = placements(p)
    if np.isnan(placement).any():
        return placement
    n_of_class = np.where(p.positive, p.positive.sum(), (~p.positive).sum())
    return (placement - placement[p.positive].mean()) / n_of_class


def _of_average_precision(p: Predictions) -> Floats:
    """Compute the influence: a positive has its own precision, every image the later ones."""
    positive, score = p.positive, p.score
    assert score is not None
    n_positive = int(positive.sum())
    if not n_positive:
        return np.full(len(p), np.nan)
    levels, level = np.unique(-score, return_inverse=True)  # from the highest score down
    n_levels = len(levels)
    true = np.bincount(level, positive, minlength=n_levels)
    reached, found = np.bincount(level, minlength=n_levels).cumsum(), true.cumsum()
    precision = found / reached
    value = true @ precision / n_positive
    # The precision p at a level changes by (1 - p) / reached with a positive above it, and by -p /
    # reached with a negative; each level counts as often as it has positives.
    of_positive = np.cumsum((true * (1 - precision) / reached)[::-1])[::-1]
    of_negative = -np.cumsum((true * precision / reached)[::-1])[::-1]
    moved = np.where(positive, of_positive[level], of_negative[level])
    return (moved + positive * (precision[level] - value)) / n_positive


def _of_brier_score(p: Predictions) -> Floats:
    assert p.score is not None
    squares = (p.score - p.positive) ** 2
    return (squares - squares.mean()) / len(p)


def _influence_on(share: Share) -> Callable[[Predictions], Floats]:
    return lambda p: _of_share(*share(p))


INFLUENCES: dict[str, Callable[[Predictions], Floats]] = {
    **{metric: _influence_on(share) for metric, share in SHARES.items()},
    "f1": _of_f1,
    "balanced_accuracy": _of_balanced_accuracy,
    "roc_auc": _of_roc_auc,
    "average_precision": _of_average_precision,
    "brier_score": _of_brier_score,
}
"""Influence functions by metric: from predictions to one number per image."""
