"""Several training steps in one execution.

Starting a step costs Python a millisecond or more, which is what a step of a small network takes,
or of any network on a GPU.
"""

from abc import ABC, abstractmethod
from itertools import chain
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.classifiers.engine._device_data import ResidentRows

__all__ = ["Loop", "loop_of"]


class Loop(ABC):
    """A compiled model that takes up to ``max_steps`` at once.

    How many it takes is no part of the graph: any number of steps needs one program only, and
    gives what as many single ones would.
    """

    max_steps = 8

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        rate = model.optimizer.learning_rate
        places = [i for i, each in enumerate(model.optimizer.variables) if each is rate]
        self._place_of_rate = places[0] if places else None

    def __call__(self, batches: list[Any], rates: list[float] | None) -> Any:
        """Train on batches of one shape, at these rates or at the present one.

        Returns
        -------
        losses : array of the backend of shape (n_batches,)
            The loss of each, computed or not yet.
        """
        if rates is None:
            present = 0.0  # not read where the optimizer has a schedule of its own
            if self._place_of_rate is not None:
                present = self._model.optimizer.learning_rate.numpy()
            rates = [present] * len(batches)
        return self._run(batches, np.array(rates, np.float32))

    @abstractmethod
    def _run(self, batches: list[Any], rates: NDArray[np.float32]) -> Any:
        """Train, at these rates where the optimizer has no schedule of its own."""


class TensorFlowLoop(Loop):
    """A loop over the batches, compiled for each shape of them."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(model)
        self._compiled: dict[Any, Any] = {}

    def _run(self, batches: list[Any], rates: NDArray[np.float32]) -> Any:
        import tensorflow as tf

        arrays = tf.nest.map_structure(lambda *each: np.stack(each), *map(list, batches))
        shapes = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), [arrays, rates]
        )
        key = str(shapes)
        if key not in self._compiled:
            self._compiled[key] = tf.function(self._steps, input_signature=shapes)
        return self._compiled[key](arrays, rates)

    def _steps(self, batches: Any, rates: Any) -> Any:
        import tensorflow as tf

        def step(i: Any, losses: Any) -> Any:
            if self._place_of_rate is not None:
                self._model.optimizer.learning_rate = rates[i]
            batch = tf.nest.map_structure(lambda stack: stack[i], batches)
            self._model.reset_metrics()  # or the loss would be the mean over all steps so far
            return i + 1, losses.write(i, self._model.train_step(tuple(batch))["loss"])

        n = tf.shape(tf.nest.flatten(batches)[0])[0]
        losses = tf.TensorArray(tf.float32, n)
        steps = tf.while_loop(lambda i, _: i < n, step, (0, losses), parallel_iterations=1)
        return steps[1].stack()


class JaxLoop(Loop):
    """A loop that is compiled for one number of batches, and left before missing ones."""

    def __init__(self, model: keras.Model) -> None:
        import jax

        super().__init__(model)
        self._compiled = jax.jit(self._steps, donate_argnums=0)
        self._length = 1

    def _run(self, batches: list[Any], rates: NDArray[np.float32]) -> Any:
        import jax

        n = len(batches)
        self._length = max(self._length, n)  # each length is compiled
        missing = self._length - n
        resident = None
        if isinstance(batches[0][0][0], ResidentRows):  # taken there, within the loop
            resident = batches[0][0][0].images
            batches = [([first.rows, *more], *labels) for (first, *more), *labels in batches]
        padded = [*batches, *[batches[-1]] * missing]
        arrays = jax.tree.map(lambda *each: np.stack(each), *padded)
        rates = np.pad(rates, (0, missing))
        model = self._model
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        )
        state = tuple([variable.value for variable in group] for group in groups)
        state, losses = self._compiled(state, resident, arrays, rates, n)
        for variable, value in zip(chain(*groups), chain(*state), strict=True):
            variable.assign(value)
        return losses[:n]

    def _steps(self, state: Any, resident: Any, batches: Any, rates: Any, n: Any) -> Any:
        import jax
        from jax import numpy as jnp

        def step(i: Any, carried: Any) -> Any:
            (trained, others, optimizer), losses = carried
            if self._place_of_rate is not None:
                optimizer[self._place_of_rate] = rates[i]
            (images, *more), *labels = jax.tree.map(lambda stack: stack[i], batches)
            if resident is not None:
                images = resident[images]
            batch = ([images, *more], *labels)
            state = (trained, others, optimizer, no_metrics)
            logs, (*state, _) = self._model.train_step(state, batch)
            return tuple(map(list, state)), losses.at[i].set(logs["loss"])

        # Always anew, or the loss would be the mean over all steps so far.
        no_metrics = [jnp.zeros(each.shape, each.dtype) for each in self._model.metrics_variables]
        return jax.lax.fori_loop(0, n, step, (state, jnp.zeros(len(rates))))


def loop_of(model: keras.Model) -> Loop | None:
    """Give a loop over a model's steps where the backend has one that is faster."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        # XLA, which Keras chooses on a GPU, would compile each number of steps anew.
        return None if model.jit_compile else TensorFlowLoop(model)
    if backend != "jax":
        return None
    import jax

    # On a processor XLA runs the convolutions of a loop on one core.
    return JaxLoop(model) if jax.devices()[0].platform == "gpu" else None
