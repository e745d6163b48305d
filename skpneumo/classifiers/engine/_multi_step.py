"""Several training steps in one execution of a compiled program.

Starting a step takes Python a millisecond or more, as long as the step itself for a small network,
or for any network on a GPU. So, if it is faster on the backend,

1. the caller collects ``steps_at_once`` batches, each with its learning rate,
2. they are stacked and passed to one compiled loop that takes a step on each,
3. the losses of all steps are returned together,
4. and the elapsed time determines how many steps are taken next;

otherwise each batch is a separate execution. The result of the fit is the same.

``steps_per_execution`` of Keras is not used: it is fixed when a model is compiled, but the number
of steps in a quarter of a second is known only after the first; a last, smaller group of steps
would be compiled again; all steps of an execution have the same learning rate, and only the mean
of their losses over the epoch is returned; and torch does not support it.

One of the few files with branches by backend: TensorFlow and JAX compile loops differently.
"""

from abc import ABC, abstractmethod
from itertools import chain
from time import perf_counter
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.classifiers.engine._batches import Batch, DeviceRows

__all__ = ["JaxMultiStep", "MultiStep", "SingleStep", "Steps", "TensorFlowMultiStep", "steps_of"]


_SECONDS_AT_ONCE = 0.25
_BYTES_AT_ONCE = 64 * 2**20


class Steps(ABC):
    """Base class of objects that take the training steps of a compiled model.

    Attributes
    ----------
    model : keras.Model
        The compiled model.
    names : tuple of str
        Names of the values of each step: "loss", and the metrics of the compiled model.
    steps_at_once : int
        Maximum number of batches for the next call, limited by the delay of an interrupt and by
        memory.
    """

    max_steps = 1
    gathers_rows = True  # from images on the device

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        self.model = model
        self.names = names
        self.steps_at_once = 1  # until the time per step is known

    def __call__(self, batches: list[Batch], rates: list[float] | None = None) -> Any:
        """Train on batches of one shape, with these learning rates or that of the optimizer.

        Returns
        -------
        measured : array of the backend of shape (n_batches, n_names)
            The loss and the metrics of each batch, possibly not computed yet.
        """
        begin = perf_counter()
        losses = self._train(batches, rates)
        self.steps_at_once = self._next_steps_at_once(batches, perf_counter() - begin)
        return losses

    def _next_steps_at_once(self, batches: list[Batch], seconds: float) -> int:
        """Return how many steps to take next, given the time of these."""
        n_by_time = _SECONDS_AT_ONCE * len(batches) / seconds
        n_by_memory = _BYTES_AT_ONCE / getattr(batches[0][0][0], "nbytes", 1)
        return int(np.clip(min(n_by_time, n_by_memory), 1, self.max_steps))

    @abstractmethod
    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any: ...


class SingleStep(Steps):
    """Take each step in one execution, with the current learning rate of the optimizer."""

    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        (((images, *more), *labels),) = batches
        if isinstance(images, DeviceRows):
            images = images.gather()
            # If one input is a tensor, torch needs all as tensors.
            more = [keras.ops.convert_to_tensor(each) for each in more]
        # Keras does so from version 3.15 on; before, losses are means over all steps so far.
        self.model.reset_metrics()
        logs = self.model.train_on_batch([images, *more], *labels, return_dict=True)
        return np.array([[logs[name] for name in self.names]])


class MultiStep(Steps):
    """Take steps in a loop, whose graph does not depend on the number of batches."""

    max_steps = 8

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        super().__init__(model, names)
        rate = model.optimizer.learning_rate
        places = [i for i, each in enumerate(model.optimizer.variables) if each is rate]
        self._index_of_rate = places[0] if places else None

    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        if rates is None:  # NaN, because reading the current rate would wait for the device
            rates = [np.nan] * len(batches)
        return self._run(batches, np.array(rates, np.float32))

    @abstractmethod
    def _run(self, batches: list[Batch], rates: NDArray[np.float32]) -> Any:
        """Train with these learning rates, unless the optimizer has its own schedule.

        NaN means the current rate of the optimizer.
        """


