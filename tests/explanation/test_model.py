"""Taking estimators apart: steps, resampling, meta-estimators, operating points."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import ImageLoader, ImageResampler, make_pipeline
from skpneumo.decision import RecallFloorClassifier
from skpneumo.enhancement import ContrastEqualizer
from skpneumo.explanation._model import (
    decision_threshold,
    require_target,
    steps_and_classifier,
    take_apart,
    target_columns,
)


def as_rows(images):
    return np.asarray(images).reshape(len(images), -1) / 255


@pytest.fixture(scope="module")
def simple(xrays):
    """A pipeline from paths whose classifier sees rows."""
    return make_pipeline(
        ImageResampler("under", random_state=0),
        ImageLoader(size=8),
        "passthrough",
        ContrastEqualizer(),
        FunctionTransformer(as_rows),
        LogisticRegression(),
    ).fit(xrays.filenames, xrays.target)


def test_images_are_what_the_last_step_that_makes_images_made(simple, xrays):
    model, images = take_apart(simple, xrays.filenames)
    loaded = ImageLoader(size=8).transform(xrays.filenames)
    assert np.array_equal(images, ContrastEqualizer().transform(loaded))
    assert len(model.steps) == 1
    assert np.array_equal(model.predict_proba(images), simple.predict_proba(xrays.filenames))


def test_what_is_taken_apart_stays_so(simple, xrays):
    model, images = take_apart(simple, xrays.filenames)
    again, same = take_apart(model, images)
    assert again is model
    assert same is images


@pytest.mark.parametrize(
    "wrap",
    [
        FrozenEstimator,
        lambda fitted: FixedThresholdClassifier(FrozenEstimator(fitted), threshold=0.3),
        lambda fitted: TunedThresholdClassifierCV(
            FrozenEstimator(fitted), cv="prefit", refit=False
        ),
        lambda fitted: CalibratedClassifierCV(FrozenEstimator(fitted), ensemble=False),
        lambda fitted: GridSearchCV(fitted, {"logisticregression__C": [0.1, 1.0]}, cv=2),
        lambda fitted: RecallFloorClassifier(FrozenEstimator(fitted), recall=0.5, confidence=0.5),
    ],
    ids=["frozen", "fixed", "tuned", "calibrated", "search", "recall floor"],
)
def test_meta_estimators_are_looked_through(wrap, simple, xrays):
    wrapped = wrap(simple).fit(xrays.filenames, xrays.target)
    steps, classifier = steps_and_classifier(wrapped)
    assert [type(step) for step in steps] == [ImageLoader, ContrastEqualizer, FunctionTransformer]
    assert type(classifier) is LogisticRegression
    _, images = take_apart(wrapped, xrays.filenames[:3])
    assert images.shape == (3, 8, 8, 1)


def test_members_of_an_ensemble_are_named(simple, xrays):
    column = xrays.filenames[:, np.newaxis]
    bagging = BaggingClassifier(simple, n_estimators=2, random_state=0).fit(column, xrays.target)
    calibrated = CalibratedClassifierCV(simple, cv=3).fit(column, xrays.target)
    with pytest.raises(ValueError, match=r"one of its 2 members, estimators_\[i\]\."):
        take_apart(bagging, column)
    with pytest.raises(ValueError, match=r"3 members, calibrated_classifiers_\[i\]\.estimator\."):
        take_apart(calibrated, column)
    for member in (bagging.estimators_[0], calibrated.calibrated_classifiers_[0].estimator):
        model, _ = take_apart(member, column)
        assert type(model.classifier) is LogisticRegression


def test_a_network_that_takes_rows_is_explained_as_images(small, noise):
    from skpneumo import CNNClassifier

    rows = noise.reshape(len(noise), -1)
    classifier = CNNClassifier(filters=(4,), image_shape=(16, 16, 1), epochs=1, random_state=0)
    classifier.fit(rows, [0, 1, 0, 1, 0])
    model, images = take_apart(classifier, rows)
    assert np.array_equal(images, noise)
    assert np.array_equal(model.predict_proba(images), classifier.predict_proba(rows))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_odds_are_those_of_the_probability(n_classes, small, noise):
    classifier = small(classes=n_classes, precision="float32")
    model, images = take_apart(classifier, noise)
    columns = np.arange(len(images)) % n_classes
    probability = model.scores(images, columns, "probability")
    assert model.scores(images, columns, "log_odds") == pytest.approx(
        np.log(probability / (1 - probability)), abs=1e-4
    )


def test_log_odds_of_a_forest_are_finite(noise):
    from sklearn.ensemble import RandomForestClassifier

    forest = make_pipeline(FunctionTransformer(as_rows), RandomForestClassifier(3, random_state=0))
    model, images = take_apart(forest.fit(noise, [0, 1, 0, 1, 0]), noise)
    scores = model.scores(images, np.ones(5, dtype=int), "log_odds")
    assert np.isfinite(scores).all()


def test_targets(small, noise):
    two, images = take_apart(small(), noise)
    assert target_columns(two, images, None).tolist() == [1] * 5
    assert target_columns(two, images, 0).tolist() == [0] * 5
    three, images = take_apart(small(classes=3), noise)
    most_probable = three.predict_proba(images).argmax(axis=1)
    assert target_columns(three, images, None).tolist() == most_probable.tolist()
    with pytest.raises(ValueError, match=r"target='VIRUS' is not one of the classes \[0, 1, 2\]"):
        target_columns(three, images, "VIRUS")


def test_thresholds_are_found_inside(simple, xrays):
    fixed = FixedThresholdClassifier(FrozenEstimator(simple), threshold=0.3)
    fixed.fit(xrays.filenames, xrays.target)
    assert decision_threshold(fixed) == 0.3
    assert decision_threshold(FrozenEstimator(fixed)) == 0.3
    other = FixedThresholdClassifier(FrozenEstimator(simple), threshold=0.3, pos_label=0)
    assert decision_threshold(other.fit(xrays.filenames, xrays.target)) is None
    tuned = TunedThresholdClassifierCV(FrozenEstimator(simple), cv="prefit", refit=False)
    tuned.fit(xrays.filenames, xrays.target)
    assert decision_threshold(tuned) == tuned.best_threshold_
    tuned.set_params(response_method="decision_function").fit(xrays.filenames, xrays.target)
    assert decision_threshold(tuned) is None
    assert decision_threshold(simple) == 0.5
    floor = RecallFloorClassifier(
        FrozenEstimator(simple), recall=0.5, confidence=0.5, pos_label=0
    ).fit(xrays.filenames, xrays.target)
    assert decision_threshold(floor) is None


def test_three_classes_have_no_threshold(small):
    assert decision_threshold(small(classes=3)) is None


@pytest.mark.parametrize(
    ("estimator", "X", "said"),
    [
        (LogisticRegression(), np.random.default_rng(0).random((6, 4)), "no images to lay a map"),
        (LinearSVC(), np.random.default_rng(0).random((6, 4)), "LinearSVC has no predict_proba"),
    ],
)
def test_what_cannot_be_explained_is_refused(estimator, X, said):
    with pytest.raises(ValueError, match=said):
        take_apart(estimator.fit(X, [0, 1] * 3), X)


def test_an_unfitted_estimator_is_refused(noise):
    with pytest.raises(NotFittedError):
        take_apart(LogisticRegression(), noise)


def test_paths_without_a_loader_are_refused(small, xrays):
    with pytest.raises(ValueError, match="Put an ImageLoader before it"):
        take_apart(small(), xrays.filenames)


def test_a_search_for_a_threshold_may_be_about_the_other_class():
    X, y = np.arange(40.0)[:, np.newaxis], np.arange(40) // 20
    tuned = TunedThresholdClassifierCV(LogisticRegression()).fit(X, y)
    assert decision_threshold(make_pipeline(tuned)) == tuned.best_threshold_
    other = make_scorer(f1_score, pos_label=0)
    assert decision_threshold(tuned.set_params(scoring=other).fit(X, y)) is None


def test_one_of_several_classes_must_be_named(small):
    require_target(small(), None)
    require_target(small(classes=3), 2)
    with pytest.raises(ValueError, match=r"3 classes, \[0, 1, 2\]. Pass the one .* as target"):
        require_target(small(classes=3), None)
    with pytest.raises(ValueError, match=r"target=3 is not one of the classes"):
        require_target(small(classes=3), 3)
