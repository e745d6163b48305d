"""What stands in for the parts of an image that are hidden."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import Interval, StrOptions
from skpneumo._typing import ArrayLike

__all__ = ["EMPTY", "FILL", "empty_look", "hidden_look"]

EMPTY = [Interval(Real, None, None, closed="both"), "array-like"]
FILL = [StrOptions({"mirror"}), *EMPTY]


def hidden_look(images: NDArray[Any], fill: str | ArrayLike) -> NDArray[Any]:
    """The images as they look where they are hidden, of the same shape and dtype."""
    if isinstance(fill, str):
        return images[:, :, ::-1]
    return np.broadcast_to(empty_look(images, fill), images.shape)


def empty_look(images: NDArray[Any], fill: ArrayLike) -> NDArray[Any]:
    """A grey value, or an image, in place of all images; of their dtype."""
    empty = np.asarray(fill)
    if empty.ndim and empty.shape != images.shape[1:]:
        raise ValueError(
            f"The image to hide parts with has the shape {empty.shape}; expected "
            f"{images.shape[1:]}, that of the images as the classifier sees them."
        )
    if images.dtype == np.uint8 and not (empty.min() >= 0 and empty.max() <= 255):
        raise ValueError(
            f"Hidden parts would be from {empty.min():g} to {empty.max():g}, which are no grey "
            "levels of 8-bit images; expected 0 to 255."
        )
    return empty.astype(images.dtype)
