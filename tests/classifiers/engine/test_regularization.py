"""Fits with different factors of regularization share one program."""

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from skpneumo import CNNClassifier
from skpneumo.classifiers.engine._compiled import NetworkSpec, training_programs
from skpneumo.classifiers.engine._regularization import PLACEHOLDERS, RegularizationFactors
from skpneumo.networks import build_cnn, build_pretrained

from ..checks import WatchingCallback

FACTORS = [
    {"dropout": 0.4},
    {"l1": 0.02},
    {"l2": 0.1},
    {"l1": 0.02, "l2": 0.1},
    {"activity_l2": 0.01},
    {"dropout": 0.4, "l1": 0.02, "l2": 0.1, "activity_l2": 0.01},
]
# Steps too small to move a weight: the loss of the first epoch is that of the start.
ZERO_LEARNING_RATE = {
    "learning_rate": 1e-30,
    "optimizer": "sgd",
    "epochs": 1,
    "precision": "float32",
}


@pytest.fixture
def penalty(small, images, labels):
    """Initial loss beyond the cross-entropy."""

    def measure(**factors) -> float:
        classifier = small(**ZERO_LEARNING_RATE, **factors).fit(images, labels)
        proba = classifier.predict_proba(images)
        return classifier.history_["loss"][0] - log_loss(labels, proba)

    return measure


def test_penalties_equal_those_of_keras(small, images, labels, penalty):
    start = small(**ZERO_LEARNING_RATE).fit(images, labels)
    kernels = [weight for weight in start.weights_ if weight.ndim > 1]
    absolute = sum(np.abs(kernel).sum() for kernel in kernels)
    squares = sum(np.square(kernel).sum() for kernel in kernels)
    assert penalty(l1=0.02) == pytest.approx(0.02 * absolute, rel=1e-4)
    assert penalty(l2=0.1) == pytest.approx(0.1 * squares, rel=1e-4)
    assert penalty(l1=0.01, l2=0.2) == pytest.approx(0.01 * absolute + 0.2 * squares, rel=1e-4)


def test_activity_is_penalised_with_its_factor(penalty):
    assert penalty(activity_l2=0.01) > 0
    assert penalty(activity_l2=0.03) == pytest.approx(3 * penalty(activity_l2=0.01), rel=1e-3)


@pytest.mark.parametrize("factors", FACTORS, ids=lambda factors: "+".join(factors))
def test_a_program_that_had_other_factors_trains_like_a_new_one(
    factors, small, images, labels, no_programs
):
    first = small(**factors).fit(images, labels)
    other = small(**{name: value / 2 for name, value in factors.items()}).fit(images, labels)
    again = small(**factors).fit(images, labels)
    assert len(training_programs._idle) == 1
    assert again.history_ == first.history_ != other.history_
    np.testing.assert_array_equal(again.predict_proba(images), first.predict_proba(images))
    assert not np.array_equal(other.predict_proba(images), first.predict_proba(images))


@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_dropout_uses_the_assigned_rate(rate):
    spec = NetworkSpec.of(build_cnn, input_shape=(32, 32, 1), filters=(8,), dropout=rate)
    network = spec.with_placeholders.build(0)
    factors = RegularizationFactors()
    factors.attach(network)
    factors.assign(spec.regularization)
    dropout = network.get_layer("block1_dropout")
    dropped = keras.ops.convert_to_numpy(dropout(np.ones((4, 64, 64, 1)), training=True))
    assert np.mean(dropped == 0) == pytest.approx(rate, abs=0.02)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / (1 - rate), rtol=1e-6)
    kept = dropout(np.ones((4, 64, 64, 1)), training=False)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(kept), 1)


