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
    """Images in the memory of the device; indexing selects rows, and copies none.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n_images, height, width, channels)
    n_rows : int
        Rows that they fill there, of which those beyond their number are black and not used: a
        program is compiled for one number of rows, and folds differ by a few.
    """

    def __init__(self, images: NDArray[np.uint8], n_rows: int) -> None:
        self.shape, self.dtype = images.shape, images.dtype
        moved = keras.ops.convert_to_tensor(np.asarray(images))
        if n_rows > len(images):
            moved = keras.ops.pad(moved, [(0, n_rows - len(images)), (0, 0), (0, 0), (0, 0)])
        self._images = moved

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> DeviceRows:
        return DeviceRows(self._images, rows)
