"""What the devices of this machine can do: memory, and batches split over several of them.

One of the few files that branch by backend: each asks for its memory in a way of its own, and
Keras splits batches on JAX alone.
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
from skpneumo.classifiers.engine._device_data import DeviceImages
from skpneumo.classifiers.engine._multi_step import Batch, SingleStep

# The network, its gradients and its feature maps need the rest.
_SHARE_OF_FREE_MEMORY = 0.5


def to_device(images: Any) -> Any:
    """Move images to the device if it has room for them, else give them back as they are."""
    if is_stream(images) or images.dtype != np.uint8:
        return images
    free = free_device_memory()
    if free is None or images.nbytes > _SHARE_OF_FREE_MEMORY * free:
        return images
    n_rows = _compiled_rows(len(images)) if keras.backend.backend() == "jax" else len(images)
    there_is_room = images.nbytes * n_rows / len(images) <= _SHARE_OF_FREE_MEMORY * free
    return DeviceImages(images, n_rows if there_is_room else len(images))


def free_device_memory() -> int | None:
    """Ask for the bytes free on the GPU; None without one, and on TensorFlow, which cannot say."""
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
    """Batches split over several devices, each of which holds the same weights.

    One program runs on all of them: what it computes is what it would on one.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._distribution = keras.distribution.DataParallel(devices=list(names))
        self._n = len(names)

    def scope(self) -> AbstractContextManager[Any]:
        """Enter this to make the variables of a program, and to run it."""
        return self._distribution.scope()

    def steps_of(self, model: keras.Model, names: tuple[str, ...]) -> "ShardedStep":
        """Give what takes the steps of a compiled model."""
        return ShardedStep(model, names, self)

    def predict(self, network: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
        """Give the outputs for some images."""
        padded = _to_multiple(images, self._n)
        with self.scope():
            layout = self._distribution.get_data_layout(padded.shape)
            # Keras itself splits batches of training only.
            x = keras.distribution.distribute_tensor(keras.ops.convert_to_tensor(padded), layout)
            return network.predict_on_batch(x)[: len(images)]


class ShardedStep(SingleStep):
    """Each step is an execution on a batch that is split."""

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
    """Split batches over the first devices of their kind; programs on the same ones share them."""
    return ShardedBatches(keras.distribution.list_devices()[:n_devices])


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
    if backend != "jax":
        raise ValueError(
            f"devices={devices!r}, but Keras runs on {backend}, and batches are split over "
            "several devices on JAX only. Expected devices=None or 1; or set KERAS_BACKEND=jax "
            "before Keras is imported."
        )
    there = keras.distribution.list_devices()
    if devices != "all" and int(devices) > len(there):
        raise ValueError(
            f"devices={devices}, but {backend} sees {len(there)} of them: {', '.join(there)}. "
            'Set devices="all" to use all there are.'
        )
    wanted = len(there) if devices == "all" else int(devices)
    used = max(n for n in range(1, wanted + 1) if n_rows % n == 0)
    if used < wanted:
        warnings.warn(
            f"Batches of {n_rows} images cannot be split evenly over {wanted} devices, so that "
            f"training uses {used} of them. Set batch_size to a multiple of {wanted}.",
            UserWarning,
            stacklevel=2,
        )
    return used


def n_to_predict_on(devices: int | str | None) -> int:
    """Count the devices to predict on: what is asked for, or what there is of it here."""
    if devices is None or keras.backend.backend() != "jax":
        return 1
    there = len(keras.distribution.list_devices())
    return there if devices == "all" else min(int(devices), there)


def rows_to_predict(n_rows: int, batch_size: int) -> int | None:
    """Say how many rows each batch of so many in all is filled up to, where shapes are compiled.

    JAX compiles a program for each number of rows. Powers of two are few, and those who have
    more than a batch use one number for all batches. None: to no more than there are.
    """
    if keras.backend.backend() != "jax":
        return None
    return min(batch_size, _compiled_rows(n_rows))


def _compiled_rows(n_rows: int) -> int:
    """The next power of two, of which there are few."""
    return 1 << max(0, n_rows - 1).bit_length()


def _to_multiple(images: NDArray[Any], n: int) -> NDArray[Any]:
    """Repeat rows until the number of them divides; the outputs of these are not used."""
    missing = -len(images) % n
    return images if not missing else np.resize(images, (len(images) + missing, *images.shape[1:]))


def let_device_memory_grow() -> None:
    """Ask the backend not to reserve all of a device's memory at once, if it has not yet.

    TensorFlow and JAX do so by default, and leave nothing to the next process.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    elif backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            try:
                tf.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError:  # in use already, by the rule it was given then
                return


def device_memory_grows() -> bool:
    """Say whether GPU memory is reserved as needed, not all of it by the first process."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
    if backend == "jax":
        return os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() in ("false", "0")
    return True


def backend_name() -> str:
    """The name of Keras's backend, to be shown."""
    return keras.backend.backend()


def device_names() -> tuple[str, ...]:
    """Name the GPUs that the backend sees, or else its processors."""
    if keras.backend.backend() == "torch":
        import torch

        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return tuple(f"cuda:{i} ({name})" for i, name in enumerate(gpus)) or ("cpu:0",)
    list_devices = keras.distribution.list_devices
    return tuple(list_devices("gpu") or list_devices("cpu"))
