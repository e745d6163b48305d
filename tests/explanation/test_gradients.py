"""Gradients against finite differences, compiled once, and alike on every backend."""

import os
import subprocess
import sys
from importlib.util import find_spec

import joblib
import keras
import numpy as np
import pytest
from keras import ops

from skpneumo.explanation import activation_maps, grad_cam, integrated_gradients, occlusion_map
from skpneumo.explanation._gradients import GradientSpec, directions_of, gradient_programs
from skpneumo.explanation._layers import FlatNetwork


def gradient_alone(_, gradient):
    return gradient


def activations_alone(features, gradient):
    return features + 0 * ops.sum(gradient)


def programs(classifier, layer, combine):
    return gradient_programs.borrow(GradientSpec(classifier.network_spec_, layer, combine))


def test_input_gradients_are_finite_differences(small, noise):
    # Smooth, because a finite difference across the kink of a ReLU is no gradient.
    classifier = small(activation="tanh", pooling="average", precision="float32")
    network = classifier.network_
    image = noise[:1].astype(np.float32)
    with programs(classifier, None, gradient_alone) as program:
        program.load_weights(classifier.weights_)
        found = program(image, np.ones((1, 1), dtype=np.float32))
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = rng.choice([-1.0, 1.0], size=image.shape).astype(np.float32)
        above, below = network.predict_on_batch(np.concatenate([image + step, image - step]))
        assert (found * step).sum() == pytest.approx(float(above[0] - below[0]) / 2, rel=0.02)


def test_directions_choose_the_class(small, noise):
    two, three = small(), small(classes=3)
    assert directions_of(two, np.array([0, 1])).tolist() == [[-1], [1]]
    assert directions_of(three, np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert np.allclose(grad_cam(two, noise, target=0), -grad_cam(two, noise, target=1))


def test_features_are_those_of_the_layer(small, noise):
    classifier = small(residual=True)
    (layer,) = FlatNetwork(classifier.network_).by_resolution()[-1:]
    with programs(classifier, layer, activations_alone) as program:
        program.load_weights(classifier.weights_)
        found = program(noise, np.ones((5, 1), dtype=np.float32))
    assert np.allclose(found, activation_maps(classifier, noise, layer)[layer], atol=1e-5)


def test_one_architecture_is_compiled_once(small, noise, monkeypatch):
    first, second = small(), small(random_state=1)
    kept = gradient_programs._build
    built = []
    monkeypatch.setattr(gradient_programs, "_build", lambda spec: built.append(spec) or kept(spec))
    maps = grad_cam(first, noise)
    assert not np.allclose(grad_cam(second, noise), maps)
    assert np.array_equal(grad_cam(first, noise), maps)
    assert len(built) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_maps_are_alike_on_every_backend(backend, small, noise, tmp_path):
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is what the others are compared with")
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    classifier = small(residual=True, batch_norm=True, precision="float32")
    expected = {
        "hires_cam": grad_cam(classifier, noise),
        "grad_cam": grad_cam(classifier, noise, method="grad_cam"),
        "grad_cam++": grad_cam(classifier, noise, method="grad_cam++"),
        "integrated_gradients": integrated_gradients(classifier, noise),
        "occlusion": occlusion_map(classifier, noise),
    }
    joblib.dump((classifier, noise), tmp_path / "classifier.joblib")
    program = (
        "import joblib\n"
        "from skpneumo.explanation._methods import maps_by\n"
        "classifier, images = joblib.load('classifier.joblib')\n"
        f"names = {list(expected)}\n"
        "joblib.dump({n: maps_by(n, classifier, images) for n in names}, 'maps.joblib')\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    for name, maps in joblib.load(tmp_path / "maps.joblib").items():
        assert np.abs(maps - expected[name]).max() < 1e-3, name
