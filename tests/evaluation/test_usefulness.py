"""A model is useless if it predicts the same for all images, or is no better than guessing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo.evaluation import evaluate_predictions, why_useless, why_useless_rates

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")

NAMES = ("NORMAL", "PNEUMONIA")


def reason(y, y_pred):
    frame = evaluate_predictions(y, y_pred=y_pred, groups=range(len(y)))
    return why_useless(frame, names=NAMES)


@pytest.mark.parametrize(("answer", "name"), list(enumerate(NAMES)))
def test_one_answer_for_all_is_useless_however_many_are_right(answer, name):
    y = np.array([answer] * 95 + [1 - answer] * 5)
    assert reason(y, np.full(100, answer)) == f"It predicts {name} for every image."


def test_a_guessing_model_is_useless_and_a_good_one_is_not():
    y = np.repeat([0, 1], 50)
    assert "is not above 0.5" in reason(y, np.tile([0, 1], 50))
    assert "is not above 0.5" in reason(y, 1 - y)
    assert reason(y, y) == ""


def test_few_patients_do_not_show_that_a_model_is_useful():
    y = np.array([0, 0, 1, 1])
    assert "[" in reason(y, np.array([0, 1, 1, 1]))


@pytest.mark.parametrize("y_pred", [[1, 1, 1], [1, 0, 1]])
def test_images_of_one_class_do_not_show_that_a_model_is_useless(y_pred):
    with pytest.warns(UndefinedMetricWarning):
        frame = evaluate_predictions([1, 1, 1], y_pred=y_pred, pos_label=1)
    assert why_useless(frame) == ""


@given(st.integers(1, 40), st.integers(1, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_a_reason_is_given_exactly_where_the_definition_holds(n_positive, n_negative, data):
    found = data.draw(st.integers(0, n_positive))
    cleared = data.draw(st.integers(0, n_negative))
    y = np.array([1] * n_positive + [0] * n_negative)
    called = np.array(
        [1] * found + [0] * (n_positive - found) + [0] * cleared + [1] * (n_negative - cleared)
    )
    frame = evaluate_predictions(y, y_pred=called, groups=range(len(y)))
    low = frame.set_index("metric").loc["balanced_accuracy", "low"]
    assert bool(why_useless(frame)) == (low <= 0.5 or len(set(called)) == 1)


def test_rates_of_different_patients_are_judged_as_a_table_is():
    y = np.repeat([0, 1], 50)
    for n_wrong in (0, 10, 24, 25, 50):
        called = y.copy()
        called[:n_wrong] = 1
        rows = evaluate_predictions(y, y_pred=called, groups=range(100)).set_index("metric")
        recall, specificity = (
            (row["value"], (row["low"], row["high"]))
            for row in (rows.loc["recall"], rows.loc["specificity"])
        )
        assert why_useless_rates(*recall, *specificity, names=NAMES) == reason(y, called)
