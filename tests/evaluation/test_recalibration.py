"""Calibration slope and intercept against scikit-learn, and their intervals against the truth."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from skpneumo.evaluation._recalibration import calibration_intercept, calibration_slope


def draw(rng, n_patients, slope=1.0, intercept=0.0):
    """Correlated labels of patients, and probabilities with a linear error on the logit scale."""
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 5, n_patients))
    right = rng.normal(scale=1.5, size=len(patient))
    positive = rng.random(len(patient)) < expit(right)
    return positive, expit((right - intercept) / slope), patient


def test_slope_is_that_of_a_logistic_regression():
    positive, probability, patient = draw(np.random.default_rng(0), 200, slope=0.7)
    x = logit(probability)[:, None]
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(x, positive).coef_[0, 0]
    line = calibration_slope(positive, probability, patient, 0.95)
    assert line.value == pytest.approx(expected, rel=1e-5)
    assert line.low < line.value < line.high


@pytest.mark.parametrize("overconfident", [1, 3, 6])
def test_slope_is_the_most_likely_one_however_wrong_the_probabilities(overconfident):
    """Newton's method alone alternates between two lines for some of these."""
    rng = np.random.default_rng(overconfident)
    for _ in range(40):
        x = overconfident * rng.normal(size=50)
        positive = rng.random(50) < expit(0.1 * x + rng.normal())
        if positive.sum() in (0, 50):
            continue
        # Not beyond the probabilities that are clipped.
        probability = expit(np.clip(x, -15, 15))
        model = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")
        expected = model.fit(logit(probability)[:, None], positive).coef_[0, 0]
        line = calibration_slope(positive, probability, np.arange(50), 0.95)
        assert line.value == pytest.approx(expected, abs=1e-4)


def test_intercept_makes_the_mean_right():
    positive, probability, patient = draw(np.random.default_rng(0), 100, intercept=-0.5)
    line = calibration_intercept(positive, probability, patient, 0.95)
    assert expit(line.value + logit(probability)).sum() == pytest.approx(positive.sum())


def test_one_step_jackknife_is_near_the_full_one():
    positive, probability, patient = draw(np.random.default_rng(1), 60)
    line = calibration_slope(positive, probability, patient, 0.95)
    without = [
        calibration_slope(
            positive[patient != i],
            probability[patient != i],
            np.unique(patient[patient != i], return_inverse=True)[1],
            0.95,
        ).value
        for i in range(60)
    ]
    error = np.sqrt(59 / 60 * ((without - np.mean(without)) ** 2).sum())
    assert (line.high - line.low) / 2 / error == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("n_patients", [30, 100])
def test_intervals_contain_the_truth(n_patients):
    rng = np.random.default_rng(2)
    covered = np.zeros(2)
    for _ in range(400):
        data = draw(rng, n_patients, slope=0.8)
        line = calibration_slope(*data, 0.95)
        covered[0] += line.low <= 0.8 <= line.high
        line = calibration_intercept(data[0], expit(0.8 * logit(data[1])), data[2], 0.95)
        covered[1] += line.low <= 0 <= line.high
    assert (covered / 400 > 0.91).all(), covered / 400


@pytest.mark.parametrize(
    ("positive", "probability", "why"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9], "separate the classes"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.2, 0.9], "separate the classes"),  # but for a tie
        ([0, 1, 0, 1], [0.4, 0.4, 0.4, 0.4], "all probabilities are equal"),
        ([0, 1, 1, 0], np.float32(0.01) + np.array([0, 0, 1, 1]) * 1e-9, "are equal"),  # rounding
    ],
)
def test_undefined_slope_has_a_reason(positive, probability, why):
    line = calibration_slope(
        np.array(positive, dtype=bool), np.array(probability), np.arange(4), 0.95
    )
    assert np.isnan(line.value)
    assert why in line.why_undefined


def test_certain_probabilities_are_bounded():
    rng = np.random.default_rng(0)
    positive = rng.random(50) < 0.5
    probability = np.where(rng.random(50) < 0.9, positive, ~positive).astype(float)
    line = calibration_slope(positive, probability, np.arange(50), 0.95)
    assert 0 < line.value < 1
