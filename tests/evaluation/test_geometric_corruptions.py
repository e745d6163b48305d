"""Corruptions of geometry: the new places of pixels."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.evaluation._corruptions import CORRUPTIONS


def spread(pixels):
    """Standard deviations of a blob down and across."""
    weights = pixels.astype(float) / pixels.sum()
    y, x = np.indices(pixels.shape)
    return tuple(
        np.sqrt((weights * (each - (weights * each).sum()) ** 2).sum()) for each in (y, x)
    )


def corrupt(name, pixels):
    return np.asarray(CORRUPTIONS[name](Image.fromarray(pixels)))


@pytest.fixture(scope="module")
def blob():
    y, x = np.indices((200, 200)) - 99.5
    return (250 * np.exp(-(x**2 + y**2) / 800)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "down", "across"),
    [
        ("taller by 20 %", 1.2, 1.0),
        ("taller by 30 %", 1.3, 1.0),
        ("wider by 20 %", 1.0, 1.2),
        ("wider by 30 %", 1.0, 1.3),
    ],
)
def test_stretches_one_axis_only(blob, name, down, across):
    before, after = spread(blob), spread(corrupt(name, blob))
    assert after[0] / before[0] == pytest.approx(down, rel=0.02)
    assert after[1] / before[1] == pytest.approx(across, rel=0.02)


def test_shifts_by_shares_of_the_sides_and_fills_with_black():
    pixels = np.full((50, 100), 200, dtype=np.uint8)
    sideways = corrupt("off centre sideways", pixels)
    assert (sideways[:, :12] == 0).all()
    assert (sideways[:, 12:] == 200).all()
    upwards = corrupt("off centre upwards", pixels)
    assert (upwards[:-6] == 200).all()
    assert (upwards[-6:] == 0).all()


def test_rotates_counter_clockwise():
    pixels = np.zeros((101, 101), dtype=np.uint8)
    pixels[48:53, 80:85] = 255
    y, x = np.argwhere(corrupt("rotated by 10°", pixels) > 100).mean(axis=0) - 50
    assert np.degrees(np.arctan2(-y, x)) == pytest.approx(10, abs=1)


def test_a_keystone_narrows_the_upper_side_and_leaves_the_lower_one():
    pixels = np.full((200, 200), 200, dtype=np.uint8)
    bright = (corrupt("keystone 15 %", pixels) > 100).sum(axis=1)
    assert bright[1] == pytest.approx(170, abs=3)
    assert bright[100] == pytest.approx(185, abs=3)
    assert bright[198] == pytest.approx(200, abs=3)
