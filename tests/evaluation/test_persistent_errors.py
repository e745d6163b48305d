"""Errors that persist over runs: counts, and their expectation by chance."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB

from skpneumo.evaluation import persistent_errors

Y = np.repeat([0, 1], [60, 140])


def independent_errors(rng, rates, n_runs=4):
    wrong = rng.random((len(Y), n_runs)) < np.array(rates)[Y][:, np.newaxis]
    return np.where(wrong, 1 - Y[:, np.newaxis], Y[:, np.newaxis])


def test_frame_lists_the_most_persistent_first():
    y_pred = np.tile(Y[:, np.newaxis], 3)
    y_pred[5] = 1
    y_pred[100, :2] = 0
    y_pred[7, 1] = 1
    filenames = [f"{i}.png" for i in range(200)]
    frame = persistent_errors(Y, y_pred, filenames=filenames, groups=filenames).frame
    assert frame["row"].to_list() == [5, 100, 7]
    assert frame["filename"].to_list() == ["5.png", "100.png", "7.png"]
    assert frame["label"].to_list() == [0, 1, 0]
    assert frame["n_wrong"].to_list() == [3, 2, 1]
    assert frame["share"].to_list() == pytest.approx([1, 2 / 3, 1 / 3])


def test_observed_counts_add_up():
    y_pred = independent_errors(np.random.default_rng(0), (0.2, 0.1))
    errors = persistent_errors(Y, y_pred)
    assert errors.overlap["observed"].sum() == len(errors.frame)
    assert (errors.overlap["observed"] @ errors.overlap["n_wrong"]) == (
        y_pred != Y[:, np.newaxis]
    ).sum()
    assert errors.overlap["expected"] @ errors.overlap["n_wrong"] == pytest.approx(
        (y_pred != Y[:, np.newaxis]).sum()
    )


def test_independent_runs_lie_in_the_range_of_chance():
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(150):
        overlap = persistent_errors(Y, independent_errors(rng, (0.3, 0.15))).overlap
        inside.append(
            (overlap["low"] <= overlap["observed"]) & (overlap["observed"] <= overlap["high"])
        )
    assert np.mean(inside, axis=0).min() > 0.93


def test_expectation_is_that_of_independent_runs():
    rng = np.random.default_rng(2)
    overlaps = [
        persistent_errors(Y, independent_errors(rng, (0.3, 0.15))).overlap for _ in range(300)
    ]
    observed = np.mean([each["observed"] for each in overlaps], axis=0)
    expected = np.mean([each["expected"] for each in overlaps], axis=0)
    assert observed == pytest.approx(expected, rel=0.1, abs=0.1)


def test_error_rates_differ_by_class():
    # Errors in one class alone meet more often there than over all images.
    y_pred = np.tile(Y[:, np.newaxis], 2)
    y_pred[:20, 0] = 1
    y_pred[10:30, 1] = 1
    overlap = persistent_errors(Y, y_pred).overlap
    assert overlap.loc[1, "expected"] == pytest.approx(60 * (20 / 60) ** 2)


def test_same_errors_stand_out():
    y_pred = np.tile(Y[:, np.newaxis], 5)
    y_pred[:20] = 1
    errors = persistent_errors(Y, y_pred)
    last = errors.overlap.iloc[-1]
    assert last["observed"] == 20 > last["high"]
    figure = "a share of 0.100 [0.066, 0.149] (200 images, 200 patients)"
    text = " ".join(str(errors).split())
    assert max(map(len, str(errors).splitlines())) <= 80
    assert text.startswith(f"Wrong in at least one of 5 runs: 20 images, {figure}")
    assert f"In every run: 20 images, {figure}; by chance it would be " in text
    assert repr(errors) == str(errors)


def test_images_of_one_patient_make_the_share_less_certain():
    y_pred = np.tile(Y[:, np.newaxis], 2)
    y_pred[:10] = 1
    one_each = persistent_errors(Y, y_pred).shares
    clustered = persistent_errors(Y, y_pred, groups=np.arange(200) // 5).shares
    assert clustered["n_patients"].to_list() == [40, 40]
    assert (clustered["value"] == 0.05).all()
    assert (clustered["high"] > one_each["high"] + 0.02).all()
    with pytest.raises(ValueError, match="200 samples but 3 groups"):
        persistent_errors(Y, y_pred, groups=[1, 2, 3])


def test_string_labels_and_estimators():
    X = np.arange(20.0)[:, np.newaxis]
    y = np.where(np.arange(20) < 8, "NORMAL", "PNEUMONIA")
    models = [DummyClassifier().fit(X, y), GaussianNB().fit(X, y)]
    errors = persistent_errors(y, models, X=X)
    assert (errors.frame["label"] == "NORMAL").all()
    assert len(errors.frame) == 8
    with pytest.raises(TypeError, match="no X for them"):
        persistent_errors(y, models)


@pytest.mark.parametrize(
    ("y", "y_pred", "message"),
    [
        (
            [0, 1],
            [["0", "0"], ["1", "1"]],
            "y_true has labels such as 0, run 0 of y_pred such as '0'",
        ),
        (["A", "B"], [["A", 0], ["B", 1]], "run 1 of y_pred such as 0"),
        ([0, 1], [[0, np.nan], [1, 1]], "run 1 of y_pred contains NaN or None in 1 of 2 labels"),
        (["A", "B"], [["A", "B"], ["B", None]], "run 1 of y_pred contains NaN or None"),
    ],
)
def test_predictions_that_cannot_equal_a_label_are_refused(y, y_pred, message):
    with pytest.raises(ValueError, match=message):
        persistent_errors(y, y_pred)


def test_estimators_of_other_labels_are_refused():
    X, y = np.zeros((4, 1)), np.array(["A", "B", "A", "B"])
    models = [DummyClassifier().fit(X, y), DummyClassifier().fit(X, [0, 1, 0, 1])]
    with pytest.raises(ValueError, match="run 1 of y_pred such as 0"):
        persistent_errors(y, models, X=X)


def test_names_come_from_paths():
    paths = ["IM-0001-0001.jpeg", "person1_virus_1.jpeg"]
    frame = persistent_errors([0, 1], [[1, 1], [1, 1]], X=paths).frame
    assert frame["filename"].to_list() == ["IM-0001-0001.jpeg"]


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="y_true is empty"):
        persistent_errors([], np.empty((0, 2)))


def test_one_run_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 1\).*at least two"):
        persistent_errors([0, 1], [[0], [1]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        persistent_errors([0, 1, 1], [[0, 0], [1, 1]])
