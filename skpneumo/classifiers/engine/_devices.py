"""One batch over several devices: each computes its part, and all hold the same weights.

Keras distributes on JAX, where a program over several devices computes what it would on one. On
TensorFlow it leaves that to TensorFlow, where each device runs the program on its own part.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.classifiers.engine._device_data import ResidentRows, resident_if_possible
from skpneumo.classifiers.engine._multi_step import Loop, loop_of

_BACKENDS = ("tensorflow", "jax")


class Devices(ABC):
    """Where a program is held and run."""

    @abstractmethod
    def scope(self) -> AbstractContextManager[Any]:
        """Enter this to make the variables of a program."""

    def synchronized(self, network: keras.Model) -> keras.Model:
        """Have its layers normalise over the rows on all devices; it is the same network."""
        return network

    def hold(self, images: Any) -> Any:
        """Take the images of a fit, as many as there may be, to where batches are made of them."""
        return images

    def whole_batch(self, x: Any) -> Any:
        """Show to the rows on each device those on all of them."""
        return x

    def loop(self, model: keras.Model) -> Loop | None:
        """Compile several steps into one execution, where that is faster."""
        return None

    @abstractmethod
    def train(self, model: keras.Model, *batch: Any) -> float:
        """Take a step on inputs, targets and weights; give the loss."""

    @abstractmethod
    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        """Give the outputs for some images."""


class _OneDevice(Devices):
    """The device that Keras takes by itself."""

    def scope(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def hold(self, images: Any) -> Any:
        return resident_if_possible(images)

    def loop(self, model: keras.Model) -> Loop | None:
        return loop_of(model)

    def train(self, model: keras.Model, *batch: Any) -> float:
        (images, *more), *others = batch
        if isinstance(images, ResidentRows):
            images = images.take()
            more = [keras.ops.convert_to_tensor(each) for each in more]  # torch takes no mixture
        inputs = [images, *more]
        return model.train_on_batch(inputs, *others, return_dict=True)["loss"]

    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        return network.predict_on_batch(images)


class _Sharded(Devices):
    """One program over several devices, which the compiler splits."""

    def __init__(self, names: Sequence[str]) -> None:
        self._distribution = keras.distribution.DataParallel(devices=list(names))
        self._n = len(names)

    def scope(self) -> AbstractContextManager[Any]:
        return self._distribution.scope()

    def train(self, model: keras.Model, *batch: Any) -> float:
        with self.scope():
            return model.train_on_batch(*batch, return_dict=True)["loss"]

    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        padded = _to_multiple(images, self._n)
        with self.scope():
            layout = self._distribution.get_data_layout(padded.shape)
            # Keras itself splits batches of training only.
            x = keras.distribution.distribute_tensor(keras.ops.convert_to_tensor(padded), layout)
            return network.predict_on_batch(x)[: len(images)]


class _Mirrored(Devices):
    """One run of the program on each device, whose gradients are added up."""

    def __init__(self, names: Sequence[str]) -> None:
        import tensorflow as tf

        # The default numbers its reductions by strategy, so that those of two sets of devices
        # are taken for each other; it may also lock up when two threads train.
        self._strategy = tf.distribute.MirroredStrategy(
            [name.upper() for name in names], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
        self._n = len(names)

    def scope(self) -> AbstractContextManager[Any]:
        return self._strategy.scope()

    def synchronized(self, network: keras.Model) -> keras.Model:
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
        return network

    def whole_batch(self, x: Any) -> Any:
        return _GatheredBatch(name="whole_batch")(x)

    def train(self, model: keras.Model, *batch: Any) -> float:
        model.make_train_function()
        model.reset_metrics()
        return float(model.train_function(iter([self._split(batch)]))["loss"])

    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        network.make_predict_function()
        outputs = network.predict_function([self._split((_to_multiple(images, self._n),))])
        return keras.ops.convert_to_numpy(outputs)[: len(images)]

    def _split(self, arrays: Any) -> Any:
        return keras.tree.map_structure(self._split_one, arrays)

    def _split_one(self, array: NDArray[Any]) -> Any:
        parts = np.split(array, self._n)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: keras.ops.convert_to_tensor(parts[context.replica_id_in_sync_group])
        )


class _GatheredBatch(keras.layers.Layer):
    """Rows of all devices, on each of them."""

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        return x if context is None else context.all_gather(x, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@cache
def devices_of(n: int) -> Devices:
    """Give the first devices of their kind; programs on the same ones share them."""
    if n == 1:
        return _OneDevice()
    kinds = {"jax": _Sharded, "tensorflow": _Mirrored}
    return kinds[keras.backend.backend()](keras.distribution.list_devices()[:n])


def n_to_train_on(devices: int | str | None, n_rows: int) -> int:
    """Count the devices that batches of so many rows are split over.

    Parameters
    ----------
    devices : int, "all" or None
        What the user asks for.
    n_rows : int
        Rows in each batch.

    Returns
    -------
    n : int
        At most what is asked for, so that all have the same number of rows; fewer with a warning.

    Raises
    ------
    ValueError
        If there are fewer devices, or the backend cannot split a batch.
    """
    if devices is None or devices == 1:
        return 1
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise ValueError(
            f"devices={devices!r}, but {backend} trains on one device here. Set devices=None, or "
            f"set KERAS_BACKEND to {' or '.join(_BACKENDS)} before Keras is imported."
        )
    there = keras.distribution.list_devices()
    if devices != "all" and int(devices) > len(there):
        raise ValueError(
            f"devices={devices}, but {backend} sees {len(there)} of them: {', '.join(there)}. "
            'Set devices="all" to take what there is.'
        )
    wanted = len(there) if devices == "all" else int(devices)
    used = max(n for n in range(1, wanted + 1) if n_rows % n == 0)
    if used < wanted:
        warnings.warn(
            f"Batches of {n_rows} images cannot be split evenly over {wanted} devices, so that "
            f"training takes {used} of them. Set batch_size to a multiple of {wanted}.",
            UserWarning,
            stacklevel=2,
        )
    return used


def n_to_predict_on(devices: int | str | None) -> int:
    """Count the devices to predict on: what is asked for, or what there is of it here."""
    if devices is None or keras.backend.backend() not in _BACKENDS:
        return 1
    there = len(keras.distribution.list_devices())
    return there if devices == "all" else min(int(devices), there)


def _to_multiple(images: NDArray[Any], n: int) -> NDArray[Any]:
    """Repeat rows until the number of them divides; the outputs of these are not used."""
    missing = -len(images) % n
    return images if not missing else np.resize(images, (len(images) + missing, *images.shape[1:]))
