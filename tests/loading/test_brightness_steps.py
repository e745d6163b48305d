"""A step of brightness from some unit of a JPEG on is found, and nothing in a sound image is."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.datasets import make_chest_xray
from skpneumo.loading._brightness_steps import has_brightness_step


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radiographs")
    paths = make_chest_xray(folder, n_patients=8, size=240, random_state=0).filenames
    return [np.asarray(Image.open(path).convert("L"), np.int16) for path in paths]


def is_found(pixels, unit):
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return has_brightness_step(image, (unit, unit))


def with_step(pixels, step, row, column, unit):
    """Make all units from this one on brighter, as an error of a difference does."""
    pixels = pixels.copy()
    pixels[row * unit : (row + 1) * unit, column * unit :] += step
    pixels[(row + 1) * unit :] += step
    return pixels


@pytest.mark.parametrize("unit", [4, 8, 16])
def test_sound_radiographs_have_no_step(radiographs, unit):
    assert not any(is_found(pixels, unit) for pixels in radiographs)


@pytest.mark.parametrize("unit", [4, 8])
@pytest.mark.parametrize("step", [-40, 15, 60])
@pytest.mark.parametrize("place", [(2, 3), (5, 8), (9, 11)])
def test_a_step_in_the_order_of_units_is_found(radiographs, unit, step, place):
    # Black does not become darker, so that a fall is seen in the middle tones only.
    found = [
        is_found(with_step(np.clip(pixels, 50, 190), step, *place, unit), unit)
        for pixels in radiographs
    ]
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize("grey", [0, 30, 255])
@pytest.mark.parametrize("sides", [(0, 0), (8, 0), (16, 8)])
def test_bars_and_frames_are_no_steps(radiographs, grey, sides):
    for pixels in radiographs:
        framed = np.pad(pixels, ((16, 24), sides), constant_values=grey)
        framed[-14:-8, 20:60] = 255 - grey  # letters
        assert not is_found(framed, 8)


@pytest.mark.parametrize("shape", [(7, 300), (300, 7), (16, 80), (17, 41), (1, 1)])
def test_small_and_narrow_images_have_none(shape):
    pixels = np.random.default_rng(0).integers(0, 255, shape)
    assert not is_found(pixels, 8)
    assert not is_found(pixels, 1)
