"""Coverage of intervals on simulated, clustered data, for values near 1.

A correct 95 % interval almost certainly covers at least 91 % of a few hundred draws.
"""

import numpy as np
import pytest
from scipy.stats import norm

from skpneumo._predictions import Predictions
from skpneumo.evaluation import compare_predictions, evaluate_predictions
from skpneumo.evaluation._differences import DIFFERENCE_METRICS, estimate_differences
from skpneumo.evaluation._estimate import Estimate, Settings
from skpneumo.evaluation._intervals import clustered_difference, clustered_share
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.evaluation._paired_tests import auc_with_influence

N_DRAWS = 400
ENOUGH = 0.91
SIZES = np.array([1, 1, 1, 1, 1, 2, 2, 3, 4, 8])


def draw_patients(rng, n_patients, p, icc):
    """Draw hits of images with a rate that varies between patients: beta-binomial."""
    patient = np.repeat(np.arange(n_patients), rng.choice(SIZES, n_patients))
    if icc == 0:
        rate = np.full(n_patients, p)
    elif icc == 1:
        rate = (rng.random(n_patients) < p).astype(float)
    else:
        rate = rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), n_patients)
    return rng.random(len(patient)) < rate[patient], patient


@pytest.mark.parametrize("icc", [0, 0.4, 1])
@pytest.mark.parametrize(("n_patients", "p"), [(40, 0.9), (100, 0.97), (200, 0.995)])
def test_share_near_one(n_patients, p, icc):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(N_DRAWS):
        hit, patient = draw_patients(rng, n_patients, p, icc)
        share = clustered_share(hit, np.ones_like(hit), patient, 0.95)
        covered += share.low <= p <= share.high
    assert covered / N_DRAWS > ENOUGH


def test_percentile_bootstrap_covers_too_little():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(N_DRAWS):
        hit, patient = draw_patients(rng, 100, 0.995, 0.4)
        hits, sizes = np.bincount(patient, hit), np.bincount(patient)
        weights = rng.multinomial(100, np.full(100, 0.01), 200)
        low, high = np.quantile((weights @ hits) / (weights @ sizes), [0.025, 0.975])
        covered += low <= 0.995 <= high
    assert 0.3 < covered / N_DRAWS < 0.7


@pytest.mark.parametrize("icc", [0, 1])
def test_difference_of_two_good_models(icc):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(N_DRAWS):
        # A errs in 2 % of images, B in those and 4 % more.
        right_a, patient = draw_patients(rng, 80, 0.98, icc)
        lost = rng.random(80)[patient] < 0.04 if icc else rng.random(len(patient)) < 0.04
        right_b = right_a & ~lost
        result = clustered_difference(right_a, right_b, np.ones_like(right_a), patient, 0.95)
        covered += result.low <= 0.98 * 0.04 <= result.high
    assert covered / N_DRAWS > ENOUGH


def draw_scores(rng, n_positive, n_negative, distance):
    """Draw normal scores; half of their variance is between patients."""
    sizes = rng.choice(SIZES, n_positive + n_negative)
    patient = np.repeat(np.arange(len(sizes)), sizes)
    positive = patient < n_positive
    own = rng.normal(size=len(sizes))[patient]
    noise = rng.normal(size=len(patient))
    return positive, (own + noise) / np.sqrt(2) + distance * positive, patient


def estimates_of(
    metrics: list[str],
    positive: np.ndarray,
    score: np.ndarray,
    patient: np.ndarray,
    rng: np.random.Generator,
    n_resamples: int,
    threshold: float | None = None,
) -> dict[str, Estimate]:
    """These rows of ``evaluate_predictions``, without the time that the others take."""
    predictions = Predictions.of(positive, score, groups=patient, threshold=threshold)
    settings = Settings(0.95, n_resamples, 10, np.random.RandomState(rng.integers(2**31)))
    return {row.metric: row for row in estimate_metrics(predictions, metrics, settings)}


@pytest.mark.parametrize("auc", [0.9, 0.99, 0.998])
def test_metrics_of_scores_and_decisions(auc):
    rng = np.random.default_rng(2)
    distance = np.sqrt(2) * norm.ppf(auc)
    # The truth of each metric, at the threshold in the middle.
    positive, score, patient = draw_scores(rng, 20_000, 20_000, distance)
    truth = evaluate_predictions(
        positive,
        norm.cdf(distance * (score - distance / 2)),
        groups=np.arange(len(positive)),
        n_resamples=2,
    ).set_index("metric")["value"]
    names = ["roc_auc", "average_precision", "brier_score", "ece", "f1", "balanced_accuracy"]
    names += ["positive_likelihood_ratio", "negative_likelihood_ratio"]
    covered = dict.fromkeys(names, 0)
    n_draws = 150
    for _ in range(n_draws):
        positive, score, patient = draw_scores(rng, 60, 60, distance)
        probability = norm.cdf(distance * (score - distance / 2))
        found = estimates_of(names, positive, probability, patient, rng, 200)
        for name, row in found.items():
            covered[name] += row.low <= truth[name] <= row.high
    shares = {name: count / n_draws for name, count in covered.items()}
    assert min(shares.values()) > 0.87, shares


