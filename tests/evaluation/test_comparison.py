"""Paired comparisons against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, permutation_test, t
from sklearn.datasets import make_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.tree import DecisionTreeClassifier

from skpneumo._predictions import Predictions
from skpneumo.evaluation import compare, compare_predictions
from skpneumo.evaluation._differences import estimate_differences
from skpneumo.evaluation._paired_tests import auc_with_influence, exact_swap_test

COLUMNS = ["metric", "value_a", "value_b", "difference", "low", "high", "p_value", "test"]
COLUMNS += ["n", "n_patients", "interval"]


def scores(seed, n=80, n_patients=None):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    y[:4] = 0, 1, 0, 1
    a = np.clip(0.4 * y + 0.6 * rng.random(n), 0, 1)
    b = np.clip(0.2 * y + 0.8 * rng.random(n), 0, 1)
    patient = np.arange(n) if n_patients is None else np.sort(rng.integers(0, n_patients, n))
    return y, a, b, patient


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_values_are_scikit_learns(seed):
    y, a, b, patient = scores(seed, n_patients=40)
    frame = compare_predictions(y, a, b, groups=patient)
    assert list(frame.columns) == COLUMNS
    frame = frame.set_index("metric")
    called = a >= 0.5, b >= 0.5
    for metric, score, given_ in (
        ("accuracy", accuracy_score, called),
        ("recall", recall_score, called),
        ("precision", precision_score, called),
        ("f1", f1_score, called),
        ("balanced_accuracy", balanced_accuracy_score, called),
        ("roc_auc", roc_auc_score, (a, b)),
        ("average_precision", average_precision_score, (a, b)),
        ("brier_score", brier_score_loss, (a, b)),
    ):
        expected = [score(y, each) for each in given_]
        row = frame.loc[metric]
        assert [row["value_a"], row["value_b"]] == pytest.approx(expected), metric
        assert row["difference"] == pytest.approx(expected[0] - expected[1], abs=1e-12)
        assert row["low"] <= row["difference"] <= row["high"]


@given(st.integers(0, 30), st.integers(0, 30))
def test_swap_test_of_single_images_is_mcnemars(b, c):
    net = np.repeat([1, -1, 0], [b, c, 5])
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert exact_swap_test(net) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_swap_test_enumerates_all_swaps(net):
    net = np.array(net)
    # scipy tries all 2^n signs, and counts the larger tail twice instead of both tails.
    result = permutation_test(
        (net, np.zeros_like(net)),
        lambda a, b, axis: np.abs(np.sum(a - b, axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert exact_swap_test(net) == pytest.approx(result.pvalue)


def test_swapping_patients_is_not_swapping_images():
    # One patient of ten images decides; as ten images that would be p = .002.
    y = np.ones(10, dtype=int)
    arguments = {"y_pred_a": y, "y_pred_b": np.zeros(10, dtype=int), "pos_label": 1}
    with pytest.warns(UndefinedMetricWarning):
        one = compare_predictions(y, groups=np.zeros(10), **arguments).set_index("metric")
    with pytest.warns(UndefinedMetricWarning):
        ten = compare_predictions(y, **arguments).set_index("metric")
    assert one.loc["recall", "p_value"] == 1
    assert one.loc["recall", "test"] == "McNemar, exact, by patient"
    assert ten.loc["recall", "p_value"] == pytest.approx(2 / 2**10)


def delong_covariance(y, a, b):
    """DeLong's S10 / m + S01 / n by its double sum."""
    kernels = []
    for score in (a, b):
        positive, negative = score[y == 1], score[y == 0]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        kernels.append((wins.mean(axis=1), wins.mean(axis=0)))
    by_positive = np.cov([k[0] for k in kernels])
    by_negative = np.cov([k[1] for k in kernels])
    return by_positive / (y == 1).sum() + by_negative / (y == 0).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_auc_test_of_single_images_is_delongs_with_a_t_distribution(seed):
    y, a, b, _ = scores(seed)
    a, b = np.round(a, 1), np.round(b, 1)
    covariance = delong_covariance(y, a, b)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    row = compare_predictions(y, a, b).set_index("metric").loc["roc_auc"]
    normal = 2 * norm.sf(abs(row["difference"]) / np.sqrt(variance))
    of_t = 2 * t.sf(abs(row["difference"]) / np.sqrt(variance), 15)
    assert normal <= row["p_value"] <= of_t
    _, influence = auc_with_influence(Predictions.of(y, a))
    assert influence @ influence == pytest.approx(covariance[0, 0])


def test_clustered_auc_variance_is_that_between_patients():
    rng = np.random.default_rng(0)
    estimates, variances = [], []
    for _ in range(400):
        patient = np.repeat(np.arange(60), 3)
        y = (patient < 30).astype(int)
        score = y + rng.normal(size=60)[patient] + 0.3 * rng.normal(size=180)
        auc, influence = auc_with_influence(Predictions.of(y, score, groups=patient, threshold=0))
        estimates.append(auc)
        variances.append(influence @ influence)
    assert np.mean(variances) == pytest.approx(np.var(estimates), rel=0.15)


