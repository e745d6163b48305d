"""Several steps in one execution give the same fit, and callbacks get correct values."""

import keras
import numpy as np
import pytest

from skpneumo import ImageAugmenter, ImageLoader
from skpneumo.classifiers.engine import _compiled, _devices, _multi_step
from skpneumo.classifiers.engine._multi_step import (
    JaxMultiStep,
    MultiStep,
    SingleStep,
    TensorFlowMultiStep,
    steps_of,
)
from skpneumo.classifiers.engine._training import _need_single_steps

from ..checks import WatchingCallback

backend = keras.backend.backend()
MULTI_STEP = {"tensorflow": TensorFlowMultiStep, "jax": JaxMultiStep}
with_multi_step = pytest.mark.skipif(backend not in MULTI_STEP, reason=f"{backend} has none")


@pytest.fixture
def executions(monkeypatch, no_programs):
    """Train with three steps at once; yield the number of steps of each execution."""
    seen = []

    class Spied(MULTI_STEP[backend]):
        max_steps = 3

        def __call__(self, batches, rates=None):
            seen.append(len(batches))
            return super().__call__(batches, rates)

    no_programs()
    monkeypatch.setattr(_compiled, "steps_of", Spied)
    monkeypatch.setattr(_multi_step, "_SECONDS_AT_ONCE", np.inf)
    return seen


@pytest.fixture
def single_steps(monkeypatch, no_programs):
    monkeypatch.setattr(_compiled, "steps_of", SingleStep)


