"""Corruptions of sharpness: the change of edges and noise."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.evaluation._corruptions import CORRUPTIONS


@pytest.fixture(scope="module")
def step():
    pixels = np.full((224, 224), 80, dtype=np.uint8)
    pixels[:, 112:] = 160
    return Image.fromarray(pixels)


def steepest(image):
    return np.abs(np.diff(np.asarray(image, dtype=float)[112])).max()


def test_a_blurred_edge_is_flatter_and_a_sharpened_one_overshoots(step):
    assert steepest(CORRUPTIONS["blur 2.5 px"](step)) < 20
    sharp = np.asarray(CORRUPTIONS["sharpened"](step))
    assert sharp.max() > 170
    assert sharp.min() < 70


def test_lengths_follow_the_size_of_the_image(step):
    large = CORRUPTIONS["blur 2.5 px"](step.resize((448, 448), Image.Resampling.BOX))
    small = CORRUPTIONS["blur 2.5 px"](step)
    np.testing.assert_allclose(
        np.asarray(large.resize((224, 224), Image.Resampling.BOX), float),
        np.asarray(small, float), atol=3,
    )  # fmt: skip


def test_noise_is_of_the_strength_it_says_and_the_same_each_time(step):
    noisy = CORRUPTIONS["noise 20/255"](step)
    difference = np.asarray(noisy, float) - np.asarray(step, float)
    assert difference.std() == pytest.approx(20, rel=0.02)
    assert CORRUPTIONS["noise 20/255"](step).tobytes() == noisy.tobytes()


def test_the_noise_of_an_image_depends_on_the_exact_sum_of_its_pixels():
    # In 32-bit floating point these two large sums would be equal.
    pixels = np.full((300, 300), 250, dtype=np.uint8)
    other = pixels.copy()
    other[0, 0] -= 1
    noisy, of_other = (
        np.asarray(CORRUPTIONS["noise 20/255"](Image.fromarray(each))) for each in (pixels, other)
    )
    assert (noisy != of_other).mean() > 0.5