def test_factors_reach_the_head_of_a_pretrained_network():
    spec = NetworkSpec.of(
        build_pretrained, input_shape=(32, 32, 1), backbone="MobileNet",
        backbone_options=(("alpha", 0.25),), head_units=(3,), dropout=0.2, l2=0.3,
    )  # fmt: skip
    factors = RegularizationFactors()
    factors.attach(spec.with_placeholders.build(0))
    assert {variable.name for variable in factors.variables} == {"dropout", "l2"}
    factors.assign(spec.regularization)
    found = {variable.name: float(variable.numpy()) for variable in factors.variables}
    assert found == pytest.approx({"dropout": 0.2, "l2": 0.3})


class AtTheEnd(WatchingCallback):
    """Calls a function with the model in training."""

    def __init__(self, action) -> None:
        super().__init__()
        self._action = action

    def on_train_end(self, logs=None):
        self.result = self._action(self.model)


def test_inner_validation_and_callbacks_get_only_the_weights_of_the_network(small, images, labels):
    shapes = AtTheEnd(lambda model: [weight.shape for weight in model.get_weights()])
    options = {"dropout": 0.3, "l2": 0.1, "early_stopping": True, "callbacks": [shapes]}
    classifier = small(**options).fit(images, labels)
    assert shapes.result == [weight.shape for weight in classifier.weights_]
    assert len(classifier.history_["val_loss"]) == classifier.n_iter_


def test_a_callback_saves_a_network_with_its_factors(small, images, labels, tmp_path):
    def save(model: keras.Model) -> None:
        model.save(tmp_path / "saved.keras")

    small(dropout=0.1, l1=0.5, l2=0.6, activity_l2=0.7, epochs=1).fit(images, labels)
    factors = {"dropout": 0.3, "l1": 0.02, "l2": 0.1, "activity_l2": 0.01}
    classifier = small(**factors, epochs=1, callbacks=[AtTheEnd(save)]).fit(images, labels)
    network = keras.saving.load_model(tmp_path / "saved.keras")
    assert type(network.get_layer("block1_dropout")) is keras.layers.Dropout
    assert network.get_layer("block1_dropout").rate == 0.3
    conv = network.get_layer("block1_conv1").kernel_regularizer
    assert (conv.l1, conv.l2) == (0.02, 0.1)
    assert network.get_layer("block1_conv1_activation").activity_regularizer.l2 == 0.01
    for kept, weight in zip(network.get_weights(), classifier.weights_, strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_a_checkpoint_of_weights_does_not_contain_factors(small, images, labels, tmp_path):
    file = str(tmp_path / "last.weights.h5")
    checkpoint = keras.callbacks.ModelCheckpoint(file, save_weights_only=True)
    small(dropout=0.1, l2=0.001, epochs=1, callbacks=[checkpoint]).fit(images, labels)
    strong = {"dropout": 0.8, "l2": 5.0, "epochs": 1}
    loading = AtTheEnd(lambda model: model.load_weights(file))
    small(**strong, callbacks=[loading]).fit(images, labels)
    program = training_programs._idle[-1][1]
    found = {each.name: float(each.numpy()) for each in program.regularization.variables}
    assert found == pytest.approx({"dropout": 0.8, "l2": 5.0})


def test_a_global_dtype_policy_does_not_round_images(small, images, labels, no_programs):
    floats = images.astype(np.float32) * 1000 + 0.1
    options = {"dropout": 0.3, "precision": "float32"}
    expected = small(**options).fit(floats, labels).history_
    no_programs()
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert small(**options).fit(floats, labels).history_ == expected
    finally:
        keras.config.set_dtype_policy(policy)


def test_specs_with_and_without_a_penalty_differ():
    def spec(**factors) -> NetworkSpec:
        return NetworkSpec.of(build_cnn, filters=(4,), **factors)

    assert (
        spec(dropout=0.2).with_placeholders
        == spec(dropout=0.3).with_placeholders
        != spec(dropout=0).with_placeholders
    )
    assert spec(dropout=0.2).for_prediction == spec(dropout=0).for_prediction


def test_every_factor_is_a_parameter_of_the_classifier():
    assert PLACEHOLDERS.keys() <= CNNClassifier().get_params().keys()
