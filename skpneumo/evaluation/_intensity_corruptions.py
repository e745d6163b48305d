"""Corruptions of grey levels: exposure, window and local contrast."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["INTENSITY_CORRUPTIONS"]


def _darker_and_flatter(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Multiply the grey levels, then their distances from the mean."""

    def corrupt(image: Image.Image) -> Image.Image:
        darker = factor * np.asarray(image, dtype=np.float32)
        mean = darker.mean()
        return _image(mean + factor * (darker - mean))

    return corrupt


def _linear_window(low: float, high: float) -> Callable[[Image.Image], Image.Image]:
    """Map the grey levels between two shares of white to the full range, and clip the others."""
    return lambda image: _image((np.asarray(image, dtype=np.float32) - 255 * low) / (high - low))


def _sigmoid_window(centre: float, width: float) -> Callable[[Image.Image], Image.Image]:
    """Apply DICOM's sigmoid window function (PS3.3 C.11.2.1.3.1), with shares of white."""

    def corrupt(image: Image.Image) -> Image.Image:
        grey = np.asarray(image, dtype=np.float32) / 255
        return _image(255 / (1 + np.exp(-4 * (grey - centre) / width)))

    return corrupt


def _local_contrast(factor: float, scale: float) -> Callable[[Image.Image], Image.Image]:
    """Multiply differences from a Gaussian blur, whose width is this share of a side."""

    def corrupt(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image, dtype=np.float32)
        surroundings = ndimage.gaussian_filter(pixels, scale * min(image.size), mode="nearest")
        return _image(surroundings + factor * (pixels - surroundings))

    return corrupt


def _image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))


INTENSITY_CORRUPTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "darker and flatter x 0.8": _darker_and_flatter(0.8),
    "darker and flatter x 0.65": _darker_and_flatter(0.65),
    "darker and flatter x 0.5": _darker_and_flatter(0.5),
    "narrow window": _linear_window(0.1, 0.8),
    "sigmoid window": _sigmoid_window(0.5, 0.6),
    "fine contrast x 0.6": _local_contrast(0.6, 0.03),
    "fine contrast x 1.6": _local_contrast(1.6, 0.03),
    "coarse contrast x 0.6": _local_contrast(0.6, 0.12),
    "coarse contrast x 1.6": _local_contrast(1.6, 0.12),
}
"""Corruptions by name: functions from a grey image to one of the same size."""
