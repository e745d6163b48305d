"""Bands of detail: factors of one, scaling, and sampling."""

import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from skpneumo.augmentation import ImageAugmenter, augment
from skpneumo.augmentation._detail import scale_bands
from skpneumo.augmentation._params import DETAIL_GRIDS, IDENTITY_INTENSITY

N_BANDS = len(DETAIL_GRIDS)
BANDS = [f"band{i}" for i in range(1, N_BANDS + 1)]


def scaled(images, gains):
    images, gains = (ops.convert_to_tensor(each, "float32") for each in (images, gains))
    return ops.convert_to_numpy(scale_bands(images, gains))


def noise(n=2, height=96, width=80, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (n, height, width, channels)).astype(np.float32)


def drawn_gains(n=4000, **parameters):
    intensity = (
        ImageAugmenter(**parameters).sample_params(n, (64, 64), np.random.default_rng(0)).intensity
    )
    return intensity[:, [list(IDENTITY_INTENSITY).index(name) for name in BANDS]]


@pytest.mark.parametrize("shape", [(96, 80), (64, 64), (33, 130), (5, 3), (1, 1)])
def test_factors_of_one_do_not_change_images_of_any_size(shape):
    images = noise(2, *shape, channels=3)
    np.testing.assert_array_equal(scaled(images, np.ones((2, N_BANDS))), images)


def test_without_the_finest_band_an_image_is_as_smooth_as_one_of_64_pixels():
    images = noise(1, 128, 128)
    gains = np.ones((1, N_BANDS))
    gains[0, 0] = 0
    smooth = scaled(images, gains)[0, ..., 0]
    cells = images[0, ..., 0].reshape(64, 2, 64, 2).mean(axis=(1, 3))
    # Between the centres of its cells, linearly.
    rows = np.interp(np.arange(128), 2 * np.arange(64) + 0.5, np.arange(64))
    expected = ndimage.map_coordinates(
        cells, np.meshgrid(rows, rows, indexing="ij"), order=1, mode="nearest"
    )
    np.testing.assert_allclose(smooth, expected, atol=1e-2)


def test_factors_multiply_only_structures_finer_than_the_coarsest_grid():
    images = noise(1, 96, 80) * 0.1 + np.linspace(0, 200, 80, dtype=np.float32)[:, None]
    nothing, once, twice = (scaled(images, np.full((1, N_BANDS), factor)) for factor in (0, 1, 2))
    np.testing.assert_allclose(twice - nothing, 2 * (once - nothing), atol=1e-2)
    assert np.abs(np.diff(nothing, 2, axis=2)).max() < 5  # straight lines between four cells


def test_each_image_of_a_batch_has_its_own_factors():
    images = noise(3)
    gains = np.random.default_rng(1).uniform(0, 2, (3, N_BANDS))
    together = scaled(images, gains)
    for i in range(3):
        alone = scaled(images[i : i + 1], gains[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], atol=1e-2)


def test_local_contrast_is_log_uniform_and_similar_at_similar_scales():
    logs = np.log(drawn_gains(local_contrast=0.5)) / np.log(1.5)
    assert -1 <= logs[:, 0].min() < -0.99
    assert 0.99 < logs[:, 0].max() <= 1
    assert abs(logs.mean()) < 0.02
    correlation = np.corrcoef(logs.T)
    assert correlation[0, 1] > 0.6
    assert abs(correlation[0, 2]) < 0.05


def test_sharpness_blurs_half_of_the_images_and_sharpens_the_others():
    gains = drawn_gains(sharpness=1.0)
    assert (gains[:, 1:] == 1).all()
    finest = gains[:, 0]
    assert 0 <= finest.min() < 0.01
    assert 1.99 < finest.max() <= 2
    assert 0.47 < (finest < 1).mean() < 0.53
    assert drawn_gains(sharpness=3.0)[:, 0].min() >= 0


@pytest.mark.parametrize("parameters", [{"sharpness": 1.0}, {"local_contrast": 0.8}])
def test_the_sampler_step_and_the_function_agree(parameters):
    images = noise(3, 128, 128).astype(np.uint8)
    augmenter = ImageAugmenter(**parameters, random_state=0)
    assert augmenter.has_intensity
    copies = augmenter.augment_images(images, np.random.default_rng(5))
    params = augmenter.sample_params(3, images.shape[1:], np.random.default_rng(5))
    expected = ops.convert_to_numpy(augment(images, intensity=params.intensity))
    np.testing.assert_allclose(copies, expected, atol=0.6)
    assert np.abs(copies.astype(float) - images).max() > 5


def test_disabled_detail_is_not_compiled():
    assert not ImageAugmenter(gamma=0.5).layer_arguments()["detail"]
    assert ImageAugmenter(sharpness=0.5).layer_arguments()["detail"]
