"""Calls networks on images, and compares features."""

import keras
import numpy as np

__all__ = ["assert_close", "body_of", "call", "images_of", "part", "pooled_by_keras"]


def images_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def call(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(network(images.astype("float32")))


def part(network: keras.Model, name: str) -> keras.Model:
    return network.get_layer(name)


def body_of(network: keras.Model) -> keras.Model:
    (body,) = (
        layer for layer in part(network, "features").layers if isinstance(layer, keras.Model)
    )
    return body


def pooled_by_keras(model: keras.Model, name: str, rgb: np.ndarray) -> np.ndarray:
    module = getattr(keras.applications, name).__module__.rpartition(".")[2]
    scaled = getattr(keras.applications, module).preprocess_input(rgb.astype("float32"))
    return call(model, np.asarray(scaled)).mean(axis=(1, 2))


def assert_close(got: np.ndarray, expected: np.ndarray) -> None:
    """Compare relative to their size, because random weights give features as small as 1e-20."""
    assert np.abs(expected).max() > 0
    size = np.abs(expected).max()
    np.testing.assert_allclose(got / size, expected / size, atol=1e-3)