@pytest.mark.parametrize("alike", [False, True], ids=["own labels", "one label a patient"])
def test_calibration_error_of_right_probabilities_reaches_zero(alike):
    rng = np.random.default_rng(4)
    covered, n_draws = 0, 150
    for _ in range(n_draws):
        patient = np.repeat(np.arange(60), rng.choice(SIZES, 60))
        probability = rng.beta(2, 2, 60)[patient]
        lot = rng.random(60)[patient] if alike else rng.random(len(patient))
        positive = (lot < probability).astype(int)
        row = estimates_of(["ece"], positive, probability, patient, rng, 100)["ece"]
        covered += row.low == 0
    assert covered / n_draws > 0.95


@pytest.mark.parametrize("shift", [0.05, 0.2])
def test_calibration_error_of_probabilities_that_are_too_high(shift):
    rng = np.random.default_rng(5)
    covered, told, n_draws = 0, 0, 150
    for _ in range(n_draws):
        patient = np.repeat(np.arange(200), rng.choice(SIZES, 200))
        # So many levels as bins, one in the middle of each: the true error is the shift.
        probability = rng.choice(np.arange(0.25, 1, 0.1), 200)[patient]
        positive = (rng.random(200)[patient] < probability - shift).astype(int)
        row = estimates_of(["ece"], positive, probability, patient, rng, 100)["ece"]
        covered += row.low <= shift <= row.high
        told += row.low > 0
    assert covered / n_draws > ENOUGH
    if shift == 0.2:
        assert told / n_draws > 0.5


def test_auc_with_a_few_wholly_misread_patients():
    rng = np.random.default_rng(3)
    rate, distance = 0.02, 6.0
    truth = (1 - rate) * norm.cdf(distance / np.sqrt(2)) + rate * 0.5
    covered = 0
    for _ in range(N_DRAWS):
        positive, score, patient = draw_scores(rng, 80, 80, distance)
        misread = (rng.random(160) < rate)[patient] & positive
        row = estimates_of(
            ["roc_auc"], positive, score - distance * misread, patient, rng, 100, distance / 2
        )["roc_auc"]
        covered += row.low <= truth <= row.high
    assert covered / N_DRAWS > ENOUGH


def draw_two_models(rng, patient, positive, aucs):
    """Draw probabilities of two models with correlated errors within patients."""
    shared = rng.normal(size=patient.max() + 1), rng.normal(size=len(patient))
    found = []
    for auc in aucs:
        own = rng.normal(size=patient.max() + 1), rng.normal(size=len(patient))
        of_patient, of_image = (
            np.sqrt(0.7) * s + np.sqrt(0.3) * o for s, o in zip(shared, own, strict=True)
        )
        distance = np.sqrt(2) * norm.ppf(auc)
        score = distance * positive + (of_patient[patient] + of_image) / np.sqrt(2)
        probability = 1 / (1 + np.exp(-distance * (score - distance / 2)))
        found.append(
            Predictions(positive, probability >= 0.5, probability, patient, None, 1, None, True)
        )
    return found


@pytest.mark.parametrize(
    ("n_patients", "aucs"), [(30, (0.9, 0.85)), (30, (0.99, 0.985)), (100, (0.99, 0.99))]
)
def test_differences_of_two_models_with_few_patients_and_near_one(n_patients, aucs):
    rng = np.random.default_rng(6)
    alone = np.arange(60_000)
    truth = {
        row.metric: row.difference
        for row in estimate_differences(
            *draw_two_models(rng, alone, alone % 2 == 0, aucs), DIFFERENCE_METRICS, 0.95
        )
    }
    covered, n_draws = dict.fromkeys(truth, 0), 150
    for _ in range(n_draws):
        patient = np.repeat(np.arange(n_patients), rng.integers(1, 6, n_patients))
        positive = (rng.random(n_patients) < 0.5)[patient]
        models = draw_two_models(rng, patient, positive, aucs)
        for row in estimate_differences(*models, DIFFERENCE_METRICS, 0.95):
            covered[row.metric] += row.low <= truth[row.metric] <= row.high
    shares = {metric: count / n_draws for metric, count in covered.items()}
    assert min(shares.values()) > ENOUGH, shares


def test_difference_of_auc_to_a_model_that_also_misreads_rare_patients():
    """Most test sets have none of them, and then DeLong's interval would be nearly a point."""
    rng = np.random.default_rng(7)
    rate, distance, n_draws = 0.01, 1.8, 100
    truth = rate * (norm.cdf(distance / np.sqrt(2)) - norm.cdf(-2 * distance / np.sqrt(2)))
    covered = covered_by_delong = 0
    for _ in range(n_draws):
        positive, score, patient = draw_scores(rng, 50, 50, distance)
        misread = (rng.random(100) < rate)[patient] & positive
        other = score + 0.05 * rng.normal(size=len(score)) - 3 * distance * misread
        models = [Predictions(positive, s > 0, s, patient, None, 1) for s in (score, other)]
        (row,) = estimate_differences(*models, ["roc_auc"], 0.95)
        influence = np.subtract(*(auc_with_influence(model)[1] for model in models))
        half = 1.96 * np.sqrt(influence @ influence)
        covered += row.low <= truth <= row.high
        covered_by_delong += abs(row.difference - truth) <= half
    assert covered / n_draws > 0.94
    assert covered_by_delong / n_draws < 0.7


def test_four_disagreements_one_way_exclude_nothing_that_mcnemar_does_not():
    y = np.repeat([0, 1], 100)
    a, b = y.copy(), y.copy()
    b[100:104] = 0
    frame = compare_predictions(y, y_pred_a=a, y_pred_b=b).set_index("metric")
    assert frame.loc["recall", "p_value"] == pytest.approx(0.125)
    assert frame.loc["f1", "low"] < 0 < frame.loc["f1", "difference"]
