"""Model new scores as a mixture of those of two classes, and test the fit."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["Scores", "mixture_p_value", "most_likely_prevalence"]

Floats = NDArray[np.float64]

_N_POINTS = 200
_SHARES = np.linspace(0, 1, 101)


class Scores(NamedTuple):
    """Scores of images and the patients they are of."""

    score: Floats
    patient: NDArray[np.intp]

    @classmethod
    def of(cls, score: Floats, patient: NDArray[np.intp]) -> Self:
        """Scores with patients counted from 0 without gaps."""
        return cls(score, np.unique(patient, return_inverse=True)[1])

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.patient.max()) + 1

    def below(self, points: Floats) -> tuple[Floats, Floats]:
        """For each patient the number of images up to each point, and of all images."""
        counts = np.zeros((self.n_patients, len(points)))
        np.add.at(counts, self.patient, self.score[:, np.newaxis] <= points)
        return counts, np.bincount(self.patient).astype(float)


def most_likely_prevalence(ratios: Floats, weights: Floats) -> float:
    """The prevalence under which scores with these likelihood ratios are the likeliest.

    The derivative of the log-likelihood falls from one end to the other, so it has one root at
    most; the EM algorithm climbs to the same place. Without a root the likelihood is greatest at
    an end, which stands for half an image.
    """

    def slope(prevalence: float) -> float:
        return float(weights @ ((ratios - 1) / (prevalence * ratios + 1 - prevalence)))

    edge = 0.5 / max(1.0, weights.sum())
    if slope(edge) <= 0:
        return edge
    if slope(1 - edge) >= 0:
        return 1 - edge
    return float(brentq(slope, edge, 1 - edge))


def mixture_p_value(
    new: Scores,
    positive: Scores,
    negative: Scores,
    n_resamples: int,
    rng: np.random.RandomState,
) -> float:
    """How often a true mixture is as far from the nearest mixture as the new scores are.

    Far by the greatest distance of the distribution functions, near by the best share of
    positives, which is so not the model's estimate: probabilities that are badly calibrated
    cannot raise an alarm. True mixtures are drawn from the scores of the two classes, patient by
    patient, as many as the new ones.
    """
    everything = np.concatenate([new.score, positive.score, negative.score])
    points = np.unique(np.quantile(everything, np.linspace(0, 1, _N_POINTS)))
    of_new, of_positive, of_negative = (each.below(points) for each in (new, positive, negative))
    share, distance = _nearest(_function(of_new), _function(of_positive), _function(of_negative))
    # Of images, to be made one of patients.
    per_positive, per_negative = of_positive[1].mean(), of_negative[1].mean()
    odds = share / per_positive, (1 - share) / per_negative
    share_of_patients = odds[0] / sum(odds)
    as_far = 0
    for _ in range(n_resamples):
        n_positive = rng.binomial(new.n_patients, share_of_patients)
        mixed = _function(
            *(
                _drawn(of_class, n, rng)
                for of_class, n in (
                    (of_positive, n_positive),
                    (of_negative, new.n_patients - n_positive),
                )
            )
        )
        functions = (
            _function(_drawn(of_class, len(of_class[1]), rng))
            for of_class in (of_positive, of_negative)
        )
        as_far += _nearest(mixed, *functions)[1] >= distance
    return (1 + as_far) / (1 + n_resamples)


def _function(*parts: tuple[Floats, Floats]) -> Floats:
    """Distribution function at the points, of the images of all parts."""
    return sum(counts.sum(axis=0) for counts, _ in parts) / sum(sizes.sum() for _, sizes in parts)


def _drawn(
    part: tuple[Floats, Floats], n: int, rng: np.random.RandomState
) -> tuple[Floats, Floats]:
    rows = rng.randint(len(part[1]), size=n)
    return part[0][rows], part[1][rows]


def _nearest(new: Floats, positive: Floats, negative: Floats) -> tuple[float, float]:
    """The share of positives whose mixture is nearest, and how far that is."""
    mixtures = negative + _SHARES[:, np.newaxis] * (positive - negative)
    distances = np.abs(new - mixtures).max(axis=1)
    best = int(distances.argmin())
    return float(_SHARES[best]), float(distances[best])
