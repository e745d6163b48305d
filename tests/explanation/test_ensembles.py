"""Averaged or calibrated networks are explained together, reading images once."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    activation_maps,
    explanation_report,
    grad_cam,
    integrated_gradients,
    make_pipeline,
    occlusion_map,
)
from skpneumo.decision import RecallFloorClassifier
from skpneumo.explanation import ActivationMapsDisplay, HeatMapDisplay
from skpneumo.fitted import classifiers_of

NETWORK = {"filters": (4, 8), "batch_norm": False, "epochs": 1, "precision": "float32"}


class CountingLoader(ImageLoader):
    """Counts the images that it reads."""

    n_read = 0

    def transform(self, X):
        CountingLoader.n_read += len(X)
        return super().transform(X)


@pytest.fixture(scope="module")
def voting(xrays):
    """Three networks, averaged."""
    networks = [
        (f"network{seed}", CNNClassifier(**NETWORK, random_state=seed)) for seed in range(3)
    ]
    pipe = make_pipeline(ImageLoader(size=24), VotingClassifier(networks, voting="soft"))
    return pipe.fit(xrays.filenames, xrays.target)


@pytest.fixture(scope="module")
def calibrated(xrays):
    """A calibrated pipeline of paths, where each member has its own loader."""
    pipe = make_pipeline(CountingLoader(size=24), CNNClassifier(**NETWORK, random_state=0))
    return CalibratedClassifierCV(pipe, cv=2, ensemble=True).fit(xrays.filenames, xrays.target)


METHODS = {"grad_cam": grad_cam, "integrated_gradients": integrated_gradients}


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_averaged_networks_are_the_mean_over_them(method, voting, xrays):
    paths = xrays.filenames[:3]
    images = voting[0].transform(paths)
    each = [METHODS[method](inner.classifier, images) for inner in classifiers_of(voting)]
    assert len(each) == 3
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(
        METHODS[method](voting, paths), np.mean(each, axis=0), rtol=1e-4, atol=1e-6
    )


def test_maps_are_weighted_like_the_votes(voting, xrays):
    images = voting[0].transform(xrays.filenames[:2])
    votes = voting[-1]
    each = np.stack([grad_cam(network, images) for network in votes.estimators_])
    votes.set_params(weights=[2, 1, 1])
    try:
        maps = grad_cam(votes, images)
    finally:
        votes.set_params(weights=None)
    np.testing.assert_allclose(
        maps, np.average(each, axis=0, weights=[2, 1, 1]), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("method", [grad_cam, integrated_gradients, occlusion_map])
def test_calibrated_pipelines_read_each_image_once(method, calibrated, xrays):
    paths = xrays.filenames[:3]
    CountingLoader.n_read = 0
    maps = method(calibrated, paths)
    assert CountingLoader.n_read == len(paths)
    assert maps.shape == (3, 24, 24)
    if method is not occlusion_map:
        each = [method(member.estimator, paths) for member in calibrated.calibrated_classifiers_]
        np.testing.assert_allclose(maps, np.mean(each, axis=0), rtol=1e-4, atol=1e-6)


def test_wrappers_of_a_network_do_not_change_maps(xrays):
    paths, y = xrays.filenames, xrays.target
    pipe = make_pipeline(ImageLoader(size=24), CNNClassifier(**NETWORK, random_state=0))
    pipe.fit(paths, y)
    frozen = FrozenEstimator(pipe)
    maps = grad_cam(pipe, paths[:2])
    for wrapped in (
        CalibratedClassifierCV(frozen),
        CalibratedClassifierCV(frozen, ensemble=False, cv=2),
        GridSearchCV(RecallFloorClassifier(frozen, recall=0.5, confidence=0.5), {}, cv=2),
    ):
        np.testing.assert_array_equal(grad_cam(wrapped.fit(paths, y), paths[:2]), maps)


def test_each_network_has_activations_of_its_own(voting, calibrated, xrays):
    maps = activation_maps(voting, xrays.filenames[:2])
    assert list(maps) == [
        f"{number}/block{block}_conv1_activation" for number in (1, 2, 3) for block in (1, 2)
    ]
    images = voting[0].transform(xrays.filenames[:2])
    second = activation_maps(voting[-1].estimators_[1], images)
    np.testing.assert_array_equal(
        maps["2/block1_conv1_activation"], second["block1_conv1_activation"]
    )
    assert len(activation_maps(calibrated, xrays.filenames[:2], "block1_conv1")) == 2
    display = ActivationMapsDisplay.from_estimator(voting, xrays.filenames[:1])
    assert display.axes_.shape[0] == 6


@pytest.mark.parametrize("model", ["voting", "calibrated"])
def test_the_report_explains_them_and_compares_with_random_weights(model, xrays, request):
    model = request.getfixturevalue(model)
    rows = np.r_[np.flatnonzero(xrays.target == 0)[:3], np.flatnonzero(xrays.target == 1)[:5]]
    X, y = xrays.filenames[rows], xrays.target[rows]
    CountingLoader.n_read = 0
    report = explanation_report(model, X, y, method="hires_cam", n_donors=1)
    assert CountingLoader.n_read in (0, len(X))
    assert report.frame["probability"].to_numpy() == pytest.approx(
        model.predict_proba(X)[:, 1], abs=1e-5
    )
    called = report.frame["called"]
    assert called.tolist() == (model.predict(X) == 1).tolist()
    assert report.frame["similarity"].count() == called.sum()
    assert report.frame["path"].tolist() == X.tolist()


def test_captions_contain_the_threshold_in_use(voting, xrays):
    display = HeatMapDisplay.from_estimator(voting, xrays.filenames[:1], methods="hires_cam")
    said = f"p = {voting.predict_proba(xrays.filenames[:1])[0, 1]:.3f}, threshold 0.5"
    assert display.axes_[0, 0].get_title().splitlines()[1] == said
