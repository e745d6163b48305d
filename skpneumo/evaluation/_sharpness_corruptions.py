"""Corruptions of fine detail: optics, processing and noise."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["SHARPNESS_CORRUPTIONS", "blur", "noise"]

# Lengths in pixels are relative to images of this side.
_REFERENCE_SIDE = 224


def blur(radius: float) -> Callable[[Image.Image], Image.Image]:
    """Blur by a Gaussian of this radius in pixels."""
    return lambda image: image.filter(
        ImageFilter.GaussianBlur(radius * min(image.size) / _REFERENCE_SIDE)
    )


def _sharper(radius: float, percent: int) -> Callable[[Image.Image], Image.Image]:
    """Add this percentage of the detail that a blur of this radius removes."""
    return lambda image: image.filter(
        ImageFilter.UnsharpMask(radius * min(image.size) / _REFERENCE_SIDE, percent, threshold=0)
    )


def noise(deviation: float) -> Callable[[Image.Image], Image.Image]:
    """Add normal noise with this standard deviation in grey levels."""

    def corrupt(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image)
        # Each image has noise of its own, which is the same every time, and on every processor: a
        # sum in 32-bit floating point would depend on its order.
        rng = np.random.default_rng(int(pixels.sum(dtype=np.int64)))
        noisy = np.rint(pixels + rng.normal(0, deviation, pixels.shape))
        return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

    return corrupt


SHARPNESS_CORRUPTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur 2.5 px": blur(2.5),
    "sharpened": _sharper(1.5, 150),
    "noise 20/255": noise(20),
}
"""Corruptions by name: functions from a grey image to one of the same size."""
