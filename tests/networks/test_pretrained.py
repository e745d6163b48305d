"""Backbones of Keras in our network: pixels, weights, what training changes, names."""

import inspect

import keras
import numpy as np
import pytest

from skpneumo._messages import command_line_messages
from skpneumo.networks import build_pretrained
from skpneumo.networks._backbones import Backbone, _fresh_names
from skpneumo.networks._layers import FusedBatchNormalization, Standardization

from .comparing import assert_close, body_of, call, images_of, part, pooled_by_keras

QUARTER = {"backbone": "MobileNet", "backbone_options": {"alpha": 0.25}}

# Keras hands h5py its variables, which NumPy 2 asks for a keyword they do not know.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)


def keras_own(name: str, side: int, **options) -> keras.Model:
    application = getattr(keras.applications, name)
    return application(include_top=False, weights=None, input_shape=(side, side, 3), **options)


# Features


@pytest.mark.parametrize("backbone", ["MobileNet", "VGG16"])
def test_colours_keep_their_order(backbone, tmp_path):
    own = keras_own(backbone, 32)
    own.save_weights(tmp_path / "own.weights.h5")
    network = build_pretrained(
        (32, 32, 3), backbone=backbone, weights=tmp_path / "own.weights.h5", seed=0
    )
    rgb = images_of(2, 32, 32, 3)
    assert_close(call(part(network, "features"), rgb), pooled_by_keras(own, backbone, rgb))


@pytest.mark.slow
def test_efficientnet_with_imagenet_weights_equals_that_of_keras(tmp_path, monkeypatch):
    """Keras divides by the deviation a second time, in a layer only for these weights."""
    donor = keras_own("EfficientNetB0", 32)
    normalization = next(
        layer for layer in donor.layers if isinstance(layer, keras.layers.Normalization)
    )
    # Those deviations that Keras has as constants in the second layer.
    normalization.set_weights(
        [np.float32([0.5, 0.4, 0.3]), np.float32([0.229, 0.224, 0.225]), np.array(1)]
    )
    file = tmp_path / "imagenet.weights.h5"
    donor.save_weights(file)
    monkeypatch.setattr(
        "keras.src.applications.efficientnet.file_utils.get_file", lambda *_, **__: str(file)
    )
    own = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(32, 32, 3)
    )
    grey = images_of(2, 32, 32, 1)
    expected = pooled_by_keras(own, "EfficientNetB0", np.repeat(grey, 3, axis=-1))
    for weights in ("imagenet", file):
        network = build_pretrained((32, 32, 1), backbone="EfficientNetB0", weights=weights)
        assert_close(call(part(network, "features"), grey), expected)


def test_unknown_backbones_are_refused_with_similar_names():
    with pytest.raises(ValueError, match=r"no backbone 'vgg61'.*Did you mean VGG1"):
        build_pretrained((32, 32, 1), backbone="vgg61")
    with pytest.raises(ValueError, match=r"no backbone 'Alexandria'.*It has .*'ConvNeXtBase'"):
        build_pretrained((32, 32, 1), backbone="Alexandria")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alfa": 0.25}, r"\['alfa'\].*MobileNet has \['alpha', 'depth_multiplier', 'dropout'\]"),
        ({"pooling": "max"}, "sets 'pooling'.*use global_pooling"),
        ({"weights": "imagenet"}, "sets 'weights'.*use the parameter weights"),
    ],
)
def test_invalid_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        build_pretrained((32, 32, 1), backbone_options=options)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_numbers_of_channels_are_refused(channels):
    with pytest.raises(ValueError, match=rf"1 or 3 channels, got shape \(32, 32, {channels}\)"):
        build_pretrained((32, 32, channels), **QUARTER)


# Pixels


@pytest.mark.parametrize("shape", [(1, 5, 1), (8, 40, 1), (31, 31, 3)])
def test_smaller_images_are_enlarged(shape):
    network = build_pretrained(shape, **QUARTER, seed=0)
    height, width, _ = shape
    assert body_of(network).input_shape[1:3] == (max(height, 32), max(width, 32))
    assert call(network, images_of(2, *shape)).shape == (2, 1)


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-3.0, 5.0)])
def test_pixels_of_any_range_give_the_same_features(value_range):
    low, high = value_range
    grey = images_of(2, 32, 32, 1)
    scaled = low + grey.astype("float32") / 255 * (high - low)
    plain = build_pretrained((32, 32, 1), **QUARTER, seed=0)
    ranged = build_pretrained((32, 32, 1), **QUARTER, value_range=value_range, seed=0)
    assert_close(call(part(ranged, "features"), scaled), call(part(plain, "features"), grey))


def test_a_constant_image_is_no_division_by_zero():
    network = build_pretrained((32, 32, 1), **QUARTER, value_range=(7.0, 7.0), seed=0)
    assert np.isfinite(call(network, np.full((1, 32, 32, 1), 7.0))).all()


# Weights


def test_weights_of_other_options_are_refused(tmp_path):
    keras_own("MobileNet", 32, alpha=0.5).save_weights(tmp_path / "half.weights.h5")
    with pytest.raises(ValueError, match=r"half.weights.h5' are not those of MobileNet.*0.25"):
        build_pretrained((32, 32, 1), **QUARTER, weights=tmp_path / "half.weights.h5")


def test_files_without_weights_are_refused(tmp_path):
    for name in ("notes.txt", "notes.weights.h5"):
        (tmp_path / name).write_text("nothing of the kind")
        with pytest.raises(ValueError, match=f"{name}' are not those of MobileNet"):
            build_pretrained((32, 32, 1), **QUARTER, weights=tmp_path / name)


