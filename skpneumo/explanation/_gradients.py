"""Compute gradients of a network's scores; the only file here that branches by backend.

A program is compiled once for an architecture and reused; only its weights change between fits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from skpneumo.classifiers.engine import CompiledNetwork, NetworkSpec, ProgramPool
from skpneumo.explanation._layers import FlatNetwork

__all__ = ["GradientSpec", "directions_of", "gradient_programs"]

# Function of activations (or images) and of the gradient with respect to them, both of shape (n,
# h, w, channels).
Combination = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class GradientSpec:
    """Specification of a gradient program."""

    network: NetworkSpec
    layer: str | None  # differentiate with respect to its output; None: the images
    combine: Combination


class GradientProgram(CompiledNetwork):
    """Compiled gradient of scores with respect to a layer's output, or to the images."""

    def __init__(self, spec: GradientSpec) -> None:
        flat = FlatNetwork(spec.network.build(0))
        super().__init__(flat.network)
        start = flat.images if spec.layer is None else flat.outputs[spec.layer]
        trunk = None if spec.layer is None else keras.Model(flat.images, start)
        # The images are a second input, because a residual connection may bypass the layer.
        inputs = [start] if spec.layer is None else [start, flat.images]
        head = keras.Model(inputs, flat.logits)
        compiled = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
        self._run = compiled[keras.backend.backend()](trunk, head, spec.combine)

    def __call__(
        self, images: NDArray[Any], directions: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Combine the activations of each image with their gradient.

        ``directions``, of shape (n_images, n_outputs), are the weights of the logits in the score.
        """
        combined = self._run(np.asarray(images, dtype=np.float32), directions)
        return ops.convert_to_numpy(combined)


gradient_programs: ProgramPool[GradientProgram] = ProgramPool(GradientProgram)


def directions_of(classifier: Any, columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Compute weights of the logits that make their sum the score of each image's class."""
    if len(classifier.classes_) == 2:
        return np.where(columns == 1, 1.0, -1.0).astype(np.float32)[:, np.newaxis]
    return np.eye(len(classifier.classes_), dtype=np.float32)[columns]


def _tensorflow(trunk: Any, head: Any, combine: Combination) -> Callable[..., Any]:
    import tensorflow as tf

    # one trace for all batch sizes
    image_shape = (trunk or head).inputs[0].shape
    signature = [tf.TensorSpec(shape) for shape in (image_shape, head.outputs[0].shape)]

    def run(images: Any, directions: Any) -> Any:
        start = images if trunk is None else trunk(images, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(start)
            logits = head(start if trunk is None else [start, images], training=False)
            score = tf.reduce_sum(logits * directions)
        return combine(start, tape.gradient(score, start))

    compiled: Callable[..., Any] = tf.function(run, input_signature=signature, autograph=False)
    return compiled


def _jax(trunk: Any, head: Any, combine: Combination) -> Callable[..., Any]:
    import jax

    def forward(model: Any, values: Any, inputs: Any) -> Any:
        return model.stateless_call(*values, inputs, training=False)[0]

    def run(trunk_values: Any, head_values: Any, images: Any, directions: Any) -> Any:
        start = images if trunk is None else forward(trunk, trunk_values, images)

        def score(start: Any) -> Any:
            inputs = start if trunk is None else [start, images]
            return (forward(head, head_values, inputs) * directions).sum()

        return combine(start, jax.grad(score)(start))

    def values(model: Any) -> Any:
        # Passed as arguments, because otherwise the first weights would be compiled as constants.
        return (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
        )

    compiled = jax.jit(run)
    return lambda images, directions: compiled(
        None if trunk is None else values(trunk), values(head), images, directions
    )


def _torch(trunk: Any, head: Any, combine: Combination) -> Callable[..., Any]:
    import torch

    def run(images: Any, directions: Any) -> Any:
        images, directions = ops.convert_to_tensor(images), ops.convert_to_tensor(directions)
        with torch.no_grad():
            start = images if trunk is None else trunk(images, training=False)
        with torch.enable_grad():
            start = start.detach().requires_grad_()
            logits = head(start if trunk is None else [start, images], training=False)
            (gradient,) = torch.autograd.grad((logits * directions).sum(), start)
        with torch.no_grad():
            return combine(start, gradient)

    return run
