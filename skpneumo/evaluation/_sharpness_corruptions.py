"""Corruptions of fine detail: optics, processing, compression and noise."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["blur", "half_resolution", "jpeg", "noise", "sharper"]

# Lengths in pixels are relative to images of this side.
_REFERENCE_SIDE = 224


def blur(radius: float) -> Callable[[Image.Image], Image.Image]:
    """Blur by a Gaussian of this radius in pixels."""
    return lambda image: image.filter(
        ImageFilter.GaussianBlur(radius * min(image.size) / _REFERENCE_SIDE)
    )


def sharper(radius: float, percent: int) -> Callable[[Image.Image], Image.Image]:
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


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    """Compress as a JPEG of this quality."""

    def corrupt(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file, formats=["JPEG"]).convert("L")

    return corrupt


def half_resolution(image: Image.Image) -> Image.Image:
    """Reduce to half of each side, and enlarge again."""
    width, height = image.size
    half = image.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.BILINEAR)
    return half.resize(image.size, Image.Resampling.BILINEAR)
