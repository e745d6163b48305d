"""Comparison of three protocols: test patients, metrics and sentences."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from skpneumo import make_pipeline
from skpneumo.evaluation import compare_protocols
from skpneumo.evaluation._protocol_sentences import PROTOCOL_SENTENCES, explain
from skpneumo.splitting import PatientKFold

PROTOCOLS = ["official split", "patient-grouped CV", "random split"]


def patients_with_copies(n_patients=80, n_images=3, shift=0.0, signal=1.0, seed=0, first=0):
    """Features that identify the patient, and weakly tell whether they are ill."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), n_images)
    y = (patient < n_patients * 0.6).astype(int)
    X = rng.normal(size=(n_patients, 6))[patient] + 0.1 * rng.normal(size=(len(patient), 6))
    X[:, 0] += signal * y + shift
    return X, y, patient + first


def value(comparison, protocol, metric):
    frame = comparison.frame.set_index(["protocol", "metric"])
    return frame.loc[(protocol, metric), "value"]


def test_random_split_rewards_memory_and_says_so():
    X, y, patient = patients_with_copies()
    comparison = compare_protocols(KNeighborsClassifier(1), X, y, groups=patient)
    assert comparison.frame["protocol"].unique().tolist() == PROTOCOLS[1:]
    assert value(comparison, "random split", "accuracy") > 0.95
    assert value(comparison, "patient-grouped CV", "accuracy") < 0.8
    assert "which recognising patients would explain" in comparison.explanation
    assert "Do not report the random split" in comparison.explanation
    shared = comparison.frame.groupby("protocol")["n_shared_patients"].first()
    assert shared["patient-grouped CV"] == 0
    assert shared["random split"] > 30


def test_shift_of_the_official_split_costs_specificity():
    X, y, patient = patients_with_copies(150, 2, signal=5)
    test = patients_with_copies(80, 2, signal=5, shift=2.5, seed=1, first=1000)
    comparison = compare_protocols(LogisticRegression(), X, y, test=test, groups=patient)
    assert comparison.frame["protocol"].unique().tolist() == PROTOCOLS
    assert re.search(
        r"specificity -[\d.]+ points \[-[\d.]+, -[\d.]+\] "
        r"\(64 images, 32 patients against 120 images, 60 patients\)",
        comparison.explanation,
    )
    assert "The interval of the difference in specificity lies below 0" in comparison.explanation
    assert "another threshold may correct some of the loss" in comparison.explanation
    assert "leak" not in comparison.explanation
    rows = comparison.differences.set_index(["first", "second", "metric"])
    loss = rows.loc[("official split", "patient-grouped CV", "specificity")]
    assert loss["low"] < loss["difference"] < loss["high"] < 0


def test_without_a_shift_there_is_no_loss():
    X, y, patient = patients_with_copies(150, 2, signal=5)
    test = patients_with_copies(80, 2, signal=5, seed=1, first=1000)
    comparison = compare_protocols(LogisticRegression(), X, y, test=test, groups=patient)
    assert "Any loss of recall or specificity" in comparison.explanation


def test_official_split_with_shared_patients_is_reported():
    X, y, patient = patients_with_copies(60, 2, signal=3)
    split = np.tile(["train", "test"], 60)
    comparison = compare_protocols(LogisticRegression(), X, y, split=split, groups=patient)
    assert "official split has 60 patients on both sides" in comparison.explanation


