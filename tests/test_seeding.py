"""One seed per layer gives the same initial weights without rebuilding the network."""

import random

import keras
import numpy as np
import pytest

from skpneumo._seeding import InitialVariables, LayerSeeds
from skpneumo.networks import build_cnn, build_pretrained


def test_seeds_differ_and_follow_from_the_first():
    first, again, other = (LayerSeeds(seed) for seed in (0, 0, 1))
    series = [[next(seeds) for _ in range(5)] for seeds in (first, again, other)]
    assert series[0] == series[1] != series[2]
    assert len(set(series[0])) == 5


def test_seeds_are_mapped_to_those_of_another_source_nested_networks_included():
    def give(seeds: LayerSeeds) -> list[int]:
        nested = seeds.nested()
        return [next(nested), next(seeds), next(nested), next(seeds.nested())]

    seeds = LayerSeeds(0)
    mapping = dict(zip(give(seeds), give(LayerSeeds(7)), strict=True))
    assert seeds.with_seed(7) == mapping
    assert seeds.with_seed(0) == {seed: seed for seed in mapping}


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
