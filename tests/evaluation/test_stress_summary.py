"""Mean and worst over corruptions of the same images."""

import numpy as np
import pytest

from skpneumo._predictions import Predictions
from skpneumo.evaluation._stress_summary import mean_rows, worst_rows

METRICS = ("roc_auc", "balanced_accuracy", "recall", "specificity")


def predictions(score, positive, patient):
    score = np.asarray(score, dtype=float)
    return Predictions(positive, score >= 0.5, score, patient, None, 1)


def drawn(seed, n=200, per_patient=2):
    rng = np.random.default_rng(seed)
    patient = np.arange(n) // per_patient
    positive = (patient % 3) > 0
    common = rng.normal(size=n)
    plain, *corrupted = (
        predictions(
            1 / (1 + np.exp(-(2.5 * positive - 1.2 + common + 0.5 * rng.normal(size=n)))),
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


@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_of_the_mean_is_as_wide_as_the_bootstrap_over_patients_says(metric):
    plain, corrupted = drawn(1)
    (row,) = mean_rows(corrupted, plain, (metric,), 0.95)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(400):
        chosen = rng.integers(plain.n_patients, size=plain.n_patients)
        rows = np.concatenate([np.flatnonzero(plain.patient == each) for each in chosen])
        resampled = {
            name: Predictions(
                each.positive[rows], each.predicted[rows], each.score[rows],
                np.repeat(np.arange(len(chosen)), 2), None, 1,
            )
            for name, each in corrupted.items()
        }  # fmt: skip
        (again,) = mean_rows(resampled, plain, (metric,), 0.95)
        means.append(again["value"])
    spread = 2 * 1.96 * np.std(means)
    assert row["high"] - row["low"] == pytest.approx(spread, rel=0.2)


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
