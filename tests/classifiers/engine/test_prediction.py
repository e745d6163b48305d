"""Probabilities equal those of the network, for any batch size."""

import keras
import numpy as np
import pytest
from PIL import Image

from skpneumo import ImageLoader
from skpneumo.classifiers.engine._devices import rows_to_predict
from skpneumo.classifiers.engine._prediction import predict_probabilities


def test_prediction_does_not_depend_on_the_other_rows(fitted, images):
    proba = fitted.predict_proba(images)
    for rows in ([3], [5, 0, 5], list(range(39, -1, -1))):
        np.testing.assert_allclose(fitted.predict_proba(images[rows]), proba[rows], atol=1e-6)


def test_more_images_than_one_batch(fitted, images):
    many = np.tile(images, (5, 1, 1, 1))
    expected = np.tile(fitted.predict_proba(images), (5, 1))
    np.testing.assert_allclose(fitted.predict_proba(many), expected, atol=1e-6)


def test_files_of_a_stream_that_are_too_dark_are_refused(fitted, images, tmp_path):
    names = [str(tmp_path / f"{row}.png") for row in range(3)]
    for name, image in zip(names, (images[0], images[1] // 16, images[2]), strict=True):
        Image.fromarray(image[..., 0]).save(name)
    stream = ImageLoader(size=images.shape[1:3], stream=True)
    with pytest.raises(ValueError, match=r"'.*1\.png', which is another kind") as caught:
        fitted.predict(stream.transform(names))
    assert list(caught.value.failures) == [names[1]]
    assert len(fitted.predict(stream.transform([names[0], names[2]]))) == 2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_computed_from_the_logits(small, images, n_classes):
    y = np.arange(len(images)) % n_classes
    classifier = small(precision="float32").fit(images, y)
    logits = keras.ops.convert_to_numpy(classifier.network_(images)).astype(float)
    if n_classes == 2:
        logits = np.column_stack([np.zeros(len(logits)), logits])
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(images), expected, atol=1e-6)
    direct = predict_probabilities([(classifier.network_spec_, classifier.weights_)], images)
    np.testing.assert_array_equal(direct, classifier.predict_proba(images))


def test_extreme_logits_give_probabilities_without_warnings(small, images, labels):
    classifier = small().fit(images, labels)
    classifier.weights_ = [weights * 1e4 for weights in classifier.weights_]
    proba = classifier.predict_proba(images)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX compiles for each shape")
def test_few_sizes_of_batches_are_compiled(fitted, images, monkeypatch):
    sizes = set()
    predict_on_batch = keras.Model.predict_on_batch

    def spied(network, x):
        sizes.add(len(x))
        return predict_on_batch(network, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", spied)
    many = np.tile(images, (5, 1, 1, 1))
    expected = np.tile(fitted.predict_proba(images), (5, 1))
    for n in (1, 2, 3, 5, 7, 33, 64, 65, 130, 199):
        np.testing.assert_allclose(fitted.predict_proba(many[:n]), expected[:n], atol=1e-6)
    assert sizes == {1, 2, 4, 8, 64}


def test_batches_are_filled_up_only_if_shapes_are_compiled():
    rows = rows_to_predict(5, 64)
    assert rows == (8 if keras.backend.backend() == "jax" else None)
