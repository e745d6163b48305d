"""Probabilities equal those of the network, for any batch size, or are means over versions."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone

from skpneumo import ImageAugmenter, ImageLoader
from skpneumo.classifiers.engine._devices import rows_to_predict
from skpneumo.classifiers.engine._prediction import AugmentedViews, predict_probabilities


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


FLIPS = ImageAugmenter(horizontal_flip=True)


@pytest.fixture(scope="module")
def augmented(small, images, labels):
    """A classifier that predicts with four versions, which tests must not change."""
    augmenter = ImageAugmenter(rotation=20, brightness=0.3)
    return small(augmentation=augmenter, n_tta=4).fit(images, labels)


def with_views(classifier, n: int):
    """The same fitted weights with another number of versions."""
    changed = clone(classifier).set_params(n_tta=n)
    vars(changed).update({k: v for k, v in vars(classifier).items() if k.endswith("_")})
    changed._tta_seed = classifier._tta_seed
    return changed


def test_the_image_itself_comes_first_and_is_not_changed(images):
    views = list(AugmentedViews(FLIPS, 3, (0.0, 255.0), seed=0)(images))
    assert len(views) == 4
    assert views[0] is images
    for view in views[1:]:
        assert view.shape == images.shape


def test_all_images_are_changed_in_the_same_way(images):
    """Otherwise the version of an image would depend on its row."""
    for view in list(AugmentedViews(FLIPS, 4, (0.0, 255.0), seed=0)(images))[1:]:
        flipped = np.allclose(view, images[:, :, ::-1], atol=1e-3)
        assert flipped or np.allclose(view, images, atol=1e-3)


def test_the_versions_depend_on_the_seed(images):
    def second(seed):
        augmenter = ImageAugmenter(rotation=90)
        return list(AugmentedViews(augmenter, 1, (0.0, 255.0), seed)(images))[1]

    np.testing.assert_array_equal(second(0), second(0))
    assert not np.array_equal(second(0), second(1))


def test_the_prediction_is_the_mean_over_the_versions(augmented, images):
    views = AugmentedViews(augmented.augmentation, 4, augmented.value_range_, augmented._tta_seed)
    plain = with_views(augmented, 0)
    each = [plain.predict_proba(np.asarray(view, dtype=np.float32)) for view in views(images)]
    np.testing.assert_allclose(augmented.predict_proba(images), np.mean(each, axis=0), atol=1e-3)
    assert not np.allclose(augmented.predict_proba(images), each[0], atol=1e-3)


def test_predictions_are_repeated_and_do_not_depend_on_other_rows(augmented, images):
    proba = augmented.predict_proba(images)
    np.testing.assert_array_equal(augmented.predict_proba(images), proba)
    np.testing.assert_allclose(augmented.predict_proba(images[7:8]), proba[7:8], atol=1e-5)
    np.testing.assert_allclose(augmented.predict_proba(images[::-1])[::-1], proba, atol=1e-5)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_training_is_the_same_with_and_without(augmented, small, images, labels):
    plain = small(augmentation=augmented.augmentation).fit(images, labels)
    for weight, other in zip(plain.weights_, augmented.weights_, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_without_an_augmenter_there_is_nothing_to_average(small, images, labels, fitted):
    proba = small(n_tta=5).fit(images, labels).predict_proba(images)
    np.testing.assert_array_equal(proba, fitted.predict_proba(images))