def test_a_missing_file_of_weights_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone.weights.h5.*without its top, \"imagenet\""):
        build_pretrained((32, 32, 1), **QUARTER, weights=tmp_path / "gone.weights.h5")


# What training changes


@pytest.mark.parametrize("trainable_norm", [True, False])
def test_layers_are_trainable_from_the_named_one_on(trainable_norm):
    network = build_pretrained(
        (32, 32, 1), **QUARTER, trainable_from="conv_pw_13", trainable_norm=trainable_norm
    )
    trained = {variable.path.split("/")[-2] for variable in body_of(network).trainable_variables}
    assert trained == {"conv_pw_13"} | ({"conv_pw_13_bn"} if trainable_norm else set())


@pytest.mark.parametrize("weights", ["file", None])
def test_batch_norm_is_trained_only_with_random_weights(weights, tmp_path):
    if weights is not None:
        weights = tmp_path / "own.weights.h5"
        keras_own("MobileNet", 32, alpha=0.25).save_weights(weights)
    network = build_pretrained((32, 32, 1), **QUARTER, weights=weights, trainable_from="all")
    norms = [
        layer for layer in body_of(network).layers if isinstance(layer, FusedBatchNormalization)
    ]
    assert len(norms) == 27
    assert {layer.trainable for layer in norms} == {weights is None}
    # Averages that came with weights are not forgotten for the first batches.
    assert {float(layer.n_batches) > 1000 for layer in norms} == {weights is not None}


def test_an_unknown_layer_is_refused_with_similar_names():
    with pytest.raises(ValueError, match=r"no layer 'conv_pw_31'.*'conv_pw_13'"):
        build_pretrained((32, 32, 1), **QUARTER, trainable_from="conv_pw_31")


def test_standardisation_is_part_of_the_network_and_initially_the_identity():
    features = part(build_pretrained((32, 32, 1), **QUARTER, seed=0), "features")
    last = features.layers[-1]
    assert isinstance(last, Standardization)
    assert not last.trainable_variables
    assert features.weights[-2:] == [last.mean, last.deviation]
    assert (last.mean.numpy() == 0).all()
    assert (last.deviation.numpy() == 1).all()


# Randomness, names, precision


def test_only_the_seed_decides_the_weights():
    def weights(seed, others: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(others)
        return build_pretrained((32, 32, 1), **QUARTER, head_units=(3,), seed=seed).get_weights()

    first = weights(5, 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, weights(5, 2), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, weights(6, 1), strict=True))


def test_global_generators_are_not_changed(states_of_generators):
    before = states_of_generators()
    build_pretrained((32, 32, 1), **QUARTER, dropout=0.5)
    assert states_of_generators() == before


def test_layers_are_named_as_in_a_fresh_process():
    names = []
    for _ in range(2):
        own = keras_own("MobileNetV3Small", 32)
        names.append(list(_fresh_names(own).values()))
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
    assert {"rescaling", "activation", "activation_1", "expanded_conv_1_expand"} <= set(names[0])


def test_in_bfloat16_weights_and_logits_stay_in_float32():
    network = build_pretrained(
        (32, 32, 1), **QUARTER, head_units=(4,), dtype="mixed_bfloat16", seed=0
    )
    assert {variable.dtype for variable in network.weights} == {"float32"}
    assert body_of(network).get_layer("conv_pw_13").compute_dtype == "bfloat16"
    assert part(network, "features").get_layer("to_255").compute_dtype == "float32"
    assert call(network, images_of(2, 32, 32, 1)).dtype == np.float32
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("backbone", ["MobileNet", "VGG16"])
def test_a_network_is_saved_and_loaded_by_keras(backbone, tmp_path):
    network = build_pretrained((32, 32, 3), backbone=backbone, head_units=(3,), seed=0)
    part(network, "features").layers[-1].deviation.assign(
        [1e-3] * part(network, "features").output_shape[1]
    )
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    rgb = images_of(2, 32, 32, 3)
    np.testing.assert_allclose(call(loaded, rgb), call(network, rgb), rtol=1e-5)


@pytest.mark.parametrize(
    "error",
    [
        Exception("URL fetch failure on https://host/weights.h5: None -- [Errno -2] unknown name"),
        ValueError("Incomplete or corrupted file detected. The auto file hash does not match"),
        TimeoutError("timed out"),
    ],
)
def test_a_failed_download_is_one_line_with_a_remedy(error, monkeypatch, capsys):
    def fails(**_):
        print_msg = keras.utils.Progbar(3)  # Keras shows its own bar of the download
        print_msg.update(1)
        raise error

    fails.__signature__ = inspect.signature(keras.applications.MobileNet)
    monkeypatch.setattr(keras.applications, "MobileNet", fails)
    before = keras.config.is_interactive_logging_enabled()
    with pytest.raises(ConnectionError, match="ImageNet weights of MobileNet") as raised:
        Backbone("MobileNet")._with_imagenet_weights()
    assert "\n" not in str(raised.value)
    assert "random weights" in str(raised.value)
    with command_line_messages(), pytest.raises(ConnectionError, match="give --weights a"):
        Backbone("MobileNet")._with_imagenet_weights()
    assert keras.config.is_interactive_logging_enabled() == before
    assert capsys.readouterr() == ("", "")


def test_other_errors_of_keras_are_raised_unchanged(monkeypatch):
    def fails(**_):
        raise ValueError("alpha must be one of 0.25, 0.5")

    fails.__signature__ = inspect.signature(keras.applications.MobileNet)
    monkeypatch.setattr(keras.applications, "MobileNet", fails)
    with pytest.raises(ValueError, match="alpha must be"):
        Backbone("MobileNet")._with_imagenet_weights()