class TensorFlowMultiStep(MultiStep):
    """Take steps in a TensorFlow loop, compiled for each shape of batches."""

    gathers_rows = False  # the free memory of a TensorFlow device is unknown

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        super().__init__(model, names)
        self._compiled: dict[Any, Any] = {}

    def _run(self, batches: list[Batch], rates: NDArray[np.float32]) -> Any:
        import tensorflow as tf

        if tf.distribute.has_strategy():
            raise ValueError(
                f"fit is called in the scope of a {type(tf.distribute.get_strategy()).__name__}, "
                "but with TensorFlow the classifiers train on one device. Call it outside of "
                "strategy.scope(); for several GPUs use JAX and devices=."
            )
        arrays = tf.nest.map_structure(lambda *each: np.stack(each), *map(list, batches))
        shapes = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), [arrays, rates]
        )
        key = str(shapes)
        if key not in self._compiled:
            # Without AutoGraph, as Keras traces its own steps; it takes a fifth of the time.
            self._compiled[key] = tf.function(self._steps, input_signature=shapes, autograph=False)
        return self._compiled[key](arrays, rates)

    def _steps(self, batches: Any, rates: Any) -> Any:
        import tensorflow as tf

        def step(i: Any, losses: Any) -> Any:
            if self._index_of_rate is not None:
                current = self.model.optimizer.learning_rate
                given = not_nan(rates[i], current.value)
                current.assign(given)
            batch = tf.nest.map_structure(lambda stack: stack[i], batches)
            self.model.reset_metrics()  # otherwise losses would be means over all steps so far
            logs = self.model.train_step(tuple(batch))
            measured = tf.stack([tf.cast(logs[name], tf.float32) for name in self.names])
            return i + 1, losses.write(i, measured)

        n = tf.shape(tf.nest.flatten(batches)[0])[0]
        losses = tf.TensorArray(tf.float32, n, element_shape=(len(self.names),))
        steps = tf.while_loop(lambda i, _: i < n, step, (0, losses), parallel_iterations=1)
        return steps[1].stack()


class JaxMultiStep(MultiStep):
    """Take steps in a JAX loop, compiled for one number of batches, which may stop earlier.

    Compiling takes longer than a small fit, so the number is the same from the first call on. It
    is larger for images on the device, because only their row numbers are moved.
    """

    max_steps_of_rows = 64

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        import jax

        super().__init__(model, names)
        self._compiled = jax.jit(self._steps, donate_argnums=0)

    def _next_steps_at_once(self, batches: list[Batch], seconds: float) -> int:
        if isinstance(batches[0][0][0], DeviceRows):
            return self.max_steps_of_rows
        return super()._next_steps_at_once(batches, seconds)

    def _run(self, batches: list[Batch], rates: NDArray[np.float32]) -> Any:
        import jax

        n = len(batches)
        on_device, length = None, self.max_steps
        if isinstance(batches[0][0][0], DeviceRows):  # gathered there, within the loop
            length = self.max_steps_of_rows
            on_device = batches[0][0][0].images
            batches = [([first.rows, *more], *labels) for (first, *more), *labels in batches]  # type: ignore[misc]
        missing = length - n
        padded = [*batches, *[batches[-1]] * missing]
        arrays = jax.tree.map(lambda *each: np.stack(each), *padded)
        rates = np.pad(rates, (0, missing))
        model = self.model
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        )
        state = tuple([variable.value for variable in group] for group in groups)
        state, losses = self._compiled(state, on_device, arrays, rates, n)
        for variable, value in zip(chain(*groups), chain(*state), strict=True):
            variable.assign(value)
        return losses[:n]

    def _steps(self, state: Any, on_device: Any, batches: Any, rates: Any, n: Any) -> Any:
        import jax
        from jax import numpy as jnp

        def step(i: Any, carried: Any) -> Any:
            (trained, others, optimizer), losses = carried
            if self._index_of_rate is not None:
                current = optimizer[self._index_of_rate]
                optimizer[self._index_of_rate] = not_nan(rates[i], current)
            (images, *more), *labels = jax.tree.map(lambda stack: stack[i], batches)
            if on_device is not None:
                images = on_device[images]
            batch = ([images, *more], *labels)
            state = (trained, others, optimizer, no_metrics)
            logs, (*state, _) = self.model.train_step(state, batch)
            measured = jnp.stack([logs[name] for name in self.names])
            return tuple(map(list, state)), losses.at[i].set(measured)

        # Empty at each step, otherwise the loss would be the mean over all steps so far.
        no_metrics = [jnp.zeros(each.shape, each.dtype) for each in self.model.metrics_variables]
        return jax.lax.fori_loop(0, n, step, (state, jnp.zeros((len(rates), len(self.names)))))


def not_nan(rate: Any, current: Any) -> Any:
    """Return the rate, or the current one if it is NaN."""
    return keras.ops.where(keras.ops.isnan(rate), current, rate)


def steps_of(model: keras.Model, names: tuple[str, ...] = ("loss",)) -> Steps:
    """Make the object that takes the steps of a model, several at once if that is faster."""
    backend = keras.backend.backend()
    # XLA, which Keras uses on a GPU, would compile again for each number of steps.
    if backend == "tensorflow" and not model.jit_compile:
        return TensorFlowMultiStep(model, names)
    if backend == "jax":
        import jax

        # On a CPU, XLA runs convolutions in a loop on one core.
        if jax.devices()[0].platform == "gpu":
            return JaxMultiStep(model, names)
    return SingleStep(model, names)
