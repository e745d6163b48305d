"""Integrated gradients sum to the difference, and are zero for unchanged pixels."""

import numpy as np
import pytest

from skpneumo.explanation import integrated_gradients


@pytest.mark.parametrize("parameters", [{}, {"filters": (), "dense_units": (8,)}], ids=str)
def test_maps_sum_to_the_difference_of_the_logits(parameters, small, noise):
    classifier = small(**parameters)
    maps = integrated_gradients(classifier, noise, n_steps=200)
    logits = classifier.network_.predict_on_batch(
        np.concatenate([noise, np.zeros_like(noise[:1])])
    )
    assert maps.sum(axis=(1, 2)) == pytest.approx(logits[:-1, 0] - logits[-1, 0], abs=0.02)


def test_classes_have_their_own_evidence(small, noise):
    classifier = small(classes=3)
    maps = integrated_gradients(classifier, noise, target=2, n_steps=200)
    logits = classifier.network_.predict_on_batch(
        np.concatenate([noise, np.zeros_like(noise[:1])])
    )
    assert maps.sum(axis=(1, 2)) == pytest.approx(logits[:-1, 2] - logits[-1, 2], abs=0.02)


def test_unchanged_pixels_have_no_evidence(small, noise):
    image = noise[:1].copy()
    image[:, :5] = 90
    maps = integrated_gradients(small(), image, baseline=90)
    assert not maps[:, :5].any()
    assert maps[:, 5:].any()
    assert not integrated_gradients(small(), image, baseline=image[0]).any()


def test_batches_do_not_matter(small, noise):
    classifier = small()
    maps = integrated_gradients(classifier, noise)
    assert np.allclose(integrated_gradients(classifier, noise, batch_size=2), maps, atol=1e-6)
    assert np.array_equal(integrated_gradients(classifier, noise), maps)


def test_an_empty_image_of_another_size_is_refused(small, noise):
    with pytest.raises(ValueError, match=r"shape \(8, 8, 1\)"):
        integrated_gradients(small(), noise, baseline=np.zeros((8, 8, 1)))
