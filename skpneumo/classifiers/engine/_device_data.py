"""Images that are moved to the device once instead of in batches."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DeviceRows:
    """Rows of images in the memory of the device, which are gathered when they are used."""

    images: Any
    rows: NDArray[np.intp]

    def gather(self) -> Any:
        return keras.ops.take(self.images, self.rows, axis=0)


class DeviceImages:
    """Images in the memory of the device; indexing selects rows without copying.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n_images, height, width, channels)
        Images.
    n_rows : int
        Number of rows to allocate, of which those after the images are not used: a program is
        compiled for a number of rows, and folds differ by a few.
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
