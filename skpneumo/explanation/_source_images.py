"""Read images at their own resolution, and find the part of each that a classifier sees."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_drawing import names_of
from skpneumo._loader_of import loader_of, resized
from skpneumo._paths import check_paths, filenames_of
from skpneumo.enhancement import BorderCropper, inside_borders
from skpneumo.explanation._model import split_at_images
from skpneumo.fitted import transformers_of
from skpneumo.loading import ImageLoader, image_size
from skpneumo.loading._resizing import height_and_width, scaled_size

__all__ = ["SourceImage", "source_images"]


@dataclass(frozen=True)
class SourceImage:
    """An image, and the part of it that the classifier sees.

    Attributes
    ----------
    pixels : ndarray of shape (height, width, channels)
        The image at its own resolution.
    place : tuple of (left, right, bottom, top)
        Edges of the part that the classifier sees, in pixels and matplotlib's order. They lie
        outside the image if it was padded.
    name : str
        File name, or number of the row.
    """

    pixels: NDArray[Any]
    place: tuple[float, float, float, float]
    name: str


def source_images(estimator: Any, X: Any) -> list[SourceImage]:
    """Read images at their own resolution; arrays of images are used unchanged.

    Of the steps before the classifier, only :class:`~skpneumo.ImageLoader` and
    :class:`~skpneumo.BorderCropper` are assumed to move pixels.
    """
    steps = transformers_of(estimator)
    names = names_of(X, np.arange(len(X)))
    if np.ndim(X) == 4 or filenames_of(X) is None:
        loaded = [(image, _WHOLE) for image in _images(estimator, X)]
    else:
        loader = loader_of(estimator)
        loaded = [_read(path, loader) for path in check_paths(X)]
    return [
        SourceImage(pixels, _extent(pixels, _within(place, seen)), name)
        for (pixels, place), seen, name in zip(loaded, _seen_shares(steps, X), names, strict=True)
    ]


def _images(estimator: Any, X: Any) -> NDArray[Any]:
    return np.asarray(X) if np.ndim(X) == 4 else split_at_images(estimator, X)[1]


# Left, top, right and bottom, in shares of the sides.
_Shares = tuple[float, float, float, float]
_WHOLE: _Shares = (0.0, 0.0, 1.0, 1.0)


def _seen_shares(steps: list[Any], X: Any) -> list[_Shares]:
    """Find the part of each loaded image that remains after its borders are cropped."""
    seen = [_WHOLE] * len(X)
    if not any(isinstance(step, BorderCropper) for step in steps):
        return seen
    for step in steps:
        before, X = X, step.transform(X)
        if not isinstance(step, BorderCropper):
            continue
        height, width = before.shape[1:3]
        for row, (image, cropped) in enumerate(zip(np.asarray(before), X, strict=True)):
            if not np.array_equal(image, cropped):
                left, top, right, bottom = inside_borders(image, step.tolerance)
                inside = (left / width, top / height, right / width, bottom / height)
                seen[row] = _within(seen[row], inside)
    return seen


def _read(path: str, loader: ImageLoader) -> tuple[NDArray[np.uint8], _Shares]:
    """Read the image at full resolution, and locate the loaded image on it."""
    size = _size_of(path)
    if size is None:
        (pixels,) = np.asarray(loader.transform([path]))
        return pixels, _WHOLE
    height, width = size
    whole = resized(loader, (height, width), cache=False)
    (pixels,) = np.asarray(whole.transform([path]))
    target = height_and_width(loader.size)
    scaled_width, scaled_height = scaled_size(width, height, target, loader.resize)
    left, top = (target[1] - scaled_width) / 2, (target[0] - scaled_height) / 2
    if loader.resize == "pad":
        # Padding is in whole pixels: the upper or left bar may be one pixel narrower.
        left, top = np.floor(left), np.floor(top)
    return pixels, (
        -left / scaled_width,
        -top / scaled_height,
        (target[1] - left) / scaled_width,
        (target[0] - top) / scaled_height,
    )


def _size_of(path: str) -> tuple[int, int] | None:
    """Read the height and width of the upright image; None for unknown formats."""
    try:
        return image_size(path)
    except ValueError:
        return None


def _within(outer: _Shares, inner: _Shares) -> _Shares:
    """Convert shares of a part to shares of the whole."""
    left, top, right, bottom = outer
    width, height = right - left, bottom - top
    return (
        left + inner[0] * width,
        top + inner[1] * height,
        left + inner[2] * width,
        top + inner[3] * height,
    )


def _extent(pixels: NDArray[Any], shares: _Shares) -> tuple[float, float, float, float]:
    height, width = pixels.shape[:2]
    left, top, right, bottom = shares
    # Matplotlib puts the centre of the first pixel at 0.
    return (
        left * width - 0.5,
        right * width - 0.5,
        bottom * height - 0.5,
        top * height - 0.5,
    )
