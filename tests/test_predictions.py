"""The input of an evaluation: labels of any type, and patients from any source."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from skpneumo._paths import filenames_of
from skpneumo._predictions import Predictions, predictions_of
from skpneumo.loading import ImageArray

NAMES = ["IM-0001-0001.jpeg", "person7_virus_1.jpeg", "person7_virus_2.jpeg"]


@pytest.mark.parametrize(
    ("negative", "positive", "pos_label"),
    [
        (0, 1, None),
        (-1, 1, None),
        (False, True, None),
        (0.0, 1.0, None),
        (3, 7, None),
        ("NORMAL", "PNEUMONIA", None),
        ("PNEUMONIA", "SOUND", "PNEUMONIA"),
        (np.str_("NORMAL"), np.str_("PNEUMONIA"), None),
    ],
)
def test_labels_of_any_type(negative, positive, pos_label):
    if pos_label is not None:
        negative, positive = positive, negative
    predictions = Predictions.of(
        [negative, positive, positive], [0.2, 0.4, 0.9], pos_label=pos_label
    )
    assert predictions.positive.tolist() == [False, True, True]
    assert predictions.predicted.tolist() == [False, False, True]
    assert predictions.pos_label == positive


@pytest.mark.parametrize("label", ["NORMAL", "normal", "Healthy"])
def test_normal_is_not_the_positive_class(label):
    with pytest.raises(ValueError, match=r"not sound like the illness.*Pass pos_label='A'"):
        Predictions.of(["A", label], [0.1, 0.9])
    assert Predictions.of(["A", label], [0.1, 0.9], pos_label=label).positive.tolist() == [
        False,
        True,
    ]


def test_single_label_needs_a_name_unless_it_is_zero_or_one():
    assert not Predictions.of([0, 0], [0.1, 0.9]).positive.any()
    assert Predictions.of([1, 1], [0.1, 0.9]).positive.all()
    with pytest.raises(ValueError, match="only label is 'SICK'"):
        Predictions.of(["SICK", "SICK"], [0.1, 0.9])
    assert Predictions.of(["SICK"], [0.9], pos_label="SICK").positive.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [0, 1, 2], "y_score": [0.1, 0.2, 0.3]}, r"labels \[0, 1, 2\]"),
        ({"y": [0, 1], "y_pred": ["refer", 1]}, "refer"),
        ({"y": [0, 1], "y_score": [0.1, np.nan]}, "y_score contains NaN"),
        ({"y": [0, 1], "y_score": [[0.9, 0.1], [0.2, 0.8]]}, "column of the positive class"),
        ({"y": [0, 1], "y_score": [0.1]}, "inconsistent numbers of samples"),
        ({"y": [0, 1], "y_score": [0.1, 0.9], "groups": ["a"]}, "2 samples but 1 groups"),
        ({"y": [0, 1], "y_score": [0.1, 0.9], "pos_label": 5}, "pos_label=5 is not one of"),
        ({"y": [0, 1], "y_score": [-2.0, 3.0]}, "range from -2 to 3"),
        ({"y": [0, 1], "y_pred": [0, 1], "threshold": 0.5}, "Both y_pred and threshold=0.5"),
        ({"y": [0, 1]}, "nothing to evaluate"),
        ({"y": [0, 1], "y_score": [0.1, 0.9], "threshold": 50}, "threshold=50 is not between 0 "),
        ({"y": [0, 1], "y_score": [0.1, 0.9], "threshold": -1}, "all scores are, from 0.1 to 0.9"),
        ({"y": [0, 1], "y_pred": ["0", "1"]}, "y_true has labels such as 0, y_pred such as '0'"),
        ({"y": ["A", "B"], "y_pred": [0, 1]}, "text never equals a number"),
        ({"y": [0, 1, "1"], "y_score": [0.1, 0.2, 0.3]}, "text, such as '1', .* such as 0"),
        ({"y": [0, 1], "y_pred": [0.0, np.nan]}, "y_pred contains NaN or None in 1 of 2 .* row 1"),
        ({"y": ["A", "B"], "y_pred": ["A", None]}, "y_pred contains NaN or None in 1 of 2"),
        ({"y": ["A", pd.NA], "y_pred": ["A", "B"]}, "y_true contains NaN or None in 1 of 2"),
        (
            {"y": np.ma.array([0, 1, 1], mask=[1, 0, 0]), "y_pred": [0, 1, 1]},
            "y_true contains NaN or None in 1 of 3 labels, the first, None, in row 0",
        ),
        (
            {"y": pd.Series(["A", None]), "y_pred": ["A", "B"]},
            "y_true contains NaN or None in 1 of 2",
        ),
        (
            {"y": np.arange(80) / 80, "y_pred": np.arange(80) / 80},
            r"labels \[0\.0, 0\.0125, 0\.025, 0\.0375, 0\.05, \.\.\.\], 80 in all\. Pass",
        ),
    ],
)
def test_invalid_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Predictions.of(**arguments)


@pytest.mark.parametrize(
    "form",
    [
        list,
        np.array,
        lambda y: np.array(y, dtype=object),
        lambda y: np.array(y)[:, np.newaxis],
        pd.Series,
        lambda y: pd.Series(y, dtype="category"),
        lambda y: pd.DataFrame({"label": y}),
    ],
)
@pytest.mark.parametrize(
    "y", [[0, 1, 1], [False, True, True], ["NORMAL", "PNEUMONIA", "PNEUMONIA"]]
)
def test_labels_in_any_container(form, y):
    predictions = Predictions.of(form(y), y_pred=form(y[::-1]))
    assert predictions.positive.tolist() == [False, True, True]
    assert predictions.predicted.tolist() == [True, True, False]


def test_patients_come_from_groups_before_file_names_before_rows():
    y, score = [0, 1, 1], [0.1, 0.8, 0.9]
    assert not Predictions.of(y, score).clustered
    assert Predictions.of(y, score, filenames=NAMES).patient.tolist() == [0, 1, 1]
    by_group = Predictions.of(y, score, filenames=NAMES, groups=["x", "x", "y"])
    assert by_group.patient.tolist() == [0, 0, 1]
    assert by_group.n_patients == 2


def test_rows_renumber_patients():
    part = Predictions.of([0, 1, 1], [0.1, 0.8, 0.9], filenames=NAMES).rows(
        np.array([False, True, True])
    )
    assert part.patient.tolist() == [0, 0]
    assert part.filenames.tolist() == NAMES[1:]


def test_scores_of_a_part_are_probabilities_if_those_of_all_images_are():
    y, within = np.array([0, 1, 0, 1]), np.array([False, True, True, False])
    for score, are in (([-2.0, 0.2, 0.7, 3.0], False), ([0.0, 0.2, 0.7, 1.0], True)):
        everything = Predictions.of(y, score, threshold=0.5)
        assert everything.has_probabilities == everything.rows(within).has_probabilities == are


def test_scores_of_a_decision_function_are_no_probabilities_where_they_look_like_some():
    X = np.linspace(-3, 3, 60)[:, np.newaxis]
    model = LinearSVC().fit(X, X[:, 0] > 0.2)
    few = model.decision_function(X)
    few = X[(few > 0) & (few < 1)]
    predictions = predictions_of(model, few, np.arange(len(few)) % 2 == 0)
    assert ((predictions.score > 0) & (predictions.score < 1)).all()
    assert not predictions.has_probabilities
    assert predictions_of(LogisticRegression().fit(X, X[:, 0] > 0), X, X > 0).has_probabilities


@pytest.mark.parametrize(
    "X",
    [
        NAMES,
        np.array(NAMES),
        np.array(NAMES, dtype=object)[:, np.newaxis],
        pd.Series(NAMES),
        pd.DataFrame({"path": NAMES}),
        ImageArray(np.zeros((3, 2, 2, 1), dtype=np.uint8), NAMES),
    ],
)
def test_file_names_of_paths_and_of_images_with_names(X):
    assert filenames_of(X).tolist() == NAMES


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((3, 2, 2, 1), dtype=np.uint8),
        np.zeros((3, 4)),
        [[0.1, 0.2], [0.3, 0.4]],
        pd.DataFrame({"a": [0.1], "b": [0.2]}),
        ImageArray(np.zeros((3, 2, 2, 1), dtype=np.uint8)),
    ],
)
def test_no_file_names_where_there_are_none(X):
    assert filenames_of(X) is None


def test_estimator_decides_by_its_own_predict_or_by_the_threshold():
    X = np.arange(20.0)[:, np.newaxis]
    y = np.where(np.arange(20) < 10, "NORMAL", "PNEUMONIA")
    model = LogisticRegression().fit(X, y)
    own = predictions_of(model, X, y)
    assert own.pos_label == "PNEUMONIA"
    assert np.array_equal(own.predicted, model.predict(X) == "PNEUMONIA")
    assert np.array_equal(own.score, model.predict_proba(X)[:, 1])
    assert predictions_of(model, X, y, threshold=0.0).predicted.all()


def test_estimator_with_the_positive_class_first():
    X = np.arange(20.0)[:, np.newaxis]
    y = np.where(np.arange(20) < 10, "NORMAL", "BACTERIA")
    model = LogisticRegression().fit(X, y)
    for pos_label in (None, "BACTERIA"):
        predictions = predictions_of(model, X, y, pos_label=pos_label)
        assert predictions.pos_label == "BACTERIA"
        assert np.array_equal(predictions.score, model.predict_proba(X)[:, 0])
    svc = LinearSVC().fit(X, y)
    decision = predictions_of(svc, X, y, pos_label="BACTERIA").score
    assert np.array_equal(decision, -svc.decision_function(X))


def test_estimator_of_three_classes_is_evaluated_one_against_the_rest():
    X = np.arange(30.0)[:, np.newaxis]
    y = np.repeat([0, 1, 2], 10)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match=r"3 classes, \[.*\]. Pass the one"):
        predictions_of(model, X, y)
    predictions = predictions_of(model, X, y, pos_label=2)
    assert np.array_equal(predictions.positive, y == 2)
    assert np.array_equal(predictions.score, model.predict_proba(X)[:, 2])
    assert np.array_equal(
        predictions_of(LinearSVC().fit(X, y), X, y, pos_label=2).predicted,
        LinearSVC().fit(X, y).predict(X) == 2,
    )


def test_percents_are_no_threshold_on_probabilities_but_on_percents():
    X = np.arange(10.0)[:, np.newaxis]
    y = np.repeat([0, 1], 5)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"threshold=50 is not between 0 and 1.*0\.5 for 50 %"):
        predictions_of(model, X, y, threshold=50)
    percents = 100 * model.predict_proba(X)[:, 1]
    expected = predictions_of(model, X, y, threshold=0.5).predicted
    assert np.array_equal(Predictions.of(y, percents, threshold=50).predicted, expected)
    for above_all in (np.inf, np.nextafter(np.float32(1), np.float32(2))):
        assert not predictions_of(model, X, y, threshold=above_all).predicted.any()


@pytest.mark.parametrize("as_given", [np.asarray, pd.Series])
def test_a_threshold_that_equals_a_score_calls_it_positive(as_given):
    score = np.array([0.1, 0.7, 0.7], dtype=np.float32)  # 0.7 as float32 is less than 0.7
    assert Predictions.of([0, 1, 1], as_given(score), threshold=0.7).predicted.sum() == 2

    class Single(LogisticRegression):
        def predict_proba(self, X):
            return np.column_stack([1 - score, score])

    X, y = np.arange(3.0)[:, np.newaxis], [0, 1, 1]
    assert predictions_of(Single().fit(X, y), X, y, threshold=0.7).predicted.sum() == 2


def test_thresholds_are_rounded_as_numpy_rounds_them_in_predict():
    score = np.array([0.1, 0.7, 1.0], dtype=np.float32)
    for threshold in (0.7, np.float64(0.7), np.nextafter(1, 2)):
        predictions = Predictions.of([0, 1, 1], score, threshold=threshold)
        assert np.array_equal(predictions.predicted, score >= threshold)


def test_decisions_at_a_rounded_threshold_follow_from_it():
    score = np.array([0.1, 0.7, 1.0], dtype=np.float32)
    predictions = Predictions.of([0, 1, 1], score, threshold=0.7)
    assert predictions.decided_by(0.7)
    assert not predictions.decided_by(0.8)


def test_any_number_is_a_threshold_of_a_decision_function():
    X, y = np.arange(6.0)[:, np.newaxis], np.repeat([0, 1], 3)
    model = LinearSVC().fit(X, y)
    within = X[(model.decision_function(X) >= 0) & (model.decision_function(X) <= 1)]
    for threshold, expected in ((-0.2, True), (1.5, False)):
        predictions = predictions_of(
            model,
            within,
            np.ones(len(within), int),
            groups=range(len(within)),
            threshold=threshold,
        )
        assert (predictions.predicted == expected).all()
    with pytest.raises(ValueError, match="threshold is NaN"):
        predictions_of(model, X, y, groups=range(6), threshold=np.nan)


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearRegression().fit([[0]], [1])])
def test_what_has_no_classes_is_not_fitted_or_no_classifier(estimator):
    name = type(estimator).__name__
    with pytest.raises(NotFittedError, match=rf"{name} has no classes, because it is not fitted"):
        predictions_of(estimator, [[0.0], [1.0]], [0, 1], groups=range(2))


def test_labels_must_be_those_of_the_estimator():
    model = DummyClassifier().fit([[0], [1]], ["NORMAL", "PNEUMONIA"])
    with pytest.raises(ValueError, match=r"y has the labels \[0, 1\].*fitted on"):
        predictions_of(model, [[0], [1]], [0, 1])
    with pytest.raises(ValueError, match="pos_label='SICK' is not one of the classes"):
        predictions_of(model, [[0]], ["NORMAL"], pos_label="SICK")
