"""Deletion and insertion curves: right maps are better than wrong ones, and the ends are known."""

import numpy as np
import pytest

from skpneumo.explanation import DeletionInsertion, deletion_insertion, occlusion_map


def test_curves_run_between_the_image_and_the_hidden_image(small, noise):
    classifier = small(precision="float32")
    maps = np.random.default_rng(0).random(noise.shape[:3])
    curves = deletion_insertion(classifier, noise, maps, fill=90, n_steps=4)
    whole = classifier.predict_proba(noise)[:, 1]
    hidden = classifier.predict_proba(np.full_like(noise, 90))[:, 1]
    assert curves.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curves.deletion.shape == curves.insertion.shape == (5, 5)
    assert curves.deletion[:, 0] == pytest.approx(whole, abs=1e-6)
    assert curves.deletion[:, -1] == pytest.approx(hidden, abs=1e-6)
    assert curves.insertion[:, 0] == pytest.approx(hidden, abs=1e-6)
    assert curves.insertion[:, -1] == pytest.approx(whole, abs=1e-6)


def test_the_first_pixels_are_the_most_important(small, noise):
    classifier = small(precision="float32")
    maps = np.zeros(noise.shape[:3])
    maps[:, :4] = 1
    curves = deletion_insertion(classifier, noise, maps, n_steps=4)
    without, alone = noise.copy(), np.zeros_like(noise)
    without[:, :4] = 0
    alone[:, :4] = noise[:, :4]
    expected = classifier.predict_proba(without)[:, 1], classifier.predict_proba(alone)[:, 1]
    assert curves.deletion[:, 1] == pytest.approx(expected[0], abs=1e-6)
    assert curves.insertion[:, 1] == pytest.approx(expected[1], abs=1e-6)


def test_areas_are_those_under_the_curves():
    curves = DeletionInsertion(
        np.array([0, 0.5, 1]), np.array([[1.0, 0, 0], [1, 1, 0]]), np.array([[0.0, 1, 1]] * 2)
    )
    assert curves.deletion_area.tolist() == [0.25, 0.75]
    assert curves.insertion_area.tolist() == [0.75, 0.75]


def test_a_good_map_beats_a_bad_one(pipeline, tested, found):
    paths = tested.filenames[found][:12]
    maps = occlusion_map(pipeline, paths)
    healthy = tested.images[tested.target == 0].mean(axis=0)
    good = deletion_insertion(pipeline, paths, maps, fill=healthy)
    bad = deletion_insertion(pipeline, paths, -maps, fill=healthy)
    assert good.insertion_area.mean() > bad.insertion_area.mean() + 0.2
    assert good.deletion_area.mean() < bad.deletion_area.mean() - 0.2


def test_batches_do_not_matter(small, noise):
    classifier = small(precision="float32")
    maps = np.random.default_rng(0).random(noise.shape[:3])
    whole = deletion_insertion(classifier, noise, maps)
    parts = deletion_insertion(classifier, noise, maps, batch_size=7)
    assert np.allclose(whole.deletion, parts.deletion, atol=1e-6)
    assert np.allclose(whole.insertion, parts.insertion, atol=1e-6)


def test_maps_of_another_size_are_refused(small, noise):
    with pytest.raises(ValueError, match=r"maps have shape \(5, 8, 8\)"):
        deletion_insertion(small(), noise, np.zeros((5, 8, 8)))


def test_lists_are_accepted(small, noise):
    classifier = small()
    maps = np.random.default_rng(0).random(noise.shape[:3])
    given = deletion_insertion(classifier, noise, maps.tolist(), n_steps=2)
    assert np.array_equal(
        given.deletion, deletion_insertion(classifier, noise, maps, n_steps=2).deletion
    )


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_maps_of_types_without_negative_numbers_are_ordered_as_others(dtype, small, noise):
    """A mask, such as that of the lungs, and an image of grey levels."""
    classifier = small(precision="float32")
    maps = np.zeros(noise.shape[:3])
    maps[:, :4] = 1
    found, expected = (
        deletion_insertion(classifier, noise, each, n_steps=4)
        for each in (maps.astype(dtype), maps)
    )
    assert np.array_equal(found.deletion, expected.deletion)
