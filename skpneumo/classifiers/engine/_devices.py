"""Devices of this machine: their memory, and batches split over several of them.

One of the few files with branches by backend: backends report memory in different ways, and Keras
splits batches only on JAX.
"""

import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._images import is_stream
from skpneumo._warning_lines import users_stacklevel
from skpneumo.classifiers.engine._batches import Batch, DeviceImages
from skpneumo.classifiers.engine._multi_step import SingleStep

# The network, gradients and feature maps need the rest.
_SHARE_OF_FREE_MEMORY = 0.5


def to_device(images: Any) -> Any:
    """Move images to the device if its memory is sufficient, else return them unchanged."""
    if is_stream(images) or images.dtype != np.uint8:
        return images
    free = free_device_memory()
    if free is None or images.nbytes > _SHARE_OF_FREE_MEMORY * free:
        return images
    n_rows = _compiled_rows(len(images)) if keras.backend.backend() == "jax" else len(images)
    fits = images.nbytes * n_rows / len(images) <= _SHARE_OF_FREE_MEMORY * free
    return DeviceImages(images, n_rows if fits else len(images))


def free_device_memory() -> int | None:
    """Return the free bytes on the GPU; None if there is no GPU, or on TensorFlow."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        found = device.memory_stats() if device.platform == "gpu" else None
        if found:
            return found["bytes_limit"] - found["bytes_in_use"]
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.mem_get_info()[0]
    return None


class ShardedBatches:
    """Split batches over several devices, each with the same weights.

    One program runs on all of them, with the same result as on one device.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._distribution = keras.distribution.DataParallel(devices=list(names))
        self._n = len(names)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context for creating the variables of a program, and for running it."""
        return self._distribution.scope()

    def steps_of(self, model: keras.Model, names: tuple[str, ...]) -> "ShardedStep":
        """Return an object that takes the steps of a compiled model."""
        return ShardedStep(model, names, self)

    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs for images."""
        padded = _to_multiple(images, self._n)
        with self.scope():
            layout = self._distribution.get_data_layout(padded.shape)
            # Keras itself splits only batches in training.
            x = keras.distribution.distribute_tensor(keras.ops.convert_to_tensor(padded), layout)
            return network.predict_on_batch(x)[: len(images)]


class ShardedStep(SingleStep):
    """Take each step in one execution, on a split batch."""

    gathers_rows = False

    def __init__(
        self, model: keras.Model, names: tuple[str, ...], sharding: ShardedBatches
    ) -> None:
        super().__init__(model, names)
        self._sharding = sharding

    def _train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        with self._sharding.scope():
            return super()._train(batches, rates)


@cache
def sharded_over(n_devices: int) -> ShardedBatches:
    """Return the shared object that splits batches over the first devices."""
    return ShardedBatches(keras.distribution.list_devices()[:n_devices])


def n_training_devices(devices: int | str | None, n_rows: int) -> int:
    """Return the number of devices to split batches of ``n_rows`` over.

    Parameters
    ----------
    devices : int, "all" or None
        Devices requested by the user.
    n_rows : int
        Rows per batch.

    Returns
    -------
    n : int
        Largest number up to the request with which all devices have the same number of rows; with
        a warning if it is smaller.

    Raises
    ------
    ValueError
        If there are fewer devices, or the backend cannot split a batch.
    """
    if devices is None or devices == 1:
        return 1
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(
            f"devices={devices!r}, but Keras runs on {backend}, and batches are split over "
            "several devices only on JAX. Expected devices=None or 1; or set KERAS_BACKEND=jax "
            "before Keras is imported."
        )
    there = keras.distribution.list_devices()
    if devices != "all" and int(devices) > len(there):
        raise ValueError(
            f"devices={devices}, but {backend} sees {len(there)} of them: {', '.join(there)}. "
            'Set devices="all" to use all of them.'
        )
    wanted = len(there) if devices == "all" else int(devices)
    used = max(n for n in range(1, wanted + 1) if n_rows % n == 0)
    if used < wanted:
        warnings.warn(
            f"Batches of {n_rows} images cannot be split evenly over {wanted} devices, so "
            f"training uses {used} of them. Set batch_size to a multiple of {wanted}.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )
    return used


def n_prediction_devices(devices: int | str | None) -> int:
    """Return the number of devices to predict on: those requested, as far as they exist."""
    if devices is None or keras.backend.backend() != "jax":
        return 1
    there = len(keras.distribution.list_devices())
    return there if devices == "all" else min(int(devices), there)


def rows_to_predict(n_rows: int, batch_size: int) -> int | None:
    """Return the number of rows that each batch is filled up to, or None for no filling.

    JAX compiles a program for each number of rows. There are few powers of two, and with more rows
    than a batch, all batches have the same size.
    """
    if keras.backend.backend() != "jax":
        return None
    return min(batch_size, _compiled_rows(n_rows))


def _compiled_rows(n_rows: int) -> int:
    """Return the next power of two."""
    return 1 << max(0, n_rows - 1).bit_length()


def _to_multiple(images: NDArray[Any], n: int) -> NDArray[Any]:
    """Repeat rows until their number is a multiple of n; their outputs are not used."""
    missing = -len(images) % n
    return images if not missing else np.resize(images, (len(images) + missing, *images.shape[1:]))


def let_device_memory_grow() -> None:
    """Ask the backend not to reserve all memory of a device at once, unless it already has.

    TensorFlow and JAX do so by default, which leaves nothing for other processes.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    elif backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            try:
                tf.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError:  # the GPU is in use already
                return


def device_memory_grows() -> bool:
    """Return whether GPU memory is reserved as needed, not all at once by the first process."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
    if backend == "jax":
        return os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() in ("false", "0")
    return True


def backend_name() -> str:
    """Return the name of the Keras backend."""
    return keras.backend.backend()


def device_names() -> tuple[str, ...]:
    """Return the names of the GPUs of the backend, or of its processors without a GPU."""
    if keras.backend.backend() == "torch":
        import torch

        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return tuple(f"cuda:{i} ({name})" for i, name in enumerate(gpus)) or ("cpu:0",)
    list_devices = keras.distribution.list_devices
    return tuple(list_devices("gpu") or list_devices("cpu"))
