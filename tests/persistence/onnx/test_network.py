"""Graphs of networks predict like Keras, with random weights and averages."""

import keras
import numpy as np
import pytest
from graphs import from_image, named, run_graph

from skpneumo import build_cnn, build_pretrained
from skpneumo.persistence.onnx import NotExportableError
from skpneumo.persistence.onnx._graph import GraphBuilder
from skpneumo.persistence.onnx._network import add_network

SHAPE = (21, 18, 1)


def randomised(network, rng):
    """Set averages and offsets as after training; those of a new network are 0 and 1."""
    for weight in network.weights:
        if weight.name in ("gamma", "moving_variance", "deviation"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("beta", "bias", "moving_mean", "mean"):
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return network


def assert_alike(network, rng, tolerance=2e-5):
    image = rng.integers(0, 256, network.input_shape[1:]).astype(np.uint8)
    graph = GraphBuilder()
    output = add_network(graph, network, named(image))
    assert output.shape == network.output_shape[1:]
    found = run_graph(graph, output.name, x=from_image(image))
    # Without a compiled program, which takes longer to make than all the rest.
    expected = keras.ops.convert_to_numpy(network(image[None].astype(np.float32)))
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)
    return graph


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


BACKBONES = [
    "MobileNetV2", "MobileNetV3Small", "VGG16", "ResNet50", "ResNet50V2", "DenseNet121",
    "EfficientNetB0", "EfficientNetV2B0", "InceptionV3", "Xception", "NASNetMobile",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_backbones(backbone, rng):
    network = build_pretrained((75, 75, 1), backbone=backbone, seed=0)
    assert_alike(network, rng, 1e-3)


@pytest.mark.slow
def test_a_backbone_with_unknown_layers_is_refused(rng):
    with pytest.raises(NotExportableError, match="LayerNormalization"):
        assert_alike(build_pretrained((32, 32, 3), backbone="ConvNeXtTiny", seed=0), rng)
