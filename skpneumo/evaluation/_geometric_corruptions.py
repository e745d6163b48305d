"""Corruptions of geometry: field of view, position and aspect ratio."""

from collections.abc import Callable

from PIL import Image

__all__ = ["GEOMETRIC_CORRUPTIONS"]


def _taller(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Crop the upper and lower ends, and stretch the rest to the full height.

    This happens to an image of another aspect ratio that is resized to a square.
    """
    return lambda image: _stretch_middle(image, 1.0, 1 / factor)


def _wider(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: _stretch_middle(image, 1 / factor, 1.0)


def _stretch_middle(image: Image.Image, width_share: float, height_share: float) -> Image.Image:
    width, height = image.size
    left, top = width * (1 - width_share) / 2, height * (1 - height_share) / 2
    box = (left, top, width - left, height - top)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)


def _rotate(degrees: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.rotate(degrees, Image.Resampling.BILINEAR)


def _shift(right: float, down: float) -> Callable[[Image.Image], Image.Image]:
    """Shift the image by shares of its sides, filling with black."""

    def corrupt(image: Image.Image) -> Image.Image:
        shifted = Image.new("L", image.size)
        width, height = image.size
        shifted.paste(image, (round(right * width), round(down * height)))
        return shifted

    return corrupt


def _keystone(share: float) -> Callable[[Image.Image], Image.Image]:
    """Make the upper side narrower by this share, as a tilted tube does."""

    def corrupt(image: Image.Image) -> Image.Image:
        width, height = image.size
        # Higher rows of the output are read from wider rows of the input.
        lean = share / 2 * width / (1 - share)
        corners = (-lean, 0, 0, height, width, height, width + lean, 0)
        # ``Transform.QUAD`` stretches each row linearly: not a true perspective, but the same
        # outline.
        return image.transform(
            image.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
        )

    return corrupt


GEOMETRIC_CORRUPTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "taller by 20 %": _taller(1.2),
    "taller by 30 %": _taller(1.3),
    "wider by 20 %": _wider(1.2),
    "wider by 30 %": _wider(1.3),
    "rotated by 10°": _rotate(10),
    "off centre sideways": _shift(0.12, 0),
    "off centre upwards": _shift(0, -0.12),
    "keystone 15 %": _keystone(0.15),
}
"""Corruptions by name: functions from a grey image to one of the same size."""
