"""Choose an operating point with exact guarantees, from scores alone.

Patients are independent of each other; the images of one patient are not. So each patient is first
reduced to one number: the score of the image that would be misclassified first. The exact binomial
theory of order statistics applies to these independent numbers unchanged.
"""

from bisect import bisect_left
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, hypergeom
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skpneumo._formatting import class_name, with_interval
from skpneumo._missing_labels import checked_labels
from skpneumo._patients import check_groups
from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo._sklearn import Interval, validate_params
from skpneumo.decision._clearance import just_above, just_below

__all__ = [
    "PARAMETER_CONSTRAINTS",
    "OperatingPoint",
    "TooFewPatientsError",
    "choose_operating_point",
    "positive_label",
]

PARAMETER_CONSTRAINTS: dict[str, Any] = {
    "recall": [Interval(Real, 0, 1, closed="neither")],
    "confidence": [Interval(Real, 0, 1, closed="neither")],
    "specificity": [Interval(Real, 0, 1, closed="neither"), None],
    "n_future": [Interval(Integral, 1, None, closed="left"), None],
    "pos_label": [Real, str, "boolean", None],
}
"""Constraints of the parameters that a guarantee has, for scikit-learn's validation."""

_MOST_PATIENTS_ASKED_FOR = 10**8
_FLOATS = [np.float64, np.float32, np.float16]


class TooFewPatientsError(ValueError):
    """No threshold guarantees the floors with this number of patients."""


@dataclass(frozen=True)
class OperatingPoint:
    """Thresholds on a score, and their performance on the patients they were chosen on.

    All rates count patients. A pneumonia patient is found if all of their images are classified as
    pneumonia; a normal patient is a false alarm if any of their images is; a patient is referred
    if any of their images is. With one image per patient these are the usual recall and
    specificity.

    Attributes
    ----------
    threshold : float
        Scores from this value on are classified as pneumonia (or referred, below
        ``upper_threshold``). Both thresholds are between two scores of the sample, unless no
        score, or no number, lies below, so that a score that is rounded differently is still on
        its side. They are representable in the type of the scores, so that comparing them with
        float32 scores is exact.
    upper_threshold : float
        Scores from ``threshold`` up to this are referred; equal to ``threshold`` if nothing is
        referred.
    recall : float
        Share of the pneumonia patients who are found, in the sample.
    recall_bound : float
        Lower confidence bound of the recall in the population (or in the ``n_future`` patients);
        with two floors, both bounds hold together at the confidence asked for. Never below the
        floor.
    recall_interval, specificity_interval, referral_interval : tuple of two floats
        Two-sided Clopper-Pearson intervals at the confidence asked for.
    specificity : float
        Share of the normal patients without a false alarm, in the sample.
    referral_rate : float
        Share of all patients referred, in the sample.
    n_positive, n_negative, n_patients : int
        Number of pneumonia patients, normal patients and all patients in the sample.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.decision import choose_operating_point
    >>> y, score = np.repeat([0, 1], 100), np.linspace(0, 1, 200)
    >>> point = choose_operating_point(y, score, recall=0.9)
    >>> point.recall >= point.recall_bound >= 0.9, point.n_patients
    (True, 200)
    >>> predicted = (score >= point.threshold).astype(int)
    >>> float(predicted[y == 1].mean()) == point.recall
    True
    """

    threshold: float
    upper_threshold: float
    recall: float
    recall_bound: float
    recall_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    referral_rate: float
    referral_interval: tuple[float, float]
    n_positive: int
    n_negative: int
    n_patients: int

    def __str__(self) -> str:
        recall = with_interval(self.recall, *self.recall_interval, None, self.n_positive)
        specificity = with_interval(
            self.specificity, *self.specificity_interval, None, self.n_negative
        )
        text = (
            f"threshold {self.threshold:.4g}: recall {recall}, at least {self.recall_bound:.3f}; "
            f"specificity {specificity}"
        )
        if self.upper_threshold == self.threshold:
            return text
        referred = with_interval(
            self.referral_rate, *self.referral_interval, None, self.n_patients
        )
        return f"{text} at {self.upper_threshold:.4g}; referred between the two: {referred}"


