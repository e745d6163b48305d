"""Our layers: batch normalisation that equals that of Keras, and standardisation."""

import keras
import numpy as np
import pytest
from keras.layers import BatchNormalization
from scipy import ndimage

from skpneumo.networks import build_cnn
from skpneumo.networks._layers import FusedBatchNormalization, ImageNormalization, Standardization

SHAPES = {"images": (6, 5, 4, 3), "one pixel": (6, 1, 1, 3), "rows": (6, 3)}


def inputs_of(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(2.0, 3.0, shape).astype("float32")


def twins(shape: tuple[int, ...], **options):
    """A layer of each class with the same random scale, shift and moving averages."""
    rng = np.random.default_rng(1)
    pair = []
    for kind in (FusedBatchNormalization, BatchNormalization):
        layer = kind(**options)
        layer.build(shape)
        pair.append(layer)
    *variables, n_batches = pair[0].variables
    for fused, own in zip(variables, pair[1].variables, strict=True):
        value = rng.uniform(0.5, 2.0, fused.shape).astype("float32")
        fused.assign(value)
        own.assign(value)
    n_batches.assign(1e6)
    return pair


def as_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_outputs_equal_those_of_keras(shape, training):
    fused, own = twins(shape)
    x = inputs_of(shape)
    np.testing.assert_allclose(
        as_numpy(fused(x, training=training)), as_numpy(own(x, training=training)), atol=1e-4
    )


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(SHAPES["images"], id="images"),
        pytest.param(SHAPES["one pixel"], id="one pixel"),
        pytest.param(SHAPES["rows"], id="rows"),
    ],
)
def test_moving_averages_equal_those_of_keras(shape):
    fused, own = twins(shape, momentum=0.9)
    for seed in range(3):
        fused(inputs_of(shape, seed), training=True)
        own(inputs_of(shape, seed), training=True)
    np.testing.assert_allclose(
        as_numpy(fused.moving_mean), as_numpy(own.moving_mean), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        as_numpy(fused.moving_variance), as_numpy(own.moving_variance), rtol=1e-4
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_moving_averages_converge_in_a_few_batches_and_are_stable_after_many(shape):
    layer = FusedBatchNormalization()
    layer.build(shape)
    # Batches whose means swing by 1 about 5.
    batches = [
        5
        + (-1) ** i
        + np.tile([-1.0, 1.0], shape[0] // 2).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
        for i in range(250)
    ]
    for i, batch in enumerate(batches):
        layer(batch.astype("float32"), training=True)
        if i == 19:
            np.testing.assert_allclose(as_numpy(layer.moving_mean), 5, atol=0.3)
            np.testing.assert_allclose(as_numpy(layer.moving_variance), 1, atol=0.01)
    np.testing.assert_allclose(as_numpy(layer.moving_mean), 5, atol=0.02)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_inference_changes_no_variables(shape):
    fused, _ = twins(shape)
    before = [as_numpy(v) for v in fused.variables]
    fused(inputs_of(shape), training=False)
    for old, new in zip(before, fused.variables, strict=True):
        np.testing.assert_array_equal(old, as_numpy(new))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_frozen_layer_stays_in_inference(shape):
    fused, own = twins(shape)
    fused.trainable = own.trainable = False
    x = inputs_of(shape)
    before = as_numpy(fused.moving_mean)
    np.testing.assert_allclose(
        as_numpy(fused(x, training=True)), as_numpy(own(x, training=True)), atol=1e-4
    )
    np.testing.assert_array_equal(as_numpy(fused.moving_mean), before)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_in_bfloat16_statistics_stay_in_float32(shape, training):
    fused, own = twins(shape, dtype="mixed_bfloat16")
    x = inputs_of(shape)
    out = fused(x, training=training)
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
    assert {v.dtype for v in fused.variables} == {"float32"}
    np.testing.assert_allclose(
        as_numpy(out), as_numpy(own(x, training=training)), atol=0.1, rtol=0.02
    )
    assert np.isfinite(as_numpy(fused.moving_variance)).all()


# Keras hands h5py its variables, which NumPy 2 asks for a keyword they do not know.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")
@pytest.mark.parametrize("from_mean", [0.0, 1.0])
def test_the_variance_of_channels_far_from_zero_is_accurate(from_mean):
    """The difference of two means is accurate because it is relative to the moving mean."""
    x = np.random.default_rng(0).normal(300, 0.1, (64, 6, 6, 2)).astype(np.float32)
    layer = FusedBatchNormalization()
    layer.build(x.shape)
    layer.moving_mean.assign(np.full(2, 300 * from_mean))
    moments = layer._moments(keras.ops.convert_to_tensor(x))
    mean, variance = map(keras.ops.convert_to_numpy, moments)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1, 2)), rtol=1e-5)
    assert (variance >= 0).all()
    if from_mean:
        np.testing.assert_allclose(variance, x.astype(float).var(axis=(0, 1, 2)), rtol=1e-3)


