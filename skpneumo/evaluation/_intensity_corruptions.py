"""Corruptions of grey levels: exposure, window and local contrast."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = [
    "contrast",
    "darker_and_flatter",
    "gamma",
    "linear_window",
    "local_contrast",
    "sigmoid_window",
]


def darker_and_flatter(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Multiply the grey levels, then their distances from the mean."""

    def corrupt(image: Image.Image) -> Image.Image:
        darker = factor * np.asarray(image, dtype=np.float32)
        mean = darker.mean()
        return _image(mean + factor * (darker - mean))

    return corrupt


def linear_window(low: float, high: float) -> Callable[[Image.Image], Image.Image]:
    """Map the grey levels between two shares of white to the full range, and clip the others."""
    return lambda image: _image((np.asarray(image, dtype=np.float32) - 255 * low) / (high - low))


def sigmoid_window(centre: float, width: float) -> Callable[[Image.Image], Image.Image]:
    """Apply DICOM's sigmoid window function (PS3.3 C.11.2.1.3.1), with shares of white."""

    def corrupt(image: Image.Image) -> Image.Image:
        grey = np.asarray(image, dtype=np.float32) / 255
        return _image(255 / (1 + np.exp(-4 * (grey - centre) / width)))

    return corrupt


def local_contrast(factor: float, scale: float) -> Callable[[Image.Image], Image.Image]:
    """Multiply differences from a Gaussian blur, whose width is this share of a side."""

    def corrupt(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image, dtype=np.float32)
        surroundings = ndimage.gaussian_filter(pixels, scale * min(image.size), mode="nearest")
        return _image(surroundings + factor * (pixels - surroundings))

    return corrupt


def gamma(exponent: float) -> Callable[[Image.Image], Image.Image]:
    """Raise the grey levels, as shares of white, to this power."""
    return lambda image: image.point([_grey(255 * (i / 255) ** exponent) for i in range(256)])


def contrast(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Multiply the distances of the grey levels from their mean."""

    def corrupt(image: Image.Image) -> Image.Image:
        mean = float(np.asarray(image).mean())
        return image.point([_grey(mean + factor * (i - mean)) for i in range(256)])

    return corrupt


def _grey(value: float) -> int:
    return round(min(255.0, max(0.0, value)))


def _image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
