"""Class activation maps of every network: exact if possible, and at the opacity."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from skpneumo import TransferClassifier, make_pipeline
from skpneumo.explanation import grad_cam

METHODS = ["hires_cam", "grad_cam", "grad_cam++"]


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_size_of_the_images(method, pipeline, tested):
    maps = grad_cam(pipeline, tested.filenames[:3], method=method)
    assert maps.shape == tested.images[:3].shape[:3]
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()
    assert (np.ptp(maps, axis=(1, 2)) > 0).all()


def test_strongest_evidence_lies_at_the_opacity(pipeline, tested, found, points_at_opacity):
    maps = grad_cam(pipeline, tested.filenames[found])
    assert found.sum() > 30
    assert points_at_opacity(maps, tested.frame[found]).mean() >= 0.85


def test_both_are_one_where_the_network_averages(small, noise):
    classifier = small(global_pooling="average", pooling=None)
    exact = grad_cam(classifier, noise)
    assert np.allclose(grad_cam(classifier, noise, method="grad_cam"), exact, atol=1e-6)
    # Of a linear head the map sums to the logit, but for the bias, here still zero or nearly.
    logits = classifier.network_.predict_on_batch(noise)[:, 0] - classifier.weights_[-1]
    assert exact.sum(axis=(1, 2)) == pytest.approx(logits, rel=1e-4)


def test_grad_cam_pp_is_never_negative(small, noise):
    assert (grad_cam(small(), noise, method="grad_cam++") >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_rows_do_not_depend_on_each_other(method, small, noise):
    classifier = small()
    together = grad_cam(classifier, noise, method=method)
    one_by_one = grad_cam(classifier, noise, method=method, batch_size=2)
    backwards = grad_cam(classifier, noise[::-1], method=method)[::-1]
    assert np.allclose(together, one_by_one, atol=1e-6)
    assert np.allclose(together, backwards, atol=1e-6)
    assert np.array_equal(together, grad_cam(classifier, noise, method=method))


@pytest.mark.parametrize(
    "parameters",
    [
        {"residual": True, "batch_norm": True},
        {"global_pooling": "max"},
        {"padding": "valid", "convs_per_block": 2},
        {"classes": 3},
    ],
    ids=str,
)
def test_every_convolutional_network_has_maps(parameters, small, noise):
    maps = grad_cam(small(**parameters), noise)
    assert maps.shape == (5, 16, 16)
    assert np.isfinite(maps).all()


def test_layers_before_a_shortcut_ends_are_explained(small, noise):
    maps = grad_cam(small(residual=True), noise, layer="block1_conv1")
    assert np.ptp(maps) > 0


def test_pretrained_backbones_are_explained_inside():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8), np.arange(8) % 2
    classifier = TransferClassifier(
        backbone_options={"alpha": 0.25}, weights=None, epochs=1, random_state=0
    ).fit(X, y)
    maps = grad_cam(classifier, X[:2])
    assert maps.shape == (2, 32, 32)
    assert (np.ptp(maps, axis=(1, 2)) > 0).all()  # of the last convolution one pixel is left
    assert np.ptp(grad_cam(classifier, X[:2], layer="conv_pw_1_relu")) > 0


def test_dense_networks_are_refused_with_an_alternative(small, noise):
    with pytest.raises(ValueError, match="Use occlusion_map, lime_map or integrated_gradients"):
        grad_cam(small(filters=()), noise)


def test_other_classifiers_are_refused_with_an_alternative(noise):
    rows = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    forest = make_pipeline(rows, LogisticRegression()).fit(noise, [0, 1, 0, 1, 0])
    with pytest.raises(ValueError, match="LogisticRegression, behind FunctionTransformer"):
        grad_cam(forest, noise)


def test_other_sizes_are_refused(small, noise):
    with pytest.raises(ValueError, match="was fitted on"):
        grad_cam(small(), noise[:, :8])
    with pytest.raises(ValueError, match="method"):
        grad_cam(small(), noise, method="layer_cam")
