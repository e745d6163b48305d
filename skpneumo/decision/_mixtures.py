"""Model new scores as a mixture of the scores of two classes, and test the fit."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

__all__ = ["Scores", "likelihood_interval", "mixture_p_value", "most_likely_prevalence"]

Floats = NDArray[np.float64]

_N_POINTS = 200
_SHARES = np.linspace(0, 1, 101)


class Scores(NamedTuple):
    """Scores of images, and the patient of each."""

    score: Floats
    patient: NDArray[np.intp]

    @classmethod
    def of(cls, score: Floats, patient: NDArray[Any]) -> Self:
        """Build scores, numbering the patients from 0 without gaps."""
        return cls(score, np.unique(patient, return_inverse=True)[1])

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.patient.max()) + 1

    def below(self, points: Floats) -> tuple[Floats, Floats]:
        """Count each patient's images with scores up to each point, and all of them."""
        counts = np.zeros((self.n_patients, len(points)))
        np.add.at(counts, self.patient, self.score[:, np.newaxis] <= points)
        return counts, np.bincount(self.patient).astype(float)


def most_likely_prevalence(ratios: Floats) -> float:
    """Find the prevalence that maximises the likelihood of scores with these likelihood ratios.

    If that is nearer to 0 or 1 than half an image, it is half an image.
    """
    edge = 0.5 / len(ratios)
    return float(np.clip(_maximum(ratios), edge, 1 - edge))


def likelihood_interval(ratios: Floats, patient: NDArray[np.intp]) -> tuple[float, float]:
    """Find the prevalences that are not much less likely than the best, with 95 % confidence.

    The log-likelihood is divided by a design effect, because images of a patient resemble each
    other. Unlike resamples, this interval has a width also if all images look the same.
    """
    best = _maximum(ratios)
    effect = _design_effect((ratios - 1) / _mixed(ratios, best), patient)

    def beyond(prevalence: float) -> float:
        gain = np.log(_mixed(ratios, best)) - np.log(_mixed(ratios, prevalence))
        return float(gain.sum() / effect) - chi2.ppf(0.95, 1) / 2

    return (
        0.0 if beyond(0) <= 0 else float(brentq(beyond, 0, best)),
        1.0 if beyond(1) <= 0 else float(brentq(beyond, best, 1)),
    )


def _maximum(ratios: Floats) -> float:
    """Find where the likelihood is greatest: 0, 1 or the root of its derivative.

    The derivative of the log-likelihood decreases, so it has at most one root, to which the EM
    algorithm converges as well.
    """

    def slope(prevalence: float) -> float:
        return float(((ratios - 1) / _mixed(ratios, prevalence)).sum())

    if slope(0) <= 0:
        return 0.0
    return 1.0 if slope(1) >= 0 else float(brentq(slope, 0, 1))


def _mixed(ratios: Floats, prevalence: float) -> Floats:
    """Compute likelihoods of scores at a prevalence, relative to those of negative images."""
    return prevalence * ratios + 1 - prevalence


def _design_effect(slopes: Floats, patient: NDArray[np.intp]) -> float:
    """Compute how many clustered images carry the information of one independent image.

    It is the variance of the derivative of the log-likelihood between patients, divided by that
    between images. Each is of few patients if one class is rare or one patient has most images, so
    z²/2 patients of typical size with each sign of the slope are added, as to the design effect of
    a proportion.
    """
    sizes = np.bincount(patient)
    typical = (sizes @ sizes) / sizes.sum()
    signs = (slopes > 0, slopes < 0)
    added = chi2.ppf(0.95, 1) / 2 * sum((slopes[of] ** 2).mean() for of in signs if of.any())
    between = (np.bincount(patient, slopes) ** 2).sum() + added * typical**2
    independent = slopes @ slopes + added * typical
    return float(max(1.0, between / independent)) if independent > 0 else 1.0


def mixture_p_value(
    new: Scores,
    positive: Scores,
    negative: Scores,
    n_resamples: int,
    rng: np.random.RandomState,
) -> float:
    """Test whether the new scores can be a mixture of positive and negative ones.

    The statistic is the greatest distance between the distribution functions of the new scores and
    of the nearest mixture. The share of positives in it is fitted rather than taken from the
    model, so that badly calibrated probabilities cannot raise an alarm. Its null distribution
    comes from true mixtures, resampled by patient from the two classes.
    """
    everything = np.concatenate([new.score, positive.score, negative.score])
    points = np.unique(np.quantile(everything, np.linspace(0, 1, _N_POINTS)))
    of_new, of_positive, of_negative = (each.below(points) for each in (new, positive, negative))
    functions = map(_distribution_function, (of_new, of_positive, of_negative))
    share, distance = _nearest_mixture(*functions)
    # The share is one of images; the resamples need one of patients.
    per_positive, per_negative = of_positive[1].mean(), of_negative[1].mean()
    odds = share / per_positive, (1 - share) / per_negative
    share_of_patients = odds[0] / sum(odds)
    as_far = 0
    for _ in range(n_resamples):
        n_positive = rng.binomial(new.n_patients, share_of_patients)
        mixed = _distribution_function(
            *(
                _resample(of_class, n, rng)
                for of_class, n in (
                    (of_positive, n_positive),
                    (of_negative, new.n_patients - n_positive),
                )
            )
        )
        resampled = (
            _distribution_function(_resample(of_class, len(of_class[1]), rng))
            for of_class in (of_positive, of_negative)
        )
        as_far += _nearest_mixture(mixed, *resampled)[1] >= distance
    return (1 + as_far) / (1 + n_resamples)


def _distribution_function(*parts: tuple[Floats, Floats]) -> Floats:
    """Compute the distribution function of the images of all parts at the points."""
    return sum(counts.sum(axis=0) for counts, _ in parts) / sum(sizes.sum() for _, sizes in parts)


def _resample(
    part: tuple[Floats, Floats], n: int, rng: np.random.RandomState
) -> tuple[Floats, Floats]:
    rows = rng.randint(len(part[1]), size=n)
    return part[0][rows], part[1][rows]


def _nearest_mixture(new: Floats, positive: Floats, negative: Floats) -> tuple[float, float]:
    """Find the share of positives whose mixture is nearest, and its distance."""
    mixtures = negative + _SHARES[:, np.newaxis] * (positive - negative)
    distances = np.abs(new - mixtures).max(axis=1)
    best = int(distances.argmin())
    return float(_SHARES[best]), float(distances[best])
