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
            for average, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(average * self.momentum + batch * (1.0 - self.momentum))
        return outputs
