"""LIME: seeded, in batches, at the opacity; the package is optional."""

import builtins

import numpy as np
import pytest

lime_image = pytest.importorskip("lime.lime_image", reason="lime is not installed")

from skpneumo.explanation import lime_map  # noqa: E402
from skpneumo.explanation._lime import _superpixels  # noqa: E402


def test_seeds_are_honoured(small, noise):
    classifier = small(precision="float32")
    maps = lime_map(classifier, noise, n_samples=40, random_state=3)
    assert maps.shape == (5, 16, 16)
    assert np.array_equal(lime_map(classifier, noise, n_samples=40, random_state=3), maps)
    assert not np.array_equal(lime_map(classifier, noise, n_samples=40, random_state=4), maps)


def test_global_generators_are_untouched(small, noise):
    classifier = small()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    lime_map(classifier, noise[:1], n_samples=20, random_state=np.random.RandomState(0))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_batches_and_neighbours_do_not_matter(small, noise):
    classifier = small(precision="float32")
    maps = lime_map(classifier, noise, n_samples=40)
    assert np.allclose(lime_map(classifier, noise, n_samples=40, batch_size=7), maps, atol=1e-4)
    assert np.allclose(lime_map(classifier, noise[2:3], n_samples=40), maps[2:3], atol=1e-4)


def test_nothing_is_printed(small, noise, capsys):
    lime_map(small(), noise[:1], n_samples=20)
    assert capsys.readouterr() == ("", "")


def test_colour_images_are_explained(small):
    from skpneumo import CNNClassifier

    X = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    classifier = CNNClassifier(filters=(2,), epochs=1, random_state=0).fit(X, np.arange(8) % 2)
    assert lime_map(classifier, X[:2], n_samples=20).shape == (2, 16, 16)


def test_evidence_lies_at_the_opacity(pipeline, tested, found, points_at_opacity):
    maps = lime_map(pipeline, tested.filenames[found][:20], n_superpixels=64, n_samples=300)
    assert points_at_opacity(maps, tested.frame[found][:20]).mean() >= 0.6


def test_superpixels_are_about_as_many_as_asked_for(tested):
    grey = tested.images[0].repeat(3, axis=-1)
    for wanted in (36, 100):
        codes = _superpixels(grey, wanted)
        assert 0.6 * wanted <= len(np.unique(codes)) <= 1.4 * wanted
        assert codes.min() == 0
        assert codes.max() == len(np.unique(codes)) - 1


def test_a_missing_package_is_named(small, noise, monkeypatch):
    importing = builtins.__import__

    def without_lime(name, *arguments, **options):
        if "_lime_explainer" in name:
            raise ImportError("No module named 'lime'")
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_lime)
    with pytest.raises(ImportError, match=r'pip install "skpneumo\[explain\]"'):
        lime_map(small(), noise)
