"""build_cnn: every argument has its effect, and only the seed decides random numbers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from skpneumo.networks import build_cnn

SHAPE = (12, 12, 1)


def of_type(network: keras.Model, kind: type) -> list[keras.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


def weighted(network: keras.Model) -> list[keras.Layer]:
    return of_type(network, (layers.Conv2D, layers.Dense))


def call(network: keras.Model, images: np.ndarray, training: bool = False) -> np.ndarray:
    return keras.ops.convert_to_numpy(network(images, training=training))


def images_of(shape: tuple[int, int, int] = SHAPE, n: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def same_weights(a: keras.Model, b: keras.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


# Form


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 4),
    n_outputs=st.integers(1, 4),
    filters=st.lists(st.integers(1, 3), max_size=4),
    stem_filters=st.integers(0, 2),
    convs_per_block=st.integers(1, 2),
    kernel_size=st.integers(1, 5),
    padding=st.sampled_from(["same", "valid"]),
    pooling=st.sampled_from(["max", "average", None]),
    global_pooling=st.sampled_from(["max", "average", None]),
    dense_units=st.lists(st.integers(1, 3), max_size=2),
    batch_norm=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_image_shape_gives_finite_logits(height, width, channels, n_outputs, **arguments):
    shape = (height, width, channels)
    network = build_cnn(shape, n_outputs, seed=0, **arguments)
    logits = call(network, images_of(shape, n=2))
    assert logits.shape == (2, n_outputs)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_the_network_is_uncompiled_and_ends_in_logits():
    network = build_cnn(SHAPE, 3, seed=0)
    assert not network.compiled
    assert network.output_shape == (None, 3)
    assert network.layers[-1].activation is keras.activations.linear
    assert (call(network, images_of(n=50)) < 0).any()


def test_a_stem_halves_the_image_before_the_first_block():
    network = build_cnn((12, 9, 1), filters=(4,), stem_filters=3, batch_norm=True, seed=0)
    stem = network.get_layer("stem")
    assert stem.filters == 3
    assert stem.kernel_size == (5, 5)
    assert stem.output.shape == (None, 6, 5, 3)
    assert network.get_layer("stem_norm").input is stem.output
    assert network.get_layer("block1_conv1").input.shape == (None, 6, 5, 3)
    assert "stem" not in {layer.name for layer in build_cnn(SHAPE, seed=0).layers}


@pytest.mark.parametrize("normalization", ["image", "local"])
def test_normalised_networks_do_not_depend_on_exposure(normalization):
    network = build_cnn((24, 24, 1), filters=(2,), normalization=normalization, seed=0)
    images = images_of((24, 24, 1)) // 2 + 60
    darker = (images * np.float32(0.6)) + 10
    np.testing.assert_allclose(call(network, darker), call(network, images), rtol=1e-2, atol=1e-2)


def test_blocks_have_the_requested_convolutions():
    network = build_cnn(SHAPE, filters=(2, 3), convs_per_block=2, kernel_size=5, seed=0)
    convolutions = of_type(network, layers.Conv2D)
    assert [c.filters for c in convolutions] == [2, 2, 3, 3]
    assert {c.kernel_size for c in convolutions} == {(5, 5)}
    assert len(of_type(network, layers.MaxPooling2D)) == 2
    assert network.get_layer("flatten").output.shape == (None, 3 * 3 * 3)


def test_no_filters_is_a_dense_network():
    network = build_cnn(SHAPE, filters=(), dense_units=(7, 5), seed=0)
    assert not of_type(network, (layers.Conv2D, layers.MaxPooling2D))
    assert [d.units for d in of_type(network, layers.Dense)] == [7, 5, 1]


def test_no_filters_and_no_dense_units_is_logistic_regression():
    network = build_cnn(SHAPE, filters=(), dense_units=(), seed=0)
    (logits,) = weighted(network)
    images = images_of()
    by_hand = (images / 127.5 - 1).reshape(len(images), -1) @ logits.kernel.numpy()
    np.testing.assert_allclose(call(network, images), by_hand + logits.bias.numpy(), atol=1e-4)


@pytest.mark.parametrize(("padding", "side"), [("same", 12), ("valid", 10)])
def test_padding(padding, side):
    network = build_cnn(SHAPE, filters=(2,), padding=padding, pooling=None, seed=0)
    assert network.get_layer("flatten").output.shape == (None, side * side * 2)


def test_kernels_are_never_larger_than_the_feature_map():
    network = build_cnn((4, 2, 1), filters=(2, 2), kernel_size=3, padding="valid", seed=0)
    assert [c.kernel_size for c in of_type(network, layers.Conv2D)] == [(3, 2), (1, 1)]


@pytest.mark.parametrize(
    ("pooling", "kind"), [("max", layers.MaxPooling2D), ("average", layers.AveragePooling2D)]
)
def test_pooling_halves_the_image(pooling, kind):
    network = build_cnn((12, 1, 1), filters=(2,), pooling=pooling, seed=0)
    (pool,) = of_type(network, kind)
    assert pool.output.shape == (None, 6, 1, 2)


def test_pooling_none_preserves_the_size():
    network = build_cnn(SHAPE, filters=(2, 2), pooling=None, seed=0)
    assert not of_type(network, (layers.MaxPooling2D, layers.AveragePooling2D))
    assert network.get_layer("flatten").output.shape == (None, 12 * 12 * 2)


@pytest.mark.parametrize(
    ("global_pooling", "kind"),
    [("max", layers.GlobalMaxPooling2D), ("average", layers.GlobalAveragePooling2D)],
)
def test_global_pooling_gives_one_number_per_map(global_pooling, kind):
    network = build_cnn(SHAPE, filters=(4,), global_pooling=global_pooling, seed=0)
    (pool,) = of_type(network, kind)
    assert pool.output.shape == (None, 4)
    assert not of_type(network, layers.Flatten)


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu"])
def test_activation_follows_every_hidden_layer(activation):
    network = build_cnn(SHAPE, filters=(2,), dense_units=(3,), activation=activation, seed=0)
    found = [layer.activation for layer in of_type(network, layers.Activation)]
    assert found == [keras.activations.get(activation)] * 2


@pytest.mark.parametrize("batch_norm", [True, False])
def test_batch_norm_comes_between_a_layer_and_its_activation(batch_norm):
    network = build_cnn(SHAPE, filters=(2,), dense_units=(3,), batch_norm=batch_norm, seed=0)
    *hidden, logits = weighted(network)
    assert all(layer.use_bias is not batch_norm for layer in hidden)
    assert logits.use_bias
    names = [layer.name for layer in network.layers]
    for name in ("block1_conv1", "dense1"):
        following = names[names.index(name) + 1]
        assert following == (f"{name}_norm" if batch_norm else f"{name}_activation")


# Pixel values


@pytest.mark.parametrize("value_range", [(0.0, 255.0), (-3.0, 5.0), (0.0, 1.0)])
def test_the_value_range_is_mapped_to_minus_one_and_one(value_range):
    network = build_cnn((1, 2, 1), value_range=value_range, seed=0)
    x = np.asarray(value_range, dtype=np.float32).reshape(1, 1, 2, 1)
    scaled = keras.ops.convert_to_numpy(network.get_layer("rescaling")(x))
    np.testing.assert_allclose(scaled.ravel(), [-1, 1], atol=1e-6)


def test_a_constant_image_is_no_division_by_zero():
    network = build_cnn((2, 2, 1), filters=(2,), value_range=(7.0, 7.0), seed=0)
    assert np.isfinite(call(network, np.full((1, 2, 2, 1), 7.0, np.float32))).all()


def test_uint8_and_floats_of_the_same_value_give_the_same_logits():
    network = build_cnn(SHAPE, filters=(2,), seed=0)
    images = images_of()
    np.testing.assert_array_equal(call(network, images), call(network, images.astype(np.float32)))


# Randomness


def test_only_the_seed_decides_the_weights():
    keras.utils.set_random_seed(1)
    first = build_cnn(SHAPE, filters=(2,), seed=5)
    keras.utils.set_random_seed(2)
    assert same_weights(first, build_cnn(SHAPE, filters=(2,), seed=5))
    assert not same_weights(first, build_cnn(SHAPE, filters=(2,), seed=6))


def test_without_a_seed_two_networks_differ():
    a, b = (build_cnn(SHAPE, filters=(2,)) for _ in range(2))
    assert not same_weights(a, b)


@pytest.mark.parametrize("seed", [3, None])
def test_global_generators_are_not_changed(seed, states_of_generators):
    before = states_of_generators()
    network = build_cnn(SHAPE, filters=(2,), dropout=0.5, seed=seed)
    call(network, images_of(), training=True)
    assert states_of_generators() == before


def test_all_layers_start_with_different_weights():
    network = build_cnn(
        (8, 8, 2), filters=(2, 2), convs_per_block=2, dense_units=(2, 2), dropout=0.5, seed=0
    )
    kernels = [layer.kernel.numpy() for layer in weighted(network)]
    for i, kernel in enumerate(kernels):
        assert not any(
            kernel.shape == other.shape and np.allclose(kernel, other) for other in kernels[:i]
        )
    states = [
        tuple(layer.seed_generator.state.numpy()) for layer in of_type(network, layers.Dropout)
    ]
    assert len(set(states)) == len(states) == 4


def test_kernel_initializer_and_its_seed():
    network = build_cnn(SHAPE, filters=(64,), kernel_initializer="he_normal", seed=0)
    assert network.get_layer("block1_conv1").kernel.numpy().std() == pytest.approx(
        np.sqrt(2 / 9), rel=0.1
    )
    zeros = build_cnn(SHAPE, filters=(2,), kernel_initializer="zeros", seed=0)
    assert all((layer.kernel.numpy() == 0).all() for layer in weighted(zeros))
    initializer = network.get_layer("logits").kernel_initializer
    assert isinstance(initializer, keras.initializers.HeNormal)
    assert isinstance(initializer.seed, int)


# Regularisation


def test_l1_and_l2_penalise_the_kernels_of_every_layer():
    network = build_cnn(SHAPE, filters=(2,), dense_units=(3,), l1=0.01, l2=0.1, seed=0)
    kernels = [layer.kernel.numpy() for layer in weighted(network)]
    assert len(kernels) == 3
    by_hand = sum(0.01 * np.abs(k).sum() + 0.1 * (k**2).sum() for k in kernels)
    losses = keras.ops.convert_to_numpy(sum(network.losses))
    assert float(losses) == pytest.approx(by_hand, rel=1e-4)


def test_activity_l2_penalises_the_outputs_of_hidden_layers():
    images = images_of()
    plain = build_cnn(SHAPE, filters=(2,), dense_units=(3,), seed=0)
    network = build_cnn(SHAPE, filters=(2,), dense_units=(3,), activity_l2=0.1, seed=0)
    assert not plain.losses
    call(network, images)
    assert len(network.losses) == 2
    assert all(keras.ops.convert_to_numpy(loss) > 0 for loss in network.losses)
    np.testing.assert_array_equal(call(network, images), call(plain, images))


def test_there_is_no_penalty_by_default():
    network = build_cnn(SHAPE, batch_norm=True, dropout=0.5, seed=0)
    assert network.losses == []
    assert all(layer.kernel_constraint is None for layer in weighted(network))


@pytest.mark.parametrize(
    "name",
    [
        "block1_conv1",
        "block1_conv2",
        "dense1",
        "logits",
    ],
)
def test_max_norm_bounds_the_incoming_weights_of_every_unit(name):
    network = build_cnn(
        SHAPE, filters=(4,), convs_per_block=2, dense_units=(3,), max_norm=0.5, seed=0
    )
    layer = network.get_layer(name)
    kernel = keras.ops.convert_to_numpy(layer.kernel_constraint(layer.kernel * 100))
    norms = np.sqrt((kernel**2).sum(axis=tuple(range(kernel.ndim - 1))))
    np.testing.assert_allclose(norms, 0.5, rtol=1e-3)


def test_dropout_acts_in_training_only():
    network = build_cnn(SHAPE, filters=(8,), dense_units=(16,), dropout=0.4, seed=0)
    drops = of_type(network, layers.Dropout)
    assert [drop.rate for drop in drops] == [0.4, 0.4]
    ones = np.ones((200, 50), np.float32)
    dropped = keras.ops.convert_to_numpy(drops[-1](ones, training=True))
    assert (dropped == 0).mean() == pytest.approx(0.4, abs=0.03)
    images = images_of()
    np.testing.assert_array_equal(call(network, images), call(network, images))
    assert not np.array_equal(
        call(network, images, training=True), call(network, images, training=True)
    )


# Precision


def test_in_bfloat16_weights_and_logits_stay_in_float32():
    network = build_cnn(
        SHAPE, filters=(4,), dense_units=(8,), batch_norm=True, dtype="mixed_bfloat16", seed=0
    )
    assert {v.dtype for v in network.weights} == {"float32"}
    assert network.get_layer("block1_conv1").compute_dtype == "bfloat16"
    logits = call(network, images_of())
    assert logits.dtype == np.float32
    full = build_cnn(SHAPE, filters=(4,), dense_units=(8,), batch_norm=True, seed=0)
    assert same_weights(network, full)
    np.testing.assert_allclose(logits, call(full, images_of()), atol=0.1)
    assert keras.config.dtype_policy().name == "float32"
