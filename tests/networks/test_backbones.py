"""Every backbone of Keras in our network: it computes what Keras's own computes, in ONNX too.

Building one takes seconds, so that all tests of a backbone share it.
"""

from dataclasses import dataclass

import keras
import numpy as np
import pytest

from skpneumo.networks import build_pretrained
from skpneumo.networks._backbones import Backbone, _copy_weights, _template
from skpneumo.persistence.onnx import NotExportableError

from ..persistence.onnx.graphs import assert_alike
from .comparing import assert_close, body_of, call, images_of, part, pooled_by_keras

# One of each family, and what its weights are called "imagenet" without.
FAMILIES = [
    "MobileNet",
    "VGG16",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "VGG19",
            "MobileNetV2",
            "MobileNetV3Small",
            "MobileNetV3Large",
            "Xception",
            "ResNet50",
            "ResNet50V2",
            "DenseNet121",
            "EfficientNetB0",
            "EfficientNetV2B0",
            "InceptionV3",
            "InceptionResNetV2",
            "NASNetMobile",
            "ConvNeXtTiny",
        )
    ),
]

# Layers that an ONNX file does not take.
NOT_EXPORTED = {"ConvNeXtTiny": "LayerNormalization", "InceptionResNetV2": "CustomScaleLayer"}
SIDE = 75  # the least that all take; no multiple of their strides

# Keras hands h5py its variables, which NumPy 2 asks for a keyword they do not know.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)


@dataclass
class Built:
    """A network with the weights of Keras's own, images, and what Keras's own makes of these."""

    backbone: str
    network: keras.Model
    grey: np.ndarray
    expected: np.ndarray


@pytest.fixture(scope="module", params=FAMILIES)
def built(request) -> Built:
    name = request.param
    # Keras's own, which ours is copied from: built here, it is not built again for the copy.
    own = _template(Backbone(name)._application, (SIDE, SIDE, 3), ())
    grey = images_of(2, SIDE, SIDE, 1)
    expected = pooled_by_keras(own, name, np.repeat(grey, 3, axis=-1))
    network = build_pretrained((SIDE, SIDE, 1), backbone=name, seed=0)
    # As of a file, which Keras takes seconds to write and to read; test_pretrained.py has files.
    _copy_weights(own, body_of(network))
    return Built(name, network, grey, expected)


def test_features_equal_those_of_keras(built):
    assert_close(call(part(built.network, "features"), built.grey), built.expected)
    assert not body_of(built.network).trainable_variables
    assert built.network.output_shape == (None, 1)


def test_its_graph_computes_the_same_or_the_layer_is_named(built):
    rng = np.random.default_rng(0)
    if built.backbone in NOT_EXPORTED:
        with pytest.raises(NotExportableError, match=NOT_EXPORTED[built.backbone]):
            assert_alike(built.network, rng)
    else:
        assert_alike(built.network, rng, 1e-3)
