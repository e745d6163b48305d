"""Layers that Keras has in a slower form."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("skpneumo")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of images in one kernel where the backend has one.

    Keras composes it of element-wise operations. On a CPU they cost more than the convolutions
    they stand between, and TensorFlow does not fuse them.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if keras.backend.backend() != "tensorflow" or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        from tensorflow.compat.v1.nn import fused_batch_norm

        training = bool(training) and self.trainable
        moving = () if training else (self.moving_mean.value, self.moving_variance.value)
        outputs, mean, variance = fused_batch_norm(
            keras.ops.cast(inputs, self.compute_dtype),
            self.gamma.value,
            self.beta.value,
            *moving,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # The kernel divides by n - 1, Keras by n.
            n = keras.ops.cast(keras.ops.size(inputs[..., 0]), variance.dtype)
            variance = variance * (n - 1.0) / n
            for average, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(average * self.momentum + batch * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable("skpneumo")
class ActivityL2(keras.regularizers.Regularizer):
    """Penalty on the squares of a layer's outputs, summed in float32 whatever they are.

    Keras's own cannot be added to the loss where the layer computes in bfloat16.
    """

    def __init__(self, l2: float) -> None:
        self.l2 = l2

    def __call__(self, x: Any) -> Any:
        return self.l2 * keras.ops.sum(keras.ops.square(keras.ops.cast(x, "float32")))

    def get_config(self) -> dict[str, float]:
        return {"l2": self.l2}
