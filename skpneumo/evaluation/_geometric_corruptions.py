"""Corruptions of geometry: field of view, position and aspect ratio."""

from collections.abc import Callable

from PIL import Image

__all__ = ["crop", "keystone", "pad", "rotate", "shift", "taller", "wider"]


def taller(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Crop the upper and lower ends, and stretch the rest to the full height.

    This happens to an image of another aspect ratio that is resized to a square.
    """
    return lambda image: _stretch_middle(image, 1.0, 1 / factor)


def wider(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Crop the left and right ends, and stretch the rest to the full width."""
    return lambda image: _stretch_middle(image, 1 / factor, 1.0)


def rotate(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Rotate counter-clockwise about the centre, filling with black."""
    return lambda image: image.rotate(degrees, Image.Resampling.BILINEAR)


def shift(right: float, down: float) -> Callable[[Image.Image], Image.Image]:
    """Shift the image by shares of its sides, filling with black."""

    def corrupt(image: Image.Image) -> Image.Image:
        shifted = Image.new("L", image.size)
        width, height = image.size
        shifted.paste(image, (round(right * width), round(down * height)))
        return shifted

    return corrupt


def keystone(share: float) -> Callable[[Image.Image], Image.Image]:
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


def crop(share: float) -> Callable[[Image.Image], Image.Image]:
    """Crop to the middle `share` of each side, and enlarge."""
    return lambda image: _stretch_middle(image, share, share)


def pad(factor: float) -> Callable[[Image.Image], Image.Image]:
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


def _stretch_middle(image: Image.Image, width_share: float, height_share: float) -> Image.Image:
    width, height = image.size
    left, top = width * (1 - width_share) / 2, height * (1 - height_share) / 2
    box = (left, top, width - left, height - top)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)