def test_equal_models_differ_significantly_in_5_of_100_data_sets():
    rng = np.random.default_rng(0)
    rejected = {"recall": 0, "roc_auc": 0}
    for _ in range(300):
        patient = np.repeat(np.arange(100), 2)
        y = (patient < 50).astype(int)
        own = rng.normal(size=100)[patient]
        a, b = (1 / (1 + np.exp(-(2 * y - 1 + own + rng.normal(size=200)))) for _ in "ab")
        models = (Predictions.of(y, score, groups=patient) for score in (a, b))
        for row in estimate_differences(*models, rejected, 0.95):
            rejected[row.metric] += row.p_value < 0.05
    assert rejected["recall"] / 300 < 0.075
    assert 0.02 < rejected["roc_auc"] / 300 < 0.085


def test_swapping_the_models_swaps_the_signs():
    y, a, b, patient = scores(0, n_patients=40)
    there = compare_predictions(y, a, b, groups=patient).set_index("metric")
    back = compare_predictions(y, b, a, groups=patient).set_index("metric")
    assert there["difference"].to_numpy() == pytest.approx(-back["difference"].to_numpy())
    assert there["low"].to_numpy() == pytest.approx(-back["high"].to_numpy())
    assert there["p_value"].to_numpy() == pytest.approx(back["p_value"].to_numpy(), nan_ok=True)


def test_model_against_itself_has_an_exact_difference_of_zero():
    y, a, _, _ = scores(0)
    frame = compare_predictions(y, a, a).set_index("metric")
    assert (frame["difference"] == 0).all()
    assert (frame["p_value"].dropna() == 1).all()
    assert (frame["low"] < 0).all()
    assert (frame["high"] > 0).all()
    agreed = ["precision", "f1", "average_precision", "brier_score"]
    assert (frame.loc[agreed, "interval"] == "MOVER, paired").all()


def test_two_perfect_separations_have_an_interval():
    y = np.repeat([0, 1], 20)
    frame = compare_predictions(y, y * 0.8 + 0.1, y * 0.6 + 0.2)
    row = frame.set_index("metric").loc["roc_auc"]
    assert row["difference"] == 0
    assert row["low"] < -0.05 < 0.05 < row["high"]
    assert row["interval"] == "MOVER, paired"


def test_interval_of_constant_scores_against_a_perfect_separation_is_not_a_point():
    y = np.repeat([0, 1], 20)
    with pytest.warns(UndefinedMetricWarning, match="every image is predicted positive"):
        frame = compare_predictions(y, y * 0.8 + 0.1, np.full(40, 0.5))
    row = frame.set_index("metric").loc["roc_auc"]
    assert row["difference"] == 0.5
    assert 0 < row["low"] < 0.5 < row["high"]
    assert np.isnan(row["p_value"])  # DeLong's variance is 0: there is nothing to test with.


def test_one_patient_on_a_side_leaves_an_interval():
    y, a = [0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.8, 0.9]
    row = (
        compare_predictions(y, a, a[::-1], groups=[0, 0, 1, 2, 3])
        .set_index("metric")
        .loc["roc_auc"]
    )
    assert row["interval"] == "MOVER, paired"
    assert row["low"] < row["difference"] < row["high"]


def test_undefined_difference_names_the_model_without_a_value():
    y = [0, 1, 0, 1]
    with pytest.warns(UndefinedMetricWarning, match="precision .* no image is predicted positive"):
        frame = compare_predictions(y, y_pred_a=y, y_pred_b=[0, 0, 0, 0])
    row = frame.set_index("metric").loc["precision"]
    assert row["interval"] == "undefined: no image is predicted positive"
    assert row[["difference", "low", "high"]].isna().all()


def test_one_class_only_leaves_what_can_be_compared():
    with pytest.warns(UndefinedMetricWarning, match="recall.*none of the 4 images is positive"):
        frame = compare_predictions([0, 0, 0, 0], [0.1, 0.6, 0.2, 0.7], [0.1, 0.2, 0.3, 0.4])
    frame = frame.set_index("metric")
    assert frame.loc["specificity", "difference"] == -0.5
    assert frame.loc[["recall", "roc_auc"], ["difference", "low", "p_value"]].isna().all(axis=None)


def test_estimators_and_their_predictions_agree():
    X, y = make_classification(300, class_sep=0.7, random_state=0)
    names = np.array(["NORMAL", "PNEUMONIA"])[y]
    linear = LogisticRegression().fit(X[:100], names[:100])
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X[:100], names[:100])
    X, names = X[100:], names[100:]
    frame = compare(linear, tree, X, names)
    expected = compare_predictions(
        names,
        linear.predict_proba(X)[:, 1],
        tree.predict_proba(X)[:, 1],
        y_pred_a=linear.predict(X),
        y_pred_b=tree.predict(X),
    )
    assert frame.equals(expected)
    assert (frame["n"] > 0).all()


def test_labels_alone_compare_decisions_alone():
    frame = compare_predictions([0, 1, 1], y_pred_a=[0, 1, 1], y_pred_b=[0, 1, 0])
    assert "roc_auc" not in set(frame["metric"])
    assert frame.set_index("metric").loc["recall", "difference"] == 0.5


def test_predictions_of_another_type_are_refused():
    y = [0, 1] * 20
    with pytest.raises(ValueError, match="y_pred such as '0': text never equals a number"):
        compare_predictions(y, y_pred_a=y, y_pred_b=["0", "1"] * 20)
