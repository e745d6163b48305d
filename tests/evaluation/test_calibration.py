"""The calibration error: its bins, its labels, and its value by chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.calibration import calibration_curve

from skpneumo.evaluation import evaluate_predictions, expected_calibration_error
from skpneumo.evaluation._calibration import CalibrationBins, calibration_error_limits

weighted_images = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(bool, n),
        arrays(float, n, elements=st.integers(0, 10).map(lambda k: k / 10)),
        arrays(float, (3, n), elements=st.integers(0, 4).map(float)),
    )
)


@settings(max_examples=25, deadline=None)
@given(weighted_images)
def test_whole_number_weights_are_repeated_rows(drawn):
    positive, probability, weights = drawn
    repeats = weights[0].astype(int)
    if not repeats.any():
        return
    patients = np.arange(len(positive))
    error = CalibrationBins(positive, probability, patients, 10).error(weights[:1])[0]
    repeated = expected_calibration_error(
        np.repeat(positive, repeats), np.repeat(probability, repeats), pos_label=True
    )
    assert error == pytest.approx(repeated)


def test_calibration_error_by_hand():
    y = [0, 1, 1, 1, 0]
    p = [0.15, 0.15, 0.85, 0.95, 0.95]
    # Bins (.1, .2], (.8, .9] and (.9, 1]: gaps .35, .15 and .45 of 2, 1 and 2 images.
    assert expected_calibration_error(y, p) == pytest.approx((2 * 0.35 + 0.15 + 2 * 0.45) / 5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_calibration_error_agrees_with_scikit_learns_curve(seed, n_bins):
    rng = np.random.default_rng(seed)
    p = rng.random(200)
    y = (rng.random(200) < p**2).astype(int)
    observed, predicted = calibration_curve(y, p, n_bins=n_bins)
    edges = np.linspace(0, 1, n_bins + 1)
    sizes = np.bincount(np.searchsorted(edges[1:-1], p), minlength=n_bins)
    expected = np.abs(observed - predicted) @ sizes[sizes > 0] / 200
    assert expected_calibration_error(y, p, n_bins=n_bins) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "pos_label"),
    [
        (["a", "b", "b"], "b"),
        ([False, True, True], True),
        ([0, 1, 1], 1),
        ([-1, 1, 1], 1),
        ([2, 3, 3], 3),
    ],
)
def test_calibration_error_takes_any_label(y, pos_label):
    error = expected_calibration_error(y, [0.25, 0.75, 0.75], pos_label=pos_label)
    assert error == pytest.approx(0.25)


def test_calibration_error_refuses_scores_outside_0_to_1():
    with pytest.raises(ValueError, match=r"ranges from -1 to 2"):
        expected_calibration_error([0, 1], [-1.0, 2.0])


def test_calibration_error_refuses_no_bins():
    with pytest.raises(ValueError, match="n_bins"):
        expected_calibration_error([0, 1], [0.1, 0.9], n_bins=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [np.nan, 0.5]), "y_prob ranges from nan"),
        (([], []), "y_true is empty"),
        ((["a", None], [0.1, 0.9]), "NaN or None in 1 of 2 labels, the first, None, in row 1"),
        (([0, 1, 1], [0.1, 0.9]), "inconsistent numbers of samples"),
    ],
)
def test_calibration_error_refuses_invalid_labels(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(*arguments)


def test_calibration_error_refuses_an_unknown_positive_label():
    with pytest.raises(ValueError, match=r"pos_label=2 is not one of the labels \[0, 1\]"):
        expected_calibration_error([0, 1], [0.1, 0.9], pos_label=2)


def bins_of(probability, patient):
    positive = np.zeros(len(probability), dtype=bool)
    return CalibrationBins(positive, probability, patient, 10)


def test_error_by_chance_is_that_of_labels_drawn_from_the_probabilities():
    rng = np.random.RandomState(0)
    probability = rng.random_sample(60)
    by_chance = bins_of(probability, np.arange(60)).error_by_chance(2000, rng)
    drawn = [
        expected_calibration_error(rng.random_sample(60) < probability, probability)
        for _ in range(2000)
    ]
    assert by_chance.mean() == pytest.approx(np.mean(drawn), rel=0.03)
    assert np.quantile(by_chance, 0.9) == pytest.approx(np.quantile(drawn, 0.9), rel=0.05)


def test_copies_of_an_image_do_not_narrow_the_interval():
    probability = np.random.RandomState(0).random_sample(60)
    once = bins_of(probability, np.arange(60))
    copies = bins_of(np.repeat(probability, 5), np.repeat(np.arange(60), 5))
    expected = once.error_by_chance(50, np.random.RandomState(1))
    assert copies.error_by_chance(50, np.random.RandomState(1)) == pytest.approx(expected)


def test_draws_by_chance_are_made_in_blocks(monkeypatch):
    bins = bins_of(np.linspace(0, 1, 20), np.arange(20) // 2)
    whole = bins.error_by_chance(7, np.random.RandomState(0))
    monkeypatch.setattr("skpneumo._bootstrap._IMAGE_WEIGHTS_IN_MEMORY", 60)
    assert bins.error_by_chance(7, np.random.RandomState(0)) == pytest.approx(whole)


def test_limits_by_hand():
    resampled = np.linspace(0.0, 0.4, 401)  # mean .2, upper 2.5 % from .39 on
    by_chance = np.linspace(0.0, 0.1, 401)  # mean .05
    low, high = calibration_error_limits(0.3, resampled, by_chance, 0.95)
    assert (low, high) == pytest.approx((0.3 - 0.05 - 0.19, 0.3 + 0.19))
    assert calibration_error_limits(0.1, resampled, by_chance, 0.95)[0] == 0
    assert calibration_error_limits(0.9, resampled, by_chance, 0.95)[1] == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("n_patients", [1, 2, 30])
@pytest.mark.parametrize("probability", [0.05, 1.0])
def test_intervals_are_never_single_points(n_patients, probability):
    """All probabilities have the same error, so all resamples are equal."""
    patient = np.arange(30) % n_patients
    y = patient % 2
    score = np.where(y == 1, probability, 1 - probability)
    frame = evaluate_predictions(y, score, groups=patient, n_resamples=50).set_index("metric")
    width = frame["high"] - frame["low"]
    assert (width[["brier_score", "ece"]] > 0.05).all()
