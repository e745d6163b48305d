"""Scorers: labels of any type, in a search, pickled."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import specificity_score
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score, roc_curve
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skpneumo.decision import InputGate
from skpneumo.evaluation import (
    make_recall_scorer,
    make_sensitivity_at_specificity_scorer,
    make_specificity_scorer,
    sensitivity_at_specificity,
    specificity_scorer,
)

X, y = make_classification(200, class_sep=0.6, random_state=0)
MODEL = LogisticRegression().fit(X, y)
LABELS = {
    "strings": (np.array(["NORMAL", "PNEUMONIA"])[y], "PNEUMONIA"),
    "reversed strings": (np.array(["SOUND", "ILL"])[y], "ILL"),
    "booleans": (y.astype(bool), True),
    "integers": (y, 1),
    "other integers": (y + 2, 3),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(kind):
    labels, pos_label = LABELS[kind]
    model = LogisticRegression().fit(X, labels)
    predicted = MODEL.predict(X)
    assert make_recall_scorer(pos_label)(model, X, labels) == recall_score(y, predicted)
    specificity = make_specificity_scorer(pos_label)(model, X, labels)
    assert specificity == pytest.approx(recall_score(y, predicted, pos_label=0))
    at_90 = make_sensitivity_at_specificity_scorer(0.9, pos_label)(model, X, labels)
    assert at_90 == sensitivity_at_specificity(y, MODEL.predict_proba(X)[:, 1])


@pytest.mark.parametrize(
    "scorer",
    [
        make_recall_scorer("PNEUMONIA"),
        make_specificity_scorer("PNEUMONIA"),
        make_sensitivity_at_specificity_scorer(0.8, "PNEUMONIA"),
    ],
)
def test_in_a_search_and_pickled(scorer):
    labels = LABELS["strings"][0]
    grid = {"C": [0.001, 1.0]}
    search = GridSearchCV(LogisticRegression(), grid, scoring=scorer, cv=3).fit(X, labels)
    again = GridSearchCV(
        LogisticRegression(), grid, scoring=pickle.loads(pickle.dumps(scorer)), cv=3
    ).fit(X, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ == again.best_score_


def test_specificity_scorer_is_for_zero_and_one():
    expected = recall_score(y, MODEL.predict(X), pos_label=0)
    assert specificity_scorer(MODEL, X, y) == pytest.approx(expected)
    assert cross_val_score(LogisticRegression(), X, y, scoring=specificity_scorer).min() > 0.5


def test_predicting_pneumonia_for_all_images_scores_badly():
    everything = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    assert make_recall_scorer()(everything, X, y) == 1
    assert specificity_scorer(everything, X, y) == 0
    assert make_sensitivity_at_specificity_scorer()(everything, X, y) == 0


def test_decision_function_is_enough():
    svc = LinearSVC().fit(X, y)
    score = make_sensitivity_at_specificity_scorer(0.9)(svc, X, y)
    assert score == sensitivity_at_specificity(y, svc.decision_function(X), specificity=0.9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 20))
def test_sensitivity_at_specificity_is_the_best_point_of_the_roc_curve(seed, k):
    rng = np.random.default_rng(seed)
    truth = np.array([0] * 20 + [1] * 15)
    score = np.round(rng.random(35) + 0.4 * truth, 1)
    specificity = 1 - k / 20  # Met exactly by k false alarms, whatever the rounding.
    false_alarms, recall, _ = roc_curve(truth, score, drop_intermediate=False)
    expected = max(r for f, r in zip(false_alarms, recall, strict=True) if round(20 * f) <= k)
    assert sensitivity_at_specificity(truth, score, specificity=specificity) == expected


@pytest.mark.parametrize("wrong", [90, -0.1, "0.9", np.nan])
def test_specificity_must_be_a_share(wrong):
    with pytest.raises(ValueError, match=r"The 'specificity' parameter .* range \[0.0, 1.0\]"):
        sensitivity_at_specificity([0, 1], [0.1, 0.9], specificity=wrong)


@pytest.mark.parametrize(
    ("scorer", "label", "missing"),
    [
        (make_recall_scorer(1), 0, "positive"),
        (make_specificity_scorer(1), 1, "negative"),
        (make_sensitivity_at_specificity_scorer(0.9, 1), 0, "positive"),
        (make_sensitivity_at_specificity_scorer(0.9, 1), 1, "negative"),
    ],
)
def test_score_of_one_class_alone_is_undefined(scorer, label, missing):
    with pytest.warns(UndefinedMetricWarning, match=f"none of the 200 labels is {missing}"):
        assert np.isnan(scorer(MODEL, X, np.full(200, label)))


def test_specificity_of_negatives_alone_is_their_share():
    negatives = y == 0
    expected = np.mean(MODEL.predict(X[negatives]) == 0)
    assert specificity_scorer(MODEL, X[negatives], y[negatives]) == pytest.approx(expected)
    nobody = DummyClassifier(strategy="constant", constant=0).fit(X, y)
    assert specificity_scorer(nobody, X[negatives], y[negatives]) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(0, 1), ("NORMAL", "PNEUMONIA"), ("ILL", "WELL")]))
def test_recall_and_specificity_are_scikit_learns(seed, names):
    rng = np.random.default_rng(seed)
    truth, called = rng.integers(0, 2, (2, 12))
    truth[:2] = 0, 1
    names = np.array(names)
    weight = rng.random(12)
    # Each row of X is the place of the label that is called.
    model = DecisionTreeClassifier().fit([[0], [1]], names)
    arguments = names[truth], names[called]
    for scorer, of_label in (
        (make_recall_scorer(names[1]), names[1]),
        (make_specificity_scorer(names[1]), names[0]),
    ):
        for weights in (None, weight):
            expected = recall_score(*arguments, pos_label=of_label, sample_weight=weights)
            found = scorer(model, called[:, np.newaxis], names[truth], sample_weight=weights)
            assert found == pytest.approx(expected)
    # Unweighted, for imbalanced-learn's weighted one is not the share of the weight.
    found = make_specificity_scorer(names[1])(model, called[:, np.newaxis], names[truth])
    assert found == pytest.approx(specificity_score(*arguments, pos_label=names[1]))


@pytest.mark.parametrize("make", [make_recall_scorer, make_specificity_scorer])
def test_positive_label_must_be_one_of_the_labels(make):
    with pytest.raises(ValueError, match=r"pos_label='?ill'? is not"):
        make("ill")(LogisticRegression().fit(X, LABELS["strings"][0]), X, LABELS["strings"][0])
    with pytest.raises(ValueError, match="pos_label=2 is not one"):
        sensitivity_at_specificity([0, 1], [0.1, 0.9], pos_label=2)
    with pytest.raises(ValueError, match="y_true is empty"):
        sensitivity_at_specificity([], [])


@pytest.mark.parametrize("make", [make_recall_scorer, make_specificity_scorer])
def test_images_without_a_predicted_label_are_neither_right_nor_wrong(make):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.tile([0, 1], 30)
    X[:, 0] += y
    gate = InputGate(LogisticRegression(), on_outlier="nan", false_alarm_rate=0.1)
    gate.fit(X, y, groups=range(60))
    far = np.vstack([X, np.full((2, 2), 1e3)])
    with pytest.raises(ValueError, match=r"images have no predicted label.*inside the gate"):
        make()(gate, far, np.r_[y, 0, 1])
