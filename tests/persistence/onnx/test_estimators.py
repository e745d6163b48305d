"""Graphs of estimators around a network predict like the estimators."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import (
    CNNClassifier,
    ContrastEqualizer,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    RecallFloorClassifier,
    make_pipeline,
)
from skpneumo.decision import PriorShiftClassifier
from skpneumo.persistence.onnx import NotExportableError, export_onnx
from skpneumo.persistence.onnx._model import build_model
from skpneumo.persistence.onnx._parity import compare_with_model, images_from
from skpneumo.persistence.onnx._session import OnnxSession


def fitted_network(seed):
    """A network with random weights, quickly fitted on noise."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)
    return CNNClassifier(
        filters=(), dense_units=(), learning_rate=0.1, epochs=1, random_state=seed
    ).fit(X, np.arange(16) % 2)


@pytest.fixture(scope="module")
def images(xrays):
    return images_from(xrays.filenames[:12])


def session_of(estimator):
    model = build_model(estimator, target_names=None, card="")
    return OnnxSession(model.SerializeToString(deterministic=True))


def assert_alike(estimator, images, tolerance=1e-5):
    session = session_of(estimator)
    parity = compare_with_model(estimator, session, images, tolerance)
    assert parity.largest < tolerance
    assert parity.n_other_labels == 0
    return session


def wrapped(outer, pipeline, xrays, **fit):
    return outer(FrozenEstimator(pipeline)).fit(xrays.filenames, xrays.target, **fit)


def test_pipeline_with_steps_that_do_nothing_in_prediction(pipeline, images):
    network = pipeline.steps[-1][1]
    whole = make_pipeline(
        ImageResampler("under"), ImageLoader(size=16, resize="pad"), "passthrough",
        ImageAugmenter(), ContrastEqualizer(), FrozenEstimator(network),
    )  # fmt: skip
    assert_alike(whole, images, 1e-2)


@pytest.mark.parametrize("weights", [None, [1, 3]])
def test_average(weights, pipeline, images, xrays):
    network = pipeline.steps[-1][1]
    other = fitted_network(1)
    voting = VotingClassifier(
        [("a", FrozenEstimator(network)), ("b", FrozenEstimator(other))],
        voting="soft",
        weights=weights,
    )
    whole = make_pipeline(ImageLoader(size=16), voting).fit(xrays.filenames, xrays.target)
    assert_alike(whole, images)


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration(method, ensemble, pipeline, images, xrays):
    calibrated = wrapped(
        lambda frozen: CalibratedClassifierCV(frozen, method=method, cv=2, ensemble=ensemble),
        pipeline,
        xrays,
    )
    assert_alike(calibrated, images, 1e-4)