@validate_params(PARAMETER_CONSTRAINTS, prefer_skip_nested_validation=True)
def choose_operating_point(
    y_true: Any,
    y_score: Any,
    *,
    groups: Any = None,
    recall: float = 0.98,
    confidence: float = 0.95,
    specificity: float | None = None,
    n_future: int | None = None,
    pos_label: Any = None,
) -> OperatingPoint:
    r"""Choose the highest threshold that keeps recall above a floor, with a stated confidence.

    The threshold is just below the k-th lowest of the pneumonia patients' worst scores, with the
    greatest k that the exact binomial tail allows. Above this score no threshold gives the
    guarantee for every distribution of scores, and the highest threshold has the highest
    specificity.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels, of exactly two classes.
    y_score : array-like of shape (n_samples,)
        Scores of the positive class from a model that has not seen these samples, such as
        probabilities; higher means more likely pneumonia.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample. If None, each sample is its own patient.
    recall : float, default=0.98
        The floor, in (0, 1).
    confidence : float, default=0.95
        Probability with which the guarantee holds, over random samples of patients such as this
        one.
    specificity : float, default=None
        If given, a second threshold keeps the specificity at or above this floor, and scores
        between the two are referred. Each floor then gets half of ``1 - confidence``.
    n_future : int, default=None
        If None, the guarantee is about the recall in the population. If given, it is about the
        recall *observed* in the next ``n_future`` pneumonia patients (and the specificity in as
        many normal ones), such as those of a validation study. Their sampling adds uncertainty, so
        the threshold is lower.
    pos_label : int, float, bool or str, default=None
        The positive class, whose recall has the floor. If None, the greater of the two labels;
        needed if that is not the illness by its name.

    Returns
    -------
    point : OperatingPoint
        The thresholds, and their performance in this sample with intervals.

    Raises
    ------
    ValueError
        If there are too few patients to support the floor; the message says how many are needed.
        If a parameter is out of range, or ``groups`` has missing values.

    See Also
    --------
    RecallFloorClassifier : Chooses the threshold on out-of-fold probabilities.

    Notes
    -----
    Let m pneumonia patients be sampled independently, and let :math:`\pi(t)` be the share of the
    population's pneumonia patients who have an image scored below t. The k-th lowest of the m
    worst scores has :math:`\pi > 1 - r` with probability at most :math:`P(\mathrm{Bin}(m, 1 - r)
    \le k - 1)`, with equality for continuous scores (Wilks 1941). As k depends on m alone, no
    threshold has been searched for, and there is no multiplicity to correct for. For ``n_future``
    patients the hypergeometric distribution of ranks replaces the binomial one.

    The threshold is below that score by 1e-5 (relative to scores above 1), or by half of the
    distance to the next lower score of the sample if that is less. A lower threshold misses no
    more patients, so the guarantee holds for it as well, and so do the figures of the sample.

    References
    ----------
    S. S. Wilks, Determination of sample sizes for setting tolerance limits,
    Annals of Mathematical Statistics 12(1), 1941.

    A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, Learn then test:
    calibrating predictive algorithms to achieve risk control, arXiv:2110.01052, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.decision import choose_operating_point
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 500)
    >>> point = choose_operating_point(y, rng.normal(3 * y), recall=0.95)
    >>> print(point)
    threshold 1.248: recall 0.968 [0.949, 0.982] (500 patients), at least 0.952;
    specificity 0.894 [0.864, 0.920] (500 patients)
    """
    y_true = checked_labels(y_true, "y_true")
    # The scores stay in their own precision, which thresholds must be representable in.
    y_score = check_array(y_score, ensure_2d=False, dtype=_FLOATS, input_name="y_score")
    y_score = column_or_1d(y_score)
    check_consistent_length(y_true, y_score)
    patients = np.arange(len(y_true)) if groups is None else check_groups(groups, len(y_true))
    pos_label = _label_of_scores(y_true, pos_label)
    is_positive = y_true == pos_label
    other_label = y_true[~is_positive][0]
    lowest_of_positives = _lowest_per_patient(y_score[is_positive], patients[is_positive])
    highest_of_negatives = -_lowest_per_patient(-y_score[~is_positive], patients[~is_positive])
    n_positive, n_negative = len(lowest_of_positives), len(highest_of_negatives)

    # Bonferroni: the two errors may come from overlapping patients, so they are not independent.
    risk = 1 - confidence if specificity is None else (1 - confidence) / 2
    n_future = None if n_future is None else int(n_future)  # a small type would overflow
    k = _greatest_rank(n_positive, recall, risk, n_future, "recall", pos_label)
    threshold = upper_threshold = just_below(lowest_of_positives[k - 1], y_score)
    if specificity is not None:
        j = _greatest_rank(n_negative, specificity, risk, n_future, "specificity", other_label)
        upper_threshold = max(threshold, just_above(highest_of_negatives[j - 1], y_score))

    referred = (y_score >= threshold) & (y_score < upper_threshold)
    shares = {
        "recall": (np.sum(lowest_of_positives >= threshold), n_positive),
        "specificity": (np.sum(highest_of_negatives < upper_threshold), n_negative),
        "referral": (len(np.unique(patients[referred])), len(np.unique(patients))),
    }
    intervals = {
        name: _clopper_pearson(int(count), n, confidence) for name, (count, n) in shares.items()
    }
    return OperatingPoint(
        threshold=float(threshold),
        upper_threshold=float(upper_threshold),
        recall=float(shares["recall"][0] / n_positive),
        recall_bound=_bound(k, n_positive, risk, n_future),
        recall_interval=intervals["recall"],
        specificity=float(shares["specificity"][0] / n_negative),
        specificity_interval=intervals["specificity"],
        referral_rate=float(shares["referral"][0] / shares["referral"][1]),
        referral_interval=intervals["referral"],
        n_positive=n_positive,
        n_negative=n_negative,
        n_patients=shares["referral"][1],
    )


