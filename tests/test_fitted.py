"""The parts of a fitted estimator are found in any nesting."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC

from skpneumo.decision import InputGate, RecallFloorClassifier
from skpneumo.fitted import (
    classifiers_of,
    gate_of,
    map_classifiers,
    positive_label,
    split_transformers,
    threshold_of,
    transformers_of,
    unwrap,
    without_gate,
)
from skpneumo.pipeline import make_pipeline

pytestmark = [
    pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning"),
    pytest.mark.filterwarnings("ignore::skpneumo.decision.OutlierImageWarning"),
]

RNG = np.random.default_rng(0)
Y = np.arange(120) % 2
X = RNG.normal(size=(120, 4)) + 0.8 * Y[:, np.newaxis]


class Doubling(TransformerMixin, BaseEstimator):
    """Replaces a loader: learns nothing, and counts its rows."""

    n_rows = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        Doubling.n_rows += len(X)
        return 2 * np.asarray(X)

    def __sklearn_is_fitted__(self):
        return True


def pipe():
    return make_pipeline(Doubling(), "passthrough", LogisticRegression())


def floor(estimator, **options):
    return RecallFloorClassifier(estimator, recall=0.8, confidence=0.8, cv=3, **options)


def gate(estimator):
    return InputGate(estimator, false_alarm_rate=0.1)


def two(voting="soft", **options):
    return VotingClassifier([("a", pipe()), ("b", pipe())], voting=voting, **options)


# What nests, what nests in it, and how many classifiers there are inside.
NESTS = {
    "pipeline": (pipe, 1),
    "pipeline in a pipeline": (lambda: make_pipeline(pipe()), 1),
    "search": (lambda: GridSearchCV(pipe(), {"logisticregression__C": [0.1, 1]}, cv=2), 1),
    "frozen": (lambda: FrozenEstimator(pipe().fit(X, Y)), 1),
    "frozen voting": (lambda: FrozenEstimator(two().fit(X, Y)), 2),
    "fixed threshold": (lambda: FixedThresholdClassifier(pipe(), threshold=0.3), 1),
    "tuned threshold": (lambda: TunedThresholdClassifierCV(pipe(), cv=2), 1),
    "recall floor": (lambda: floor(pipe(), ensemble=False, calibration="temperature"), 1),
    "recall floor of an ensemble": (lambda: floor(pipe(), ensemble=True), 3),
    "search over a recall floor": (
        lambda: GridSearchCV(
            floor(pipe(), ensemble=False), {"estimator__logisticregression__C": [0.1]}, cv=2
        ),
        1,
    ),
    "calibration, ensemble": (lambda: CalibratedClassifierCV(pipe(), cv=2, ensemble=True), 2),
    "calibration, one": (lambda: CalibratedClassifierCV(pipe(), cv=2, ensemble=False), 1),
    "calibration, auto": (lambda: CalibratedClassifierCV(pipe(), cv=2, ensemble="auto"), 2),
    "calibration of a frozen one": (
        lambda: CalibratedClassifierCV(FrozenEstimator(pipe().fit(X, Y)), cv=2),
        1,
    ),
    "gate": (lambda: gate(pipe()), 1),
    "gate around a recall floor": (lambda: gate(floor(pipe())), 3),
    "recall floor around a gate": (lambda: floor(gate(pipe()), ensemble=False), 1),
    "gate in a pipeline": (lambda: make_pipeline(gate(pipe())), 1),
    "soft voting": (two, 2),
    "hard voting": (lambda: two("hard"), 2),
    "voting without one": (
        lambda: two(weights=[2, 1, 1]).set_params(
            estimators=[("a", pipe()), ("no", "drop"), ("b", pipe())]
        ),
        2,
    ),
    "stacking": (lambda: StackingClassifier([("a", pipe()), ("b", pipe())], cv=2), 2),
    "calibrated voting of searches": (
        lambda: CalibratedClassifierCV(
            VotingClassifier(
                [
                    ("a", GridSearchCV(pipe(), {}, cv=2)),
                    ("b", pipe()),
                ],
                voting="soft",
            ),
            cv=2,
        ),
        4,
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: make().fit(X, Y) for name, (make, _) in NESTS.items()}


@pytest.mark.parametrize("name", NESTS)
def test_classifiers_and_their_transformers_are_found(fitted, name):
    inner = classifiers_of(fitted[name])
    assert [type(each.classifier) for each in inner] == [LogisticRegression] * NESTS[name][1]
    assert all([type(step) for step in each.transformers] == [Doubling] for each in inner)
    assert [type(step) for step in transformers_of(fitted[name])] == [Doubling]
    single = unwrap(fitted[name])
    assert (type(single) is LogisticRegression) == (NESTS[name][1] == 1)


@pytest.mark.parametrize("name", NESTS)
def test_the_split_classifier_predicts_the_same_from_transformed_data(fitted, name):
    estimator = fitted[name]
    _, predictor = split_transformers(estimator)
    assert transformers_of(predictor) == []
    given = 2 * X
    Doubling.n_rows = 0
    np.testing.assert_array_equal(predictor.predict(given), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(predictor.predict_proba(given), estimator.predict_proba(X))
    assert Doubling.n_rows > 0  # by the whole one, which is as it was
    Doubling.n_rows = 0
    predictor.predict(given)
    assert Doubling.n_rows == 0
    assert getattr(threshold_of(predictor), "value", None) == getattr(
        threshold_of(estimator), "value", None
    )


@pytest.mark.parametrize("name", NESTS)
def test_gate_is_found_and_removed(fitted, name):
    found = gate_of(fitted[name])
    assert (found is not None) == ("gate" in name)
    ungated = without_gate(fitted[name])
    assert gate_of(ungated) is None
    assert (ungated is fitted[name]) == ("gate" not in name)
    if found is not None:
        assert found.gate.reasons(X[:3]).shape == (3,)
        floor_outside = isinstance(fitted[name], RecallFloorClassifier)
        np.testing.assert_array_equal(ungated.predict(X), fitted[name].predict(X))
        assert isinstance(ungated, RecallFloorClassifier) or not floor_outside


def test_transformers_that_learned_different_things_stay_with_their_classifiers():
    scaled = make_pipeline(Doubling(), StandardScaler(), LogisticRegression())
    model = CalibratedClassifierCV(scaled, cv=2).fit(X, Y)
    transformers, predictor = split_transformers(model)
    assert [type(step) for step in transformers] == [Doubling]
    np.testing.assert_array_equal(predictor.predict_proba(2 * X), model.predict_proba(X))
    inner = classifiers_of(predictor)
    assert [[type(step) for step in each.transformers] for each in inner] == [[StandardScaler]] * 2


def test_an_estimator_that_uses_more_than_its_members_is_not_split():
    model = StackingClassifier([("a", pipe()), ("b", pipe())], cv=2, passthrough=True).fit(X, Y)
    transformers, predictor = split_transformers(model)
    assert transformers == []
    assert predictor is model


@pytest.mark.parametrize(
    "model",
    [
        BaggingClassifier(pipe(), n_estimators=1),
        RFE(LogisticRegression(), n_features_to_select=2),
        GradientBoostingClassifier(n_estimators=1),
        GaussianNB(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_parts_with_other_input_are_not_inner_classifiers(model):
    model.fit(X, Y)
    assert unwrap(model) is model
    assert [each.classifier for each in classifiers_of(model)] == [model]
    assert split_transformers(model) == ([], model)


def test_binary_parts_of_a_multiclass_classifier_are_not_inner_classifiers():
    y = np.arange(120) % 3
    model = OneVsRestClassifier(LogisticRegression()).fit(X, y)
    assert unwrap(model) is model
    voting = VotingClassifier([("a", model), ("b", GaussianNB())], voting="soft").fit(X, y)
    assert len(classifiers_of(voting)) == 2
    assert threshold_of(voting) is None


def test_trees_of_a_forest_are_found_and_do_not_change_it():
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    assert len(classifiers_of(forest)) == 3
    assert split_transformers(forest) == ([], forest)


def test_weights_are_those_of_the_average(fitted):
    def weights(name):
        return [each.weight for each in classifiers_of(fitted[name])]

    assert weights("soft voting") == [0.5, 0.5]
    assert weights("voting without one") == pytest.approx([2 / 3, 1 / 3])
    assert weights("calibrated voting of searches") == [0.25] * 4
    assert weights("stacking") == weights("hard voting") == [None, None]
    boosted = AdaBoostClassifier(n_estimators=2, random_state=0).fit(X, Y)
    assert {each.weight for each in classifiers_of(boosted)} == {None}
    mean = sum(
        each.weight * each.classifier.predict_proba(2 * X)
        for each in classifiers_of(fitted["voting without one"])
    )
    np.testing.assert_allclose(mean, fitted["voting without one"].predict_proba(X))


@pytest.mark.parametrize("name", NESTS)
def test_classifiers_are_replaced_in_a_copy(fitted, name):
    estimator = fitted[name]
    before = estimator.predict(X)

    def opposite(classifier):
        changed = clone(classifier).fit(X, Y)
        changed.coef_, changed.intercept_ = -classifier.coef_, -classifier.intercept_
        return changed

    changed = map_classifiers(estimator, opposite)
    assert type(changed) is type(estimator)
    assert not np.array_equal(changed.predict(X), before)
    np.testing.assert_array_equal(estimator.predict(X), before)


THRESHOLDS = {
    "fixed": (lambda: FixedThresholdClassifier(pipe(), threshold=0.3), "threshold"),
    "tuned": (lambda: TunedThresholdClassifierCV(pipe(), cv=2), "best_threshold_"),
    "floor": (lambda: floor(pipe()), "threshold_"),
}
AROUND = {
    "alone": lambda model: model,
    "pipeline": make_pipeline,
    "search": lambda model: GridSearchCV(model, {}, cv=2),
    "frozen": lambda model: FrozenEstimator(model.fit(X, Y)),
    "frozen in a search": lambda model: GridSearchCV(
        make_pipeline(FrozenEstimator(model.fit(X, Y))), {}, cv=2
    ),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("kind", THRESHOLDS)
def test_threshold_and_who_chose_it(kind, around):
    make, attribute = THRESHOLDS[kind]
    model = AROUND[around](make()).fit(X, Y)
    threshold = threshold_of(model)
    assert type(threshold.chosen_by) is type(make())
    assert threshold.value == getattr(threshold.chosen_by, attribute)
    assert (threshold.pos_label, threshold.response) == (1, "predict_proba")
    score = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X) == 1, score >= threshold.value)
    assert threshold.on_scores_of(0) is None
    assert positive_label(model) == 1


@pytest.mark.parametrize(
    "around",
    [
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: CalibratedClassifierCV(model, cv=2, ensemble=False),
        lambda model: VotingClassifier([("a", model), ("b", pipe())], voting="soft"),
        lambda model: StackingClassifier([("a", model)], cv=2),
    ],
    ids=["calibration, ensemble", "calibration, one", "voting", "stacking"],
)
def test_inner_thresholds_do_not_apply_to_an_outer_classifier_with_probabilities(around):
    model = around(FixedThresholdClassifier(pipe(), threshold=0.9)).fit(X, Y)
    threshold = threshold_of(model)
    assert (threshold.value, threshold.chosen_by) == (0.5, None)
    np.testing.assert_array_equal(model.predict(X), (model.predict_proba(X)[:, 1] > 0.5) * 1)


def test_thresholds_on_other_scores_say_so():
    model = FixedThresholdClassifier(pipe(), threshold=0.2, response_method="decision_function")
    assert threshold_of(model.fit(X, Y)).response == "decision_function"
    sign = threshold_of(make_pipeline(LinearSVC()).fit(X, Y))
    assert (sign.value, sign.response, sign.chosen_by) == (0.0, "decision_function", None)
    default = threshold_of(FixedThresholdClassifier(pipe()).fit(X, Y))
    assert (default.value, default.chosen_by) == (0.5, None)
    assert threshold_of(two("hard").fit(X, Y)) is None


def test_a_threshold_on_other_values_is_ignored():
    unlabelled = np.where(np.arange(120) < 100, Y, -1)
    model = SelfTrainingClassifier(pipe(), threshold=0.75).fit(X, unlabelled)
    assert threshold_of(model).value == 0.5


def test_a_threshold_on_a_fitted_classifier_needs_no_fit():
    model = FixedThresholdClassifier(pipe().fit(X, Y), threshold=0.3)
    assert threshold_of(model).value == 0.3
    transformers, predictor = split_transformers(model)
    assert len(transformers) == 1
    np.testing.assert_array_equal(predictor.predict(2 * X), model.predict(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda: FixedThresholdClassifier(pipe(), threshold=0.3, pos_label=0),
        lambda: TunedThresholdClassifierCV(
            pipe(), scoring=make_scorer(f1_score, pos_label=0), cv=2
        ),
        lambda: floor(pipe(), pos_label=0),
    ],
    ids=["fixed", "tuned", "floor"],
)
def test_positive_label_is_the_one_that_the_threshold_is_about(make):
    model = GridSearchCV(make_pipeline(make()), {}, cv=2).fit(X, Y)
    assert threshold_of(model).pos_label == positive_label(model) == 0
    assert positive_label(model, 1) == 1


def test_positive_label_follows_from_the_names_or_is_asked_for():
    model = LogisticRegression().fit(X, np.where(Y, "normal", "PNEUMONIA"))
    assert positive_label(model) == positive_label(model, "PNEUMONIA") == "PNEUMONIA"
    unclear = LogisticRegression().fit(X, np.where(Y, "TB", "COVID"))
    with pytest.raises(ValueError, match=r"'COVID', 'TB'\] is the illness.* Pass pos_label='TB'"):
        positive_label(unclear)
    with pytest.raises(ValueError, match=r"target='VIRUS' is not one of the classes"):
        positive_label(model, "VIRUS", name="target")
    several = LogisticRegression().fit(X, np.arange(120) % 3)
    with pytest.raises(ValueError, match=r"3 classes, \[0, 1, 2\].* as pos_label"):
        positive_label(several)


@pytest.mark.parametrize("make", [MultiOutputClassifier, ClassifierChain])
def test_a_classifier_of_several_labels_is_refused(make):
    model = make(LogisticRegression()).fit(X, np.column_stack([Y, 1 - Y]))
    with pytest.raises(ValueError, match=r"predicts 2 labels for each image.* estimators_"):
        threshold_of(model)
