"""Layers that Keras lacks, or has only in a slower form.

In this stage, only this file has branches by backend: TensorFlow has a kernel for batch
normalisation that Keras does not use.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from skpneumo._random import python_random_unmoved


@keras.saving.register_keras_serializable("skpneumo")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of images in a single kernel, if the backend has one.

    Keras composes it of element-wise operations. On a CPU these cost more than the convolutions
    around them, and TensorFlow does not fuse them.

    The moving averages cover a tenth of the batches so far, limited by `momentum`. With a constant
    momentum they would either still depend on their initial values after a few batches, or cover
    only a few batches after many.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.n_batches = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,  # bfloat16 cannot count beyond 256
            name="n_batches",
        )

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)
        fused = keras.backend.backend() == "tensorflow" and len(inputs.shape) == 4
        if not (training and self.trainable):
            if not fused:
                return super().call(inputs, training=False, mask=mask)
            return self._fused(inputs, self.moving_mean.value, self.moving_variance.value)[0]
        if fused:
            outputs, mean, variance = self._fused(inputs)
            # The kernel divides by n - 1, Keras by n.
            n = ops.cast(ops.size(inputs[..., 0]), variance.dtype)
            variance = variance * (n - 1.0) / n
        else:
            x = ops.cast(inputs, "float32")  # squares of 16-bit numbers overflow
            mean, variance = self._moments(x)
            outputs = ops.batch_normalization(
                x, mean, variance, axis=-1, offset=self.beta.value, scale=self.gamma.value,
                epsilon=self.epsilon,
            )  # fmt: skip
            outputs = ops.cast(outputs, self.compute_dtype)
        n_batches = self.n_batches.value
        momentum = ops.minimum(self.momentum, (1.0 + n_batches) / (10.0 + n_batches))
        self.n_batches.assign(n_batches + 1.0)
        for average, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average.value * momentum + batch * (1.0 - momentum))
        return outputs

    def _moments(self, x: Any) -> tuple[Any, Any]:
        """Compute mean and variance in one pass over x, relative to the moving mean.

        The variance is the mean square minus the squared mean. Relative to zero, that would lose
        most digits in channels with a large mean.
        """
        origin = self.moving_mean.value
        axes = list(range(len(x.shape) - 1))
        distance = x - origin
        mean = ops.mean(distance, axis=axes)
        variance = ops.mean(ops.square(distance), axis=axes) - ops.square(mean)
        return origin + mean, ops.maximum(variance, 0.0)

    def _fused(self, inputs: Any, *moving: Any) -> Any:
        from tensorflow.compat.v1.nn import fused_batch_norm

        return fused_batch_norm(
            inputs,
            self.gamma.value,
            self.beta.value,
            *moving,
            epsilon=self.epsilon,
            is_training=not moving,
        )


@keras.saving.register_keras_serializable("skpneumo")
class Standardization(keras.layers.Layer):
    """Subtract a mean from each channel or feature, and divide by a standard deviation.

    Both are weights. The ``Normalization`` layer of Keras uses its weights only when it is adapted
    or loaded, so that ``set_weights`` has no effect on it.

    Parameters
    ----------
    mean, deviation : float
        Initial values of the weights.
    """

    def __init__(self, mean: float = 0.0, deviation: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self._start = {"mean": mean, "deviation": deviation}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.mean, self.deviation = (
            self.add_weight(
                shape=input_shape[-1:],
                initializer=keras.initializers.Constant(value),
                trainable=False,
                name=name,
            )
            for name, value in self._start.items()
        )

    def call(self, inputs: Any) -> Any:
        return (inputs - self.mean) / self.deviation

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._start}


@keras.saving.register_keras_serializable("skpneumo")
class ImageNormalization(keras.layers.Layer):
    """Normalise exposure and contrast of each image, for the whole image or locally.

    Parameters
    ----------
    local : bool
        Whether mean and standard deviation are computed for each pixel, over a Gaussian around it,
        or once for the image, over a Gaussian around its centre, so that the surroundings of the
        chest, such as a frame, hardly count. Images and channels are normalised separately.
    scale : float
        Standard deviation of the Gaussian, as a share of the sides.
    epsilon : float
        Added to the standard deviation in quadrature, so that flat regions stay flat.

    References
    ----------
    .. [1] Jarrett, Kavukcuoglu, Ranzato, LeCun, "What is the best multi-stage architecture for
       object recognition?", ICCV 2009: local contrast normalisation.
    """

    def __init__(self, local: bool, scale: float, epsilon: float, **options: Any) -> None:
        super().__init__(**{**options, "dtype": "float32"})  # squares do not fit in 16 bits
        self.local = local
        self.scale = scale
        self.epsilon = epsilon

    def call(self, images: Any) -> Any:
        distance = images - self._mean(images)
        variance = self._mean(distance * distance)
        return distance / ops.sqrt(variance + self.epsilon**2)

    def _mean(self, images: Any) -> Any:
        down, across = self.mean_weights(*images.shape[1:3])
        x = ops.transpose(images, (0, 3, 1, 2))
        x = ops.matmul(ops.matmul(down, x), across)
        return ops.transpose(x, (0, 2, 3, 1))

    def mean_weights(
        self, height: int, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the matrices by which an image is multiplied from the left and from the right."""
        weights = gaussian_mean_weights if self.local else central_mean_weights
        return weights(height, self.scale), weights(width, self.scale).T

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"local": self.local, "scale": self.scale, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


@cache
def central_mean_weights(n: int, scale: float) -> NDArray[np.float32]:
    """Return the mean over a Gaussian around the centre of n pixels, as a matrix (1, n)."""
    from_middle = (np.arange(n) + 0.5) / n - 0.5
    weights = np.exp(-0.5 * (from_middle / scale) ** 2)
    return (weights / weights.sum()).astype(np.float32)[None]


@cache
def gaussian_mean_weights(n: int, scale: float) -> NDArray[np.float32]:
    """Return the means over a Gaussian around each of n pixels, as a matrix of shape (n, n).

    Pixels outside the image have no weight. The product with it is faster than a wide convolution.
    """
    pixel = np.arange(n)
    weights = np.exp(-0.5 * ((pixel[:, None] - pixel) / (scale * n)) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@keras.saving.register_keras_serializable("skpneumo")
class ActivityL2(keras.regularizers.Regularizer):
    """Penalty on the squares of the outputs of a layer, summed in float32 for any dtype.

    The penalty of Keras cannot be added to the loss if the layer computes in bfloat16.
    """

    variable_l2: Callable[[], Any] | None = None  # if set by training, read at each step

    def __init__(self, l2: float) -> None:
        self.l2 = l2

    def __call__(self, x: Any) -> Any:
        l2 = self.l2 if self.variable_l2 is None else self.variable_l2()
        return l2 * ops.sum(ops.square(ops.cast(x, "float32")))

    def get_config(self) -> dict[str, float]:
        return {"l2": self.l2}


def seeded(name: str, seed: int) -> keras.Initializer:
    """Make a Keras initializer by name, with a seed if it is random."""
    with python_random_unmoved():
        initializer = keras.initializers.get(name)
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)
