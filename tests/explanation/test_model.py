"""Taking estimators apart: steps, resampling, meta-estimators, operating points."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
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
    split_at_images,
    target_columns,
)
from skpneumo.fitted import transformers_of, unwrap


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


def test_images_are_the_output_of_the_last_step_for_images(simple, xrays):
    model, images = split_at_images(simple, xrays.filenames)
    loaded = ImageLoader(size=8).transform(xrays.filenames)
    assert np.array_equal(images, ContrastEqualizer().transform(loaded))
    assert np.array_equal(model.predict_proba(images), simple.predict_proba(xrays.filenames))


def test_a_model_that_is_split_already_is_returned_unchanged(simple, xrays):
    model, images = split_at_images(simple, xrays.filenames)
    again, same = split_at_images(model, images)
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
def test_networks_inside_meta_estimators_are_found(wrap, simple, xrays):
    wrapped = wrap(simple).fit(xrays.filenames, xrays.target)
    steps = transformers_of(wrapped)
    assert [type(step) for step in steps] == [ImageLoader, ContrastEqualizer, FunctionTransformer]
    assert type(unwrap(wrapped)) is LogisticRegression
    _, images = split_at_images(wrapped, xrays.filenames[:3])
    assert images.shape == (3, 8, 8, 1)


@pytest.mark.parametrize("ensemble", [True, False, "auto"])
def test_calibrated_pipelines_are_taken_apart_at_the_images_they_share(ensemble, simple, xrays):
    calibrated = CalibratedClassifierCV(simple, cv=3, ensemble=ensemble)
    calibrated.fit(xrays.filenames, xrays.target)
    model, images = split_at_images(calibrated, xrays.filenames)
    assert images.shape == (len(xrays.filenames), 8, 8, 1)
    assert np.array_equal(model.predict_proba(images), calibrated.predict_proba(xrays.filenames))


def test_members_that_share_no_images_are_named(simple, xrays):
    column = xrays.filenames[:, np.newaxis]
    bagging = BaggingClassifier(simple, n_estimators=2, random_state=0).fit(column, xrays.target)
    sizes = VotingClassifier(
        [(f"{side}", clone(simple).set_params(imageloader__size=side)) for side in (8, 9)],
        voting="soft",
    ).fit(column, xrays.target)
    for ensemble in (bagging, sizes):
        with pytest.raises(ValueError, match=r"one of its 2 members, estimators_\[i\]\."):
            split_at_images(ensemble, column)
        model, _ = split_at_images(ensemble.estimators_[0], column)
        assert type(unwrap(model.predictor)) is LogisticRegression


def test_a_network_that_takes_rows_is_explained_as_images(small, noise):
    from skpneumo import CNNClassifier

    rows = noise.reshape(len(noise), -1)
    classifier = CNNClassifier(filters=(4,), image_shape=(16, 16, 1), epochs=1, random_state=0)
    classifier.fit(rows, [0, 1, 0, 1, 0])
    model, images = split_at_images(classifier, rows)
    assert np.array_equal(images, noise)
    assert np.array_equal(model.predict_proba(images), classifier.predict_proba(rows))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_odds_are_those_of_the_probability(n_classes, small, noise):
    classifier = small(classes=n_classes, precision="float32")
    model, images = split_at_images(classifier, noise)
    columns = np.arange(len(images)) % n_classes
    probability = model.scores(images, columns, "probability")
    assert model.scores(images, columns, "log_odds") == pytest.approx(
        np.log(probability / (1 - probability)), abs=1e-4
    )


def test_log_odds_of_networks_that_are_averaged_are_those_of_their_mean(small, noise):
    y = [0, 1, 0, 1, 0]
    networks = [(str(seed), small(random_state=seed)) for seed in range(2)]
    voting = VotingClassifier(networks, voting="soft", weights=[3, 1]).fit(noise, y)
    model, images = split_at_images(make_pipeline(voting), noise)
    columns = np.arange(5) % 2
    probability = voting.predict_proba(noise)[np.arange(5), columns]
    assert model.scores(images, columns, "probability") == pytest.approx(probability)
    assert model.scores(images, columns, "log_odds") == pytest.approx(
        np.log(probability / (1 - probability)), abs=1e-4
    )


def test_networks_that_are_stacked_have_no_mean(small, noise):
    y = [0, 1, 0, 1, 0]
    stacked = StackingClassifier([("one", FrozenEstimator(small()))], cv="prefit").fit(noise, y)
    model, images = split_at_images(stacked, noise)
    assert model.predict_proba(images) == pytest.approx(stacked.predict_proba(noise))
    with pytest.raises(ValueError, match=r"StackingClassifier combines 1 in another way"):
        model.networks("grad_cam")


def test_log_odds_of_a_forest_are_finite(noise):
    from sklearn.ensemble import RandomForestClassifier

    forest = make_pipeline(FunctionTransformer(as_rows), RandomForestClassifier(3, random_state=0))
    model, images = split_at_images(forest.fit(noise, [0, 1, 0, 1, 0]), noise)
    scores = model.scores(images, np.ones(5, dtype=int), "log_odds")
    assert np.isfinite(scores).all()


def test_targets(small, noise):
    two, images = split_at_images(small(), noise)
    assert target_columns(two, images, None).tolist() == [1] * 5
    assert target_columns(two, images, 0).tolist() == [0] * 5
    three, images = split_at_images(small(classes=3), noise)
    most_probable = three.predict_proba(images).argmax(axis=1)
    assert target_columns(three, images, None).tolist() == most_probable.tolist()
    with pytest.raises(ValueError, match=r"target='VIRUS' is not one of the classes \[0, 1, 2\]"):
        target_columns(three, images, "VIRUS")


def test_thresholds_are_found_inside(simple, xrays):
    fixed = FixedThresholdClassifier(FrozenEstimator(simple), threshold=0.3)
    fixed.fit(xrays.filenames, xrays.target)
    assert decision_threshold(fixed, 1) == 0.3
    assert decision_threshold(FrozenEstimator(fixed), 1) == 0.3
    other = FixedThresholdClassifier(FrozenEstimator(simple), threshold=0.3, pos_label=0)
    assert decision_threshold(other.fit(xrays.filenames, xrays.target), 1) is None
    tuned = TunedThresholdClassifierCV(FrozenEstimator(simple), cv="prefit", refit=False)
    tuned.fit(xrays.filenames, xrays.target)
    assert decision_threshold(tuned, 1) == tuned.best_threshold_
    tuned.set_params(response_method="decision_function").fit(xrays.filenames, xrays.target)
    assert decision_threshold(tuned, 1) is None
    assert decision_threshold(simple, 1) == 0.5
    floor = RecallFloorClassifier(
        FrozenEstimator(simple), recall=0.5, confidence=0.5, pos_label=0
    ).fit(xrays.filenames, xrays.target)
    assert decision_threshold(floor, 1) is None


def test_three_classes_have_no_threshold(small):
    assert decision_threshold(small(classes=3), 1) is None


@pytest.mark.parametrize(
    ("estimator", "X", "said"),
    [
        (LogisticRegression(), np.random.default_rng(0).random((6, 4)), "no images to explain"),
        (LinearSVC(), np.random.default_rng(0).random((6, 4)), "LinearSVC has no predict_proba"),
    ],
)
def test_models_that_cannot_be_explained_are_refused(estimator, X, said):
    with pytest.raises(ValueError, match=said):
        split_at_images(estimator.fit(X, [0, 1] * 3), X)


def test_an_unfitted_estimator_is_refused(noise):
    with pytest.raises(NotFittedError):
        split_at_images(LogisticRegression(), noise)


def test_paths_without_a_loader_are_refused(small, xrays):
    with pytest.raises(ValueError, match="Put an ImageLoader before the classifier"):
        split_at_images(small(), xrays.filenames)


def test_a_search_for_a_threshold_may_be_about_the_other_class():
    X, y = np.arange(40.0)[:, np.newaxis], np.arange(40) // 20
    tuned = TunedThresholdClassifierCV(LogisticRegression()).fit(X, y)
    assert decision_threshold(make_pipeline(tuned), 1) == tuned.best_threshold_
    other = make_scorer(f1_score, pos_label=0)
    assert decision_threshold(tuned.set_params(scoring=other).fit(X, y), 1) is None


def test_one_of_several_classes_must_be_named(small):
    require_target(small(), None)
    require_target(small(classes=3), 2)
    with pytest.raises(ValueError, match=r"3 classes, \[0, 1, 2\]. Pass the one .* as target"):
        require_target(small(classes=3), None)
    with pytest.raises(ValueError, match=r"target=3 is not one of the classes"):
        require_target(small(classes=3), 3)
