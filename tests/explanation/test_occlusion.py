"""Occlusion maps of any classifier, at the opacity, with patches that cover every pixel."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from skpneumo import make_pipeline
from skpneumo.explanation import occlusion_map
from skpneumo.explanation._occlusion import _patches


class Brightness(ClassifierMixin, BaseEstimator):
    """Classifier whose probability is the mean grey level of one place."""

    def __init__(self, rows, columns):
        self.rows = rows
        self.columns = columns
        self.classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        grey = X[:, self.rows, self.columns].mean(axis=(1, 2, 3)) / 255
        return np.column_stack([1 - grey, grey])


def test_strongest_evidence_lies_at_the_opacity(pipeline, tested, found, points_at_opacity):
    maps = occlusion_map(pipeline, tested.filenames[found])
    assert maps.shape == (found.sum(), *tested.images.shape[1:3])
    assert points_at_opacity(maps, tested.frame[found]).mean() >= 0.85


def test_only_the_relevant_place_has_evidence():
    images = np.full((2, 40, 40, 1), 200, dtype=np.uint8)
    maps = occlusion_map(Brightness(slice(4, 8), slice(28, 32)), images, fill=0)
    assert (np.unravel_index(maps[0].argmax(), (40, 40)) - np.array([6, 30]) < 3).all()
    assert not maps[:, 25:].any()
    assert not maps[:, :, :15].any()
    assert (maps >= 0).all()


def test_symmetric_images_have_no_evidence_by_mirroring():
    half = np.random.default_rng(0).integers(0, 256, (1, 20, 10, 1), dtype=np.uint8)
    images = np.concatenate([half, half[:, :, ::-1]], axis=2)
    assert not occlusion_map(Brightness(slice(None), slice(None)), images).any()


def test_hidden_parts_may_look_like_another_image():
    images = np.random.default_rng(0).integers(0, 256, (1, 20, 20, 3), dtype=np.uint8)
    model = Brightness(slice(None), slice(None))
    assert not occlusion_map(model, images, fill=images[0]).any()
    with pytest.raises(ValueError, match=r"has shape \(20, 20\).*\(20, 20, 3\)"):
        occlusion_map(model, images, fill=images[0, :, :, 0])
    with pytest.raises(ValueError, match="values from 0 to 255"):
        occlusion_map(model, images, fill=-1.0)


def test_classes_have_opposite_evidence():
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 1), dtype=np.uint8)
    model = Brightness(slice(0, 10), slice(0, 10))
    for scale in ("log_odds", "probability"):
        of_one = occlusion_map(model, images, target=1, scale=scale)
        assert np.allclose(of_one, -occlusion_map(model, images, target=0, scale=scale))


def test_every_classifier_with_probabilities_is_explained(tested):
    rows = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    forest = make_pipeline(rows, RandomForestClassifier(20, random_state=0))
    forest.fit(tested.images, tested.target)
    maps = occlusion_map(forest, tested.images[:4], scale="probability")
    assert maps.shape == (4, 48, 48)
    assert np.abs(maps).max() <= 1
    assert maps.any()


def test_batches_and_neighbours_do_not_matter(small, noise):
    classifier = small(precision="float32")
    maps = occlusion_map(classifier, noise)
    assert np.allclose(occlusion_map(classifier, noise, batch_size=7), maps, atol=1e-5)
    assert np.allclose(occlusion_map(classifier, noise[2:3]), maps[2:3], atol=1e-5)
    assert np.array_equal(occlusion_map(classifier, noise), maps)


def test_images_are_left_as_they_are(small, noise):
    before = noise.copy()
    occlusion_map(small(filters=()), noise)
    assert np.array_equal(noise, before)


def test_patches_with_gaps_between_them_are_refused():
    images = np.zeros((1, 20, 20, 1), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"stride=5 leaves gaps between patches of 4 pixels"):
        occlusion_map(Brightness(slice(None), slice(None)), images, stride=5)


@given(
    length=st.integers(1, 60),
    patch=st.none() | st.integers(1, 80),
    stride=st.none() | st.integers(1, 20),
)
@settings(max_examples=50, deadline=None)
def test_every_pixel_is_covered(length, patch, stride):
    assume(stride is None or stride <= (patch or max(1, round(length / 5))))
    covered = np.zeros(length)
    for place, share in _patches(length, patch, stride):
        covered[place] += share
        assert ((share > 0) & (share <= 1)).all()
    assert (covered > 0.4).all()
    assert np.allclose(covered, covered[::-1], atol=1e-5)
