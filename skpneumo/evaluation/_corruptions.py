"""Corruptions that mimic another machine, operator or file format."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from skpneumo.evaluation._geometric_corruptions import GEOMETRIC_CORRUPTIONS
from skpneumo.evaluation._intensity_corruptions import INTENSITY_CORRUPTIONS
from skpneumo.evaluation._mark_corruptions import MARK_CORRUPTIONS
from skpneumo.evaluation._sharpness_corruptions import SHARPNESS_CORRUPTIONS, blur, noise

__all__ = ["CORRUPTIONS", "HELD_BACK", "Corruption"]

Corruption = Callable[[Image.Image], Image.Image]


def _gamma(exponent: float) -> Corruption:
    return lambda image: image.point([_grey(255 * (i / 255) ** exponent) for i in range(256)])


def _contrast(factor: float) -> Corruption:
    def corrupt(image: Image.Image) -> Image.Image:
        mean = float(np.asarray(image).mean())
        return image.point([_grey(mean + factor * (i - mean)) for i in range(256)])

    return corrupt


def _crop(share: float) -> Corruption:
    """Crop to the middle `share` of each side, and enlarge."""

    def corrupt(image: Image.Image) -> Image.Image:
        width, height = image.size
        left, top = width * (1 - share) / 2, height * (1 - share) / 2
        box = (left, top, width - left, height - top)
        return image.resize(image.size, Image.Resampling.BILINEAR, box=box)

    return corrupt


def _pad(factor: float) -> Corruption:
    """Enlarge the field of view by `factor` in each direction, filled with black."""

    def corrupt(image: Image.Image) -> Image.Image:
        width, height = image.size
        inner = image.resize(
            (round(width / factor), round(height / factor)), Image.Resampling.BILINEAR
        )
        padded = Image.new("L", image.size)
        padded.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
        return padded

    return corrupt


def _black_border(share: float) -> Corruption:
    def corrupt(image: Image.Image) -> Image.Image:
        width, height = image.size
        left, top = round(width * share), round(height * share)
        bordered = Image.new("L", image.size)
        bordered.paste(image.crop((left, top, width - left, height - top)), (left, top))
        return bordered

    return corrupt


def _jpeg(quality: int) -> Corruption:
    def corrupt(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file, formats=["JPEG"]).convert("L")

    return corrupt


def _half_resolution(image: Image.Image) -> Image.Image:
    width, height = image.size
    half = image.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.BILINEAR)
    return half.resize(image.size, Image.Resampling.BILINEAR)


def _marker(image: Image.Image) -> Image.Image:
    """Burn a white R into the upper right corner."""
    width, height = image.size
    marked = image.copy()
    font = ImageFont.load_default(max(1, round(0.12 * height)))
    ImageDraw.Draw(marked).text((0.84 * width, 0.04 * height), "R", fill=255, font=font)
    return marked


def _grey(value: float) -> int:
    return round(min(255.0, max(0.0, value)))


CORRUPTIONS: dict[str, Corruption] = {
    "gamma 0.6": _gamma(0.6),
    "gamma 1.6": _gamma(1.6),
    "contrast x 0.6": _contrast(0.6),
    "contrast x 1.5": _contrast(1.5),
    "cropped to 80 %": _crop(0.8),
    "padded to 125 %": _pad(1.25),
    "blur 1.5 px": blur(1.5),
    "noise 10/255": noise(10),
    "JPEG quality 30": _jpeg(30),
    "black borders 10 %": _black_border(0.1),
    "half resolution": _half_resolution,
    "burnt-in marker": _marker,
    **GEOMETRIC_CORRUPTIONS,
    **INTENSITY_CORRUPTIONS,
    **SHARPNESS_CORRUPTIONS,
    **MARK_CORRUPTIONS,
}
"""Corruptions by name: functions from a grey image to one of the same size."""

HELD_BACK = ("keystone 15 %", "sigmoid window", "white frame 8 %")
"""Corruptions that no recipe is trained on or chosen by: geometry, grey levels, surroundings.

They were chosen before any recipe was tested on them. None of them is an augmentation: a
projection is not an affine map, a sigmoid is not a factor, power or linear window, and no
augmentation makes all four edges white.
"""
