"""Probabilities at another prevalence, and other shifts than of prevalence."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import ProgressBar
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.decision import AcquisitionShiftWarning, InputGate, PriorShiftClassifier
from skpneumo.decision._mixtures import likelihood_interval, most_likely_prevalence


def draw(rng, n_patients, prevalence, shift=0.0, n_images=2):
    """Two features, one of which tells the class; several images a patient."""
    ill = rng.random(n_patients) < prevalence
    patient = np.repeat(np.arange(n_patients), n_images)
    X = rng.normal(size=(n_patients, 2))[patient] * 0.7 + 0.7 * rng.normal(size=(len(patient), 2))
    X[:, 0] += 2 * ill[patient] + shift
    return X, ill[patient].astype(int), patient


@pytest.fixture(scope="module")
def frozen():
    rng = np.random.default_rng(0)
    X, y, _ = draw(rng, 2000, 0.5)
    return FrozenEstimator(LogisticRegression().fit(X, y))


def test_odds_are_multiplied_by_those_of_the_prevalences(frozen):
    X, y, groups = draw(np.random.default_rng(1), 200, 0.5)
    model = PriorShiftClassifier(frozen, prevalence=0.1, training_prevalence=0.6)
    model.fit(X, y, groups=groups)
    before, after = (each.predict_proba(X)[:, 1] for each in (frozen, model))
    factor = (0.1 / 0.9) * (0.4 / 0.6)
    assert after / (1 - after) == pytest.approx(factor * before / (1 - before))
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert np.array_equal(model.predict(X), (after > 0.5).astype(int))
    assert model.prevalence_interval_ == pytest.approx((np.nan, np.nan), nan_ok=True)


def test_without_a_prevalence_nothing_is_changed(frozen):
    X, y, groups = draw(np.random.default_rng(1), 200, 0.3)
    model = PriorShiftClassifier(frozen).fit(X, y, groups=groups)
    assert model.prevalence_ == model.training_prevalence_ == y.mean()
    assert model.predict_proba(X) == pytest.approx(frozen.predict_proba(X))


def test_maximum_is_where_saerens_em_ends():
    rng = np.random.default_rng(0)
    ratios = np.exp(rng.normal(size=300))
    prevalence = 0.5
    for _ in range(2000):
        odds = ratios * prevalence / (1 - prevalence)
        prevalence = np.mean(odds / (1 + odds))
    assert most_likely_prevalence(ratios) == pytest.approx(prevalence, abs=1e-6)
    assert most_likely_prevalence(np.full(10, 0.5)) == 0.05
    assert most_likely_prevalence(np.full(10, 2.0)) == 0.95


@pytest.mark.parametrize("likely", [0, 1])
def test_new_images_that_all_look_the_same_leave_an_interval(frozen, likely):
    X = np.tile([[30.0 if likely else -30.0, 0]], (20, 1))
    model = PriorShiftClassifier(frozen, training_prevalence=0.5, n_resamples=100)
    model.fit(*draw(np.random.default_rng(1), 200, 0.5)[:2], groups=range(400))
    widths = []
    for patients in (np.arange(20), np.arange(20) // 4, np.zeros(20)):
        with pytest.warns(AcquisitionShiftWarning):
            low, high = model.adapt(X, groups=patients).prevalence_interval_
        assert low <= model.prevalence_ <= high
        assert (high == 1) if likely else (low == 0)
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("n_images", [1, 4])
def test_interval_at_an_end_is_where_the_likelihood_is_small(n_images):
    patient = np.arange(20) // n_images
    # With certain scores and patients of alike images, it is that of no positive patient.
    highest = 1 - np.exp(-chi2.ppf(0.95, 1) / 2 / (20 / n_images))
    negative, positive = np.full(20, 1e-9), np.full(20, 1e9)
    assert likelihood_interval(negative, patient) == pytest.approx((0, highest), abs=1e-6)
    assert likelihood_interval(positive, patient) == pytest.approx((1 - highest, 1), abs=1e-6)
    assert likelihood_interval(np.ones(20), patient) == (0, 1)


def test_interval_widens_as_much_as_the_images_of_a_patient_are_alike():
    def width(positive, patient):
        low, high = likelihood_interval(np.where(positive, 1e6, 1e-6), patient)
        assert low < 0.3 < high
        return high - low

    patient = np.arange(500) // 5
    of_patient = patient % 10 < 3
    of_image = np.random.default_rng(0).permutation(of_patient)
    independent = width(of_image, np.arange(500))
    assert independent == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 500), rel=0.02)
    assert width(of_patient, patient) == pytest.approx(np.sqrt(5) * independent, rel=0.05)
    assert width(of_image, patient) < 1.3 * independent
    # The variance between two patients cannot be estimated.
    assert width(of_image, np.arange(500) % 2) > 8 * independent


@pytest.mark.parametrize("alike", [False, True])
def test_interval_contains_the_prevalence_in_most_samples(alike):
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 5)
    covered = []
    for _ in range(100):
        positive = rng.random(300) < 0.3 if not alike else (rng.random(60) < 0.3)[patient]
        scores = rng.normal(size=300) + 3 * positive
        low, high = likelihood_interval(np.exp(3 * scores - 4.5), patient)
        covered.append(low <= 0.3 <= high)
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("prevalence", [0.05, 0.3, 0.8])
def test_prevalence_of_new_images_is_found(frozen, prevalence):
    rng = np.random.default_rng(2)
    X, y, groups = draw(rng, 400, 0.5)
    model = PriorShiftClassifier(frozen, training_prevalence=0.5, n_resamples=100)
    model.fit(X, y, groups=groups)
    X_new, y_new, groups_new = draw(rng, 600, prevalence)
    model.adapt(X_new, groups=groups_new)
    low, high = model.prevalence_interval_
    assert low < model.prevalence_ < high
    assert low - 0.02 < prevalence < high + 0.02
    assert model.shift_p_value_ > 0.01
    # And the probabilities are right there.
    assert model.predict_proba(X_new)[:, 1].mean() == pytest.approx(y_new.mean(), abs=0.04)


def test_images_of_another_acquisition_have_a_warning(frozen):
    rng = np.random.default_rng(3)
    X, y, groups = draw(rng, 400, 0.5)
    model = PriorShiftClassifier(frozen, n_resamples=100).fit(X, y, groups=groups)
    X_new, _, groups_new = draw(rng, 400, 0.5, shift=1.5)
    with pytest.warns(AcquisitionShiftWarning, match="differ in more than prevalence") as caught:
        model.adapt(X_new, groups=groups_new)
    assert caught[0].filename == __file__
    assert model.shift_p_value_ < 0.01


def test_another_prevalence_alone_rarely_has_a_warning(frozen):
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(25):
        X, y, groups = draw(rng, 80, 0.5)
        model = PriorShiftClassifier(frozen, n_resamples=100, random_state=rng.integers(2**31))
        model.fit(X, y, groups=groups)
        X_new, _, groups_new = draw(rng, 80, 0.2)
        p_values.append(model.adapt(X_new, groups=groups_new).shift_p_value_)
    assert np.mean(np.array(p_values) < 0.1) < 0.3


def test_a_missing_test_is_mentioned_and_folds_provide_one():
    rng = np.random.default_rng(5)
    X, y, groups = draw(rng, 150, 0.5)
    X_new, _, groups_new = draw(rng, 150, 0.2)
    model = PriorShiftClassifier(LogisticRegression(), n_resamples=100).fit(X, y, groups=groups)
    with pytest.warns(AcquisitionShiftWarning, match="was not tested"):
        model.adapt(X_new, groups=groups_new)
    assert np.isnan(model.shift_p_value_)
    model.set_params(cv=3).fit(X, y, groups=groups).adapt(X_new, groups=groups_new)
    assert model.shift_p_value_ > 0.01


def test_other_label_may_be_the_positive_one(frozen):
    X, y, groups = draw(np.random.default_rng(6), 200, 0.5)
    model = PriorShiftClassifier(frozen, prevalence=0.9, pos_label=0).fit(X, y, groups=groups)
    assert model.predict_proba(X)[:, 0].mean() > 0.7


class ToldOfPatients(ClassifierMixin, BaseEstimator):
    """Remembers the arguments of all of its fits."""

    def __init__(self, seen=None):
        self.seen = seen

    def __sklearn_clone__(self):
        return ToldOfPatients(self.seen)

    def fit(self, X, y, sample_weight=None, groups=None):
        self.seen.append((X, groups, sample_weight))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize(("cv", "n_fits"), [(None, 1), (2, 3)])
def test_patients_and_weights_are_passed_to_each_fit(cv, n_fits, in_pipeline):
    X, y, groups = draw(np.random.default_rng(8), 40, 0.5)
    X[:, 0], X[:, 1] = groups, np.arange(len(y))
    inner = ToldOfPatients([])
    weights = {"toldofpatients__sample_weight" if in_pipeline else "sample_weight": X[:, 1]}
    model = PriorShiftClassifier(make_pipeline(inner) if in_pipeline else inner, cv=cv)
    model.fit(X, y, groups=groups, **weights)
    assert len(inner.seen) == n_fits
    for rows, patients, weight in inner.seen:
        assert np.array_equal(rows[:, 0], patients)
        assert np.array_equal(rows[:, 1], weight)


def test_folds_that_share_patients_are_refused():
    X, y, groups = draw(np.random.default_rng(9), 40, 0.5)
    shuffled = StratifiedKFold(3, shuffle=True, random_state=0)
    for cv in (shuffled, list(shuffled.split(X, y))):
        with pytest.raises(ValueError, match=r"^cv.* puts \d+ patients on both sides of a split"):
            PriorShiftClassifier(LogisticRegression(), cv=cv).fit(X, y, groups=groups)
    # No warning that this splitter ignores groups.
    PriorShiftClassifier(LogisticRegression(), cv=KFold(3)).fit(X, y, groups=range(len(y)))


def test_weights_change_the_prevalence_of_training():
    X, y, groups = draw(np.random.default_rng(10), 200, 0.2)
    weights = np.where(y == 1, 4.0, 1.0)
    repeated = np.repeat(np.arange(len(y)), weights.astype(int))
    model = PriorShiftClassifier(LogisticRegression(tol=1e-8), prevalence=0.1)
    expected = model.fit(X[repeated], y[repeated], groups=groups[repeated]).predict_proba(X)
    model.fit(X, y, groups=groups, sample_weight=weights)
    assert model.training_prevalence_ == pytest.approx(y[repeated].mean())
    assert model.predict_proba(X) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("searched", [False, True])
def test_only_weights_of_the_classifier_change_the_prevalence_of_training(searched):
    X, y, groups = draw(np.random.default_rng(10), 200, 0.2)
    weights = np.where(y == 1, 4.0, 1.0)
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    model = PriorShiftClassifier(GridSearchCV(inner, {}, cv=2) if searched else inner)
    model.fit(X, y, groups=groups, standardscaler__sample_weight=weights)
    assert model.training_prevalence_ == pytest.approx(y.mean())
    model.fit(X, y, groups=groups, logisticregression__sample_weight=weights)
    assert model.training_prevalence_ == pytest.approx(np.average(y, weights=weights))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "80 samples, but sample_weight has 3 entries"),
        (np.zeros(80), "at least one non-zero"),
        (np.r_[np.ones(3), np.zeros(77)], "only one class is left"),
    ],
)
def test_weights_that_leave_no_prevalence_are_refused(weights, message):
    X, _, groups = draw(np.random.default_rng(10), 40, 0.2)
    y = np.repeat([0, 1], 40)
    with pytest.raises(ValueError, match=message):
        PriorShiftClassifier(LogisticRegression()).fit(X, y, groups=groups, sample_weight=weights)


def test_one_weight_for_all_images_leaves_the_prevalence_as_it_is():
    X, y, groups = draw(np.random.default_rng(10), 40, 0.2)
    model = PriorShiftClassifier(LogisticRegression())
    model.fit(X, y, groups=groups, sample_weight=2.0)
    assert model.training_prevalence_ == y.mean()


def test_a_split_that_tests_one_class_is_refused_before_training():
    X, y, groups = draw(np.random.default_rng(9), 40, 0.5)
    one_class = np.where((y == 1) & (groups < 20), 0, -1)
    model = PriorShiftClassifier(LogisticRegression(), cv=PredefinedSplit(one_class))
    with pytest.raises(ValueError, match=r"^cv=.* tests images of one class only.*such as cv=5"):
        model.fit(X, y, groups=groups)


class PatientsApart:
    """Splitter of another package, which has no base of scikit-learn."""

    def split(self, X, y=None, groups=None):
        tested = groups % 2 == 0
        yield np.flatnonzero(~tested), np.flatnonzero(tested)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def test_splitters_of_other_packages_get_the_patients():
    X, y, groups = draw(np.random.default_rng(9), 40, 0.5)
    model = PriorShiftClassifier(LogisticRegression(), cv=PatientsApart())
    model.fit(X, y, groups=groups)
    assert sum(len(each.score) for each in model.reference_) == 40


def test_images_that_a_gate_inside_withholds_get_no_label():
    X, y, groups = draw(np.random.default_rng(11), 60, 0.5)
    gate = InputGate(LogisticRegression(), on_outlier="nan", false_alarm_rate=0.1)
    gate.fit(X, y, groups=groups)
    passed = ~np.isnan(gate.predict(X))
    model = PriorShiftClassifier(FrozenEstimator(gate), prevalence=0.1)
    model.fit(X[passed], y[passed], groups=groups[passed])
    labels = model.predict(np.vstack([X[:2], [[1e3, 1e3]]]))
    assert np.isnan(labels[2])
    assert np.isin(model.predict(X[passed]), [0, 1]).all()
    far = np.vstack([X, np.full((2, 2), 1e3)])
    with pytest.raises(ValueError, match=r"no probability \(NaN\).*InputGate\(PriorShift"):
        model.adapt(far, groups=np.arange(len(far)))
    with pytest.raises(ValueError, match=r"no probability \(NaN\).*InputGate\(PriorShift"):
        model.fit(far, np.r_[y, 1, 0], groups=np.arange(len(far)))


def test_callbacks_are_told_of_the_fits(capsys):
    X, y, groups = draw(np.random.default_rng(12), 40, 0.5)
    model = PriorShiftClassifier(LogisticRegression(), cv=2).set_callbacks(ProgressBar())
    model.fit(X, y, groups=groups)
    assert "PriorShiftClassifier" in capsys.readouterr().out


EXPECTED_FAILED_CHECKS = {
    "check_classifiers_classes": "has labels, 'one' and 'two', of which nothing tells whose "
    "prevalence is meant; this classifier asks for pos_label",
}


@parametrize_with_checks(
    [PriorShiftClassifier(LogisticRegression())],
    expected_failed_checks=lambda estimator: EXPECTED_FAILED_CHECKS,
    xfail_strict=True,
)
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_patients_that_x_carries_decide_the_interval_and_unknown_ones_are_said(frozen):
    rng = np.random.default_rng(7)
    X, y, patient = draw(rng, 30, 0.5, n_images=8)
    names = [f"scan{i}.png" for i in range(len(y))]
    features = dict(zip(names, X, strict=True))
    paths = pd.DataFrame({"path": names, "patient": patient})
    lookup = FunctionTransformer(
        lambda frame: np.stack([features[each] for each in frame["path"]])
    )
    model = FrozenEstimator(make_pipeline(lookup, LogisticRegression()).fit(paths, y))

    def interval(X, **groups):
        fitted = PriorShiftClassifier(model, n_resamples=100).fit(X, y, **groups)
        return fitted.adapt(X, **groups).prevalence_interval_

    carried = interval(paths)
    assert carried == interval(paths, groups=patient)
    with pytest.warns(UnknownPatientsWarning, match="240 of 240 file names follow no known"):
        assert carried != interval(paths[["path"]])
