"""Shapes of weights equal those of the built network, and no variables are allocated."""

import keras
import numpy as np
import pytest

from skpneumo import build_cnn, build_pretrained
from skpneumo.classifiers.engine import NetworkSpec, weight_shapes

SPECS = {
    "plain": NetworkSpec.of(build_cnn, input_shape=(12, 12, 1), filters=(2, 3), dense_units=(4,)),
    "all": NetworkSpec.of(
        build_cnn,
        input_shape=(13, 12, 3),
        n_outputs=3,
        filters=(2, 3),
        stem_filters=2,
        convs_per_block=2,
        batch_norm=True,
        residual=True,
        dropout=0.1,
        l2=0.1,
        normalization="local",
        kernel_initializer="orthogonal",
    ),
    "backbone": NetworkSpec.of(build_pretrained, input_shape=(32, 32, 1), head_units=(2,)),
}


@pytest.mark.parametrize("name", SPECS)
def test_shapes_equal_those_of_the_network(name):
    shapes = weight_shapes(SPECS[name])
    # Built after that, from what Keras and we remember of the first.
    weights = SPECS[name].build(0).get_weights()
    assert shapes == [np.shape(weight) for weight in weights]


def test_no_variable_is_ever_allocated():
    spec = NetworkSpec.of(build_cnn, input_shape=(8, 8, 1), filters=(10**6, 10**6))
    assert (3, 3, 10**6, 10**6) in weight_shapes(spec)
    # A scope that gives values to all variables that have none gives them to its own.
    with keras.StatelessScope():
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert layer.kernel.numpy().shape == (3, 2)


def test_errors_of_building_are_raised():
    with pytest.raises(ValueError, match="padding"):
        weight_shapes(
            NetworkSpec.of(build_cnn, input_shape=(8, 8, 1), residual=True, padding="valid")
        )
