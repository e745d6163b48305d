"""Images that go to the device once, not batch by batch."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DeviceRows:
    """Rows of images in the memory of the device, gathered when they are used and not before."""

    images: Any
    rows: NDArray[np.intp]

    def gather(self) -> Any:
        return keras.ops.take(self.images, self.rows, axis=0)


class DeviceImages:
    """Images in the memory of the device; indexing selects rows, and copies none."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.shape, self.dtype = images.shape, images.dtype
        self._images = keras.ops.convert_to_tensor(np.asarray(images))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> DeviceRows:
        return DeviceRows(self._images, rows)
