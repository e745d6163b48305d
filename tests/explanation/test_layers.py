"""Networks as one graph: nested models, resolutions, names."""

import keras
import numpy as np
import pytest

from skpneumo import build_cnn, build_pretrained
from skpneumo.explanation._layers import FlatNetwork, chosen_layers, deepest_map


@pytest.fixture(scope="module")
def nested():
    return build_pretrained((32, 32, 1), backbone_options={"alpha": 0.25}, seed=0)


def test_flat_networks_compute_the_same(nested, noise):
    flat = FlatNetwork(nested)
    images = np.repeat(np.repeat(noise, 2, axis=1), 2, axis=2)
    model = keras.Model(flat.images, flat.logits)
    assert np.allclose(model.predict_on_batch(images), nested.predict_on_batch(images))


def test_layers_of_nested_models_are_found(nested):
    assert "conv_pw_13_relu" in FlatNetwork(nested).outputs
    assert FlatNetwork(nested).by_resolution()[-1] == "conv_pw_13_relu"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["block1_conv1_activation", "block2_conv1_activation"]),
        ({"residual": True}, ["block1_conv1_activation", "block2_conv1_activation"]),
        ({"convs_per_block": 2}, ["block1_conv2_activation", "block2_conv2_activation"]),
        ({"batch_norm": True}, ["block1_conv1_activation", "block2_conv1_activation"]),
        ({"pooling": None}, ["block2_conv1_activation"]),
        ({"filters": ()}, []),
    ],
    ids=str,
)
def test_the_last_layer_of_each_resolution_is_chosen(parameters, expected):
    network = build_cnn((16, 16, 1), **({"filters": (2, 4)} | parameters))
    assert FlatNetwork(network).by_resolution() == expected


def test_unknown_layers_are_refused_by_name(small):
    spec = small().network_spec_
    assert chosen_layers(spec, ("block1_conv1",)) == ("block1_conv1",)
    for name in ("block9", "logits"):
        with pytest.raises(ValueError, match=rf"no layer '{name}' with .* Choose from \["):
            chosen_layers(spec, (name,))


@pytest.mark.parametrize(
    ("n_blocks", "expected"),
    [
        (1, "block1_conv1_activation"),
        (3, "block3_conv1_activation"),
        (5, "block3_conv1_activation"),
    ],
)
def test_the_deepest_layer_with_spatial_resolution_is_explained(n_blocks, expected, small):
    assert deepest_map(small(filters=(2,) * n_blocks).network_spec_) == expected
