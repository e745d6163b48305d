"""Render images of a synthetic chest: field of view and exposure.

Every image is an affine map of the canvas that the chest was drawn on, so that the images of a
patient show exactly the same anatomy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from skpneumo.datasets._anatomy import SPAN, TOP, Box, Chest

# Usual standard deviation of the grain of an image, in density.
GRAIN = 0.022


@dataclass(frozen=True)
class Acquisition:
    """Acquisition of one image: size in pixels, field of view, exposure."""

    width: int
    height: int
    centre: tuple[float, float]
    field_of_view: float
    rotation: float  # radians
    black: float  # density shown as black, and as white
    white: float
    gamma: float
    grain: float
    heel: tuple[float, float]  # density added from one edge to the other, across and down


def choose_acquisition(
    rng: Generator, widths: tuple[int, int], lungs: Box, shift: float
) -> Acquisition:
    """Sample an acquisition; ``shift`` moves it towards another device."""
    width = round(int(rng.integers(widths[0], widths[1] + 1)) * (1 - 0.3 * shift))
    field_of_view = rng.uniform(2.0, 2.3) * (1 + 0.15 * shift)
    # No image cuts off the lungs; otherwise an opacity could lie outside it.
    flattest = min(1.6, field_of_view / (lungs.bottom - lungs.top + 0.12))
    height = round(width / rng.uniform(1.05, flattest))
    middle = (lungs.top + lungs.bottom) / 2
    return Acquisition(
        width=width,
        height=height,
        centre=(rng.normal(0, 0.03), middle + rng.uniform(-0.02, 0.05)),
        field_of_view=field_of_view,
        rotation=rng.normal(0, 0.03),
        black=rng.uniform(0.0, 0.05) - 0.05 * shift,
        white=rng.uniform(1.02, 1.12) + 0.08 * shift,
        gamma=rng.uniform(0.9, 1.1) - 0.15 * shift,
        grain=GRAIN * rng.uniform(0.7, 1.3) * (1 + 0.5 * shift),
        heel=(rng.normal(0, 0.02), rng.normal(0, 0.02)),
    )


def expose(rng: Generator, chest: Chest, acquisition: Acquisition) -> Image.Image:
    """Render an image of a chest."""
    pixel = acquisition.field_of_view / acquisition.width * len(chest.density) / SPAN
    cos, sin = pixel * np.cos(acquisition.rotation), pixel * np.sin(acquisition.rotation)
    centre_x = (acquisition.centre[0] + SPAN / 2) * len(chest.density) / SPAN
    centre_y = (acquisition.centre[1] - TOP) * len(chest.density) / SPAN
    across, down = acquisition.width / 2, acquisition.height / 2
    to_canvas = (
        *(cos, -sin, centre_x - cos * across + sin * down),
        *(sin, cos, centre_y - sin * across - cos * down),
    )
    view = Image.fromarray(chest.density).transform(
        (acquisition.width, acquisition.height),
        Image.Transform.AFFINE,
        to_canvas,
        resample=Image.Resampling.BILINEAR,
    )
    grain = rng.standard_normal((acquisition.height, acquisition.width), dtype=np.float32)
    density = np.asarray(view) + acquisition.grain * grain
    density += (
        acquisition.heel[0] * np.linspace(-1, 1, acquisition.width, dtype=np.float32)[None, :]
    )
    density += (
        acquisition.heel[1] * np.linspace(-1, 1, acquisition.height, dtype=np.float32)[:, None]
    )
    grey = (
        np.clip((density - acquisition.black) / (acquisition.white - acquisition.black), 0, 1)
        ** acquisition.gamma
    )
    return Image.fromarray((255 * grey).astype(np.uint8))


def to_image(acquisition: Acquisition, x: float, y: float) -> tuple[float, float]:
    """Convert body coordinates to pixels of an image, from its top left corner."""
    dx, dy = x - acquisition.centre[0], y - acquisition.centre[1]
    cos, sin = np.cos(acquisition.rotation), np.sin(acquisition.rotation)
    per_unit = acquisition.width / acquisition.field_of_view
    return (
        float(acquisition.width / 2 + per_unit * (cos * dx + sin * dy)),
        float(acquisition.height / 2 + per_unit * (cos * dy - sin * dx)),
    )
