"""A backbone of three convolutions, for tests of what is done with any backbone.

Even the smallest one of Keras takes seconds to build and to compile, for the sake of layers that
are alike. `networks/test_backbones.py` is about these.
"""

from typing import Any

import keras
from keras import layers

__all__ = ["Brief"]


def Brief(
    include_top: bool, weights: Any, input_shape: tuple[int, int, int], width: float = 1.0
) -> keras.Model:
    """The first and the last convolutions of MobileNet, with their names."""
    assert (include_top, weights) == (False, None)
    images = x = keras.Input(input_shape)
    for convolution in (
        layers.Conv2D(8, 3, strides=4, use_bias=False, name="conv1"),
        layers.DepthwiseConv2D(3, strides=2, use_bias=False, name="conv_dw_13"),
        layers.Conv2D(int(256 * width), 1, use_bias=False, name="conv_pw_13"),
    ):
        x = layers.BatchNormalization(name=f"{convolution.name}_bn")(convolution(x))
        x = layers.ReLU(6.0, name=f"{convolution.name}_relu")(x)
    return keras.Model(images, x)


Brief.__module__ = keras.applications.MobileNet.__module__  # whose pixel values it takes
