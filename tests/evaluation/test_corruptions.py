import numpy as np
import pytest
from PIL import Image

from skpneumo.evaluation._corruptions import CORRUPTIONS


@pytest.fixture(scope="module")
def xray():
    """A grey image, darker on the left, with one sharp step."""
    ramp = np.tile(np.linspace(40, 200, 224), (224, 1))
    ramp[:, 112:] += 30
    return Image.fromarray(ramp.astype(np.uint8))


def corrupt(xray, name):
    return np.asarray(CORRUPTIONS[name](xray), dtype=float)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_changes_the_image_but_neither_its_size_nor_the_original(xray, name):
    image = xray.rotate(30)  # so that it changes downwards as well as sideways
    image.paste(255, (14, 10, 26, 22))
    before = image.tobytes()
    corrupted = CORRUPTIONS[name](image)
    assert corrupted.size == image.size
    assert corrupted.mode == "L"
    assert corrupted.tobytes() != before
    assert image.tobytes() == before
    assert CORRUPTIONS[name](image).tobytes() == corrupted.tobytes()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_takes_oblong_images(name):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61), dtype=np.uint8))
    assert CORRUPTIONS[name](image).size == (61, 40)


@pytest.mark.parametrize("exponent", [0.6, 1.6])
def test_gamma_keeps_black_and_white(exponent):
    image = Image.fromarray(np.array([[0, 128, 255]], dtype=np.uint8))
    expected = 255 * (128 / 255) ** exponent
    np.testing.assert_allclose(corrupt(image, f"gamma {exponent}"), [[0, expected, 255]], atol=0.5)


@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_contrast_scales_the_deviation_and_keeps_the_mean(factor):
    image = Image.fromarray(np.array([[100, 120, 140]], dtype=np.uint8))
    expected = [[120 - 20 * factor, 120, 120 + 20 * factor]]
    np.testing.assert_allclose(corrupt(image, f"contrast x {factor}"), expected, atol=0.5)


def test_the_crop_shows_less_and_the_padding_all_with_black_around(xray):
    pixels = np.asarray(xray, dtype=float)
    cropped, padded = corrupt(xray, "cropped to 80 %"), corrupt(xray, "padded to 125 %")
    assert cropped[:, 0].mean() == pytest.approx(pixels[:, 22].mean(), abs=2)
    assert (padded[:22] == 0).all()
    assert (padded[:, -22:] == 0).all()
    assert padded[112, 24] == pytest.approx(pixels[112, 1], abs=3)


def test_black_borders_leave_the_middle_alone(xray):
    bordered = corrupt(xray, "black borders 10 %")
    assert (bordered[:22] == 0).all()
    assert (bordered[:, :22] == 0).all()
    np.testing.assert_array_equal(bordered[22:-22, 22:-22], np.asarray(xray)[22:-22, 22:-22])


def test_noise_has_the_deviation_it_says(xray):
    difference = corrupt(xray, "noise 10/255") - np.asarray(xray, dtype=float)
    assert difference.std() == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("name", ["blur 1.5 px", "half resolution"])
def test_sharp_steps_become_soft(xray, name):
    step = np.abs(np.diff(np.asarray(xray, dtype=float)[112])).max()
    assert np.abs(np.diff(corrupt(xray, name)[112])).max() < 0.6 * step


def test_the_blur_grows_with_the_image(xray):
    large = xray.resize((448, 448), Image.Resampling.NEAREST)
    small_again = CORRUPTIONS["blur 1.5 px"](large).resize(xray.size, Image.Resampling.BOX)
    np.testing.assert_allclose(
        np.asarray(small_again, dtype=float), corrupt(xray, "blur 1.5 px"), atol=4
    )


def test_the_marker_is_white_and_in_one_corner(xray):
    marked, plain = corrupt(xray, "burnt-in marker"), np.asarray(xray, dtype=float)
    rows, columns = np.nonzero(marked != plain)
    assert marked.max() == 255
    assert rows.max() < 0.2 * 224
    assert columns.min() > 0.8 * 224
