"""Several training steps in one execution of a compiled program.

Starting a step costs Python a millisecond or more, which is what a step of a small network takes,
or of any network on a GPU. So, where the backend gains by it,

1. the caller collects ``steps_at_once`` batches, each with its learning rate,
2. they are stacked, and handed to one compiled loop that takes a step on each,
3. the losses of all steps come back at once,
4. and the time they took decides how many there may be next;

else each batch is an execution of its own. The fit is the same either way.

Keras's own ``steps_per_execution`` is not used: it is fixed when a model is compiled, while the
steps that fit a quarter of a second are known only after the first; a last, smaller group of steps
would be compiled again; the learning rate is the same in all steps of an execution, and their
losses come back as one mean over the epoch; and on torch there is none.

One of the few files that branch by backend: TensorFlow and JAX compile loops in ways of their own.
"""

from abc import ABC, abstractmethod
from itertools import chain
from time import perf_counter
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.classifiers.engine._device_data import DeviceRows

__all__ = ["JaxMultiStep", "MultiStep", "SingleStep", "Steps", "TensorFlowMultiStep", "steps_of"]


_SECONDS_AT_ONCE = 0.25
_BYTES_AT_ONCE = 64 * 2**20

Batch = tuple[list[Any], NDArray[Any], NDArray[Any]]  # inputs, targets, weights


class Steps(ABC):
    """Takes the training steps of a compiled model.

    Attributes
    ----------
    model : keras.Model
        As given.
    names : tuple of str
        What is measured at each step: "loss", and the metrics that the model was compiled with.
    steps_at_once : int
        How many batches may be handed to the next call: as many as keep an interrupt waiting, and
        memory filled, not too much.
    """

    max_steps = 1
    gathers_rows = True  # of images that are on the device

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        self.model = model
        self.names = names
        self.steps_at_once = 1  # until it is known how long one takes

    def __call__(self, batches: list[Batch], rates: list[float] | None = None) -> Any:
        """Train on batches of one shape, at these rates or at the optimizer's present one.

        Returns
        -------
        measured : array of the backend of shape (n_batches, n_names)
            The loss and the metrics of each, computed or not yet.
        """
        begin = perf_counter()
        losses = self._train(batches, rates)
        self.steps_at_once = self._how_many_next(batches, perf_counter() - begin)
        return losses

    def _how_many_next(self, batches: list[Batch], seconds: float) -> int:
        """Say how many steps to take at once, after these have taken so long."""
        n_by_time = _SECONDS_AT_ONCE * len(batches) / seconds
        n_by_memory = _BYTES_AT_ONCE / getattr(batches[0][0][0], "nbytes", 1)
        return int(np.clip(min(n_by_time, n_by_memory), 1, self.max_steps))

    @abstractmethod
    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any: ...


class SingleStep(Steps):
    """Each step is an execution, at the optimizer's present rate."""

    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        (((images, *more), *labels),) = batches
        if isinstance(images, DeviceRows):
            images = images.gather()
            more = [keras.ops.convert_to_tensor(each) for each in more]  # torch takes no mixture
        logs = self.model.train_on_batch([images, *more], *labels, return_dict=True)
        return np.array([[logs[name] for name in self.names]])


class MultiStep(Steps):
    """A loop over batches. How many there are is no part of its graph: one program serves all."""

    max_steps = 8

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        super().__init__(model, names)
        rate = model.optimizer.learning_rate
        places = [i for i, each in enumerate(model.optimizer.variables) if each is rate]
        self._place_of_rate = places[0] if places else None

    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        if rates is None:  # to read the present one would wait for the device
            rates = [np.nan] * len(batches)
        return self._run(batches, np.array(rates, np.float32))

    @abstractmethod
    def _run(self, batches: list[Batch], rates: NDArray[np.float32]) -> Any:
        """Train, at these rates where the optimizer has no schedule of its own.

        NaN is the rate at which the optimizer is.
        """


class TensorFlowMultiStep(MultiStep):
    """A loop over the batches, compiled for each shape of them."""

    gathers_rows = False  # Keras cannot know how much memory TensorFlow has for them

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        super().__init__(model, names)
        self._compiled: dict[Any, Any] = {}

    def _run(self, batches: list[Batch], rates: NDArray[np.float32]) -> Any:
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
                present = self.model.optimizer.learning_rate
                given = not_nan(rates[i], present.value)
                present.assign(given)
            batch = tf.nest.map_structure(lambda stack: stack[i], batches)
            self.model.reset_metrics()  # or the loss would be the mean over all steps so far
            logs = self.model.train_step(tuple(batch))
            measured = tf.stack([tf.cast(logs[name], tf.float32) for name in self.names])
            return i + 1, losses.write(i, measured)

        n = tf.shape(tf.nest.flatten(batches)[0])[0]
        losses = tf.TensorArray(tf.float32, n, element_shape=(len(self.names),))
        steps = tf.while_loop(lambda i, _: i < n, step, (0, losses), parallel_iterations=1)
        return steps[1].stack()


class JaxMultiStep(MultiStep):
    """A loop that is compiled for one number of batches, and left before missing ones.

    Compiling takes longer than a small fit, so that the number is the same from the first call
    on: of images on the device more, because only their row numbers are moved.
    """

    max_steps_of_rows = 64

    def __init__(self, model: keras.Model, names: tuple[str, ...] = ("loss",)) -> None:
        import jax

        super().__init__(model, names)
        self._compiled = jax.jit(self._steps, donate_argnums=0)

    def _how_many_next(self, batches: list[Batch], seconds: float) -> int:
        if isinstance(batches[0][0][0], DeviceRows):
            return self.max_steps_of_rows
        return super()._how_many_next(batches, seconds)

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
            if self._place_of_rate is not None:
                present = optimizer[self._place_of_rate]
                optimizer[self._place_of_rate] = not_nan(rates[i], present)
            (images, *more), *labels = jax.tree.map(lambda stack: stack[i], batches)
            if on_device is not None:
                images = on_device[images]
            batch = ([images, *more], *labels)
            state = (trained, others, optimizer, no_metrics)
            logs, (*state, _) = self.model.train_step(state, batch)
            measured = jnp.stack([logs[name] for name in self.names])
            return tuple(map(list, state)), losses.at[i].set(measured)

        # Empty at each step, or the loss would be the mean over all steps so far.
        no_metrics = [jnp.zeros(each.shape, each.dtype) for each in self.model.metrics_variables]
        return jax.lax.fori_loop(0, n, step, (state, jnp.zeros((len(rates), len(self.names)))))


def not_nan(rate: Any, present: Any) -> Any:
    """The rate, or the present one where it is NaN."""
    return keras.ops.where(keras.ops.isnan(rate), present, rate)


def steps_of(model: keras.Model, names: tuple[str, ...] = ("loss",)) -> Steps:
    """Give what takes the steps of a compiled model: several at once where that is faster."""
    backend = keras.backend.backend()
    # XLA, which Keras chooses on a GPU, would compile each number of steps again.
    if backend == "tensorflow" and not model.jit_compile:
        return TensorFlowMultiStep(model, names)
    if backend == "jax":
        import jax

        # On a processor XLA runs the convolutions of a loop on one core.
        if jax.devices()[0].platform == "gpu":
            return JaxMultiStep(model, names)
    return SingleStep(model, names)