def test_figures_are_those_of_fits_by_hand():
    X, y, patient = patients_with_copies(60, 2)
    X_test, y_test, patient_test = patients_with_copies(30, 2, seed=1, first=1000)
    cv = StratifiedGroupKFold(3)
    comparison = compare_protocols(
        LogisticRegression(),
        X,
        y,
        test=(X_test, y_test, patient_test),
        groups=patient,
        cv=cv,
    )
    official = LogisticRegression().fit(X, y)
    assert value(comparison, PROTOCOLS[0], "accuracy") == official.score(X_test, y_test)
    score, predicted = np.empty(len(y)), np.empty(len(y))
    for train, test in cv.split(X, y, patient):
        model = LogisticRegression().fit(X[train], y[train])
        score[test], predicted[test] = model.predict_proba(X[test])[:, 1], model.predict(X[test])
    assert value(comparison, PROTOCOLS[1], "accuracy") == accuracy_score(y, predicted)
    for _, test in cv.split(X, y, patient):
        score[test] = rankdata(score[test]) / len(test)
    assert value(comparison, PROTOCOLS[1], "roc_auc") == pytest.approx(roc_auc_score(y, score))
    counts = comparison.frame.drop_duplicates("protocol").set_index("protocol")
    assert counts["n"].to_list() == [60, 120, 60]
    assert counts["n_train"].to_list() == [120, 80, 120]
    assert counts["n_patients"].iloc[0] == 30


def names(n_normal, n_patients, start=0):
    """Kaggle names: normal singles, and two images of each bacterial patient."""
    normal = [f"IM-{start + i:04d}-0001.jpeg" for i in range(n_normal)]
    ill = [f"person{start + i // 2}_bacteria_{i}.jpeg" for i in range(2 * n_patients)]
    return normal + ill, np.repeat([0, 1], [n_normal, 2 * n_patients])


