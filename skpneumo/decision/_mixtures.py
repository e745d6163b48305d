"""Model new scores as a mixture of the scores of two classes, and test the fit."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

__all__ = ["Scores", "likelihood_interval", "mixture_p_value", "most_likely_prevalence"]

Floats = NDArray[np.float64]

_N_POINTS = 200
_SHARES = np.linspace(0, 1, 101)
_NEAREST_TO_CERTAIN = 1e-9


class Scores(NamedTuple):
    """Scores of images, and the patient of each."""

    score: Floats
    patient: NDArray[np.intp]

    @classmethod
    def of(cls, score: Floats, patient: NDArray[np.intp]) -> Self:
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


def most_likely_prevalence(ratios: Floats, weights: Floats) -> float:
    """Find the prevalence that maximises the likelihood of scores with these likelihood ratios.

    The derivative of the log-likelihood decreases, so it has at most one root, to which the EM
    algorithm converges as well. Without a root the likelihood is greatest at an end of the range,
    which is set to half an image.
    """

    def slope(prevalence: float) -> float:
        return float(weights @ ((ratios - 1) / (prevalence * ratios + 1 - prevalence)))

    edge = 0.5 / max(1.0, weights.sum())
    if slope(edge) <= 0:
        return edge
    if slope(1 - edge) >= 0:
        return 1 - edge
    return float(brentq(slope, edge, 1 - edge))


def likelihood_interval(
    ratios: Floats, patient: NDArray[np.intp], estimate: float
) -> tuple[float, float]:
    """Find the prevalences that are not much less likely than the estimate, with 95 % confidence.

    Unlike resamples, this interval has a width also if all images look the same. Images of a
    patient count as if they were all alike.
    """
    sizes = np.bincount(patient)
    effective = sizes.sum() ** 2 / (sizes @ sizes)

    def beyond(prevalence: float) -> float:
        gain = np.log1p(estimate * (ratios - 1)) - np.log1p(prevalence * (ratios - 1))
        return float(effective * gain.mean()) - chi2.ppf(0.95, 1) / 2

    low, high = _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN
    return (
        0.0 if beyond(low) <= 0 else float(brentq(beyond, low, estimate)),
        1.0 if beyond(high) <= 0 else float(brentq(beyond, estimate, high)),
    )


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
    share, distance = _nearest(_function(of_new), _function(of_positive), _function(of_negative))
    # The share is one of images; the resamples need one of patients.
    per_positive, per_negative = of_positive[1].mean(), of_negative[1].mean()
    odds = share / per_positive, (1 - share) / per_negative
    share_of_patients = odds[0] / sum(odds)
    as_far = 0
    for _ in range(n_resamples):
        n_positive = rng.binomial(new.n_patients, share_of_patients)
        mixed = _function(
            *(
                _resample(of_class, n, rng)
                for of_class, n in (
                    (of_positive, n_positive),
                    (of_negative, new.n_patients - n_positive),
                )
            )
        )
        functions = (
            _function(_resample(of_class, len(of_class[1]), rng))
            for of_class in (of_positive, of_negative)
        )
        as_far += _nearest(mixed, *functions)[1] >= distance
    return (1 + as_far) / (1 + n_resamples)


def _function(*parts: tuple[Floats, Floats]) -> Floats:
    """Compute the distribution function of the images of all parts at the points."""
    return sum(counts.sum(axis=0) for counts, _ in parts) / sum(sizes.sum() for _, sizes in parts)


def _resample(
    part: tuple[Floats, Floats], n: int, rng: np.random.RandomState
) -> tuple[Floats, Floats]:
    rows = rng.randint(len(part[1]), size=n)
    return part[0][rows], part[1][rows]


def _nearest(new: Floats, positive: Floats, negative: Floats) -> tuple[float, float]:
    """Find the share of positives whose mixture is nearest, and its distance."""
    mixtures = negative + _SHARES[:, np.newaxis] * (positive - negative)
    distances = np.abs(new - mixtures).max(axis=1)
    best = int(distances.argmin())
    return float(_SHARES[best]), float(distances[best])
