"""Every sentence about a recall floor appears exactly if it is true."""

import numpy as np
import pytest
from scipy.stats import binomtest

from skpneumo._predictions import Predictions
from skpneumo.report._sentences import FLOOR_SENTENCES, sentences_about_floor

FLOOR = 0.9


def patients(n_found, n, n_images=3):
    """Patients with several images; one image is missed of each patient who is not found."""
    called = np.ones((n, n_images), dtype=bool)
    called[n_found:, 0] = False
    called = np.r_[called.ravel(), False]  # and one normal patient
    y = np.r_[np.ones(n * n_images, dtype=int), 0]
    groups = np.r_[np.repeat(np.arange(n), n_images), n]
    return Predictions.of(y, y_pred=called.astype(int), groups=groups, pos_label=1)


def limits(n_found, n):
    return binomtest(n_found, n).proportion_ci(0.95, method="wilson")


TRUE_WHEN = {
    "nobody": lambda k, n, known: n == 0,
    "below": lambda k, n, known: n > 0 and limits(k, n).high < FLOOR,
    "above": lambda k, n, known: n > 0 and limits(k, n).low >= FLOOR,
    "undecided": lambda k, n, known: n > 0 and limits(k, n).low < FLOOR <= limits(k, n).high,
    "unknown patients": lambda k, n, known: not known,
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("n_found", "n"), [(0, 0), (30, 100), (95, 100), (100, 100), (200, 200), (88, 100), (9, 10)]
)
def test_each_sentence_is_said_exactly_where_it_is_true(n_found, n, known):
    assert TRUE_WHEN.keys() == FLOOR_SENTENCES.keys()
    said = sentences_about_floor(patients(n_found, n), FLOOR, 0.95, known)
    for name, is_true in TRUE_WHEN.items():
        assert (name in said) == is_true(n_found, n, known), name


def test_verdict_is_by_patients_where_images_would_say_otherwise():
    predictions = patients(160, 200, n_images=10)
    assert predictions.predicted[predictions.positive].mean() == 0.98  # above the floor
    assert "below" in sentences_about_floor(predictions, FLOOR, 0.95, True)