class ReadsNames(ClassifierMixin, BaseEstimator):
    """Predicts from paths; wrong for every tenth image."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.trained_on_ = list(X)
        return self

    def predict_proba(self, X):
        ill = np.array(["person" in name for name in X], dtype=float)
        wrong = np.array([name.endswith("7.jpeg") for name in X])
        p = 0.1 + 0.8 * np.where(wrong, 1 - ill, ill)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_paths_bring_their_patients(form):
    X, y = names(30, 20)
    X_test, y_test = names(10, 8, start=500)
    comparison = compare_protocols(ReadsNames(), form(X), y, test=(form(X_test), y_test), cv=3)
    counts = comparison.frame.drop_duplicates("protocol").set_index("protocol")
    assert counts["n_patients"].to_list()[:2] == [18, 50]
    assert counts["n_shared_patients"].to_list()[:2] == [0, 0]
    assert counts["n_shared_patients"].iloc[2] > 0


def test_split_names_the_test_part():
    X, y = names(30, 20)
    split = np.where(np.arange(len(y)) % 5 == 0, "test", "train")
    split[1] = "val"
    comparison = compare_protocols(ReadsNames(), X, y, split=split, cv=3)
    counts = comparison.frame.drop_duplicates("protocol").set_index("protocol")
    assert counts.loc["official split", "n"] == (split == "test").sum()
    assert counts.loc["patient-grouped CV", "n"] == (split != "test").sum()


def test_estimator_is_not_changed():
    X, y = names(20, 10)
    model = ReadsNames()
    compare_protocols(model, X, y, cv=2)
    assert not hasattr(model, "classes_")


class ToldOfPatients(ClassifierMixin, BaseEstimator):
    """Remembers the patients of all of its fits."""

    def __init__(self, seen=None):
        self.seen = seen

    def __sklearn_clone__(self):
        return ToldOfPatients(self.seen)

    def fit(self, X, y, groups=None):
        self.seen.append((X, groups))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]


def test_given_patients_are_passed_to_an_estimator_that_holds_out_images():
    X, y, patient = patients_with_copies(20)
    X[:, 1] = patient
    X_test, y_test, patient_test = patients_with_copies(20, first=1000)
    X_test[:, 1] = patient_test
    for test in (None, (X_test, y_test, patient_test)):
        for wrap in (lambda model: model, make_pipeline):
            model = ToldOfPatients([])
            compare_protocols(wrap(model), X, y, groups=patient, test=test, cv=np.int64(2))
            assert len(model.seen) == (3 if test is None else 4)
            for rows, patients in model.seen:
                assert np.array_equal(rows[:, 1], patients)


class SplitsPatients:
    """Split even from odd rows."""

    def split(self, X, y, groups):
        rows = np.arange(len(X))
        yield rows[::2], rows[1::2]
        yield rows[1::2], rows[::2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": ["test"] * 40, "test": ([], [])}, "Both test and split"),
        ({"split": ["test"] * 40}, "in 40 of 40 rows"),
        ({"split": ["train"] * 40}, "in 0 of 40 rows"),
        ({"cv": GroupShuffleSplit(2)}, "does not test each image exactly once"),
        ({"cv": SplitsPatients()}, "has patients in both training and test"),
        ({"groups": ["a"] * 39}, "40 samples but 39 groups"),
        ({"groups": ["a"] * 39 + [None]}, "groups has None in row 39"),
    ],
)
def test_invalid_input_is_refused(arguments, message):
    X, y = names(20, 10)
    with pytest.raises(ValueError, match=message):
        compare_protocols(ReadsNames(), X, y, **arguments)


def test_features_without_names_need_patients():
    with pytest.raises(ValueError, match="neither patients nor file names"):
        compare_protocols(LogisticRegression(), np.zeros((4, 2)), [0, 0, 1, 1])


def test_prints_as_table_and_text():
    X, y = names(30, 20)
    comparison = compare_protocols(ReadsNames(), X, y, cv=PatientKFold(3))
    table = comparison.table()
    assert table.columns.tolist() == PROTOCOLS[1:]
    assert table.index[0] == "accuracy"
    assert table.index[-1] == "tested patients also trained on"
    figure = value(comparison, "patient-grouped CV", "accuracy")
    assert table.loc["accuracy", "patient-grouped CV"].startswith(f"{figure:.3f} [")
    assert table.loc["accuracy", "patient-grouped CV"].endswith("] (70 images, 50 patients)")
    assert table.loc["recall", "patient-grouped CV"].endswith("] (40 images, 20 patients)")
    text = str(comparison)
    assert " ".join(comparison.explanation.split()) in " ".join(text.split())
    assert f"{figure:.3f} [" in text
    assert "images tested" in text
    assert max(map(len, text.splitlines())) <= 80
    assert repr(comparison) == text
    html = comparison._repr_html_()
    assert html.count("<p>") == 2
    assert "<table" in html


class Scaled(LogisticRegression):
    """Classifier whose scale of probabilities depends on the rows of fitting."""

    def fit(self, X, y):
        super().fit(X, y)
        self.scale_ = 0.1 + 0.9 * (abs(float(X.sum())) % 1)
        return self

    def predict_proba(self, X):
        p = self.scale_ * super().predict_proba(X)[:, 1]
        return np.column_stack([1 - p, p])


def test_auc_of_folds_ranks_within_each():
    X, y, patient = patients_with_copies(100, 2, signal=2)
    plain, scaled = (
        value(compare_protocols(model, X, y, groups=patient), "patient-grouped CV", "roc_auc")
        for model in (LogisticRegression(), Scaled())
    )
    assert scaled == pytest.approx(plain)


def test_variance_between_seeds_is_in_the_intervals():
    X, y, patient = patients_with_copies(60, 2)
    model = make_pipeline(FunctionTransformer(), ExtraTreesClassifier(3, max_depth=2))
    one = compare_protocols(model, X, y, groups=patient, cv=2)
    assert "Each protocol was fitted once" in one.explanation
    three = compare_protocols(model, X, y, groups=patient, cv=2, n_seeds=3)
    assert "means over 3 seeds" in three.explanation
    assert (three.frame["sd_between_seeds"] > 0).any()
    assert "sd_between_seeds" not in one.frame
    with pytest.raises(ValueError, match="KNeighborsClassifier has no random_state"):
        compare_protocols(KNeighborsClassifier(), X, y, groups=patient, n_seeds=2)
    with pytest.raises(ValueError, match="n_seeds == 0"):
        compare_protocols(model, X, y, groups=patient, n_seeds=0)


def test_common_test_patients_narrow_the_difference_of_two_protocols():
    X, y, patient = patients_with_copies(100, 2)
    comparison = compare_protocols(LogisticRegression(), X, y, groups=patient)
    (row,) = comparison.differences.query("metric == 'accuracy'").to_dict("records")
    a, b = (
        comparison.frame.set_index(["protocol", "metric"]).loc[(protocol, "accuracy")]
        for protocol in PROTOCOLS[1:]
    )
    independent = np.hypot(a["high"] - a["value"], b["value"] - b["low"])
    assert row["high"] - row["difference"] < independent


# The condition under which each sentence is true, in terms of what the comparison shows.
GAIN, LOSS = "random split", "official split"
TRUE_WHEN = {
    "random": lambda c: True,
    "shared": lambda c: c.shared[GAIN] > 0,
    "nobody shared": lambda c: c.shared[GAIN] == 0,
    "random higher": lambda c: c.gain[0] > 0 and c.shared[GAIN] > 0,
    "random higher, nobody shared": lambda c: c.gain[0] > 0 and c.shared[GAIN] == 0,
    "random equal": lambda c: c.gain[0] <= 0 <= c.gain[1],
    "random lower": lambda c: c.gain[1] < 0,
    "other training images": lambda c: c.n_train[GAIN] != c.n_train["patient-grouped CV"],
    "official": lambda c: LOSS in c.shared,
    "official shares": lambda c: c.shared.get(LOSS, 0) > 0,
    "no loss": lambda c: LOSS in c.shared and not c.lost(),
    "loss": lambda c: LOSS in c.shared and bool(c.lost()),
    "ranking worse": lambda c: LOSS in c.shared and bool(c.lost()) and c.limit("roc_auc") < 0,
    "ranking no worse": lambda c: LOSS in c.shared and bool(c.lost()) and c.limit("roc_auc") >= 0,
    "brackets": lambda c: True,
    "one seed": lambda c: c.n_seeds == 1,
    "several seeds": lambda c: c.n_seeds > 1,
}


class Case:
    """A made-up comparison, to test its sentences."""

    def __init__(self, rng):
        names = PROTOCOLS if rng.random() < 0.8 else PROTOCOLS[1:]
        metrics = ["accuracy", "recall", "specificity", "roc_auc"]
        self.n_seeds = int(rng.integers(1, 4))
        self.shared = {name: int(rng.integers(0, 2) * rng.integers(1, 40)) for name in names}
        self.n_train = {name: int(rng.choice([100, 120])) for name in names}
        self.frame = pd.DataFrame(
            [
                {
                    "protocol": name,
                    "n_patients": 50,
                    "n_train": self.n_train[name],
                    "n_shared_patients": self.shared[name],
                }
                for name in names
            ]
        )
        rows = []
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                for metric in metrics:
                    middle = float(rng.choice([-0.2, 0.0, 0.2]))
                    rows.append(
                        {"first": first, "second": second, "metric": metric}
                        | {"difference": middle, "low": middle - 0.1, "high": middle + 0.1}
                        | {"n_first": 9, "n_patients_first": 8}
                        | {"n_second": 7, "n_patients_second": 6}
                    )
        self.differences = pd.DataFrame(rows)
        self.by_pair = self.differences.set_index(["first", "second", "metric"])
        row = self.by_pair.loc[("patient-grouped CV", GAIN, "accuracy")]
        self.gain = -row["high"], -row["low"]

    def limit(self, metric):
        return self.by_pair.loc[(LOSS, "patient-grouped CV", metric), "high"]

    def lost(self):
        return [metric for metric in ("recall", "specificity") if self.limit(metric) < 0]


def test_each_sentence_about_protocols_is_said_exactly_where_it_is_true():
    assert TRUE_WHEN.keys() == PROTOCOL_SENTENCES.keys()
    rng = np.random.default_rng(0)
    seen = {name: set() for name in PROTOCOL_SENTENCES}
    for _ in range(200):
        case = Case(rng)
        said = {
            name
            for paragraph in explain(case.frame, case.differences, 0.95, case.n_seeds)
            for name in paragraph
        }
        for name, is_true in TRUE_WHEN.items():
            assert (name in said) == is_true(case), name
            seen[name].add(name in said)
    always = {"random", "brackets"}
    assert all(seen[name] == {True, False} for name in seen.keys() - always)