def positive_label(y: NDArray[Any], pos_label: Any = None) -> Any:
    """Find the positive class among two labels, and check the one asked for."""
    check_classification_targets(y)
    if (kind := type_of_target(y, input_name="y")) != "binary":
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}. "
            "Merge the classes into pneumonia and normal."
        )
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(
            f"Expected labels of two classes, got {len(classes)} class: {classes.tolist()}."
        )
    if pos_label is None:
        try:
            return positive_classes(classes).positive[0]
        except UndecidedPositiveError as error:
            raise UndecidedPositiveError(
                f"It is unclear which of the labels {classes.tolist()} is the illness, whose "
                "recall has the floor. Pass it as pos_label, for example "
                f"pos_label={classes.tolist()[1]!r}.",
                error.classes,
            ) from None
    if pos_label not in classes:
        numbered = isinstance(pos_label, str) and classes.tolist() == [0, 1]
        why = ", by which ensembles such as VotingClassifier replace the sorted labels" * numbered
        raise ValueError(
            f"pos_label={pos_label!r} is not one of the labels {classes.tolist()}{why}. Pass one "
            "of these."
        )
    return pos_label


def _label_of_scores(y_true: NDArray[Any], pos_label: Any) -> Any:
    """Find the class that scores are for; raise if its name and scikit-learn's convention differ.

    By convention, scores without ``pos_label`` are for the greater label.
    """
    positive = positive_label(y_true, pos_label)
    if pos_label is None and positive == np.unique(y_true)[0]:
        raise ValueError(
            f"It is unclear whether y_score is for {positive!r}, the illness by its name, "
            "or for the greater label, scikit-learn's convention. If it is for the illness, pass "
            f"pos_label={positive!r}."
        )
    return positive


def _lowest_per_patient(scores: NDArray[Any], patients: NDArray[Any]) -> NDArray[Any]:
    """Find the lowest score of each patient, sorted."""
    _, codes = np.unique(patients, return_inverse=True)
    lowest = np.full(codes.max(initial=-1) + 1, np.inf, dtype=scores.dtype)
    np.minimum.at(lowest, codes, scores)
    return np.sort(lowest)


def _chance_of_breach(k: Any, n: Any, floor: float, n_future: int | None) -> Any:
    """Compute the chance that the k-th worst of ``n`` patients as threshold breaks the floor."""
    if n_future is None:
        return binom.cdf(k - 1, n, 1 - floor)
    # The floor breaks if, of the k + allowed worst of old and new patients together, fewer than k
    # are old: then more than the allowed new ones lie beyond the k-th old one.
    allowed = np.floor(np.round((1 - floor) * n_future, 9))
    return hypergeom.cdf(k - 1, n + n_future, n, k + allowed)


def _greatest_rank(
    n: int, floor: float, risk: float, n_future: int | None, rate: str, label: Any
) -> int:
    """Find the greatest k for which the k-th worst patient may serve as the threshold."""
    k = int(np.sum(_chance_of_breach(np.arange(1, n + 1), n, floor, n_future) <= risk))
    if k:
        return k
    needed = 1 + bisect_left(
        range(1, _MOST_PATIENTS_ASKED_FOR + 1),
        True,
        key=lambda size: bool(_chance_of_breach(1, size, floor, n_future) <= risk),
    )
    found = needed <= _MOST_PATIENTS_ASKED_FOR
    number = f"at least {needed:,}" if found else f"more than {_MOST_PATIENTS_ASKED_FOR:,}"
    raise TooFewPatientsError(
        f"A {rate} of at least {floor} with confidence {1 - risk:.4g} needs {number} patients of "
        f"{class_name(label)}, but there are {n}. Add patients, or lower the floor or the "
        "confidence."
    )


def _bound(k: int, n: int, risk: float, n_future: int | None) -> float:
    """Find the greatest floor that the k-th worst of ``n`` patients guarantees at this risk."""
    if n_future is None:
        return float(beta.ppf(risk, n - k + 1, k))
    beyond = np.arange(n_future + 1)
    chance = hypergeom.cdf(k - 1, n + n_future, n, k + beyond)
    return float(1 - np.sum(chance > risk) / n_future)


def _clopper_pearson(count: int, n: int, confidence: float) -> tuple[float, float]:
    """Compute the exact limits in closed form, 30 times as fast as SciPy's ``binomtest``."""
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, count, n - count + 1) if count else 0.0
    high = beta.ppf(1 - tail, count + 1, n - count) if count < n else 1.0
    return float(low), float(high)
