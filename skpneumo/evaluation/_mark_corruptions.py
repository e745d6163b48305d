"""Corruptions of the surroundings of the anatomy: burnt-in text and frames."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from skpneumo._burnt_in_text import without_text

__all__ = ["frame", "marker", "text_in_corners", "text_painted_out"]


def text_in_corners(image: Image.Image) -> Image.Image:
    """Burn text as machines write it into all four corners."""
    width, height = image.size
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    font = ImageFont.load_default(max(1, round(0.05 * height)))
    for text, x, y, anchor in (
        ("ID 4711 M", 0.03, 0.03, "la"),
        ("AP  L", 0.97, 0.03, "ra"),
        ("70 kV 2 mAs", 0.03, 0.97, "ld"),
        ("10:42:07", 0.97, 0.97, "rd"),
    ):
        draw.text((x * width, y * height), text, fill=255, font=font, anchor=anchor)
    return marked


def text_painted_out(image: Image.Image) -> Image.Image:
    """Paint over burnt-in text, as ``MarkerRemover`` does."""
    return Image.fromarray(without_text(np.asarray(image)[..., None])[..., 0])


def frame(share: float, grey: int) -> Callable[[Image.Image], Image.Image]:
    """Cover this share of each side with one grey level."""

    def corrupt(image: Image.Image) -> Image.Image:
        width, height = image.size
        left, top = round(width * share), round(height * share)
        framed = Image.new("L", image.size, grey)
        framed.paste(image.crop((left, top, width - left, height - top)), (left, top))
        return framed

    return corrupt


def marker(image: Image.Image) -> Image.Image:
    """Burn a white R into the upper right corner."""
    width, height = image.size
    marked = image.copy()
    font = ImageFont.load_default(max(1, round(0.12 * height)))
    ImageDraw.Draw(marked).text((0.84 * width, 0.04 * height), "R", fill=255, font=font)
    return marked
