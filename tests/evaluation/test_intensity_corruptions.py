"""Corruptions of intensity: the change of grey levels."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.evaluation._corruptions import CORRUPTIONS


def corrupt(name, pixels):
    image = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    return np.asarray(CORRUPTIONS[name](image), dtype=float)


@pytest.mark.parametrize("factor", [0.8, 0.65, 0.5])
def test_darker_and_flatter_multiplies_the_level_once_and_the_contrast_twice(factor):
    flat = corrupt(f"darker and flatter x {factor}", [[100, 140]])
    assert flat.mean() == pytest.approx(120 * factor, abs=0.6)
    assert np.ptp(flat) == pytest.approx(40 * factor**2, abs=1)


def test_the_narrow_window_is_linear_inside_and_clipped_outside():
    grey = np.arange(256)[None]
    shown = corrupt("narrow window", grey)[0]
    assert (shown[:26] == 0).all()
    assert (shown[204:] == 255).all()
    steps = np.diff(shown[27:203])
    assert steps.mean() == pytest.approx(1 / 0.7, abs=0.01)


def test_the_sigmoid_window_rises_all_along_and_most_in_the_middle():
    shown = corrupt("sigmoid window", np.arange(256)[None])[0]
    steps = np.diff(shown)
    assert (steps >= 0).all()
    assert shown[127] + shown[128] == pytest.approx(255, abs=2)
    assert steps[118:138].mean() > 1.5
    assert steps[:20].mean() < 0.5


@pytest.mark.parametrize(("kind", "period"), [("fine", 8), ("coarse", 32)])
@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_local_contrast_changes_detail_and_leaves_the_level(kind, period, factor):
    x = np.arange(200)
    wave = 120 + 30 * np.sin(2 * np.pi * x / period)
    out = corrupt(f"{kind} contrast x {factor}", np.tile(wave, (200, 1)))[100]
    assert out.mean() == pytest.approx(120, abs=1.5)
    assert out.std() / wave.std() == pytest.approx(factor, rel=0.08)


def test_fine_contrast_leaves_what_is_coarse_alone():
    x = np.arange(400)
    wave = np.tile(120 + 60 * np.sin(2 * np.pi * x / 400), (400, 1))
    np.testing.assert_allclose(corrupt("fine contrast x 1.6", wave)[200, 50:350],
                               wave[200, 50:350], atol=4)  # fmt: skip
