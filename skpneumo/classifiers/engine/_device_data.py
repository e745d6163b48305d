"""Images that go to the device once, not batch by batch."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._images import is_stream

# The network, its gradients and its feature maps need the rest.
_SHARE_OF_FREE_MEMORY = 0.5


@dataclass(frozen=True)
class ResidentRows:
    """Rows of images in the memory of the device, taken when they are used and not before."""

    images: Any
    rows: NDArray[np.intp]

    def take(self) -> Any:
        return keras.ops.take(self.images, self.rows, axis=0)


class ResidentImages:
    """Images in the memory of the device, from which rows are taken there."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.shape, self.dtype = images.shape, images.dtype
        self._images = keras.ops.convert_to_tensor(np.asarray(images))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> ResidentRows:
        return ResidentRows(self._images, rows)


def resident_if_possible(images: Any) -> Any:
    """Move images to the device if it has room for them, or else give them back as they are."""
    if is_stream(images) or images.dtype != np.uint8:
        return images
    free = _free_device_memory()
    if free is None or images.nbytes > _SHARE_OF_FREE_MEMORY * free:
        return images
    return ResidentImages(images)


def _free_device_memory() -> int | None:
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
