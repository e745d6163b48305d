"""Variables get the same initial values without rebuilding the network."""

import random

import keras
import numpy as np
import pytest

from skpneumo._random import LayerSeeds
from skpneumo.classifiers.engine._initial_variables import InitialVariables
from skpneumo.networks import build_cnn, build_pretrained

NETWORKS = {
    "plain": lambda seed: build_cnn((12, 12, 1), filters=(2, 3), dense_units=(4,), seed=seed),
    "all layers": lambda seed: build_cnn(
        (12, 12, 1), 3, filters=(2, 3), batch_norm=True, residual=True, dropout=0.2, seed=seed
    ),
    "no random numbers": lambda seed: build_cnn(
        (4, 4, 1), filters=(), kernel_initializer="ones", seed=seed
    ),
    "orthogonal": lambda seed: build_cnn(
        (8, 8, 1), filters=(2,), kernel_initializer="orthogonal", seed=seed
    ),
    "nested": lambda seed: build_pretrained(
        (32, 32, 1), backbone="MobileNet", backbone_options={"alpha": 0.25}, head_units=(3,),
        dropout=0.1, value_range=(0.0, 1.0), seed=seed,
    ),
}  # fmt: skip


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_variables_are_those_of_a_network_built_with_the_seed_bit_for_bit(build):
    seeds = LayerSeeds(0)
    network = build(seeds)
    initial = InitialVariables(network, seeds)
    for variable in network.variables:  # as training leaves them
        variable.assign(np.full(variable.shape, 3))
    for seed in (5, 0):
        initial.assign(seed)
        for variable, fresh in zip(network.variables, build(seed).variables, strict=True):
            np.testing.assert_array_equal(variable.numpy(), fresh.numpy())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Xception", "EfficientNetB0", "ConvNeXtTiny"])
def test_variables_of_other_backbones_too(name):
    seeds = LayerSeeds(0)
    network = build_pretrained((32, 32, 3), backbone=name, seed=seeds)
    InitialVariables(network, seeds).assign(5)
    random.seed(6)  # where Keras finds a seed for what has none
    fresh = build_pretrained((32, 32, 3), backbone=name, seed=5)
    for weight, wanted in zip(network.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_an_initializer_of_nothing_is_an_error():
    class Odd(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.gate_initializer = keras.initializers.HeNormal(seed=1)

        def call(self, x):
            return x

    network = keras.Sequential([keras.Input((3,)), Odd()])
    with pytest.raises(TypeError, match="Odd has gate_initializer"):
        InitialVariables(network, LayerSeeds(0))
