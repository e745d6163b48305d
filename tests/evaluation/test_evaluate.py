"""The frame of an evaluation: values, rows, edge cases."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    class_likelihood_ratios,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.decision import InputGate
from skpneumo.evaluation import (
    DominantPatientWarning,
    ModelComparisonDisplay,
    compare,
    decision_curve,
    evaluate,
    evaluate_predictions,
    expected_calibration_error,
)
from skpneumo.report import EvaluationReport

COLUMNS = ["subgroup", "metric", "value", "low", "high", "n", "n_patients", "n_effective"]
COLUMNS += ["interval", "true_positives", "false_negatives", "false_positives", "true_negatives"]
XRAYS = [
    "IM-0001-0001.jpeg",
    "IM-0001-0002.jpeg",
    "IM-0002-0001.jpeg",
    "person1_bacteria_1.jpeg",
    "person1_bacteria_2.jpeg",
    "person2_bacteria_3.jpeg",
    "person1_virus_1.jpeg",
    "person3_virus_2.jpeg",
]
Y = np.array([0, 0, 0, 1, 1, 1, 1, 1])
SCORE = np.array([0.1, 0.2, 0.6, 0.9, 0.8, 0.3, 0.7, 0.95])


def by_metric(frame, subgroup="all"):
    return frame[frame["subgroup"] == subgroup].set_index("metric")


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 100_000),
    st.sampled_from([None, 3]),
    st.sampled_from([(0, 1), (1, 0), (-1, 1), (False, True), ("NORMAL", "ILL"), ("A", "B")]),
)
def test_values_are_scikit_learns(seed, images_per_patient, names):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 60))
    y = rng.integers(0, 2, n)
    y[:2] = 0, 1
    score = np.round(np.clip(0.5 * rng.random(n) + 0.4 * y * rng.random(n), 0, 1), 1)
    pred = (score >= 0.4).astype(int)
    pred[:2] = 1, 0  # Something is called either way.
    groups = None if images_per_patient is None else np.arange(n) // images_per_patient
    negative, positive = names
    labels, called = np.array(names)[y], np.array(names)[pred]
    frame = evaluate_predictions(
        labels, score, called, groups=groups, pos_label=positive, n_resamples=20
    )
    assert list(frame.columns) == COLUMNS
    expected = {
        "accuracy": accuracy_score(labels, called),
        "recall": recall_score(labels, called, pos_label=positive),
        "specificity": recall_score(labels, called, pos_label=negative),
        "precision": precision_score(labels, called, pos_label=positive),
        "f1": f1_score(labels, called, pos_label=positive),
        "balanced_accuracy": balanced_accuracy_score(labels, called),
        "roc_auc": roc_auc_score(y, score),
        "average_precision": average_precision_score(labels, score, pos_label=positive),
        "brier_score": brier_score_loss(labels, score, pos_label=positive),
        "ece": expected_calibration_error(labels, score, pos_label=positive),
    }
    value = by_metric(frame)["value"]
    for metric, figure in expected.items():
        assert value[metric] == pytest.approx(figure), metric
    if (pred[y == 0] == 1).any() and (pred[y == 0] == 0).any():
        ratios = class_likelihood_ratios(y, pred)
        assert value["positive_likelihood_ratio"] == pytest.approx(ratios[0])
        assert value["negative_likelihood_ratio"] == pytest.approx(ratios[1])
    inside = (frame["low"] <= frame["value"] + 1e-12) & (frame["value"] <= frame["high"] + 1e-12)
    assert (inside | frame["value"].isna()).all()


def test_denominators():
    frame = by_metric(evaluate_predictions(Y, SCORE, filenames=XRAYS))
    n = frame[["n", "n_patients"]]
    assert n.loc["accuracy"].tolist() == [8, 6]
    assert n.loc["recall"].tolist() == [5, 4]
    assert n.loc["specificity"].tolist() == [3, 2]
    assert n.loc["precision"].tolist() == [5, 4]
    assert n.loc["f1"].tolist() == [6, 5]
    assert n.loc["roc_auc"].tolist() == [8, 6]


def test_interval_names_its_method():
    clustered = by_metric(evaluate_predictions(Y, SCORE, filenames=XRAYS))["interval"]
    assert clustered["recall"] == "Wilson, design effect"
    assert clustered["roc_auc"] == "patient jackknife, score"
    own = by_metric(evaluate_predictions(Y, SCORE))["interval"]
    assert own["recall"] == "Wilson"
    assert own["balanced_accuracy"] == "MOVER"
    assert own["brier_score"] == "jackknife, score"
    assert own["ece"] == "bootstrap, score"


def test_etiologies_are_taken_against_all_normals():
    frame = evaluate_predictions(Y, SCORE, filenames=XRAYS)
    assert frame["subgroup"].unique().tolist() == ["all", "bacteria", "virus"]
    bacteria, virus = by_metric(frame, "bacteria"), by_metric(frame, "virus")
    assert bacteria.index.tolist() == ["recall", "roc_auc"]
    assert bacteria.loc["recall", "value"] == pytest.approx(2 / 3)
    assert bacteria.loc["recall", ["n", "n_patients"]].tolist() == [3, 2]
    assert virus.loc["recall", "value"] == 1
    against_normal = np.array([True] * 3 + [False] * 3 + [True] * 2)
    assert virus.loc["roc_auc", "value"] == roc_auc_score(Y[against_normal], SCORE[against_normal])
    assert virus.loc["roc_auc", "n"] == 5


def test_subgroups_of_both_classes_have_every_metric():
    site = ["A", "B", "A", "A", "B", "A", "B", None]
    frame = evaluate_predictions(Y, SCORE, subgroups=site)
    assert frame["subgroup"].unique().tolist() == ["all", "A", "B"]
    assert len(by_metric(frame, "A")) == len(by_metric(frame)) == 16
    assert by_metric(frame, "B").loc["accuracy", "n"] == 3


def test_subgroup_of_negatives_has_specificity():
    series = ["old", "old", "new", "", "", "", "", ""]
    old = by_metric(evaluate_predictions(Y, SCORE, subgroups=series), "old")
    assert old.index.tolist() == ["specificity", "roc_auc"]
    assert old.loc["specificity", ["value", "n"]].tolist() == [1, 2]


@pytest.mark.parametrize(
    "subgroups",
    [
        ["a", np.nan] * 4,
        ["a", None] * 4,
        ["a", " "] * 4,
        [" a ", ""] * 4,
        np.array(["a", np.nan] * 4, dtype=object),
        pd.Series(["a", pd.NA] * 4, dtype="string"),
        pd.Series(["a", None] * 4, dtype="category"),
    ],
)
def test_images_without_a_subgroup_are_in_none(subgroups):
    frame = evaluate_predictions(Y, SCORE, subgroups=subgroups, n_resamples=20)
    assert frame["subgroup"].unique().tolist() == ["all", "a"]


def test_subgroups_can_be_left_out():
    frame = evaluate_predictions(Y, SCORE, filenames=XRAYS, subgroups=None)
    assert frame["subgroup"].unique().tolist() == ["all"]
    with pytest.raises(ValueError, match="subgroups='sex' is not 'etiology'"):
        evaluate_predictions(Y, SCORE, subgroups="sex")


def test_unknown_names_have_a_warning_and_no_etiology():
    with pytest.warns(UnknownPatientsWarning):
        frame = evaluate_predictions([0, 1, 1], [0.1, 0.6, 0.9], filenames=["a", "b", "c"])
    assert frame["subgroup"].unique().tolist() == ["all"]


def test_no_positive_is_nan_with_a_warning_that_says_so():
    with pytest.warns(UndefinedMetricWarning, match="none of the 3 images is positive") as caught:
        frame = by_metric(evaluate_predictions([0, 0, 0], [0.1, 0.2, 0.9]))
    assert caught[0].filename == __file__
    undefined = ["recall", "balanced_accuracy", "roc_auc", "average_precision"]
    assert frame.loc[undefined, ["value", "low", "high"]].isna().all(axis=None)
    assert frame.loc[undefined, "interval"].str.startswith("undefined: ").all()
    assert frame.loc["specificity", "value"] == pytest.approx(2 / 3)
    assert frame.loc["recall", "n"] == 0


def test_no_negative_image_and_no_positive_prediction():
    with pytest.warns(UndefinedMetricWarning, match="specificity.*all of the 2 images are posit"):
        frame = by_metric(evaluate_predictions([1, 1], y_pred=[1, 0]))
    assert np.isnan(frame.loc["specificity", "value"])
    assert frame.loc["recall", "value"] == 0.5
    with pytest.warns(UndefinedMetricWarning, match="precision.*no image is predicted positive"):
        frame = by_metric(evaluate_predictions([1, 0], y_pred=[0, 0]))
    assert np.isnan(frame.loc["precision", "value"])
    assert frame.loc["f1", "value"] == 0


def test_intervals_without_errors_are_not_single_points():
    patient = np.repeat(np.arange(40), 2)
    y = np.repeat([0, 1], 40)
    frame = by_metric(evaluate_predictions(y, y.astype(float), groups=patient))
    ratios = ["positive_likelihood_ratio", "negative_likelihood_ratio"]
    of_probabilities = ["brier_score", "ece", "ece_by_chance"]
    shares = frame.drop([*ratios, *of_probabilities, "calibration_slope", "calibration_intercept"])
    assert "separate the classes" in frame.loc["calibration_slope", "interval"]
    assert (shares["value"] == 1).all()
    assert (shares["low"] < 0.97).all()
    assert (shares["high"] == 1).all()
    assert frame.loc["brier_score", "value"] == 0
    assert frame.loc["brier_score", "high"] > 0.05
    assert frame.loc["positive_likelihood_ratio", ["value", "high"]].tolist() == [np.inf] * 2
    assert 1 < frame.loc["positive_likelihood_ratio", "low"] < np.inf
    assert frame.loc["negative_likelihood_ratio", "value"] == 0
    assert frame.loc["negative_likelihood_ratio", "high"] > 0.02


def test_more_images_of_the_same_patients_do_not_narrow_intervals():
    y, score = np.repeat([0, 1], 30), np.tile(np.linspace(0.2, 0.9, 30), 2)
    once = by_metric(evaluate_predictions(y, score, groups=np.arange(60)))
    copies = by_metric(
        evaluate_predictions(np.repeat(y, 5), np.repeat(score, 5), groups=np.repeat(range(60), 5))
    )
    width = (copies["high"] - copies["low"]) / (once["high"] - once["low"])
    assert width.between(0.9, 1.3).all()
    naive = by_metric(evaluate_predictions(np.repeat(y, 5), np.repeat(score, 5)))
    assert naive.loc["recall", "low"] > once.loc["recall", "low"] + 0.05


def test_predictions_alone_have_no_metrics_of_scores():
    frame = by_metric(evaluate_predictions(Y, y_pred=SCORE >= 0.5))
    assert (frame.loc[["roc_auc", "ece"], "interval"] == "undefined: needs scores").all()
    assert frame.loc["recall", "value"] == pytest.approx(0.8)


def test_scores_outside_0_to_1_only_have_ranking_metrics():
    frame = by_metric(evaluate_predictions(Y, 10 * SCORE - 5, threshold=0))
    assert frame.loc["roc_auc", "value"] == roc_auc_score(Y, SCORE)
    reasons = frame.loc[["brier_score", "ece"], "interval"]
    assert (reasons == "undefined: needs probabilities").all()


def test_scores_of_a_subgroup_are_no_probabilities_if_those_of_all_images_are_not():
    score = 2 * SCORE - 0.65
    within = np.where((score > 0) & (score < 1), "within", "beyond")
    assert len(set(Y[within == "within"])) == 2
    frame = evaluate_predictions(Y, score, threshold=0, subgroups=within)
    reasons = frame.set_index(["metric", "subgroup"])["interval"]
    assert (reasons["brier_score"] == "undefined: needs probabilities").all()


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_no_result_takes_scores_of_a_decision_function_for_probabilities():
    X = np.linspace(-3, 3, 200)[:, np.newaxis]
    y = np.sin(9 * X[:, 0]) + X[:, 0] > 0.2
    model = FixedThresholdClassifier(LinearSVC(), threshold=0.5).fit(X, y)
    decision = model.decision_function(X)
    X, y = (each[(decision > 0) & (decision < 1)] for each in (X, y))
    report = EvaluationReport.from_estimator(model, X, y)
    display = ModelComparisonDisplay.from_estimators({"a": model}, X, y)
    for frame in (evaluate(model, X, y), report.frame, display.evaluations["a"]):
        assert np.isnan(by_metric(frame).loc["brier_score", "value"])
    assert "brier_score" not in set(compare(model, model, X, y)["metric"])
    with pytest.raises(ValueError, match="needs probabilities"):
        decision_curve(model, X, y)


def test_order_of_images_does_not_matter_beyond_the_seed():
    order = np.random.default_rng(0).permutation(len(Y))
    first = evaluate_predictions(Y, SCORE, filenames=XRAYS)
    again = evaluate_predictions(Y[order], SCORE[order], filenames=np.array(XRAYS)[order])
    pd.testing.assert_frame_equal(first, again, rtol=1e-9)


def test_seed_decides_the_bootstrap():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    score = 0.3 * y + 0.7 * rng.random(200)
    first, again, other = (
        by_metric(evaluate_predictions(y, score, n_resamples=50, random_state=seed))
        for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert first.loc["ece", "low"] != other.loc["ece", "low"]


def test_large_collection_is_resampled_in_blocks(monkeypatch):
    whole = evaluate_predictions(Y, SCORE, filenames=XRAYS, n_resamples=50)
    monkeypatch.setattr("skpneumo._bootstrap._IMAGE_WEIGHTS_IN_MEMORY", 3 * len(Y))
    in_blocks = evaluate_predictions(Y, SCORE, filenames=XRAYS, n_resamples=50)
    assert whole.equals(in_blocks)


def test_confidence_level_widens_and_is_remembered():
    narrow = evaluate_predictions(Y, SCORE, confidence_level=0.8)
    wide = evaluate_predictions(Y, SCORE, confidence_level=0.99)
    assert (by_metric(wide)["low"] <= by_metric(narrow)["low"]).all()
    assert wide.attrs["confidence_level"] == 0.99
    with pytest.raises(ValueError, match="confidence_level=95"):
        evaluate_predictions(Y, SCORE, confidence_level=95)
    with pytest.raises(TypeError, match="confidence_level must be an instance of float"):
        evaluate_predictions(Y, SCORE, confidence_level="0.95")


def test_number_of_resamples_is_checked():
    with pytest.raises(ValueError, match="n_resamples == 0"):
        evaluate_predictions(Y, SCORE, n_resamples=0)


def test_estimators_of_all_kinds():
    X, y = make_classification(300, class_sep=0.7, random_state=0)
    names = np.array(["NORMAL", "PNEUMONIA"])[y]
    linear = LogisticRegression().fit(X[:100], names[:100])
    X, y, names = X[100:], y[100:], names[100:]
    frame = evaluate(linear, X, names, n_resamples=20)
    expected = evaluate_predictions(y, linear.predict_proba(X)[:, 1], n_resamples=20)
    assert by_metric(frame)["value"].to_dict() == pytest.approx(
        by_metric(expected)["value"].to_dict()
    )
    strict = FixedThresholdClassifier(linear, threshold=0.9, pos_label="PNEUMONIA").fit(X, names)
    kept = by_metric(evaluate(strict, X, names, n_resamples=20))
    assert kept.loc["specificity", "value"] > by_metric(frame).loc["specificity", "value"]
    by_hand = by_metric(evaluate(strict, X, names, threshold=0.5, n_resamples=20))
    assert by_hand.loc["recall", "value"] == recall_score(y, strict.predict_proba(X)[:, 1] >= 0.5)
    for model in (LinearSVC(), DecisionTreeClassifier(max_depth=2)):
        model.fit(X, names)
        row = by_metric(evaluate(model, X, names, n_resamples=20)).loc["accuracy"]
        assert row["value"] == accuracy_score(names, model.predict(X))


def test_pipeline_from_paths_knows_patients_and_etiologies(xrays):
    from sklearn.preprocessing import FunctionTransformer

    from skpneumo import ImageLoader, make_pipeline

    model = make_pipeline(
        ImageLoader(size=8),
        FunctionTransformer(lambda images: np.asarray(images).reshape(len(images), -1) / 255),
        DecisionTreeClassifier(max_depth=3, random_state=0),
    ).fit(xrays.filenames, xrays.target)
    frame = evaluate(model, xrays.filenames, xrays.target, n_resamples=20)
    assert set(frame["subgroup"]) == {"all", "bacteria", "virus"}
    whole = by_metric(frame).loc["accuracy"]
    assert whole["n"] == len(xrays.filenames)
    assert whole["n_patients"] == len(np.unique(xrays.groups))


def test_likelihood_ratio_of_zero_to_zero_is_undefined_without_a_numpy_warning():
    with np.errstate(all="raise"), pytest.warns(UndefinedMetricWarning) as warned:
        frame = by_metric(evaluate_predictions([0, 1] * 5, y_pred=[0] * 10, groups=range(10)))
    assert len(warned) == 1
    assert frame.loc["positive_likelihood_ratio", ["value", "low", "high"]].isna().all()
    reason = "undefined: no image is predicted positive"
    assert frame.loc["positive_likelihood_ratio", "interval"] == reason
    assert frame.loc["negative_likelihood_ratio", "value"] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
@example(70_389)  # of two patients, whose errors cancel
@example(921)
def test_every_value_has_an_interval_even_of_few_images(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 14))
    y = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    score = np.round(rng.random(n), 1) if seed % 2 else np.full(n, 0.3)
    groups = rng.integers(0, n // 2 + 1, n)
    with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", DominantPatientWarning)
        frame = evaluate_predictions(y, score, groups=groups, n_resamples=20)
    valued = frame[frame["value"].notna() & frame["metric"].ne("ece_by_chance")]  # a range
    assert (valued["high"] - valued["low"].clip(upper=1e9) > 1e-6).all()
    assert frame.loc[frame["value"].isna(), "interval"].str.startswith("undefined: ").all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y_true": [], "y_score": []}, ValueError, "y_true is empty"),
        ({"y_true": [0, None], "y_score": [0.1, 0.2]}, ValueError, "NaN or None in 1 of 2 labels"),
        ({"threshold": np.nan}, ValueError, "threshold is NaN"),
        ({"threshold": "0.5"}, TypeError, "threshold must be an instance of float"),
        ({"pos_label": 2}, ValueError, r"pos_label=2 is not one of the labels \[0, 1\]"),
        ({"pos_label": "1"}, ValueError, "pos_label='1' is not one"),
        ({"subgroups": ["all"] * 4 + ["b"] * 4}, ValueError, "subgroup is called 'all'"),
        ({"prevalence": 5}, ValueError, "prevalence=5 is not between 0 and 1"),
        ({"threshold_probability": 0.1}, ValueError, "Pass prevalence as well"),
        ({"groups": [1, 2, None, 4, 5, 6, 7, 8]}, ValueError, "groups has None in row 2"),
    ],
)
def test_invalid_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        evaluate_predictions(**{"y_true": Y, "y_score": SCORE} | arguments)


def test_counts_are_those_of_each_subgroup():
    frame = evaluate_predictions(Y, SCORE, subgroups=["A", "B", "A", "A", "B", "A", "B", "B"])
    counts = ["true_positives", "false_negatives", "false_positives", "true_negatives"]
    assert frame[frame["subgroup"] == "all"].iloc[0][counts].tolist() == [4, 1, 1, 2]
    assert frame[frame["subgroup"] == "A"].iloc[0][counts].tolist() == [1, 1, 1, 1]
    row = by_metric(frame).loc["negative_predictive_value"]
    assert (row["value"], row["n"]) == (pytest.approx(2 / 3), 3)


def test_one_patient_with_most_images_has_a_warning():
    y = np.repeat([1, 0], [30, 10])
    patient = np.r_[np.zeros(25), np.arange(1, 16)]
    score = np.random.default_rng(0).random(40)
    with pytest.warns(DominantPatientWarning, match="25 of the 40 images") as caught:
        frame = evaluate_predictions(y, score, groups=patient)
    assert caught[0].filename == __file__
    effective = by_metric(frame)["n_effective"]
    assert effective["accuracy"] == pytest.approx(40**2 / (25**2 + 15))
    assert effective["specificity"] == 10
    with pytest.warns(DominantPatientWarning, match="25 of the 30 positive images"):
        evaluate_predictions(
            np.r_[y, np.zeros(40)], np.r_[score, score], groups=np.r_[patient, np.arange(16, 56)]
        )


def test_predictive_values_at_a_prevalence_follow_from_bayes():
    frame = by_metric(evaluate_predictions(Y, SCORE, prevalence=0.1, threshold_probability=0.2))
    recall, specificity = 0.8, 2 / 3
    ppv = 0.1 * recall / (0.1 * recall + 0.9 * (1 - specificity))
    npv = 0.9 * specificity / (0.9 * specificity + 0.1 * (1 - recall))
    assert frame.loc["precision_at_prevalence", "value"] == pytest.approx(ppv)
    assert frame.loc["negative_predictive_value_at_prevalence", "value"] == pytest.approx(npv)
    net = 0.1 * recall - 0.9 * (1 - specificity) * 0.25
    assert frame.loc["net_benefit_at_prevalence", "value"] == pytest.approx(net)
    rows = frame[frame["prevalence"].notna()]
    assert len(rows) == 3
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()
    # The limits are those of the likelihood ratio, at these odds.
    odds = frame.loc["positive_likelihood_ratio", "low"] / 9
    assert frame.loc["precision_at_prevalence", "low"] == pytest.approx(odds / (1 + odds))


def test_predictive_value_at_the_prevalence_of_the_sample_is_that_of_the_sample():
    frame = by_metric(evaluate_predictions(Y, SCORE, prevalence=5 / 8))
    for metric in ("precision", "negative_predictive_value"):
        assert frame.loc[f"{metric}_at_prevalence", "value"] == pytest.approx(
            frame.loc[metric, "value"]
        )


@pytest.mark.parametrize("first", [20190101, 1546300800000, 45.3333])
def test_parts_of_a_number_have_different_names(first):
    days = first + np.arange(40)
    frame = evaluate_predictions(
        np.tile(Y, 5), np.tile(SCORE, 5), subgroups=pd.DataFrame({"day": days})
    )
    accuracy = frame.query("metric == 'accuracy' and subgroup != 'all'")
    assert accuracy["n"].tolist() == [10] * 4
    assert accuracy["subgroup"].iloc[0] == f"day {first} to {first + 9}"


def test_columns_of_a_table_are_subgroups():
    table = pd.DataFrame(
        {"sex": ["F", "M"] * 4, "age": np.arange(8.0), "site": ["A"] * 7 + [None]}
    )
    names = set(evaluate_predictions(Y, SCORE, subgroups=table)["subgroup"])
    assert {"all", "sex=F", "sex=M", "age=3.0"} <= names
    many = pd.DataFrame({"age": np.arange(40.0)})
    names = set(evaluate_predictions(np.tile(Y, 5), np.tile(SCORE, 5), subgroups=many)["subgroup"])
    assert names == {"all", "age 0 to 9", "age 10 to 19", "age 20 to 29", "age 30 to 39"}
    X = table.assign(feature=SCORE)
    model = LogisticRegression(C=100).fit(X[["feature"]], Y)

    class OfTables(LogisticRegression):
        def predict_proba(self, X):
            return model.predict_proba(X[["feature"]])

        def predict(self, X):
            return model.predict(X[["feature"]])

    of_tables = OfTables()
    of_tables.classes_ = model.classes_
    names = set(evaluate(of_tables, X, Y, subgroups=["sex", "site"])["subgroup"])
    assert names == {"all", "sex=F", "sex=M", "site=A"}
    assert set(evaluate(of_tables, X, Y, subgroups="sex")["subgroup"]) == {"all", "sex=F", "sex=M"}
    with pytest.raises(ValueError, match=r"has the columns \['view'\], which X does not have"):
        evaluate(of_tables, X, Y, subgroups=["sex", "view"])
    with pytest.raises(ValueError, match="nor a column of X"):
        evaluate(of_tables, X, Y, subgroups="view")


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_columns_of_polars_are_the_same_subgroups_as_those_of_pandas():
    from sklearn.preprocessing import FunctionTransformer

    from skpneumo import make_pipeline

    polars = pytest.importorskip("polars", reason="pip install polars")
    columns = {
        "feature": SCORE.tolist(),
        "sex": ["F", "M", None, "M"] * 2,
        "age": [1, 2, None, 4, 5, 6, 7, 8],
        "child": [True, False, None, False] * 2,
    }
    feature = FunctionTransformer(lambda X: np.asarray(X["feature"])[:, np.newaxis])
    names = ["sex", "age", "child"]
    expected, *found = [
        frame
        for X in (pd.DataFrame(columns), polars.DataFrame(columns))
        for model in [make_pipeline(feature, LogisticRegression(C=100)).fit(X, Y)]
        for frame in (
            evaluate(model, X, Y, subgroups=names),
            evaluate(model, X, Y, subgroups=X[names]),
            EvaluationReport.from_estimator(model, X, Y, subgroups=names).frame,
            EvaluationReport.from_estimator(model, X, Y, subgroups=X[names]).frame,
        )
    ]
    assert {"sex=F", "child=True"} <= set(expected["subgroup"])
    for frame in found:
        pd.testing.assert_frame_equal(frame, expected)


def test_several_fits_are_averaged_and_their_variance_is_in_the_interval():
    X, y = make_classification(300, n_features=5, class_sep=0.5, random_state=0)
    fits = [LogisticRegression().fit(X[i : i + 20], y[i : i + 20]) for i in (0, 20, 40, 60)]
    X, y = X[100:], y[100:]
    together = by_metric(evaluate(fits, X, y, n_resamples=20))
    each = [by_metric(evaluate(fit, X, y, n_resamples=20)) for fit in fits]
    for metric in ("recall", "roc_auc", "positive_likelihood_ratio"):
        values = [frame.loc[metric, "value"] for frame in each]
        row = together.loc[metric]
        assert row["value"] == pytest.approx(np.mean(values))
        assert row["sd_between_fits"] == pytest.approx(np.std(values, ddof=1))
        mean_below = np.mean(
            [frame.loc[metric, "value"] - frame.loc[metric, "low"] for frame in each]
        )
        assert row["value"] - row["low"] > mean_below
    same = by_metric(evaluate([fits[0]] * 3, X, y, n_resamples=20))
    assert same.loc["recall", "low"] == pytest.approx(each[0].loc["recall", "low"])
    assert same.loc["recall", "sd_between_fits"] == 0
    with pytest.raises(ValueError, match="empty list"):
        evaluate([], X, y)


def test_patients_are_checked_before_anything_is_predicted():
    class Slow(LogisticRegression):
        def predict_proba(self, X):
            raise AssertionError("predicted")

    model = Slow().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="2 samples but 1 groups"):
        evaluate(model, [[0.0], [1.0]], [0, 1], groups=["a"])
    with pytest.raises(ValueError, match="y is empty"):
        evaluate(model, [], [])


def test_every_public_name_is_there():
    import skpneumo.evaluation

    for name in skpneumo.evaluation.__all__:
        assert callable(getattr(skpneumo.evaluation, name))
    assert set(skpneumo.evaluation.__all__) <= set(dir(skpneumo.evaluation))
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = skpneumo.evaluation.nothing


@pytest.mark.real
def test_patients_of_the_real_pool(real_data):
    paths = sorted(str(path) for path in (real_data / "chest_xray").rglob("*.jpeg"))
    y = np.array(["PNEUMONIA" in path for path in paths])
    score = np.clip(0.3 * y + 0.7 * np.random.default_rng(0).random(len(y)), 0, 1)
    frame = evaluate_predictions(y, score, filenames=paths, n_resamples=20)
    assert by_metric(frame).loc["accuracy", ["n", "n_patients"]].tolist() == [5232, 3669]
    assert by_metric(frame).loc["recall", ["n", "n_patients"]].tolist() == [3883, 2450]
    assert by_metric(frame, "bacteria").loc["recall", "n"] == 2538
    assert by_metric(frame, "virus").loc["recall", "n"] == 1345


def test_a_gate_withholds_no_image_but_would_be_withheld_ones_are_counted():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(240, 3)), np.arange(240) % 2
    X[:, 0] += y
    X[200:206] += 50  # strange images of three patients, two of them positive
    patient = np.repeat(np.arange(120), 2)
    y = y[patient]
    gate = InputGate(LogisticRegression(), on_outlier="nan", false_alarm_rate=0.1)
    gate.fit(X[:200], y[:200], groups=patient[:200])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(gate, X[200:], y[200:], groups=patient[200:])
        plain = evaluate(gate.estimator_, X[200:], y[200:], groups=patient[200:])
    row = found[found.metric == "withheld"].iloc[0]
    withheld = gate.reasons(X[200:]) != ""
    assert withheld[:6].all()
    assert row.value == withheld.mean()
    assert row.low < row.value < row.high
    assert (row.n, row.n_patients) == (40, 20)
    others = pd.DataFrame(found[found.metric != "withheld"])
    pd.testing.assert_frame_equal(others, pd.DataFrame(plain), check_flags=False)
    note = next(each for each in found.attrs["notes"] if "input gate" in each)
    assert f"{withheld.sum()} of the 40 images, {withheld[y[200:] == 1].sum()} of them" in note
    both = evaluate([gate, gate.estimator_], X[200:], y[200:], groups=patient[200:])
    assert "withheld" not in set(both.metric)


def test_several_fits_are_about_one_class():
    linear = LogisticRegression(C=100)
    about_0 = FixedThresholdClassifier(linear, threshold=0.4, pos_label=0)
    X = SCORE[:, np.newaxis]
    fits = [about_0.fit(X, Y), linear.fit(X, Y)]
    with pytest.raises(ValueError, match=r"for different classes, \[0, 1\]. Pass the positive"):
        evaluate(fits, X, Y, groups=range(len(Y)))
    assert len(evaluate(fits, X, Y, groups=range(len(Y)), pos_label=1, n_resamples=20))