def test_a_network_with_it_is_saved_and_loaded_by_keras(tmp_path):
    network = build_cnn((6, 6, 1), filters=(2,), dense_units=(3,), batch_norm=True, seed=0)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 1), dtype=np.uint8)
    np.testing.assert_array_equal(as_numpy(loaded(images)), as_numpy(network(images)))


def test_standardization_subtracts_the_mean_and_divides_by_the_deviation():
    x = inputs_of((5, 3))
    layer = Standardization(mean=2.0, deviation=4.0)
    np.testing.assert_allclose(as_numpy(layer(x)), (x - 2.0) / 4.0, rtol=1e-6)
    assert not layer.trainable_variables
    layer.set_weights([np.float32([1, 2, 3]), np.float32([4, 5, 6])])
    expected = (x - [1, 2, 3]) / [4, 5, 6]
    np.testing.assert_allclose(as_numpy(layer(x)), expected, rtol=1e-5)


def test_standardization_of_features_of_any_size():
    layer = Standardization()
    layer.build((None, 2))
    layer.set_weights([np.float32([1e-19, 0]), np.float32([1e-20, 1])])
    x = np.float32([[1e-19, 0], [2e-19, 5]])
    np.testing.assert_allclose(as_numpy(layer(x)), [[0, 0], [10, 5]], rtol=1e-5)


def test_standardization_is_rebuilt_from_its_configuration():
    layer = Standardization(mean=2.0, deviation=4.0, name="pixels")
    again = Standardization.from_config(layer.get_config())
    assert again.name == "pixels"
    x = inputs_of((2, 3))
    np.testing.assert_array_equal(as_numpy(again(x)), as_numpy(layer(x)))


@pytest.mark.parametrize("local", [False, True])
def test_normalised_images_do_not_depend_on_exposure_or_contrast(local):
    images = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 40, 30, 2)).astype("float32")
    layer = ImageNormalization(local, 0.15, 1e-4)
    np.testing.assert_allclose(
        as_numpy(layer(0.4 * images - 0.3)), as_numpy(layer(images)), atol=5e-3
    )


def test_the_centre_of_a_normalised_image_has_mean_0_and_deviation_1_in_each_channel():
    normal = as_numpy(ImageNormalization(False, 0.2, 1e-6)(inputs_of((3, 20, 24, 2))))
    y, x = (np.exp(-0.5 * (((np.arange(n) + 0.5) / n - 0.5) / 0.2) ** 2) for n in (20, 24))
    weights = np.outer(y, x)[None, ..., None] / np.outer(y, x).sum()
    mean = (weights * normal).sum(axis=(1, 2))
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    np.testing.assert_allclose((weights * normal**2).sum(axis=(1, 2)), 1, atol=1e-3)


def test_a_frame_hardly_changes_a_normalised_image():
    image = inputs_of((1, 100, 100, 1)) / 10
    framed = np.ones_like(image)
    inside = np.s_[:, 8:-8, 8:-8]
    framed[inside] = image[inside]
    layer = ImageNormalization(False, 0.2, 1e-3)
    change = as_numpy(layer(framed))[inside] - as_numpy(layer(image))[inside]
    before, after = ((image[inside] - each.mean()) / each.std() for each in (image, framed))
    assert np.abs(change).mean() < 0.35 * np.abs(after - before).mean()


def test_local_normalisation_uses_a_gaussian_relative_to_the_sides():
    image = inputs_of((1, 50, 40, 1))
    normal = as_numpy(ImageNormalization(True, 0.1, 0.5)(image))[0, ..., 0]

    def mean(x):
        of_ones, of_x = (
            ndimage.gaussian_filter(each, (5, 4), mode="constant", truncate=10)
            for each in (np.ones_like(x), x)
        )
        return of_x / of_ones

    distance = image[0, ..., 0] - mean(image[0, ..., 0])
    expected = distance / np.sqrt(mean(distance**2) + 0.25)
    np.testing.assert_allclose(normal, expected, atol=1e-3)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (2, 1, 9, 3), (2, 1, 1, 1)])
def test_flat_images_of_any_shape_become_zero(local, shape):
    flat = ImageNormalization(local, 0.12, 0.02)(np.full(shape, 0.3, "float32"))
    np.testing.assert_allclose(as_numpy(flat), 0, atol=1e-4)


def test_normalisation_is_rebuilt_from_its_configuration():
    layer = ImageNormalization(True, 0.2, 0.1, name="normal")
    again = ImageNormalization.from_config(layer.get_config())
    image = inputs_of((1, 6, 6, 1))
    np.testing.assert_array_equal(as_numpy(again(image)), as_numpy(layer(image)))
