"""Test-time augmentation: predictions are the mean over versions of each image."""

import numpy as np
import pytest
from sklearn.base import clone

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine._tta import AugmentedViews

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
