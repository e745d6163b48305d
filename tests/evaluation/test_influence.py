"""Influences against finite differences, and their use."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from skpneumo._predictions import Predictions
from skpneumo.evaluation._influence import (
    INFLUENCES,
    degrees_of_freedom,
    influence_of,
    shrunk_correlation,
)

WEIGHTED = {
    "roc_auc": lambda y, s, p, w: roc_auc_score(y, s, sample_weight=w),
    "average_precision": lambda y, s, p, w: average_precision_score(y, s, sample_weight=w),
    "brier_score": lambda y, s, p, w: brier_score_loss(y, s, sample_weight=w),
    "f1": lambda y, s, p, w: f1_score(y, p, sample_weight=w),
    "precision": lambda y, s, p, w: w @ (y & p) / (w @ p),
    "negative_predictive_value": lambda y, s, p, w: w @ (~y & ~p) / (w @ ~p),
    "recall": lambda y, s, p, w: w @ (y & p) / (w @ y),
    "specificity": lambda y, s, p, w: w @ (~y & ~p) / (w @ ~y),
    "accuracy": lambda y, s, p, w: w @ (y == p) / w.sum(),
    "balanced_accuracy": lambda y, s, p, w: (w @ (y & p) / (w @ y) + w @ (~y & ~p) / (w @ ~y)) / 2,
}


def some_predictions(n=40):
    rng = np.random.default_rng(0)
    y = rng.random(n) < 0.5
    score = np.round(np.clip(0.4 * y + 0.6 * rng.random(n), 0, 1), 1)  # with ties
    return Predictions.of(y, score, groups=np.arange(n) // 3)


@pytest.mark.parametrize("metric", INFLUENCES)
def test_influence_is_the_derivative_by_the_weight_of_a_patient(metric):
    predictions = some_predictions()
    y, score, called = predictions.positive, predictions.score, predictions.predicted
    expected = []
    for patient in range(predictions.n_patients):
        values = [
            WEIGHTED[metric](y, score, called, 1.0 + step * (predictions.patient == patient))
            for step in (1e-5, -1e-5)
        ]
        expected.append((values[0] - values[1]) / 2e-5)
    assert influence_of(predictions, metric) == pytest.approx(expected, abs=1e-8)
    assert sum(expected) == pytest.approx(0, abs=1e-8)


def test_undefined_metric_has_no_influence():
    predictions = Predictions.of([0, 0, 0], [0.1, 0.2, 0.9], pos_label=1)
    assert (influence_of(predictions, "recall") == 0).all()
    assert (influence_of(predictions, "roc_auc") == 0).all()


def test_degrees_of_freedom_are_patients_of_normal_and_errors_of_rare_ones():
    rng = np.random.default_rng(0)
    assert 120 < degrees_of_freedom(rng.normal(size=200)) <= 199
    rare = np.full(200, -0.02)
    rare[:4] = 0.98
    assert 7 < degrees_of_freedom(rare) < 10
    assert degrees_of_freedom(np.zeros(5)) == 1
    assert degrees_of_freedom(np.append(rare, np.zeros(9))) == degrees_of_freedom(
        np.append(rare, np.full(9, 1e-17))
    )


def test_agreement_on_few_patients_is_shrunk_and_on_many_is_not():
    few = np.zeros(100)
    few[:4] = 1, -1, 1, -1
    assert shrunk_correlation(few, few) == pytest.approx(4 / 6)
    many = np.random.default_rng(0).choice([-1.0, 1.0], 1000)
    assert shrunk_correlation(many, many) == pytest.approx(1000 / 1002)
    assert shrunk_correlation(many, -many) == pytest.approx(-1000 / 1002)
    assert shrunk_correlation(np.zeros(4), np.ones(4)) == 0
