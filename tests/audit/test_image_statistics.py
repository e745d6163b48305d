"""Sharpness, local contrast and noise measure what they are named for."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from skpneumo.audit._image_statistics import image_statistics


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 190, (14, 14)).astype(np.uint8)
    return Image.fromarray(coarse).resize((448, 448), Image.Resampling.BICUBIC)


def test_a_blurred_image_is_less_sharp():
    fine = np.random.default_rng(0).integers(60, 190, (224, 224)).astype(np.uint8)
    soft = Image.fromarray(fine).filter(ImageFilter.GaussianBlur(2))
    sharp, blurred = (
        image_statistics(each)["sharpness"] for each in (Image.fromarray(fine), soft)
    )
    assert blurred < 0.2 * sharp


def test_local_contrast_scales_with_the_grey_levels(image):
    flat = image.point([round(128 + (v - 128) / 2) for v in range(256)])
    full, half = (image_statistics(each)["local_contrast"] for each in (image, flat))
    assert half == pytest.approx(full / 2, rel=0.1)


def test_noise_is_its_standard_deviation(image):
    pixels = np.asarray(image, float)
    noise = np.random.default_rng(1).normal(0, 8, pixels.shape)
    noisy = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    assert image_statistics(noisy)["noise"] == pytest.approx(8, rel=0.1)
    assert image_statistics(image)["noise"] < 1


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 600)])
def test_statistics_of_tiny_images_are_finite(size):
    assert np.isfinite(list(image_statistics(Image.new("L", size, 90)).values())).all()
