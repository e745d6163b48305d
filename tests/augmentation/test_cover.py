"""Boxes and marks: positions, unchanged pixels, and frequencies."""

import numpy as np
import pytest
from keras import ops

from skpneumo.augmentation import ImageAugmenter, augment
from skpneumo.augmentation._cover_params import N_TILES, TILE_SHAPE, UNCOVERED, mark_tiles
from skpneumo.augmentation._params import IDENTITY_INTENSITY

NAMES = list(IDENTITY_INTENSITY)


def tone_of(n=1, **changes):
    intensity = np.tile(np.array(list(IDENTITY_INTENSITY.values()), np.float32), (n, 1))
    for name, value in changes.items():
        intensity[:, NAMES.index(name)] = value
    return intensity


def covered(pixels, **changes):
    return ops.convert_to_numpy(augment(pixels, intensity=tone_of(len(pixels), **changes)))


def drawn(n=4000, **parameters):
    intensity = (
        ImageAugmenter(**parameters).sample_params(n, (64, 64), np.random.default_rng(0)).intensity
    )
    return {name: intensity[:, NAMES.index(name)] for name in UNCOVERED}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(90, 160, (1, 40, 60, 1)).astype(np.float32)


@pytest.mark.parametrize(("grey", "expected"), [(0.0, 0.0), (0.4, 102.0), (-1.0, None)])
def test_a_box_has_one_grey_level_and_the_rest_is_unchanged(pixels, grey, expected):
    box = {"box0_top": 0.75, "box0_left": 0, "box0_height": 0.25, "box0_width": 0.5}
    out = covered(pixels, **box, box0_grey=grey)
    expected = pixels.mean() if expected is None else expected
    np.testing.assert_allclose(out[0, 30:, :30], expected, atol=0.1)
    np.testing.assert_array_equal(out[0, :30], pixels[0, :30])
    np.testing.assert_array_equal(out[0, :, 30:], pixels[0, :, 30:])


def test_a_mark_shows_its_tile_at_its_position():
    black = np.zeros((1, 128, 128, 3), np.float32)
    out = covered(
        black, mark1_tile=6, mark1_row=0.5, mark1_column=0.5, mark1_weight=1, mark1_grey=0.8
    )
    height, width = TILE_SHAPE
    inside = out[0, 48 : 48 + height, 16 : 16 + width]
    np.testing.assert_allclose(
        inside, np.repeat(mark_tiles()[6][..., None] * 204, 3, -1), atol=0.1
    )
    assert out.sum() == pytest.approx(inside.sum())


def test_marks_scale_with_the_size_of_the_image():
    mark = {"mark0_tile": 6, "mark0_row": 0.4, "mark0_column": 0.6, "mark0_weight": 1,
            "mark0_grey": 1.0, "mark0_scale": 0.8}  # fmt: skip
    small, large = (covered(np.zeros((1, n, n, 1), np.float32), **mark) for n in (128, 256))
    assert large.mean() == pytest.approx(small.mean(), rel=0.05)
    assert small.mean() > 1


def test_no_tile_is_empty_or_full():
    tiles = mark_tiles()
    assert tiles.shape == (N_TILES, *TILE_SHAPE)
    shares = tiles.mean(axis=(1, 2))
    assert shares.min() > 0.003
    assert shares.max() < 0.5


def test_boxes_have_the_requested_frequency_and_touch_a_side():
    found = drawn(erasing=0.3)
    for i in range(2):
        top, left, height, width = (found[f"box{i}_{name}"] for name in
                                    ("top", "left", "height", "width"))  # fmt: skip
        there = height > 0
        assert 0.27 < there.mean() < 0.33
        assert (np.isclose(top, 0) | np.isclose(top + height, 1))[there].all()
        assert (np.isclose(left, 0) | np.isclose(left + width, 1))[there].all()
        assert (height * width)[there].max() < 0.2
    assert not found["mark0_weight"].any()


def test_marks_have_the_requested_frequency_and_most_are_near_a_side():
    found = drawn(marks=0.6)
    assert 0.56 < found["mark0_weight"].mean() < 0.64
    assert not found["box0_height"].any()
    nearest = np.minimum.reduce(
        [found["mark0_row"], 1 - found["mark0_row"],
         found["mark0_column"], 1 - found["mark0_column"]]
    )  # fmt: skip
    assert 0.8 < (nearest < 0.15).mean() < 0.95
    assert set(found["mark0_tile"]) == set(range(N_TILES))


def test_disabled_covers_are_not_compiled():
    assert not ImageAugmenter(noise=3).layer_arguments()["covers"]
    for name in ("erasing", "marks"):
        assert ImageAugmenter(**{name: 0.5}).layer_arguments()["covers"]


def test_the_sampler_step_and_the_function_cover_alike(pixels):
    images = np.repeat(pixels, 4, axis=0).astype(np.uint8)
    augmenter = ImageAugmenter(erasing=1.0, marks=1.0)
    copies = augmenter.augment_images(images, np.random.default_rng(5))
    params = augmenter.sample_params(4, images.shape[1:], np.random.default_rng(5))
    expected = ops.convert_to_numpy(augment(images, intensity=params.intensity))
    np.testing.assert_allclose(copies, expected, atol=0.6)
    assert (copies != images).any(axis=(1, 2, 3)).all()
