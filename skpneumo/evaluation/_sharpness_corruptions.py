"""Corruptions of fine detail: optics, processing and noise."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["SHARPNESS_CORRUPTIONS"]

# Lengths in pixels are relative to images of this side.
_REFERENCE_SIDE = 224


def _softer(radius: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(
        ImageFilter.GaussianBlur(radius * min(image.size) / _REFERENCE_SIDE)
    )


def _sharper(radius: float, percent: int) -> Callable[[Image.Image], Image.Image]:
    """Add this percentage of the detail that a blur of this radius removes."""
    return lambda image: image.filter(
        ImageFilter.UnsharpMask(radius * min(image.size) / _REFERENCE_SIDE, percent, threshold=0)
    )


def _noise(deviation: float) -> Callable[[Image.Image], Image.Image]:
    def corrupt(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image, dtype=np.float32)
        # Each image has noise of its own, which is the same every time.
        rng = np.random.default_rng(int(pixels.sum()))
        noisy = np.rint(pixels + rng.normal(0, deviation, pixels.shape))
        return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

    return corrupt


SHARPNESS_CORRUPTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur 2.5 px": _softer(2.5),
    "sharpened": _sharper(1.5, 150),
    "noise 20/255": _noise(20),
}
"""Corruptions by name: functions from a grey image to one of the same size."""
