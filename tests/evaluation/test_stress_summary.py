"""Mean and worst over corruptions of the same images."""

import numpy as np
import pytest

from skpneumo._predictions import Predictions
from skpneumo.evaluation._stress_summary import mean_rows, worst_rows

METRICS = ("roc_auc", "balanced_accuracy", "recall", "specificity")


def predictions(score, positive, patient):
    score = np.asarray(score, dtype=float)
    return Predictions(positive, score >= 0.5, score, patient, None, 1)


def drawn(seed, n=200, per_patient=2, distance=2.5):
    rng = np.random.default_rng(seed)
    patient = np.arange(n) // per_patient
    positive = (patient % 3) > 0
    common = rng.normal(size=n)
    plain, *corrupted = (
        predictions(
            1 / (1 + np.exp(-(distance * (positive - 0.48) + common + 0.5 * rng.normal(size=n)))),
            positive,
            patient,
        )
        for _ in range(4)
    )
    return plain, dict(zip("abc", corrupted, strict=True))


def test_the_mean_is_that_of_the_metrics_of_each():
    plain, corrupted = drawn(0)
    rows = {row["metric"]: row for row in mean_rows(corrupted, plain, METRICS, 0.95)}
    recall = [each.predicted[each.positive].mean() for each in corrupted.values()]
    assert rows["recall"]["value"] == pytest.approx(np.mean(recall))
    specificity = [1 - each.predicted[~each.positive].mean() for each in corrupted.values()]
    balanced = (np.mean(recall) + np.mean(specificity)) / 2
    assert rows["balanced_accuracy"]["value"] == pytest.approx(balanced)
    own = plain.predicted[plain.positive].mean()
    assert rows["recall"]["drop"] == pytest.approx(own - np.mean(recall))


def of_patients(chosen, several):
    """Select the two images of each chosen patient, each a patient of its own."""
    rows = (2 * chosen[:, None] + [0, 1]).ravel()
    patient = np.repeat(np.arange(len(chosen)), 2)
    return [
        Predictions(each.positive[rows], each.predicted[rows], each.score[rows], patient, None, 1)
        for each in several
    ]


def test_the_interval_of_the_mean_is_as_wide_as_the_bootstrap_over_patients_says():
    plain, corrupted = drawn(1, n=1600)
    rows = mean_rows(corrupted, plain, METRICS, 0.95)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(150):
        chosen = rng.integers(plain.n_patients, size=plain.n_patients)
        again, *others = of_patients(chosen, [plain, *corrupted.values()])
        means = mean_rows(dict(zip("abc", others, strict=True)), again, METRICS, 0.95)
        found.append([(row["value"], row["drop"]) for row in means])
    for row, (of_value, of_drop) in zip(rows, 2 * 1.96 * np.std(found, axis=0), strict=True):
        assert row["high"] - row["low"] == pytest.approx(of_value, rel=0.25)
        assert row["drop_high"] - row["drop_low"] == pytest.approx(of_drop, rel=0.25)


def test_the_interval_of_the_mean_contains_it_with_few_patients_and_hardly_an_error():
    """The normal interval did so in 11 to 49 of 100, because it has no width without an error."""
    plain, corrupted = drawn(3, n=40_000, distance=6.0)
    truth = mean_rows(corrupted, plain, METRICS, 0.95)
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(150):
        chosen = rng.choice(plain.n_patients, 30, replace=False)
        one, *others = of_patients(chosen, [plain, *corrupted.values()])
        rows = mean_rows(dict(zip("abc", others, strict=True)), one, METRICS, 0.95)
        covered.append(
            [
                [
                    row["low"] <= true["value"] <= row["high"],
                    row["drop_low"] <= true["drop"] <= row["drop_high"],
                    row["low"] < row["high"] and row["drop_low"] < row["drop_high"],
                ]
                for row, true in zip(rows, truth, strict=True)
            ]
        )
    assert np.min(np.mean(covered, axis=0)) > 0.92


def test_metrics_of_the_same_images_are_not_treated_as_independent():
    plain, corrupted = drawn(2)
    (one,) = mean_rows({"a": corrupted["a"]}, plain, ("recall",), 0.95)
    (three,) = mean_rows(dict.fromkeys("abc", corrupted["a"]), plain, ("recall",), 0.95)
    assert (three["low"], three["high"]) == pytest.approx((one["low"], one["high"]))


def test_the_worst_is_named_for_each_metric_on_its_own():
    rows = [
        {"corruption": "a", "metric": "recall", "value": 0.9},
        {"corruption": "b", "metric": "recall", "value": 0.8},
        {"corruption": "a", "metric": "specificity", "value": 0.5},
        {"corruption": "b", "metric": "specificity", "value": np.nan},
    ]
    worst = worst_rows(rows, ("recall", "specificity", "roc_auc"))
    assert [(row["where"], row["value"]) for row in worst] == [("b", 0.8), ("a", 0.5)]
    assert {row["corruption"] for row in worst} == {"worst"}
