"""Several steps in one execution: the same fit, and callbacks that see what they look at."""

import keras
import numpy as np
import pytest

from skpneumo import ImageAugmenter, ImageLoader
from skpneumo.classifiers.engine import _compiled, _device_data, _devices
from skpneumo.classifiers.engine._multi_step import JaxLoop, TensorFlowLoop, loop_of
from skpneumo.classifiers.engine._training import _watch_steps

backend = keras.backend.backend()
LOOPS = {"tensorflow": TensorFlowLoop, "jax": JaxLoop}
with_a_loop = pytest.mark.skipif(backend not in LOOPS, reason=f"{backend} has no loop")


@pytest.fixture
def executions(monkeypatch, no_programs):
    """Train in loops of three steps, however long they take; the steps of each execution."""
    seen = []

    class Spied(LOOPS[backend]):
        max_steps = 3

        def __call__(self, batches, rates):
            seen.append(len(batches))
            return super().__call__(batches, rates)

    no_programs()
    monkeypatch.setattr(_devices, "loop_of", Spied)
    monkeypatch.setattr(_compiled, "_SECONDS_AT_ONCE", np.inf)
    return seen


@pytest.fixture
def one_by_one(monkeypatch, no_programs):
    monkeypatch.setattr(_devices, "loop_of", lambda model: None)


class Steps(keras.callbacks.Callback):
    """Writes down which steps it is told of, and the rate of each."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.rates = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch)
        self.rates.append(float(self.model.optimizer.learning_rate.numpy()))


@with_a_loop
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
def test_the_fit_is_that_of_single_steps(options, small, images, labels, one_by_one, request):
    options = {"precision": "float32", **options}
    single = small(**options).fit(images, labels)
    executions = request.getfixturevalue("executions")
    looped = small(**options).fit(images, labels)
    assert executions[:4] == [1, 3, 3, 1]  # the first one tells how long a step takes
    assert looped.history_.keys() == single.history_.keys()
    for name, values in single.history_.items():
        np.testing.assert_allclose(looped.history_[name], values, rtol=1e-4)
    np.testing.assert_allclose(
        looped.predict_proba(images), single.predict_proba(images), atol=1e-5
    )


@pytest.mark.skipif(backend != "jax", reason="the loop that takes rows is JAX's")
@pytest.mark.parametrize("options", [{}, {"augmentation": ImageAugmenter(rotation=20)}])
def test_rows_of_resident_images_are_taken_within_the_loop(
    options, small, images, labels, executions, monkeypatch
):
    moved = small(**options).fit(images, labels)
    monkeypatch.setattr(_device_data, "_free_device_memory", lambda: 10**9)
    resident = small(**options).fit(images, labels)
    np.testing.assert_array_equal(resident.predict_proba(images), moved.predict_proba(images))


@with_a_loop
def test_a_callback_that_looks_at_steps_sees_each_at_its_rate(small, images, labels, executions):
    watching = Steps()
    small(callbacks=[watching], schedule="cosine", warmup_epochs=0, epochs=2).fit(images, labels)
    assert set(executions) == {1}
    assert watching.steps == [0, 1, 2, 3] * 2
    assert (np.diff(watching.rates) < 0).all()


@with_a_loop
def test_an_optimizer_with_a_schedule_of_its_own_keeps_it(
    small, images, labels, one_by_one, request
):
    rates = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.1)
    options = {"optimizer": keras.optimizers.SGD(rates), "learning_rate": None}
    single = small(**options).fit(images, labels)
    executions = request.getfixturevalue("executions")
    looped = small(**options).fit(images, labels)
    assert max(executions) == 3
    assert looped.history_["loss"] == pytest.approx(single.history_["loss"], rel=1e-4)


@with_a_loop
@pytest.mark.parametrize("limit", ["_SECONDS_AT_ONCE", "_BYTES_AT_ONCE"])
def test_what_takes_long_or_much_memory_goes_step_by_step_to_the_same_end(
    limit, small, images, labels, executions, monkeypatch
):
    options = {"batch_norm": True, "dropout": 0.3}
    together = small(**options).fit(images, labels)
    executions.clear()
    monkeypatch.setattr(_compiled, limit, 0)
    singly = small(**options).fit(images, labels)
    assert set(executions[1:]) == {1}
    assert singly.history_ == together.history_
    np.testing.assert_array_equal(singly.predict_proba(images), together.predict_proba(images))


@with_a_loop
def test_a_stream_is_decoded_a_batch_at_a_time(xrays, small, executions):
    loader = ImageLoader(size=12, stream=True)
    small().fit(loader.transform(xrays.filenames), xrays.target)
    assert set(executions) == {1}


def test_who_has_a_loop():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    pays = {
        "tensorflow": not model.jit_compile,
        "jax": keras.distribution.list_devices()[0].startswith(("gpu", "cuda", "tpu")),
        "torch": False,
    }
    assert (loop_of(model) is not None) is pays[backend]


def test_who_watches_steps():
    class Silent(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise AssertionError

    class OldName(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            raise AssertionError

    assert not _watch_steps([])
    assert not _watch_steps([Silent(), keras.callbacks.ProgbarLogger()])
    assert _watch_steps([Silent(), Steps()])
    assert _watch_steps([OldName()])
    nothing = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    assert not _watch_steps([nothing])
    assert _watch_steps([keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)])
