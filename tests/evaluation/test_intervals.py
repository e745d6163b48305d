"""Intervals against their definitions."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from skpneumo.evaluation._intervals import (
    ClusteredEstimate,
    clustered_difference,
    clustered_share,
    correlation,
    design_effect,
    dominated,
    effective_size,
    logit_interval,
    mover_difference,
    mover_mean,
    mover_ratio,
    newcombe_auc_interval,
    t_quantile,
    wilson_interval,
)

levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])
counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def estimate(value, low, high, influence=(0.0,)):
    return ClusteredEstimate(value, low, high, 10, 10, 10.0, np.asarray(influence, dtype=float))


@given(counts, levels)
def test_wilson_is_scipys(count, level):
    hits, n = count
    expected = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert wilson_interval(hits / n, n, level) == pytest.approx((expected.low, expected.high))


@given(counts, levels)
def test_wilson_limits_are_where_the_score_test_just_rejects(count, level):
    hits, n = count
    z = norm.ppf((1 + level) / 2)
    for limit in wilson_interval(hits / n, n, level):
        if 1e-9 < limit < 1 - 1e-9:
            score = (hits / n - limit) / np.sqrt(limit * (1 - limit) / n)
            assert abs(score) == pytest.approx(z)


@given(counts, levels)
def test_share_of_images_that_are_patients_is_wilsons(count, level):
    hits, n = count
    hit = np.arange(n) < hits
    share = clustered_share(hit, np.ones(n, dtype=bool), np.arange(n), level)
    expected = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high))
    assert (share.value, share.n, share.n_patients) == (hits / n, n, n)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), levels)
def test_share_lies_in_its_interval_which_lies_in_the_unit_interval(seed, level):
    rng = np.random.default_rng(seed)
    patient = np.unique(rng.integers(0, 12, 30), return_inverse=True)[1]
    hit, among = rng.random(30) < rng.random(), rng.random(30) < 0.7
    share = clustered_share(hit, among, patient, level)
    if share.n:
        assert 0 <= share.low <= share.value <= share.high <= 1
        assert share.high - share.low > 0
        assert share.influence.sum() == pytest.approx(0)


@given(levels)
def test_patients_without_errors_count_as_one_image_of_typical_size(level):
    sizes = np.array([1.0, 4.0, 2.0, 1.0])
    typical = (sizes @ sizes) / sizes.sum()
    assert design_effect(sizes, sizes, level) == pytest.approx(typical)
    assert sizes.sum() / typical == pytest.approx(effective_size(sizes))


def test_design_effect_of_many_patients_is_the_ratio_of_variances():
    rng = np.random.default_rng(0)
    rate = rng.beta(2, 2, 20_000)
    hits = rng.binomial(4, rate).astype(float)
    sizes = np.full(20_000, 4.0)
    # Beta-binomial: 1 + (size - 1) * intraclass correlation, here 1 / (2 + 2 + 1).
    assert design_effect(hits, sizes, 0.95) == pytest.approx(1 + 3 / 5, rel=0.02)


def test_alternating_images_within_patients_do_not_narrow_the_interval():
    hits, sizes = np.ones(50), np.full(50, 2.0)
    assert design_effect(hits, sizes, 0.95) == 1


def test_patient_of_thirty_counts_less_than_thirty_patients():
    one = clustered_share(np.ones(30, bool), np.ones(30, bool), np.zeros(30, int), 0.95)
    thirty = clustered_share(np.ones(30, bool), np.ones(30, bool), np.arange(30), 0.95)
    assert one.low == pytest.approx(wilson_interval(1.0, 1, 0.95)[0])
    assert one.low < 0.25 < 0.85 < thirty.low


def test_share_of_nothing_is_undefined():
    share = clustered_share(np.ones(3, bool), np.zeros(3, bool), np.arange(3), 0.95)
    assert np.isnan([share.value, share.low, share.high]).all()
    assert (share.n, share.n_patients) == (0, 0)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_confidence_level_is_checked(level):
    with pytest.raises(ValueError, match=f"confidence_level={level}"):
        wilson_interval(0.5, 10, level)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 100), levels)
def test_difference_of_images_that_are_patients_is_bonett_and_prices(b, c, agree, level):
    n = b + c + agree
    hit_a = np.arange(n) < b + agree
    hit_b = np.arange(n) >= b
    result = clustered_difference(hit_a, hit_b, np.ones(n, bool), np.arange(n), level)
    p12, p21 = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = norm.ppf((1 + level) / 2) * np.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    low, high = p12 - p21 - half, p12 - p21 + half
    assume(-1 <= low <= (b - c) / n <= high <= 1)
    assert (result.low, result.value, result.high) == pytest.approx((low, (b - c) / n, high))


@pytest.mark.parametrize("sign", [1, -1])
def test_difference_is_in_its_interval_which_ends_at_one(sign):
    # Of 21 images, one model is right on 20 and the other on none: Bonett and Price's intervals
    # are 0.687 to 1.053, and at 50 % confidence 0.807 to 0.933, without the difference itself.
    right, wrong = np.arange(21) < 20, np.zeros(21, bool)
    a, b = (right, wrong)[::sign]
    for level, low, high in ((0.95, 0.687, 1), (0.5, 0.807, 20 / 21)):
        result = clustered_difference(a, b, np.ones(21, bool), np.arange(21), level)
        limits = sorted((sign * result.low, sign * result.high))
        assert limits[0] == pytest.approx(low, abs=5e-4)
        assert limits[1] == high


def test_mean_of_two_differences_ends_at_one_in_spite_of_rounding():
    influence = np.array([0.1, -0.1, 0.3])
    for values in product(np.linspace(-1, 1, 21), repeat=2):
        low, high = mover_mean(*(estimate(each, -1, 1, influence) for each in values))
        assert (low, high) == pytest.approx((-1, 1))
        assert -1 <= low < high <= 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), levels)
def test_difference_lies_in_its_interval_and_so_does_the_mean_of_two(seed, level):
    rng = np.random.default_rng(seed)
    patient = np.unique(rng.integers(0, rng.integers(1, 12), 20), return_inverse=True)[1]
    right_a, right_b, positive = (rng.random(20) < rng.choice([0, 0.5, 1]) for _ in range(3))
    positive[:2] = False, True
    first, second = (
        clustered_difference(right_a, right_b, among, patient, level)
        for among in (positive, ~positive)
    )
    for each in (first, second):
        assert -1 <= each.low <= each.value <= each.high <= 1
        assert each.low < each.high
    low, high = mover_mean(first, second)
    mean = (first.value + second.value) / 2
    assert -1 <= low <= mean <= high <= 1


def test_difference_without_disagreement_has_an_interval():
    same = np.ones(20, bool)
    result = clustered_difference(same, same, same, np.arange(20), 0.95)
    assert result.value == 0
    assert result.low < 0 < result.high


def test_mean_of_independent_estimates_adds_squares():
    low, high = mover_mean(estimate(0.8, 0.5, 0.9), estimate(0.6, 0.2, 0.9))
    assert low == pytest.approx(0.7 - np.hypot(0.3, 0.4) / 2)
    assert high == pytest.approx(0.7 + np.hypot(0.1, 0.3) / 2)


def test_mean_of_the_same_estimate_twice_has_its_interval():
    same = estimate(0.8, 0.5, 0.9, influence=[0.1, -0.1])
    assert mover_mean(same, same) == pytest.approx((0.5, 0.9))


def test_difference_of_independent_estimates_adds_squares():
    low, high = mover_difference(0.8, (0.5, 0.9), 0.6, (0.2, 0.9))
    assert low == pytest.approx(0.2 - np.hypot(0.3, 0.3))
    assert high == pytest.approx(0.2 + np.hypot(0.1, 0.4))


@given(st.floats(-0.9, 0.9))
def test_correlation_narrows_the_interval_of_a_difference(r):
    low, high = mover_difference(0.8, (0.5, 0.9), 0.6, (0.2, 0.9), r)
    assert low == pytest.approx(0.2 - np.sqrt(0.3**2 + 0.3**2 - 2 * r * 0.3 * 0.3))
    assert high == pytest.approx(0.2 + np.sqrt(0.1**2 + 0.4**2 - 2 * r * 0.1 * 0.4))


def test_few_patients_with_most_images_dominate():
    assert dominated(np.array([60.0] + [1.0] * 40))
    assert dominated(np.array([5.0]))
    assert not dominated(np.array([1.0, 2.0, 3.0, 0.0, 5.0]))
    assert not dominated(np.array([30.0] * 30 + [1.0] * 100))


@settings(max_examples=50, deadline=None)
@given(counts, counts, st.floats(-0.9, 0.9))
def test_ratio_limits_are_where_the_difference_ends_at_zero(first, second, r):
    (k, n), (j, m) = first, second
    a = estimate(k / n, *wilson_interval(k / n, n, 0.95), influence=[1.0, 0.0])
    b = estimate(j / m, *wilson_interval(j / m, m, 0.95), influence=[r, np.sqrt(1 - r**2)])
    if a.value in (0, 1) or b.value in (0, 1):
        return
    low, high = mover_ratio(a, b)
    assert low <= a.value / b.value <= high

    def end(ratio, from_a, from_b):
        spread = from_a**2 + (ratio * from_b) ** 2 - 2 * r * from_a * ratio * from_b
        return abs(a.value - ratio * b.value) - np.sqrt(spread)

    assert end(low, a.value - a.low, b.high - b.value) == pytest.approx(0, abs=1e-7)
    if np.isfinite(high):
        scale = max(1.0, high)
        residue = end(high, a.high - a.value, b.value - b.low) / scale
        assert residue == pytest.approx(0, abs=1e-7)


def test_ratio_to_zero_has_a_lower_limit_and_no_upper_one():
    recall = estimate(0.9, 0.8, 0.95)
    false_alarms = estimate(0.0, *wilson_interval(0.0, 50, 0.95))
    low, high = mover_ratio(recall, false_alarms)
    assert low > 1
    assert high == np.inf


def test_ratio_of_zero_has_an_upper_limit():
    misses = estimate(0.0, *wilson_interval(0.0, 50, 0.95))
    low, high = mover_ratio(misses, estimate(0.9, 0.8, 0.95))
    assert low == 0
    assert 0 < high < 0.2


def test_correlation_needs_shared_patients():
    assert correlation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 0
    assert correlation(np.array([1.0, -1.0]), np.array([2.0, -2.0])) == pytest.approx(1)
    assert correlation(np.zeros(2), np.ones(2)) == 0


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.3), levels)
def test_logit_interval_contains_its_value_and_stays_inside(value, error, level):
    low, high = logit_interval(value, error, t_quantile(level, 7))
    assert 0 <= low < value < high <= 1


@given(st.floats(0, 1), st.integers(2, 300), st.integers(2, 300), levels)
def test_newcombe_limits_solve_the_score_equation(auc, m, n, level):
    low, high = newcombe_auc_interval(auc, m, n, level)
    assert 0 <= low <= auc <= high <= 1
    assert high - low > 0
    z = norm.ppf((1 + level) / 2)
    for limit in (low, high):
        if 1e-6 < limit < 1 - 1e-6 and abs(limit - auc) > 1e-6:
            # Hanley and McNeil's variance, or below one half its mirror image.
            t = limit if auc >= 0.5 else 1 - limit
            spread = (1 - t) / (2 - t) + t / (1 + t)
            variance = t * (1 - t) * (1 + ((m + n) / 2 - 1) * spread) / (m * n)
            assert abs(limit - auc) == pytest.approx(z * np.sqrt(variance), rel=1e-4)


def test_interval_of_perfect_separation_is_not_a_single_point():
    low, high = newcombe_auc_interval(1.0, 50, 50, 0.95)
    assert 0.9 < low < 0.98
    assert high == 1
