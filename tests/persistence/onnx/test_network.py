"""Graphs of networks predict like Keras, with random weights and averages."""

import keras
import pytest
from graphs import assert_alike

from skpneumo import build_cnn, build_pretrained
from skpneumo.persistence.onnx import NotExportableError

SHAPE = (21, 18, 1)


def randomised(network, rng):
    """Set averages and offsets as after training; those of a new network are 0 and 1."""
    for weight in network.weights:
        if weight.name in ("gamma", "moving_variance", "deviation"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "bias", "moving_mean", "mean"):
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return network


CNNS = {
    "plain": {},
    "padding, average, flat": {"padding": "valid", "pooling": "average", "kernel_size": 2},
    "all of it": {
        "stem_filters": 4,
        "convs_per_block": 2,
        "residual": True,
        "batch_norm": True,
        "global_pooling": "average",
        "dropout": 0.1,
        "normalization": "image",
    },
    "local": {"normalization": "local", "global_pooling": "max", "pooling": None},
    "dense": {"filters": (), "batch_norm": True, "activation": "gelu"},
    "range": {"value_range": (3.0, 250.0), "n_outputs": 3, "activation": "silu"},
}


@pytest.mark.parametrize("name", CNNS)
def test_convolutional_networks(name, rng):
    options = {"filters": (4, 6), "dense_units": (5,), "seed": 0} | CNNS[name]
    network = randomised(build_cnn(SHAPE, **options), rng)
    graph = assert_alike(network, rng)
    # Normalisation over the batch is a part of the weights before it.
    assert not [node for node in graph.nodes if node.op_type == "BatchNormalization"]


@pytest.mark.parametrize(
    "activation",
    ["elu", "selu", "leaky_relu", "tanh", "softplus", "softsign", "hard_sigmoid", "mish", "relu6"],
)
def test_activations(activation, rng):
    assert_alike(build_cnn((4, 4, 1), filters=(3,), activation=activation, seed=0), rng)


def test_an_unknown_activation_is_refused_by_name(rng):
    network = build_cnn((4, 4, 1), filters=(2,), activation="squareplus", seed=0)
    with pytest.raises(NotExportableError, match=r"activation 'squareplus'.*relu"):
        assert_alike(network, rng)


def test_an_unknown_layer_is_refused_by_name(rng):
    inputs = keras.Input((4, 4, 1))
    network = keras.Model(inputs, keras.layers.UpSampling2D(name="wider")(inputs))
    with pytest.raises(NotExportableError, match="layer 'wider' of type UpSampling2D"):
        assert_alike(network, rng)


def test_a_subclass_of_a_layer_is_not_exported_as_its_parent(rng):
    class Doubled(keras.layers.Flatten):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = keras.Input((4, 4, 1))
    with pytest.raises(NotExportableError, match="Doubled"):
        assert_alike(keras.Model(inputs, Doubled()(inputs)), rng)


@pytest.mark.parametrize("shape", [(32, 32, 1), (20, 40, 3)])
def test_the_smallest_backbone(shape, rng):
    network = build_pretrained(
        shape, backbone="MobileNet", backbone_options={"alpha": 0.25}, head_units=(4,), seed=0
    )
    assert_alike(randomised(network, rng), rng, 1e-3)