@pytest.mark.parametrize("calibration", [None, "temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("pos_label", [0, 1])
def test_recall_floor(calibration, pos_label, pipeline, images, xrays):
    scores = pipeline.predict_proba(xrays.filenames)[:, 1]
    y = (scores > np.median(scores)).astype(int)
    y[::4] = 1 - y[::4]  # mostly right, or the sigmoid would be left out
    floor = RecallFloorClassifier(
        FrozenEstimator(pipeline),
        recall=0.6,
        confidence=0.5,
        specificity=0.6,
        calibration=calibration,
        pos_label=pos_label,
    ).fit(xrays.filenames, y)
    session = assert_alike(floor, images, 1e-4)
    assert session.facts.threshold == floor.threshold_
    assert session.facts.upper_threshold == floor.upper_threshold_
    assert session.facts.chosen_by == "RecallFloorClassifier"
    assert session.facts.guarantee["recall"] == 0.6
    assert session.facts.positive == pos_label


def test_an_isotonic_threshold_that_many_images_share_is_met_exactly(pipeline, images, xrays):
    floor = wrapped(
        lambda frozen: RecallFloorClassifier(
            frozen, recall=0.5, confidence=0.5, calibration="isotonic"
        ),
        pipeline,
        xrays,
    )
    session = session_of(floor)
    found = np.array([session.predict(image).probabilities[1] for image in images])
    calibrated = set(floor.calibrator_.y_thresholds_)
    assert floor.threshold_ in calibrated
    on_a_corner = [value for value in found if value in calibrated]
    assert on_a_corner


def test_ensemble_of_folds_behind_a_recall_floor(images, xrays, pipeline):
    floor = RecallFloorClassifier(FrozenEstimator(pipeline), recall=0.5, confidence=0.5).fit(
        xrays.filenames, xrays.target
    )
    other = make_pipeline(ImageLoader(size=16), FrozenEstimator(fitted_network(2)))
    floor.estimators_ = [*floor.estimators_, other]
    del floor.estimator_
    assert_alike(floor, images)


def test_prior_shift(pipeline, images, xrays):
    shifted = wrapped(
        lambda frozen: PriorShiftClassifier(frozen, prevalence=0.05), pipeline, xrays
    )
    assert_alike(shifted, images)


def test_fixed_threshold_and_a_search(pipeline, images, xrays):
    fixed = wrapped(
        lambda frozen: FixedThresholdClassifier(frozen, threshold=0.3, pos_label=1),
        pipeline,
        xrays,
    )
    session = assert_alike(make_pipeline(FrozenEstimator(fixed)), images)
    assert (session.facts.threshold, session.facts.chosen_by) == (0.3, "FixedThresholdClassifier")
    cases = {"imageloader__resize": ["pad"]}
    again = make_pipeline(ImageLoader(size=16), FrozenEstimator(pipeline.steps[-1][1]))
    search = GridSearchCV(again, cases, cv=2).fit(xrays.filenames, xrays.target)
    assert_alike(search, images)


def test_three_classes_and_text_labels(images, xrays):
    target = np.array(["BACTERIA", "NORMAL", "VIRUS"])[np.arange(len(xrays.filenames)) % 3]
    network = CNNClassifier(filters=(), dense_units=(), epochs=1, random_state=0)
    model = make_pipeline(ImageLoader(size=16), network).fit(xrays.filenames, target)
    session = assert_alike(model, images)
    assert session.facts.classes == ["BACTERIA", "NORMAL", "VIRUS"]
    assert session.facts.threshold is None
    for method in ("sigmoid", "isotonic"):
        calibrated = CalibratedClassifierCV(FrozenEstimator(model), method=method, cv=2)
        assert_alike(calibrated.fit(xrays.filenames, target), images, 1e-3)


REFUSED = {
    "no loader": (lambda p: p.steps[-1][1], "no ImageLoader before it"),
    "a classifier of another kind": (
        lambda p: make_pipeline(ImageLoader(), LogisticRegression()),
        "LogisticRegression cannot be exported.*Use the model itself",
    ),
    "an unknown step": (
        lambda p: make_pipeline(p.steps[0][1], LogisticRegression(), p.steps[-1][1]),
        "The step LogisticRegression cannot be exported.*Use the model itself",
    ),
    "images of another size": (
        lambda p: make_pipeline(ImageLoader(size=20), FrozenEstimator(p.steps[-1][1])),
        r"fitted on images of shape \(16, 16, 1\).*\(20, 20, 1\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, pipeline):
    make, message = REFUSED[case]
    with pytest.raises(NotExportableError, match=message):
        build_model(make(pipeline), target_names=None, card="")


def test_a_calibrated_machine_is_refused_by_its_name(xrays):
    machine = make_pipeline(FunctionTransformer(in_rows), LinearSVC(random_state=0))
    model = make_pipeline(ImageLoader(size=8), CalibratedClassifierCV(machine, cv=2))
    model.fit(xrays.filenames, xrays.target)
    with pytest.raises(NotExportableError, match=r"LinearSVC has no prob.*Use the model itself"):
        build_model(model, target_names=None, card="")


def in_rows(images):
    return np.asarray(images).reshape(len(images), -1) / 255


def test_test_time_augmentation_is_refused(pipeline):
    from copy import copy

    network = copy(pipeline.steps[-1][1]).set_params(n_tta=2, augmentation=ImageAugmenter())
    with pytest.raises(NotExportableError, match="n_tta=2"):
        build_model(make_pipeline(ImageLoader(size=16), network), target_names=None, card="")


def test_hard_voting_is_refused(pipeline, xrays):
    voting = VotingClassifier([("a", FrozenEstimator(pipeline))]).fit(
        xrays.filenames, xrays.target
    )
    with pytest.raises(NotExportableError, match="voting='soft'"):
        build_model(voting, target_names=None, card="")


@pytest.mark.parametrize("nested", [False, True])
def test_hard_voting_is_advised_to_be_soft(nested, pipeline, xrays, tmp_path):
    if nested:
        members = [("a", FrozenEstimator(pipeline.steps[-1][1]))]
        model = make_pipeline(ImageLoader(size=16), VotingClassifier(members))
    else:
        model = VotingClassifier([("a", FrozenEstimator(pipeline))])
    model.fit(xrays.filenames, xrays.target)
    with pytest.raises(TypeError, match=r"no predict_proba.*Use voting='soft'"):
        export_onnx(model, tmp_path / "m.onnx")
    name = "votingclassifier__voting" if nested else "voting"
    export_onnx(model.set_params(**{name: "soft"}), tmp_path / "m.onnx")


def test_members_that_load_images_in_other_ways_are_refused(pipeline, xrays):
    cropped = make_pipeline(
        ImageLoader(size=16, resize="crop"), FrozenEstimator(pipeline.steps[-1][1])
    )
    voting = VotingClassifier(
        [("a", FrozenEstimator(pipeline)), ("b", FrozenEstimator(cropped))], voting="soft"
    ).fit(xrays.filenames, xrays.target)
    with pytest.raises(NotExportableError, match="load images in 2 ways"):
        build_model(voting, target_names=None, card="")
