"""Replace hidden parts of images."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import Interval, StrOptions
from skpneumo._typing import ArrayLike

__all__ = ["EMPTY", "FILL", "empty_image", "hidden_images"]

EMPTY = [Interval(Real, None, None, closed="both"), "array-like"]
FILL = [StrOptions({"mirror"}), *EMPTY]


def hidden_images(images: NDArray[Any], fill: str | ArrayLike) -> NDArray[Any]:
    """Make the replacements of all pixels, of the same shape and dtype as the images."""
    if isinstance(fill, str):
        return images[:, :, ::-1]
    return np.broadcast_to(empty_image(images, fill), images.shape)


def empty_image(images: NDArray[Any], fill: ArrayLike) -> NDArray[Any]:
    """Convert a grey value or an image to the dtype of the images."""
    empty = np.asarray(fill)
    if empty.ndim and empty.shape != images.shape[1:]:
        raise ValueError(
            f"The replacement for hidden parts has shape {empty.shape}. Pass an image of shape "
            f"{images.shape[1:]}, as the classifier sees images, or a grey value."
        )
    if images.dtype == np.uint8 and not (empty.min() >= 0 and empty.max() <= 255):
        raise ValueError(
            f"The replacement for hidden parts has values from {empty.min():g} to "
            f"{empty.max():g}, but the images are 8-bit. Pass values from 0 to 255."
        )
    return empty.astype(images.dtype)