class Steps(WatchingCallback):
    """Records the steps that it is called for, and the rate of each."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.rates = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch)
        self.rates.append(float(self.model.optimizer.learning_rate.numpy()))


@with_multi_step
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_norm": True, "dropout": 0.3, "ema_momentum": 0.9, "l2": 0.1},
        {"schedule": "cosine", "warmup_epochs": 1, "optimizer": "adamw", "weight_decay": 0.1},
        {"augmentation": ImageAugmenter(rotation=20, brightness=0.2), "mixup": 0.2},
        {"schedule": "plateau", "early_stopping": True, "n_iter_no_change": 2, "epochs": 5},
    ],
    ids=lambda options: "+".join(options) or "plain",
)
def test_the_fit_equals_that_of_single_steps(
    options, small, images, labels, single_steps, request
):
    options = {"precision": "float32", **options}
    single = small(**options).fit(images, labels)
    executions = request.getfixturevalue("executions")
    together = small(**options).fit(images, labels)
    assert executions[:4] == [1, 3, 3, 1]  # the first one tells how long a step takes
    assert together.history_.keys() == single.history_.keys()
    for name, values in single.history_.items():
        np.testing.assert_allclose(together.history_[name], values, rtol=1e-4)
    np.testing.assert_allclose(
        together.predict_proba(images), single.predict_proba(images), atol=1e-5
    )


@pytest.mark.skipif(backend != "jax", reason="the loop that gathers rows is JAX's")
@pytest.mark.parametrize("options", [{}, {"augmentation": ImageAugmenter(rotation=20)}])
def test_rows_of_images_on_the_device_are_gathered_within_the_loop(
    options, small, images, labels, executions, monkeypatch
):
    moved = small(**options).fit(images, labels)
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 10**9)
    on_device = small(**options).fit(images, labels)
    np.testing.assert_array_equal(on_device.predict_proba(images), moved.predict_proba(images))


@with_multi_step
def test_a_callback_for_steps_is_called_for_each_with_its_rate(small, images, labels, executions):
    watching = Steps()
    small(callbacks=[watching], schedule="cosine", warmup_epochs=0, epochs=2).fit(images, labels)
    assert set(executions) == {1}
    assert watching.steps == [0, 1, 2, 3] * 2
    assert (np.diff(watching.rates) < 0).all()


@with_multi_step
def test_an_optimizer_with_a_schedule_of_its_own_keeps_it(
    small, images, labels, single_steps, request
):
    rates = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.1)
    options = {"optimizer": keras.optimizers.SGD(rates), "learning_rate": None}
    single = small(**options).fit(images, labels)
    executions = request.getfixturevalue("executions")
    together = small(**options).fit(images, labels)
    assert max(executions) == 3
    assert together.history_["loss"] == pytest.approx(single.history_["loss"], rel=1e-4)


@with_multi_step
@pytest.mark.parametrize("limit", ["_SECONDS_AT_ONCE", "_BYTES_AT_ONCE"])
def test_slow_or_large_steps_are_taken_singly_with_the_same_result(
    limit, small, images, labels, executions, monkeypatch
):
    options = {"batch_norm": True, "dropout": 0.3}
    together = small(**options).fit(images, labels)
    executions.clear()
    monkeypatch.setattr(_multi_step, limit, 0)
    singly = small(**options).fit(images, labels)
    assert set(executions[1:]) == {1}
    assert singly.history_ == together.history_
    np.testing.assert_array_equal(singly.predict_proba(images), together.predict_proba(images))


@with_multi_step
def test_a_stream_is_decoded_a_batch_at_a_time(xrays, small, executions):
    loader = ImageLoader(size=12, stream=True)
    small().fit(loader.transform(xrays.filenames), xrays.target)
    assert set(executions) == {1}


def test_several_steps_at_once_are_used_if_they_are_faster():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    pays = {
        "tensorflow": lambda: not model.jit_compile,
        "jax": lambda: keras.distribution.list_devices()[0].startswith(("gpu", "cuda", "tpu")),
        "torch": lambda: False,
    }
    assert isinstance(steps_of(model), MultiStep) is pays[backend]()


def test_callbacks_that_need_single_steps_are_recognised():
    class Silent(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise AssertionError

    class OldName(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            raise AssertionError

    assert not _need_single_steps([])
    assert not _need_single_steps([Silent(), keras.callbacks.ProgbarLogger()])
    assert _need_single_steps([Silent(), Steps()])
    assert _need_single_steps([OldName()])
    nothing = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    assert not _need_single_steps([nothing])
    assert _need_single_steps(
        [keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)]
    )


@pytest.fixture
def compilations(monkeypatch, no_programs):
    """Count the compiled loops of training steps and sizes of prediction batches."""
    counts = {"training": 0, "prediction": set()}

    class Counted(JaxMultiStep):
        def _steps(self, *arguments):  # JAX calls it whenever it compiles
            counts["training"] += 1
            return super()._steps(*arguments)

    predict_on_batch = keras.Model.predict_on_batch

    def counted(network, x):
        counts["prediction"].add(x.shape)
        return predict_on_batch(network, x)

    no_programs()
    monkeypatch.setattr(_compiled, "steps_of", Counted)
    monkeypatch.setattr(keras.Model, "predict_on_batch", counted)
    return counts


@pytest.mark.skipif(backend != "jax", reason="only JAX compiles a program for each shape")
@pytest.mark.parametrize("on_device", [False, True], ids=["moved", "on the device"])
@pytest.mark.parametrize(
    "options",
    [{}, {"schedule": "cosine", "warmup_epochs": 1, "batch_norm": True, "ema_momentum": 0.9}],
    ids=["plain", "cosine+ema"],
)
def test_folds_share_one_training_and_one_prediction_program(
    on_device, options, small, images, labels, compilations, monkeypatch
):
    if on_device:
        monkeypatch.setattr(_devices, "free_device_memory", lambda: 10**9)
    many, y = np.tile(images, (3, 1, 1, 1)), np.tile(labels, 3)
    for fold, n_held_out in enumerate((79, 65, 70)):  # each of another number of rows
        rows = (np.arange(len(many)) + 5 * fold) % len(many)
        held_out, train = rows[:n_held_out], rows[n_held_out:]
        classifier = small(epochs=2, **options).fit(many[train], y[train])
        assert classifier.predict_proba(many[held_out]).shape == (n_held_out, 2)
    assert compilations["training"] == 1
    assert len(compilations["prediction"]) == 1


@pytest.mark.skipif(backend != "jax", reason="the loop that is compiled for a length is JAX's")
def test_images_on_the_device_take_many_steps_at_once(small, images, labels, monkeypatch):
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 10**9)
    seen = []

    class Spied(JaxMultiStep):
        def __call__(self, batches, rates=None):
            seen.append(len(batches))
            return super().__call__(batches, rates)

    monkeypatch.setattr(_compiled, "steps_of", Spied)
    small(epochs=2, batch_size=1, filters=(3,)).fit(images, labels)
    assert seen == [1, 39, 40]
    assert JaxMultiStep.max_steps_of_rows == 64


@pytest.mark.skipif(backend != "tensorflow", reason="strategies belong to TensorFlow")
def test_the_scope_of_a_strategy_is_refused(small, images, labels):
    import tensorflow as tf

    with (
        tf.distribute.OneDeviceStrategy("/CPU:0").scope(),
        pytest.raises(ValueError, match=r"OneDeviceStrategy, .*outside of strategy\.scope\(\)"),
    ):
        small(epochs=1).fit(images, labels)
    small(epochs=1).fit(images, labels)
