"""Feature maps of chosen layers."""

import numpy as np
import pytest

from skpneumo.explanation import activation_maps


def test_default_is_a_layer_for_each_resolution(pipeline, tested):
    maps = activation_maps(pipeline, tested.filenames[:3])
    assert {name: each.shape for name, each in maps.items()} == {
        "block1_conv1_activation": (3, 48, 48, 8),
        "block2_conv1_activation": (3, 24, 24, 16),
        "block3_conv1_activation": (3, 12, 12, 32),
    }
    assert all((each >= 0).all() for each in maps.values())


def test_layers_are_chosen_by_name(small, noise):
    classifier = small()
    maps = activation_maps(classifier, noise, ["block2_pool", "block1_conv1"], batch_size=2)
    assert list(maps) == ["block2_pool", "block1_conv1"]
    one = activation_maps(classifier, noise, "block2_pool")
    assert np.allclose(one["block2_pool"], maps["block2_pool"], atol=1e-6)


def test_dense_networks_have_none(small, noise):
    with pytest.raises(ValueError, match="no convolution"):
        activation_maps(small(filters=()), noise)


def test_no_layers_are_refused(small, noise):
    with pytest.raises(ValueError, match="layers is empty"):
        activation_maps(small(), noise, [])
