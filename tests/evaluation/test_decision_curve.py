"""Net benefit by its definition, and against its two constants."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skpneumo.evaluation import decision_curve, decision_curve_predictions

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 200)
P = np.clip(0.3 * Y + 0.7 * RNG.random(200), 0, 1)


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.7])
def test_net_benefit_at_the_samples_prevalence_counts_images(threshold):
    (row,) = decision_curve_predictions(Y, P, threshold_probabilities=[threshold]).itertuples()
    called = threshold <= P
    true, false = (called & (Y == 1)).mean(), (called & (Y == 0)).mean()
    assert row.net_benefit == pytest.approx(true - false * threshold / (1 - threshold))
    assert row.low < row.net_benefit < row.high
    assert row.examine_all == pytest.approx(
        Y.mean() - (1 - Y.mean()) * threshold / (1 - threshold)
    )


def test_examining_everyone_is_the_model_that_calls_everyone():
    frame = decision_curve_predictions(
        Y, np.ones(200), prevalence=0.2, threshold_probabilities=[0.1, 0.3]
    )
    assert frame["net_benefit"].to_numpy() == pytest.approx(frame["examine_all"].to_numpy())
    assert frame["examine_all"][0] == pytest.approx(0.2 - 0.8 / 9)


def test_estimator_and_usual_thresholds():
    model = LogisticRegression().fit(P[:, None], Y)
    frame = decision_curve(model, P[:, None], Y)
    assert len(frame) == 99
    assert frame["n_patients"].eq(200).all()
    assert (frame["low"] <= frame["net_benefit"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_score": 10 * P}, "needs probabilities"),
        ({"y_true": np.ones(200), "pos_label": 1}, "of one class"),
        ({"prevalence": 1.0}, "prevalence=1.0 is not between"),
        ({"threshold_probabilities": [0.1, 1.0]}, "threshold_probabilities=1.0 is not between"),
    ],
)
def test_scores_without_a_net_benefit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        decision_curve_predictions(**{"y_true": Y, "y_score": P} | arguments)
