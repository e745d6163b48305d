"""The recall floor: its guarantee by simulation, its values by definition, its interface."""

import pickle
import re
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import betabinom, binom, binomtest, norm
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from skpneumo.datasets import UnknownPatientsWarning, patient_ids
from skpneumo.decision import (
    InputGate,
    PriorShiftClassifier,
    RecallFloorClassifier,
    choose_operating_point,
)
from skpneumo.decision._clearance import just_above, just_below
from skpneumo.decision._guarantee import GUARANTEE_SENTENCES
from skpneumo.decision._operating_point import _clopper_pearson

# A simulation may exceed its promise by chance; this rarely by this test.
SIGNIFICANT = 1e-3


unknown_patients = pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):  # fits this small only wait for their threads
        yield


class ClusteredScores:
    """Binormal scores of patients with one of ``sizes`` images each, with known recall.

    A pneumonia patient's images score ``distance + b + e``: b is the patient's, with variance
    ``correlation``, e the image's, and their variances add up to 1.
    """

    def __init__(self, sizes, correlation, distance=3.0):
        self.sizes = np.asarray(sizes)
        self.correlation = correlation
        self.distance = distance

    def draw(self, rng, n_draws, n_patients, positive=True):
        """Scores of shape (n_draws, n_patients, most images); NaN where there is no image."""
        shape = (n_draws, n_patients, self.sizes.max())
        scores = np.sqrt(1 - self.correlation) * rng.normal(size=shape)
        scores += np.sqrt(self.correlation) * rng.normal(size=(*shape[:2], 1))
        scores += self.distance * positive
        n_images = rng.choice(self.sizes, shape[:2])
        scores[np.arange(shape[2]) >= n_images[:, :, None]] = np.nan
        return scores

    def image_recall(self, threshold):
        return norm.sf(threshold - self.distance)

    def patient_recall(self, threshold):
        """Chance that every image of a patient reaches the threshold."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        beyond = np.asarray(threshold)[..., None] - self.distance
        beyond = (beyond - np.sqrt(self.correlation) * nodes) / np.sqrt(1 - self.correlation)
        every = norm.sf(beyond)[..., None] ** self.sizes
        return every.mean(axis=-1) @ (weights / weights.sum())

    def patient_specificity(self, threshold):
        """Chance that no image of a normal patient reaches the threshold (by symmetry)."""
        return self.patient_recall(self.distance - np.asarray(threshold))


SCENARIOS = {
    "independent images": ClusteredScores([1], 0.5),
    "correlated images": ClusteredScores([1, 2, 5], 0.5),
    "near copies": ClusteredScores([1, 8], 0.98),
    "many unrelated images": ClusteredScores([4], 0.02),
}
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)


def point_of(positive, negative, grouped=True, **options):
    """Choose the operating point of one draw."""
    rows = np.concatenate([positive, negative])
    there = ~np.isnan(rows)
    patients = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    labels = patients < len(positive)
    return choose_operating_point(
        labels[there], rows[there], groups=patients[there] if grouped else None, **options
    )


def thresholds_of_draws(scenario, n_draws, n_patients, **options):
    """Both thresholds of many draws.

    Their order statistics depend only on the number of patients, so they are found with the first
    draw, checked on a few, and applied to all others at once.
    """
    rng = np.random.default_rng(0)
    positive = scenario.draw(rng, n_draws, n_patients)
    negative = scenario.draw(rng, n_draws, n_patients, positive=False)
    first = point_of(positive[0], negative[0], **options)
    k = 1 + round(n_patients * (1 - first.recall))
    lower = np.sort(np.nanmin(positive, axis=2), axis=1)[:, k - 1]
    upper = lower
    if "specificity" in options:
        j = round(n_patients * first.specificity)
        highest = np.sort(np.nanmax(negative, axis=2), axis=1)[:, j - 1]
        upper = np.maximum(lower, np.nextafter(highest, np.inf))
    for i in range(0, n_draws, n_draws // 20):
        point = point_of(positive[i], negative[i], **options)
        # Clear of these scores by less than changes the recall.
        assert point.threshold == pytest.approx(lower[i], rel=1.1e-5, abs=1.1e-5)
        assert point.upper_threshold == pytest.approx(upper[i], rel=1.1e-5, abs=1.1e-5)
        assert point.recall_bound == first.recall_bound
    return lower, upper, first


def assert_kept(is_broken, risk):
    n_broken = int(np.sum(is_broken))
    assert binomtest(n_broken, len(is_broken), risk, alternative="greater").pvalue > SIGNIFICANT


@each_scenario
def test_floor_is_broken_as_often_as_theory_says_and_no_more_than_promised(scenario):
    n_draws, n_patients, floor, confidence = 5000, 200, 0.95, 0.9
    thresholds, _, first = thresholds_of_draws(
        scenario, n_draws, n_patients, recall=floor, confidence=confidence
    )
    true_recall = scenario.patient_recall(thresholds)
    assert_kept(true_recall < floor, 1 - confidence)
    # Not merely kept: no exact method of this form could come nearer to the promise.
    risks = binom.cdf(np.arange(n_patients), n_patients, 1 - floor)
    exact_risk = risks[risks <= 1 - confidence].max()
    assert exact_risk > 0.5 * (1 - confidence)
    assert binomtest(np.sum(true_recall < floor), n_draws, exact_risk).pvalue > SIGNIFICANT
    # The bound that is printed covers the truth as often as it says, and no more often.
    assert first.recall_bound >= floor
    n_uncovered = np.sum(true_recall < first.recall_bound)
    assert binomtest(n_uncovered, n_draws, 1 - confidence).pvalue > SIGNIFICANT
    # Where a patient's images are missed independently of their number, images follow.
    assert_kept(scenario.image_recall(thresholds) < floor, 1 - confidence)


def test_counting_images_instead_of_patients_breaks_the_floor():
    scenario, rng = SCENARIOS["near copies"], np.random.default_rng(0)
    positive = scenario.draw(rng, 400, 120)
    negative = scenario.draw(rng, 400, 30, positive=False)
    broken = {
        grouped: [
            scenario.image_recall(point_of(p, n, grouped, recall=0.95).threshold) < 0.95
            for p, n in zip(positive, negative, strict=True)
        ]
        for grouped in (True, False)
    }
    assert_kept(broken[True], 0.05)
    assert np.mean(broken[False]) > 0.15


def test_bound_is_near_the_sample_at_the_size_of_the_real_pool():
    _, _, point = thresholds_of_draws(SCENARIOS["correlated images"], 20, 2450)
    assert point.recall - point.recall_bound < 1.8 * np.sqrt(0.98 * 0.02 / 2450)


@pytest.mark.parametrize("scenario", ["independent images", "correlated images"])
def test_recall_counted_in_future_patients_is_kept(scenario):
    scenario = SCENARIOS[scenario]
    n_draws, n_future, floor = 4000, 100, 0.9
    future = scenario.draw(np.random.default_rng(1), n_draws, n_future)
    worst = np.nanmin(future, axis=2)

    def is_broken(**options):
        thresholds, _, _ = thresholds_of_draws(scenario, n_draws, 150, recall=floor, **options)
        return np.sum(worst < thresholds[:, None], axis=1) > (1 - floor) * n_future + 1e-9

    assert_kept(is_broken(n_future=n_future), 0.05)
    # The floor of the population is no promise about a count.
    assert np.mean(is_broken()) > 1.5 * 0.05


@each_scenario
def test_referral_keeps_both_floors_at_once(scenario):
    lower, upper, point = thresholds_of_draws(scenario, 4000, 250, recall=0.96, specificity=0.97)
    missed = scenario.patient_recall(lower) < 0.96
    alarmed = scenario.patient_specificity(upper) < 0.97
    assert_kept(missed | alarmed, 0.05)
    assert_kept(missed, 0.025)
    assert_kept(alarmed, 0.025)
    assert point.specificity_interval[0] >= 0.97
    assert point.recall_interval[0] == pytest.approx(point.recall_bound)
    assert point.referral_interval[0] < point.referral_rate < point.referral_interval[1]


HOLD_OUT = GroupShuffleSplit(1, test_size=0.5, random_state=0)


@pytest.mark.parametrize(
    "options",
    [
        {"cv": HOLD_OUT, "ensemble": True},
        # Each is a patient of its own; folds by patient would take longer than the rest.
        {"cv": StratifiedKFold(3), "ensemble": True},
        {"cv": StratifiedKFold(3), "ensemble": False},
        "frozen",
    ],
    ids=["hold-out", "folds, averaged", "folds, fitted again", "frozen"],
)
def test_guarantee_with_a_model_that_learns(options):
    """A fitted linear classifier on normal features has a recall in closed form."""
    rng = np.random.default_rng(0)
    centre = np.array([1.5, 1.0, 0, 0, 0, 0])
    is_broken = []
    for _ in range(150):
        y = np.repeat([0, 1], 100)
        X = rng.normal(size=(200, 6)) + y[:, None] * centre
        if options == "frozen":
            half = rng.permutation(200) < 100
            model = FrozenEstimator(LinearDiscriminantAnalysis().fit(X[~half], y[~half]))
            classifier = RecallFloorClassifier(model, recall=0.9)
            classifier.fit(X[half], y[half], groups=range(half.sum()))
        else:
            classifier = RecallFloorClassifier(LinearDiscriminantAnalysis(), recall=0.9, **options)
            classifier.fit(X, y, groups=np.arange(200))
        if len(classifier.estimators_) == 1:
            model, threshold = classifier.estimator_, classifier.threshold_
            weights = model.coef_[0]
            cut = np.log(threshold / (1 - threshold)) - model.intercept_[0]
            recall = norm.sf((cut - weights @ centre) / np.linalg.norm(weights))
        else:
            recall = np.mean(classifier.predict(rng.normal(size=(4000, 6)) + centre))
        is_broken.append(recall < 0.9)
    assert_kept(is_broken, 0.05)


def exact_lower_bound(n_found, n, confidence):
    return binomtest(n_found, n, alternative="greater").proportion_ci(confidence).low


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(20, 400),
    floor=st.floats(0.55, 0.97),
    confidence=st.floats(0.6, 0.95),
    seed=st.integers(0, 1000),
)
def test_threshold_is_the_highest_whose_exact_bound_keeps_the_floor(n, floor, confidence, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], n)
    scores = rng.normal(2.0 * y)
    if exact_lower_bound(n, n, confidence) < floor:
        with pytest.raises(ValueError, match=f"there are {n}"):
            choose_operating_point(y, scores, recall=floor, confidence=confidence)
        return
    point = choose_operating_point(y, scores, recall=floor, confidence=confidence)
    n_found = np.sum(scores[y == 1] >= point.threshold)
    assert point.recall == n_found / n
    assert point.recall_bound == pytest.approx(exact_lower_bound(n_found, n, confidence))
    assert point.recall_bound >= floor - 1e-12
    assert exact_lower_bound(n_found - 1, n, confidence) < floor
    interval = binomtest(n_found, n).proportion_ci(confidence)
    assert point.recall_interval == pytest.approx((interval.low, interval.high))
    n_clear = np.sum(scores[y == 0] < point.threshold)
    interval = binomtest(n_clear, n).proportion_ci(confidence)
    assert point.specificity == n_clear / n
    assert point.specificity_interval == pytest.approx((interval.low, interval.high))
    assert point.upper_threshold == point.threshold
    assert point.referral_rate == 0


@settings(max_examples=25, deadline=None)
@given(n=st.integers(60, 300), n_future=st.integers(10, 300), seed=st.integers(0, 1000))
def test_future_counts_follow_the_beta_binomial(n, n_future, seed):
    y = np.repeat([0, 1], n)
    scores = np.random.default_rng(seed).normal(2.0 * y)
    point = choose_operating_point(y, scores, recall=0.8, n_future=n_future)
    k = 1 + round(n * (1 - point.recall))
    allowed = np.floor(0.2 * n_future + 1e-9)

    def risk(k):
        return betabinom.sf(allowed, n_future, k, n + 1 - k)

    assert risk(k) <= 0.05 + 1e-12 < risk(k + 1)
    assert 0.8 - 1e-9 <= point.recall_bound <= 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n_images=st.integers(1, 4))
def test_order_of_rows_and_increasing_maps_of_the_score_change_nothing(seed, n_images):
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"p{i}" for i in range(120)], n_images)
    y = np.repeat(np.arange(120) % 2, n_images)
    scores = rng.normal(2.0 * y)
    options = {"recall": 0.9, "specificity": 0.9, "confidence": 0.8}
    point = choose_operating_point(y, scores, groups=groups, **options)
    order = rng.permutation(len(y))
    again = choose_operating_point(y[order], scores[order], groups=groups[order], **options)
    assert again == point
    mapped = choose_operating_point(y, np.exp(scores), groups=groups, **options)
    called, mapped_called = scores >= point.threshold, np.exp(scores) >= mapped.threshold
    np.testing.assert_array_equal(mapped_called, called)
    assert (mapped.recall, mapped.specificity, mapped.referral_rate) == (
        point.recall,
        point.specificity,
        point.referral_rate,
    )


def test_fewest_patients_that_support_the_usual_floor():
    y = np.repeat([0, 1], [20, 149])
    assert choose_operating_point(y, y.astype(float)).recall_bound >= 0.98
    with pytest.raises(
        ValueError, match="needs at least 149 patients of class 1, but there are 148"
    ):
        choose_operating_point(y[:-1], y[:-1].astype(float))
    with pytest.raises(ValueError, match=r"confidence 0.975 needs .* class 0, but there are 20"):
        choose_operating_point(np.repeat([0, 1], [20, 200]), np.ones(220), specificity=0.9)
    near_one = r"at least 0\.999999 with confidence 0\.95 needs at least 2,995,731 patients"
    with pytest.raises(ValueError, match=near_one):
        choose_operating_point(y, y.astype(float), recall=0.999999)
    nearer = r"at least 0\.999999999 with confidence 0\.95 needs more than 100,000,000 patients"
    with pytest.raises(ValueError, match=nearer):
        choose_operating_point(y, y.astype(float), recall=0.999999999)
    with pytest.raises(ValueError, match=r"there are 149\."):
        choose_operating_point(y, y.astype(float), n_future=100)


def test_images_of_one_patient_do_not_make_up_for_patients():
    y = np.repeat([0, 1], [200, 400])
    groups = np.r_[np.arange(200), 200 + np.arange(400) // 4]
    with pytest.raises(ValueError, match="there are 100"):
        choose_operating_point(y, y.astype(float), groups=groups)


@unknown_patients
@pytest.mark.parametrize(
    ("labels", "pos_label"),
    [
        ((0, 1), None),
        ((-1, 1), None),
        ((False, True), None),
        (("NORMAL", "PNEUMONIA"), None),
        (("normal", "bacteria"), "bacteria"),
        ((1, 0), 0),
    ],
)
def test_labels_of_any_type(labels, pos_label):
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 60)
    X = rng.normal(3.0 * truth)[:, None]
    y = np.asarray(labels)[truth]
    classifier = RecallFloorClassifier(
        LogisticRegression(), recall=0.9, specificity=0.5, pos_label=pos_label
    ).fit(X, y)
    assert classifier.pos_label_ == labels[1]
    assert set(classifier.classes_) == set(labels)
    predictions = classifier.predict(X)
    assert predictions.dtype == classifier.classes_.dtype
    column = list(classifier.classes_).index(labels[1])
    proba = classifier.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    called = proba[:, column] >= classifier.threshold_
    np.testing.assert_array_equal(predictions == labels[1], called)
    assert predictions[truth == 1].tolist().count(labels[1]) >= 54
    decisions = classifier.decide(X)
    referred = decisions == "refer"
    np.testing.assert_array_equal(decisions[~referred], predictions[~referred])


def copies_of_patients():
    """Six copies of each of 250 patients, half of them ill; the score identifies the patient."""
    patient = np.repeat(np.arange(250), 6)
    y = patient % 2
    X = np.random.default_rng(0).normal(2.0 * (np.arange(250) % 2))[patient, None]
    return X, y, patient


def test_unknown_patients_are_warned_of():
    X, y, patient = copies_of_patients()
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9)
    with pytest.warns(UnknownPatientsWarning, match="which of the 1500 samples are"):
        classifier.fit(X, y)
    assert classifier.patients_known_ is False
    assert classifier.n_patients_ == 500  # a third
    assert "have no known patient" in classifier.guarantee_terms_
    for groups in (patient, range(len(y))):
        classifier.fit(X, y, groups=groups)
        assert classifier.patients_known_ is True
    classifier.set_params(cv=5).fit(X, y, groups=patient)
    assert classifier.n_patients_ == 250
    assert "have no known patient" not in classifier.guarantee_terms_
    with pytest.warns(UnknownPatientsWarning):
        read = patient_ids([f"{row}.png" for row in range(len(y))])
    for groups in (read, np.where(patient < 100, patient.astype(str), read)):
        classifier.fit(X, y, groups=groups)
        assert classifier.patients_known_ is False
        assert "have no known patient" in classifier.guarantee_terms_


def test_the_warning_of_unknown_patients_names_the_line_of_the_caller():
    X, y, _ = copies_of_patients()
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9)
    for act in (classifier.fit, classifier.n_fits):
        with pytest.warns(UnknownPatientsWarning) as caught:
            act(X, y)
        assert caught[0].filename == __file__


@pytest.mark.parametrize("calibration", [None, "sigmoid", "isotonic"])
def test_images_that_a_gate_inside_withholds_get_no_label(calibration):
    X, y, patient = copies_of_patients()
    gate = InputGate(LogisticRegression(), on_outlier="nan", false_alarm_rate=0.1)
    gate.fit(X, y, groups=patient)
    passed = ~np.isnan(gate.predict(X))
    floor = RecallFloorClassifier(
        FrozenEstimator(gate), recall=0.5, specificity=0.5, calibration=calibration
    )
    floor.fit(X[passed], y[passed], groups=patient[passed])
    images = np.vstack([X[:5], [[1e6]]])
    assert np.isnan(floor.predict(images)[5])
    assert np.isnan(floor.decide(images)[5])
    assert np.isnan(floor.predict_proba(images)[5]).all()
    assert np.isin(floor.predict(X[passed]), [0, 1]).all()
    with pytest.raises(ValueError, match=r"6 images no prob.*InputGate\(RecallFloorClassifier\("):
        floor.fit(images, [0, 1, 0, 1, 0, 1], groups=range(6))


def test_patients_of_unknown_names_are_not_known():
    names, y = kaggle_names(n_images=1)
    model = make_pipeline(FunctionTransformer(lengths), LogisticRegression())
    classifier = RecallFloorClassifier(model, recall=0.9).fit(names, y)
    assert classifier.patients_known_ is True
    with pytest.warns(UnknownPatientsWarning):
        classifier.fit(["scan.png", *names[1:]], y)
    assert classifier.patients_known_ is False


def test_a_missing_label_among_text_is_no_class():
    y = ["NORMAL", "PNEUMONIA"] * 100
    y[5] = np.nan
    X = np.arange(200.0)[:, None]
    for classifier in (
        RecallFloorClassifier(LogisticRegression(), recall=0.9),
        InputGate(LogisticRegression()),
        PriorShiftClassifier(LogisticRegression()),
    ):
        with pytest.raises(ValueError, match="None in 1 of 200 labels, the first, nan, in row 5"):
            classifier.fit(X, y, groups=range(200))
    with pytest.raises(ValueError, match="Input y_true contains NaN or None in 1 of 200"):
        choose_operating_point(y, X[:, 0], recall=0.9)


def test_numbers_among_text_are_no_classes():
    y = ["PNEUMONIA", 0] * 100
    with pytest.raises(ValueError, match="y_true has labels that are text, such as 'PNEUMONIA'"):
        choose_operating_point(y, np.arange(200.0), recall=0.9)
    with pytest.raises(ValueError, match="y has labels that are text, such as 'PNEUMONIA'"):
        RecallFloorClassifier(LogisticRegression()).fit(np.arange(200.0)[:, None], y)


def test_an_iterator_is_refused_with_the_remedy():
    for classifier in (
        RecallFloorClassifier(LogisticRegression()),
        InputGate(LogisticRegression()),
        PriorShiftClassifier(LogisticRegression()),
    ):
        with pytest.raises(TypeError, match=r"got a generator\. Pass list\(X\)"):
            classifier.fit((row for row in [[0.0], [1.0]]), [0, 1])


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_missing_patients_are_neither_merged_nor_guessed(missing):
    y = np.arange(200) % 2
    groups = [f"p{i}" for i in range(200)]
    groups[7] = groups[9] = missing
    message = r"patient of 2 of 200 samples is missing: groups has .* in row 7, 9\."
    with pytest.raises(ValueError, match=message):
        choose_operating_point(y, y, recall=0.9, groups=groups)
    with pytest.raises(ValueError, match=message):
        RecallFloorClassifier(LogisticRegression(), recall=0.9).fit(y[:, None], y, groups=groups)


@pytest.mark.parametrize(
    "wrong",
    [
        {"recall": 98},
        {"recall": "0.9"},
        {"confidence": 1.0},
        {"specificity": 0},
        {"n_future": 0},
        {"n_future": 10.5},
        {"pos_label": [1]},
    ],
)
def test_floors_and_confidence_are_validated(wrong):
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter of choose_op"):
        choose_operating_point([0, 1], [0.1, 0.9], **wrong)


def test_class_called_refer_cannot_be_told_from_referral(samples):
    X, y = samples
    y = np.array(["refer", "treat"])[y]
    groups = range(len(y))
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9, pos_label="treat")
    classifier.fit(X, y, groups=groups)
    assert set(classifier.decide(X)) == {"refer", "treat"}
    with pytest.raises(ValueError, match="A class is called 'refer'"):
        classifier.set_params(specificity=0.5).fit(X, y, groups=groups)


def test_the_number_of_future_patients_may_be_of_any_type():
    y, scores = np.arange(400) % 2, np.linspace(0, 1, 400)
    points = [
        choose_operating_point(y, scores, recall=0.8, n_future=number)
        for number in (100, np.int8(100), np.uint8(100))
    ]
    assert points[0] == points[1] == points[2]


def test_no_images_support_no_floor():
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        choose_operating_point([], [])


def test_point_prints_every_figure_with_its_interval_and_patients():
    y = np.repeat([0, 1], 200)
    scores = np.random.default_rng(0).normal(1.5 * y)
    point = choose_operating_point(y, scores, groups=np.arange(400) // 2, recall=0.9)
    figure = r"0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\] \(%d patients\)"
    assert re.fullmatch(
        rf"threshold [-\d.]+: recall {figure % 100}, at least 0\.9\d\d; "
        rf"specificity {figure % 100}",
        str(point),
    )
    point = choose_operating_point(y, scores, recall=0.9, specificity=0.8)
    assert re.search(rf" at [\d.]+; referred between the two: {figure % 400}$", str(point))


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.5, 0.999),
)
def test_exact_limits_are_where_the_binomial_tails_are_half_the_risk(count, confidence):
    k, n = count
    low, high = _clopper_pearson(k, n, confidence)
    tail = (1 - confidence) / 2
    assert (low == 0) if k == 0 else binom.sf(k - 1, n, low) == pytest.approx(tail, rel=1e-6)
    assert (high == 1) if k == n else binom.cdf(k, n, high) == pytest.approx(tail, rel=1e-6)


def test_invalid_labels_are_refused():
    scores = np.linspace(0, 1, 200)
    two = np.repeat([0, 1], 100)
    for dtype in (str, object):
        with pytest.raises(ValueError, match="pass pos_label='BACTERIA'"):
            choose_operating_point(np.array(["BACTERIA", "NORMAL"], dtype)[two], scores)
        with pytest.raises(ValueError, match="for example pos_label='TB'"):
            choose_operating_point(np.array(["COVID", "TB"], dtype)[two], scores)
    with pytest.raises(ValueError, match=r"Only binary .* multiclass"):
        choose_operating_point(np.arange(200) % 3, scores)
    with pytest.raises(ValueError, match=r"got 1 class: \[1\]"):
        choose_operating_point(np.ones(200, dtype=int), scores)
    with pytest.raises(ValueError, match="pos_label=2 is not one of the labels"):
        choose_operating_point(two, scores, pos_label=2)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    return rng.normal(size=(400, 3)) + 1.2 * y[:, None], y


@unknown_patients
@pytest.mark.parametrize("calibration", ["temperature", "sigmoid"])
def test_scaling_changes_probabilities_but_no_decision(calibration, samples):
    X, y = samples
    raw = RecallFloorClassifier(LogisticRegression(C=1e-3), recall=0.9, specificity=0.9)
    raw.fit(X, y)
    calibrated = RecallFloorClassifier(
        LogisticRegression(C=1e-3), recall=0.9, specificity=0.9, calibration=calibration
    ).fit(X, y)
    np.testing.assert_array_equal(calibrated.decide(X), raw.decide(X))
    assert calibrated.recall_ == raw.recall_

    def log_loss(classifier):
        return -np.mean(np.log(classifier.predict_proba(X)[np.arange(len(y)), y]))

    # So strong a penalty leaves the probabilities near 1/2; scaling takes that back.
    assert log_loss(calibrated) < log_loss(raw) - 0.05


class TooLow(LogisticRegression):
    """Classifier with probabilities that are too low."""

    def predict_proba(self, X):
        positive = super().predict_proba(X)[:, 1] ** 4
        return np.column_stack([1 - positive, positive])


@unknown_patients
def test_a_sigmoid_raises_probabilities_that_are_too_low(samples):
    X, y = samples
    classifier = RecallFloorClassifier(TooLow(), recall=0.9, calibration="sigmoid").fit(X, y)
    assert TooLow().fit(X, y).predict_proba(X)[:, 1].mean() < 0.4
    assert classifier.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.05)


@unknown_patients
def test_a_sigmoid_reverses_no_order(samples):
    X, y = samples
    X = X[:, :1]
    model = FrozenEstimator(LogisticRegression().fit(-X, y))
    floor = RecallFloorClassifier(model, recall=0.9, calibration="sigmoid")
    with pytest.warns(UserWarning, match="would reverse their order"):
        floor.fit(X, y)
    np.testing.assert_array_equal(floor.predict_proba(X)[:, 1], model.predict_proba(X)[:, 1])


@unknown_patients
def test_isotonic_calibration_never_costs_recall(samples):
    X, y = samples
    raw = RecallFloorClassifier(LogisticRegression(), recall=0.9).fit(X, y)
    calibrated = RecallFloorClassifier(
        LogisticRegression(), recall=0.9, calibration="isotonic"
    ).fit(X, y)
    assert calibrated.recall_ >= raw.recall_
    assert np.all(calibrated.predict(X) >= raw.predict(X))
    probability = calibrated.predict_proba(X)[:, 1]
    confident = probability > 0.9
    assert y[confident].mean() > 0.85


@unknown_patients
def test_frozen_estimator_is_used_as_it_is(samples):
    X, y = samples
    model = LogisticRegression().fit(X[:100], y[:100])
    before = model.coef_.copy()
    classifier = RecallFloorClassifier(FrozenEstimator(model), recall=0.9, cv=3)
    classifier.fit(X[100:], y[100:])
    np.testing.assert_array_equal(model.coef_, before)
    point = choose_operating_point(y[100:], model.predict_proba(X[100:])[:, 1], recall=0.9)
    assert classifier.threshold_ == point.threshold
    assert classifier.recall_bound_ == point.recall_bound
    assert classifier.n_positive_ == 150
    np.testing.assert_array_equal(classifier.predict_proba(X), model.predict_proba(X))


@unknown_patients
def test_folds_and_fitting_again(samples):
    X, y = samples
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9, ensemble=False).fit(X, y)
    scores = np.empty(400)
    for train, test in StratifiedKFold(5).split(X, y):
        scores[test] = LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    assert classifier.threshold_ == choose_operating_point(y, scores, recall=0.9).threshold
    np.testing.assert_array_equal(
        classifier.estimator_.coef_, LogisticRegression().fit(X, y).coef_
    )
    assert classifier.n_features_in_ == 3


@unknown_patients
def test_default_holds_out_a_third_of_the_patients_where_they_suffice(samples):
    X, y = samples
    patients = np.arange(len(y)) // 2 * 2 + y  # two images each
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9)
    classifier.fit(X, y, groups=patients)
    assert (classifier.guarantee_, len(classifier.estimators_)) == ("exact", 1)
    assert classifier.n_patients_ == pytest.approx(len(np.unique(patients)) / 3, abs=1)
    # 149 of a class are needed, of which a third is not enough.
    demanding = RecallFloorClassifier(LogisticRegression(), recall=0.98)
    demanding.fit(X, y, groups=range(len(y)))
    assert (demanding.guarantee_, len(demanding.estimators_)) == ("approximate", 5)
    assert demanding.n_patients_ == 400
    both = RecallFloorClassifier(LogisticRegression(), recall=0.9, specificity=0.95)
    assert len(both.fit(X, y, groups=range(len(y))).estimators_) == 5  # 2.5 % of 66 is no patient


# Of each sentence, how to fit a classifier of which it is true.
WHEN = {
    "held out": {},
    "frozen": "frozen",
    "averaged": {"cv": 3},
    "fitted again": {"ensemble": False},
    "unknown patients": None,
}


@unknown_patients
@pytest.mark.parametrize("name", GUARANTEE_SENTENCES)
def test_each_sentence_about_the_guarantee_is_said_where_it_is_true(name, samples):
    assert WHEN.keys() == GUARANTEE_SENTENCES.keys()
    X, y = samples
    pattern = re.sub(r"\\\{\w+(:\w+)?\\\}", ".+", re.escape(GUARANTEE_SENTENCES[name]))
    for way, options in WHEN.items():
        model = LogisticRegression()
        if options == "frozen":
            model, options = FrozenEstimator(model.fit(X, y)), {}
        groups = range(len(y)) if options is not None else None
        classifier = RecallFloorClassifier(model, recall=0.9, **(options or {}))
        classifier.fit(X, y, groups=groups)
        expected = way == name or (way == "unknown patients" and name == "held out")
        assert bool(re.search(pattern, classifier.guarantee_terms_)) == expected, way
        exact = classifier.guarantee_terms_.startswith("Exact")
        assert classifier.guarantee_ == ("exact" if exact else "approximate")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_upper_threshold_exceeds_the_score_in_its_own_type(dtype):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 300)
    # Few values, so that many normal patients have the very score that is to be exceeded.
    scores = (np.round(np.clip(0.5 * y + 0.6 * rng.random(600), 0, 1), 1)).astype(dtype)
    point = choose_operating_point(y, scores, recall=0.9, specificity=0.9)
    for compared in (scores, scores.astype(np.float64)):
        assert np.mean(compared[y == 0] < point.upper_threshold) == point.specificity >= 0.9
        assert np.mean(compared[y == 1] >= point.threshold) == point.recall


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"specificity": 0.9}], ids=["one", "two"])
def test_scores_that_are_rounded_otherwise_are_decided_as_before(dtype, options):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 300)
    scores = expit(rng.normal(3.0 * y - 1.5)).astype(dtype)
    point = choose_operating_point(y, scores, recall=0.9, **options)
    for threshold in (point.threshold, point.upper_threshold):
        called = scores >= threshold
        for rounding in (-2e-7, 2e-7):
            np.testing.assert_array_equal(scores + dtype(rounding) >= threshold, called)
        nearest = np.abs(scores - threshold).min()
        assert nearest <= 1.1e-5  # no specificity is lost
    assert point.recall == np.mean(scores[y == 1] >= point.threshold)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_threshold_is_between_neighbouring_scores_of_its_type_or_the_score_itself(dtype):
    one, half = dtype(1), dtype(0.5)
    after_half = np.nextafter(half, one)
    scores = np.array([0, 0.2, half, after_half, 1], dtype)
    for score in scores:
        below, above = just_below(score, scores), just_above(score, scores)
        assert below.dtype == above.dtype == dtype
        np.testing.assert_array_equal(scores >= below, scores >= score)
        np.testing.assert_array_equal(scores >= above, scores > score)
        assert (below == score) == (score in (0, after_half))


@unknown_patients
def test_ensemble_averages_the_models_of_the_folds(samples):
    X, y = samples
    classifier = RecallFloorClassifier(LogisticRegression(), recall=0.9, ensemble=True, cv=4)
    classifier.fit(X, y)
    assert len(classifier.estimators_) == 4
    assert not hasattr(classifier, "estimator_")
    np.testing.assert_allclose(
        classifier.predict_proba(X),
        np.mean([model.predict_proba(X) for model in classifier.estimators_], axis=0),
    )


def brightness(images):
    return images.reshape(len(images), -1).mean(axis=1, keepdims=True)


def lengths(paths):
    """A feature of a path that tells the classes of the Kaggle names apart."""
    return np.array([[len(str(path).rsplit("/", 1)[-1])] for path in np.ravel(paths)], float)


def kaggle_names(n_normal=60, n_pneumonia=60, n_images=2):
    names = [f"IM-{i:04d}-{k:04d}.jpeg" for i in range(n_normal) for k in range(n_images)]
    names += [
        f"person{i}_bacteria_{10 * i + k}.jpeg"
        for i in range(n_pneumonia)
        for k in range(n_images)
    ]
    return names, np.repeat([0, 1], [n_normal * n_images, n_pneumonia * n_images])


@pytest.mark.parametrize("form", [list, np.array, lambda names: np.array(names)[:, None]])
def test_patients_are_read_from_paths(form):
    names, y = kaggle_names()
    model = make_pipeline(FunctionTransformer(lengths), StandardScaler(), LogisticRegression())
    classifier = RecallFloorClassifier(model, recall=0.9).fit(form(names), y)
    assert (classifier.n_negative_, classifier.n_positive_) == (60, 60)
    assert classifier.predict(form(names)).shape == y.shape


def test_patients_are_read_from_images_with_file_names():
    class NamedImages(np.ndarray):
        filenames = None

        def __getitem__(self, key):
            rows = super().__getitem__(key)
            if self.filenames is not None and isinstance(key, np.ndarray):
                rows.filenames = self.filenames[key]
            return rows

    names, y = kaggle_names()
    images = np.full((len(y), 4, 4, 1), 100, np.uint8).view(NamedImages)
    images[y == 1] = 150
    images.filenames = np.array(names, dtype=object)
    model = make_pipeline(FunctionTransformer(brightness), LogisticRegression())
    assert RecallFloorClassifier(model, recall=0.9).fit(images, y).n_positive_ == 60


def test_given_groups_overrule_names():
    names, y = kaggle_names()
    model = make_pipeline(FunctionTransformer(lengths), LogisticRegression())
    classifier = RecallFloorClassifier(model, recall=0.9, cv=5)
    assert classifier.fit(names, y, groups=range(len(y))).n_positive_ == 120


def test_split_with_a_patient_on_both_sides_is_refused():
    names, y = kaggle_names()
    model = make_pipeline(FunctionTransformer(lengths), LogisticRegression())
    classifier = RecallFloorClassifier(
        model, recall=0.9, cv=KFold(3, shuffle=True, random_state=0)
    )
    with pytest.raises(ValueError, match="on both sides of a split, such as 'bacteria-1'"):
        classifier.fit(names, y)
    classifier.fit(names, y, groups=range(len(y)))


@unknown_patients
def test_split_that_tests_a_sample_twice_is_refused(samples):
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    with pytest.raises(ValueError, match="tests some samples more than once"):
        RecallFloorClassifier(LogisticRegression(), recall=0.9, cv=cv).fit(*samples)


class NeverFitted(LogisticRegression):
    def fit(self, X, y):
        raise AssertionError("It was trained.")


@pytest.mark.parametrize("parameters", [{}, {"cv": 3}, {"ensemble": False}])
def test_too_few_patients_are_refused_before_training(parameters):
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    floor = RecallFloorClassifier(NeverFitted(), recall=0.95, **parameters)
    with pytest.raises(
        ValueError, match="needs at least 59 patients of class 1, but there are 30"
    ):
        floor.fit(X, y, groups=range(60))


@pytest.mark.parametrize(
    "wrong", [{"recall": 1.0}, {"confidence": 0}, {"specificity": 98}, {"calibration": "platt"}]
)
def test_parameters_are_validated(wrong, samples):
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
        RecallFloorClassifier(LogisticRegression(), **wrong).fit(*samples)


@unknown_patients
def test_fit_parameters_reach_the_estimator_cut_to_the_fold(samples):
    X, y = samples
    weight = np.where(X[:, 0] > 0, 1.0, 2.0)
    plain = RecallFloorClassifier(LogisticRegression(), recall=0.9, ensemble=False).fit(X, y)
    weighted = RecallFloorClassifier(LogisticRegression(), recall=0.9, ensemble=False)
    weighted.fit(X, y, sample_weight=weight)
    reference = LogisticRegression().fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.estimator_.coef_, reference.coef_)
    assert weighted.threshold_ != plain.threshold_
    with config_context(enable_metadata_routing=True):
        routed = RecallFloorClassifier(
            LogisticRegression().set_fit_request(sample_weight=True), recall=0.9, ensemble=False
        ).fit(X, y, sample_weight=weight)
    assert routed.threshold_ == weighted.threshold_


@pytest.mark.parametrize("wrapper", [RecallFloorClassifier, PriorShiftClassifier, InputGate])
def test_weights_of_half_of_the_samples_are_not_those_of_each_fold(wrapper, samples):
    X, y = samples
    half = np.ones(len(y) // 2)
    options = {"calibration_fraction": 0.5} if wrapper is InputGate else {"cv": 2}
    model = wrapper(make_pipeline(LogisticRegression()), **options)
    with pytest.raises(ValueError, match=rf"__sample_weight has {len(half)} entries"):
        model.fit(X, y, groups=range(len(y)), logisticregression__sample_weight=half)


# Every check fits a dozen samples, which support no higher floor than this.
EXPECTED_FAILED_CHECKS = {
    "check_classifiers_classes": "has labels, 'one' and 'two', of which nothing tells whose "
    "recall is to be kept; this classifier asks for pos_label",
    "check_classifiers_train": "wants the class of the greatest probability predicted; this "
    "classifier's purpose is another threshold than 1/2",
}


@unknown_patients
@parametrize_with_checks(
    [RecallFloorClassifier(LogisticRegression(), recall=0.7, confidence=0.5)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILED_CHECKS,
    xfail_strict=True,
)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.real
def test_floor_holds_on_the_rest_of_the_real_patients(real_data):
    """Benchmarks/recall_floor_resplits.py measures this at length and with a better model."""
    from PIL import Image

    from skpneumo.datasets import load_chest_xray

    pool = load_chest_xray(real_data / "chest_xray")
    pixels = np.stack(
        [
            np.asarray(
                Image.open(name).convert("L").resize((16, 16), Image.Resampling.BOX)
            ).ravel()
            for name in pool.filenames
        ]
    )
    rng = np.random.default_rng(0)
    kept = np.isin(pool.groups, rng.permutation(np.unique(pool.groups))[:2200])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    classifier = RecallFloorClassifier(model).fit(
        pixels[kept], pool.target[kept], groups=pool.groups[kept]
    )
    rest = pixels[~kept][pool.target[~kept] == 1]
    assert classifier.predict(rest).mean() >= 0.98
    assert classifier.guarantee_ == "exact"
    assert classifier.n_positive_ > 400  # of a third of the patients


class Interrupted(LogisticRegression):
    """Is interrupted in the fit of a hundred samples or fewer."""

    def fit(self, X, y):
        if len(X) <= 100:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.parametrize(
    "wrapper",
    [
        RecallFloorClassifier(Interrupted(), recall=0.8),
        PriorShiftClassifier(Interrupted()),
        InputGate(Interrupted(), false_alarm_rate=0.1),
    ],
    ids=lambda wrapper: type(wrapper).__name__,
)
def test_a_fit_that_is_interrupted_leaves_neither_this_fit_nor_an_earlier_one(wrapper, samples):
    """A threshold of one fit with the positive class of another would predict wrongly."""
    X, y = samples
    wrapper = clone(wrapper)
    for earlier in (False, True):
        if earlier:
            wrapper.fit(X, y, groups=range(len(y)))
        with pytest.raises(KeyboardInterrupt):
            wrapper.fit(X[:100], 1 - y[:100], groups=range(100))
        with pytest.raises(NotFittedError):
            wrapper.predict(X)


def test_names_of_classes_that_a_user_gave_before_a_fit_are_kept(samples):
    X, y = samples
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.8)
    floor.target_names_ = ["NORMAL", "PNEUMONIA"]
    assert floor.fit(X, y, groups=range(len(y))).target_names_ == ["NORMAL", "PNEUMONIA"]
    with pytest.raises(ValueError, match="NaN"):
        floor.fit(X * np.nan, y, groups=range(len(y)))
    with pytest.raises(NotFittedError):
        floor.predict(X)


def test_a_fit_that_is_refused_leaves_no_positive_class_of_its_own(samples):
    X, y = samples
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.8).fit(X, y, groups=range(len(y)))
    with pytest.raises(ValueError, match="patients"):
        floor.set_params(pos_label=0, recall=0.9999).fit(X, y, groups=range(len(y)))
    with pytest.raises(NotFittedError):
        floor.predict(X)


def test_the_only_model_of_an_earlier_fit_is_not_that_of_folds(samples):
    X, y = samples
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.8)
    assert hasattr(floor.fit(X, y, groups=range(len(y))), "estimator_")
    floor.set_params(cv=2).fit(X, y, groups=range(len(y)))
    assert not hasattr(floor, "estimator_")


def test_a_name_that_an_ensemble_has_replaced_by_a_number_is_explained(samples):
    X, y = samples
    names = np.array(["abnormal", "normal"])[y]
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.8, pos_label="abnormal")
    for ensemble in VotingClassifier([("floor", floor)]), BaggingClassifier(floor, 2):
        with pytest.raises(ValueError, match=r"\[0, 1\], by which ensembles .* Pass one of"):
            ensemble.fit(X, names)


# scikit-learn's callbacks


@pytest.mark.parametrize("parameters", [{}, {"cv": 3}, {"cv": 3, "ensemble": False}])
def test_callbacks_are_called_for_the_floor_and_the_models(capsys, parameters):
    X, y = make_classification(300, random_state=0)
    screening = RecallFloorClassifier(LogisticRegression(), recall=0.8, **parameters)
    told = clone(screening).set_callbacks(ProgressBar()).fit(X, y, groups=range(300))
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert "RecallFloorClassifier" in shown
    assert "LogisticRegression" in shown
    screening.fit(X, y, groups=range(300))
    np.testing.assert_array_equal(told.predict_proba(X), screening.predict_proba(X))
    assert pickle.loads(pickle.dumps(told)).threshold_ == screening.threshold_


class Told(LogisticRegression):
    """Classifier that says when it predicts."""

    told: ClassVar = []

    def predict_proba(self, X):
        self.told.append("scores")
        return super().predict_proba(X)


class Tasks:
    """Callback that says when a task of a wrapper ends, and whether its model is there."""

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context):
        there = hasattr(estimator, "estimator_") or hasattr(estimator, "estimators_")
        Told.told.append((context.task_name, there))


@pytest.mark.parametrize(
    ("wrapper", "told"),
    [
        (
            RecallFloorClassifier(Told(), recall=0.8, cv=2, ensemble=False),
            ["scores", ("fit-fold", False)] * 2 + [("fit-folds", False), ("refit", True)],
        ),
        (
            PriorShiftClassifier(Told(), cv=2),
            [("fit-estimator", True)] + ["scores", ("fit-fold", True)] * 2,
        ),
        (InputGate(Told(), random_state=0), [("fit-estimator", True)]),
    ],
)
def test_a_task_ends_when_its_model_is_stored_or_scored(wrapper, told):
    X, y = make_classification(300, random_state=0)
    Told.told.clear()
    wrapper.set_callbacks(Tasks()).fit(X, y, groups=range(300))
    assert Told.told[: len(told)] == told


def test_the_models_of_a_fit_are_counted_before_it():
    X, y = make_classification(600, random_state=0)
    names = np.array(["NORMAL", "PNEUMONIA"])[y]
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.9)
    for options, n in (({}, 1), ({"cv": 3}, 3), ({"cv": 3, "ensemble": False}, 4)):
        assert clone(floor).set_params(**options).n_fits(X, y, groups=range(600)) == n
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    assert RecallFloorClassifier(frozen, recall=0.9).n_fits(X, y, groups=range(600)) == 0
    assert not hasattr(floor, "pos_label_")
    with pytest.raises(ValueError, match="patients of PNEUMONIA, but there are 19"):
        floor.n_fits(X[:40], names[:40], groups=range(40))
