"""Finding letters, and painting over those near the edges."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from skpneumo._burnt_in_text import find_text, without_text


def marked(place, text="L", size=24, channels=1):
    y = np.linspace(50, 120, 160)[:, None] + np.zeros(160)
    image = Image.fromarray(y.astype(np.uint8))
    ImageDraw.Draw(image).text(place, text, fill=255, font=ImageFont.load_default(size))
    return np.repeat(np.asarray(image)[..., None], channels, axis=-1), y


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("place", [(5, 4), (130, 6), (8, 125), (128, 128), (70, 4)])
def test_a_letter_near_an_edge_is_painted_over(place, channels):
    image, plain = marked(place, channels=channels)
    before = image.copy()
    painted = without_text(image)
    np.testing.assert_array_equal(image, before)
    assert painted.dtype == np.uint8
    assert np.abs(painted - plain[..., None]).max() < 25


def test_a_letter_in_the_middle_is_found_and_left():
    image, _ = marked((70, 65))
    assert find_text((image[..., 0] / 255).astype(np.float32)).any()
    assert without_text(image) is image


def test_images_without_text_are_not_changed():
    y = np.linspace(50, 120, 160)[:, None] + np.zeros(160)
    for image in (y.astype(np.uint8)[..., None], np.full((20, 20, 1), 7, np.uint8)):
        assert without_text(image) is image


def test_ribs_are_not_recognised_as_text():
    y, x = np.indices((160, 160))
    ribs = 100 + 60 * (np.abs((y - 0.15 * x) % 25 - 12) < 3)
    assert not find_text((ribs / 255).astype(np.float32)).any()
