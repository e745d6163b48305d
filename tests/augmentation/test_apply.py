"""Application of maps and intensities, compared with NumPy, SciPy and Keras, and in a model."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from skpneumo.augmentation import AugmentationLayer, ImageAugmenter, augment
from skpneumo.augmentation._apply import FILL_MODES, compiled_augment
from skpneumo.augmentation._params import IDENTITY_INTENSITY, affine_maps

SCIPY_MODES = {
    "nearest": "nearest",
    "constant": "grid-constant",
    "reflect": "reflect",
    "wrap": "grid-wrap",
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(*shape):
    """Noise without detail finer than a few pixels, like a radiograph."""
    blurred = ndimage.gaussian_filter(noise(*shape).astype(float), (0, 2, 2, 0))
    low, high = blurred.min(), blurred.max()
    return ((blurred - low) / (high - low) * 255).astype(np.uint8)


def warp(images, fill_mode="nearest", fill_value=0.0, **steps):
    maps = affine_maps(images.shape[1:], **steps)
    maps = np.broadcast_to(maps, (len(images), 8)).copy()
    return ops.convert_to_numpy(augment(images, maps, fill_mode=fill_mode, fill_value=fill_value))


def warp_by_scipy(images, maps, fill_mode, fill_value=0.0):
    """Apply the same maps with scipy.ndimage, for each image and channel, in float64."""
    warped = np.empty(images.shape)
    for i, (a0, a1, a2, b0, b1, b2) in enumerate(maps[:, :6].astype(float)):
        for channel in range(images.shape[-1]):
            warped[i, ..., channel] = ndimage.affine_transform(
                images[i, ..., channel].astype(float),
                [[b1, b0], [a1, a0]],
                offset=[b2, a2],
                order=1,
                mode=SCIPY_MODES[fill_mode],
                cval=fill_value,
            )
    return warped


def retone(images, value_range=(0.0, 255.0), **intensities):
    columns = IDENTITY_INTENSITY | intensities
    assert list(columns) == list(IDENTITY_INTENSITY)
    intensity = np.tile(np.float32(list(columns.values())), (len(images), 1))
    return ops.convert_to_numpy(augment(images, intensity=intensity, value_range=value_range))


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("shape", [(16, 16, 1), (7, 12, 3), (1, 9, 1), (9, 1, 1), (1, 1, 2)])
def test_the_identity_changes_nothing(fill_mode, shape):
    images = noise(4, *shape)
    params = ImageAugmenter().sample_params(4, shape, np.random.default_rng(0))
    unchanged = ops.convert_to_numpy(augment(images, *params, fill_mode=fill_mode))
    np.testing.assert_array_equal(unchanged, images)
    assert unchanged.dtype == np.float32


def test_quarter_turns():
    images = noise(2, 16, 16, 3)
    np.testing.assert_allclose(
        warp(images, rotation=90), np.rot90(images, 1, axes=(1, 2)), atol=1e-2
    )
    np.testing.assert_allclose(
        warp(images, rotation=-90), np.rot90(images, -1, axes=(1, 2)), atol=1e-2
    )
    oblong = noise(2, 9, 14, 1)
    np.testing.assert_allclose(warp(oblong, rotation=180), oblong[:, ::-1, ::-1], atol=1e-2)


def test_flips():
    images = noise(3, 9, 14, 1)
    np.testing.assert_array_equal(warp(images, horizontal_flip=True), images[:, :, ::-1])
    np.testing.assert_array_equal(warp(images, vertical_flip=True), images[:, ::-1])


def test_shifts_by_whole_pixels():
    images = noise(2, 8, 16, 1)
    right_and_down = {"width_shift": 0.25, "height_shift": 0.125}
    np.testing.assert_array_equal(
        warp(images, "wrap", **right_and_down), np.roll(images, (1, 4), axis=(1, 2))
    )
    filled = warp(images, "constant", fill_value=7, **right_and_down)
    np.testing.assert_array_equal(filled[:, 1:, 4:], images[:, :-1, :-4])
    assert (filled[:, 0] == 7).all()
    assert (filled[:, :, :4] == 7).all()
    nearest = warp(images, "nearest", width_shift=0.25)
    np.testing.assert_array_equal(nearest[:, :, :4], np.repeat(images[:, :, :1], 4, axis=2))
    mirrored = warp(images, "reflect", width_shift=0.25)
    np.testing.assert_array_equal(mirrored[:, :, :4], images[:, :, 3::-1])


def test_zoom_by_two_halves_the_field_of_view():
    images = noise(1, 8, 8, 1)
    enlarged = warp(images, zoom=2.0)[0, :, :, 0]
    # Output pixel 0 lies at (0 - 3.5) / 2 + 3.5 = 1.75 of the input.
    row = images[0, :, :, 0].astype(float)
    row = 0.25 * row[1] + 0.75 * row[2]
    np.testing.assert_allclose(enlarged[0, 0], 0.25 * row[1] + 0.75 * row[2], atol=1e-2)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("shape", [(24, 24, 1), (13, 30, 3), (1, 20, 1)])
def test_random_maps_agree_with_scipy(fill_mode, shape):
    images = smooth(20, *shape)
    augmenter = ImageAugmenter(
        rotation=180, width_shift=0.8, height_shift=0.8, shear=30, zoom=0.6, vertical_flip=True
    )
    maps = augmenter.sample_params(len(images), shape, np.random.default_rng(1)).affine
    warped = augment(images, maps, fill_mode=fill_mode, fill_value=40.0)
    expected = warp_by_scipy(images, maps, fill_mode, fill_value=40.0)
    # A hundredth of a grey level, where float32 leaves a pixel between the same neighbours.
    np.testing.assert_allclose(ops.convert_to_numpy(warped), expected, atol=0.02)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect"])
def test_maps_follow_the_convention_of_keras(fill_mode):
    images = smooth(6, 15, 20, 2).astype(np.float32)
    params = ImageAugmenter(rotation=40, zoom=0.4, width_shift=0.3).sample_params(
        6, (15, 20), np.random.default_rng(0)
    )
    expected = ops.image.affine_transform(
        images,
        ops.convert_to_tensor(params.affine.copy()),
        interpolation="bilinear",
        fill_mode=fill_mode,
        fill_value=40.0,
        data_format="channels_last",
    )
    warped = augment(images, params.affine, fill_mode=fill_mode, fill_value=40.0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(warped), ops.convert_to_numpy(expected), atol=0.05
    )


def test_steps_are_interpolated_once():
    """Noise loses contrast with every interpolation; composed steps need only one."""
    images = noise(1, 64, 64, 1)
    inner = np.s_[:, 16:-16, 16:-16]
    steps = {"rotation": 17.0, "width_shift": 0.013, "zoom": 1.1}
    at_once = warp(images, **steps)
    one_after_another = images
    for step, amount in steps.items():
        one_after_another = warp(one_after_another, **{step: amount})
    expected = warp_by_scipy(images, affine_maps((64, 64), **steps), "nearest")
    np.testing.assert_allclose(at_once, expected, atol=0.1)
    assert at_once[inner].std() > 1.3 * one_after_another[inner].std()


def test_brightness_contrast_and_gamma_follow_their_formulas():
    images = noise(3, 6, 8, 3)
    light = images / 255.0
    mean = light.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(retone(images, brightness=0.7) / 255, 0.7 * light, atol=1e-5)
    np.testing.assert_allclose(
        retone(images, brightness=1.4) / 255, np.minimum(1.4 * light, 1), atol=1e-5
    )
    np.testing.assert_allclose(
        retone(images, contrast=0.6) / 255, mean + 0.6 * (light - mean), atol=1e-5
    )
    np.testing.assert_allclose(retone(images, contrast=0.0) / 255, 0 * light + mean, atol=1e-5)
    np.testing.assert_allclose(retone(images, gamma=1.6) / 255, light**1.6, atol=1e-5)
    np.testing.assert_allclose(retone(images, gamma=0.6) / 255, light**0.6, atol=1e-5)


def test_intensities_apply_in_the_order_gamma_contrast_brightness():
    images = noise(2, 6, 8, 1)
    light = (images / 255.0) ** 1.3
    mean = light.mean(axis=(1, 2, 3), keepdims=True)
    expected = np.clip(0.8 * (mean + 1.5 * (light - mean)), 0, 1)
    retoned = retone(images, brightness=0.8, contrast=1.5, gamma=1.3)
    np.testing.assert_allclose(retoned / 255, expected, atol=1e-5)


def test_noise_has_the_requested_deviation_and_depends_on_its_start():
    images = np.full((2, 64, 64, 3), 128, dtype=np.uint8)
    noisy = retone(images, noise=9.0, noise_row=0.3, noise_column=0.9)
    assert noisy.std() == pytest.approx(9, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])
    elsewhere = retone(images, noise=9.0, noise_row=0.3, noise_column=0.2)
    assert abs(np.corrcoef(noisy.ravel(), elsewhere.ravel())[0, 1]) < 0.05
    unit = retone(images / 255, noise=9.0, noise_row=0.3, noise_column=0.9, value_range=(0, 1))
    np.testing.assert_allclose(unit * 255, noisy, atol=1e-3)


def test_the_collimator_blackens_only_its_share_of_each_side():
    images = noise(2, 20, 40, 1) * 0.5 + 50
    framed = retone(images, left=0.1, top=0.2, right=0.25, bottom=0.05)
    expected = np.zeros_like(images)
    expected[:, 4:19, 4:30] = images[:, 4:19, 4:30]
    np.testing.assert_allclose(framed, expected, atol=1e-3)
    of_floats = retone(images, left=0.5, value_range=(-10.0, 300.0))
    np.testing.assert_allclose(of_floats[:, :, :20], -10)


def test_an_edge_within_a_pixel_dims_it_like_resizing_a_sharper_image():
    sides = {"left": 0.11, "top": 0.23, "right": 0.06, "bottom": 0.02}
    large = retone(np.full((1, 1000, 1000, 1), 200.0), **sides)
    reduced = large.reshape(1, 10, 100, 10, 100, 1).mean((2, 4))
    framed = retone(np.full((1, 10, 10, 1), 200.0), **sides)
    np.testing.assert_allclose(framed, reduced, atol=1e-2)
    assert framed[0, 5, 1, 0] == pytest.approx(0.9 * 200)


def test_intensities_stay_in_range_at_their_extremes():
    images = np.concatenate(
        [noise(2, 5, 5, 1), np.zeros((1, 5, 5, 1)), np.full((1, 5, 5, 1), 255)]
    )
    for extremes in (
        {"brightness": 2.0},
        {"contrast": 2.0},
        {"gamma": 0.02},
        {"gamma": 50.0},
        {"noise": 255.0},
    ):
        retoned = retone(images, **extremes)
        assert np.isfinite(retoned).all()
        assert retoned.min() >= 0
        assert retoned.max() <= 255


def test_float_images_of_another_range_are_augmented_alike():
    images = smooth(4, 12, 12, 1)
    params = ImageAugmenter(
        rotation=30, zoom=0.3, brightness=0.4, contrast=0.4, gamma=0.5
    ).sample_params(4, (12, 12), np.random.default_rng(0))
    grey = augment(images, *params, fill_mode="constant", fill_value=51.0)
    scaled = augment(
        (images / 127.5 - 1).astype(np.float32),
        *params,
        fill_mode="constant",
        fill_value=-0.6,
        value_range=(-1.0, 1.0),
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(scaled), ops.convert_to_numpy(grey) / 127.5 - 1, atol=1e-4
    )


def test_a_row_depends_only_on_its_own_parameters():
    images = noise(5, 10, 10, 1)
    augmenter = ImageAugmenter(rotation=90, zoom=0.2, contrast=0.5, gamma=0.5)
    affine, intensity = augmenter.sample_params(5, (10, 10), np.random.default_rng(0))
    order = np.array([3, 0, 4, 1, 2])
    together = ops.convert_to_numpy(augment(images, affine, intensity))
    shuffled = ops.convert_to_numpy(augment(images[order], affine[order], intensity[order]))
    np.testing.assert_allclose(shuffled, together[order], atol=1e-3)
    for i in range(5):
        alone = augment(images[i : i + 1], affine[i : i + 1], intensity[i : i + 1])
        np.testing.assert_allclose(ops.convert_to_numpy(alone)[0], together[i], atol=1e-3)


def test_inputs_are_not_modified():
    images = noise(3, 10, 10, 1)
    affine, intensity = ImageAugmenter(rotation=90, gamma=0.2).sample_params(
        3, (10, 10), np.random.default_rng(0)
    )
    before = images.copy(), affine.copy(), intensity.copy()
    augment(images, affine, intensity)
    for now, then in zip((images, affine, intensity), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_the_compiled_program_does_the_same_for_batches_of_any_size():
    program = compiled_augment((10, 12, 1), "reflect", 0.0, (0.0, 255.0))
    assert compiled_augment((10, 12, 1), "reflect", 0.0, (0.0, 255.0)) is program
    augmenter = ImageAugmenter(rotation=90, contrast=0.5, gamma=0.5)
    for n in (4, 1, 3):
        images = noise(n, 10, 12, 1)
        params = augmenter.sample_params(n, (10, 12), np.random.default_rng(0))
        np.testing.assert_allclose(
            ops.convert_to_numpy(program(images, *params)),
            ops.convert_to_numpy(augment(images, *params, fill_mode="reflect")),
            atol=0.02,
        )


def layer_inputs(n=3, shape=(8, 12, 1)):
    params = ImageAugmenter(rotation=40, contrast=0.5).sample_params(
        n, shape, np.random.default_rng(0)
    )
    return noise(n, *shape), params


def test_the_layer_augments_only_in_training():
    images, params = layer_inputs()
    layer = AugmentationLayer()
    inputs = [
        keras.Input((8, 12, 1), dtype="uint8"),
        keras.Input((8,)),
        keras.Input((len(IDENTITY_INTENSITY),)),
    ]
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 8, 12, 1)
    expected = ops.convert_to_numpy(augment(images, *params))
    in_training = ops.convert_to_numpy(model([images, *params], training=True))
    np.testing.assert_allclose(in_training, expected, atol=0.02)
    np.testing.assert_array_equal(model.predict_on_batch([images, *params]), images)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_layer_trains_within_a_model(jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("torch.compile needs a C++ compiler and minutes")
    images, params = layer_inputs(n=5)
    inputs = [
        keras.Input((8, 12, 1), dtype="uint8"),
        keras.Input((8,)),
        keras.Input((len(IDENTITY_INTENSITY),)),
    ]
    seen = keras.layers.Flatten()(AugmentationLayer()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(seen))
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=jit_compile)
    sums = ops.convert_to_numpy(augment(images, *params)).sum(axis=(1, 2, 3))
    # The loss against zero is the mean square of what the layer handed on.
    losses = [
        model.train_on_batch(
            [images[rows], params.affine[rows], params.intensity[rows]], np.zeros(size)
        )
        for rows, size in ((slice(0, 3), 3), (slice(3, 5), 2))
    ]
    model.reset_metrics()
    first = model.train_on_batch(
        [images[:3], params.affine[:3], params.intensity[:3]], np.zeros(3)
    )
    assert first == pytest.approx((sums[:3] ** 2).mean(), rel=1e-3)
    assert np.isfinite(losses).all()


def test_the_layer_skips_disabled_changes():
    images, params = layer_inputs()
    neither = AugmentationLayer(geometry=False, intensity=False)([images, *params])
    np.testing.assert_array_equal(ops.convert_to_numpy(neither), images)
    tone_only = AugmentationLayer(geometry=False)([images, *params])
    np.testing.assert_allclose(
        ops.convert_to_numpy(tone_only),
        ops.convert_to_numpy(augment(images, intensity=params.intensity)),
        atol=0.02,
    )


def test_the_layer_keeps_float32_positions_under_a_16_bit_policy():
    images = noise(1, 2, 700, 1)
    flip = affine_maps((2, 700), horizontal_flip=True)  # 699 is no bfloat16
    layer = AugmentationLayer(intensity=False, dtype="mixed_bfloat16")
    flipped = layer([images, ops.convert_to_tensor(flip), np.ones((1, 3), np.float32)])
    np.testing.assert_array_equal(ops.convert_to_numpy(flipped), images[:, :, ::-1])


def test_the_layer_is_rebuilt_from_its_configuration():
    augmenter = ImageAugmenter(gamma=0.5, fill_mode="constant", fill_value=51)
    arguments = augmenter.layer_arguments(value_range=(-1.0, 1.0))
    assert arguments == {
        "geometry": False,
        "intensity": True,
        "detail": False,
        "covers": False,
        "fill_mode": "constant",
        "fill_value": pytest.approx(-0.6),
        "value_range": (-1.0, 1.0),
    }
    assert isinstance(hash(tuple(arguments.items())), int)
    layer = AugmentationLayer(**arguments, name="augmentation")
    rebuilt = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(rebuilt, AugmentationLayer)
    assert rebuilt.get_config() == layer.get_config()
