"""The weighted metrics are scikit-learn's, row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score

from skpneumo.evaluation import expected_calibration_error
from skpneumo.evaluation._metrics import CalibrationBins, RankedScores

# Coarse scores, so that ties are common.
scored_images = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(bool, n),
        arrays(float, n, elements=st.integers(0, 10).map(lambda k: k / 10)),
        arrays(float, (3, n), elements=st.integers(0, 4).map(float)),
    )
)


@settings(max_examples=50, deadline=None)
@given(scored_images)
def test_rank_metrics_are_scikit_learns_with_sample_weight(drawn):
    positive, score, weights = drawn
    ranked = RankedScores(positive, score)
    for row, auc, precision in zip(
        weights, ranked.roc_auc(weights), ranked.average_precision(weights), strict=True
    ):
        n_positive, n_negative = row[positive].sum(), row[~positive].sum()
        if n_positive and n_negative:
            assert auc == pytest.approx(roc_auc_score(positive, score, sample_weight=row))
        else:
            assert np.isnan(auc)
        if n_positive:
            expected = average_precision_score(positive, score, sample_weight=row)
            assert precision == pytest.approx(expected)
        else:
            assert np.isnan(precision)


@settings(max_examples=25, deadline=None)
@given(scored_images)
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


def test_calibration_error_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match=r"ranges from -1 to 2"):
        expected_calibration_error([0, 1], [-1.0, 2.0])


def test_calibration_error_refuses_no_bins():
    with pytest.raises(ValueError, match="n_bins"):
        expected_calibration_error([0, 1], [0.1, 0.9], n_bins=0)
