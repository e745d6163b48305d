"""Batches split over devices: simulated ones, in a process of their own."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from skpneumo.classifiers.engine._devices import n_to_predict_on, n_to_train_on

ON_THREE_DEVICES = """
import json, os, pickle, warnings
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)

import keras
import numpy as np
from sklearn.base import clone
from skpneumo import CNNClassifier, ImageAugmenter
from skpneumo.classifiers.engine._compiled import training_programs

rng = np.random.default_rng(0)
y = np.arange(36) % 2
X = rng.integers(0, 120, (36, 12, 12, 1), dtype=np.uint8)
X[y == 1, 4:9, 4:9] += 60

def cnn(**parameters):
    common = dict(filters=(4,), dense_units=(5,), epochs=2, batch_size=6, learning_rate=0.01,
                  l2=0.01, activity_l2=0.01, random_state=0, precision="float32")
    return CNNClassifier(**common | parameters)

def apart(a, b):
    return float(max(np.abs(v - w).max() for v, w in zip(a.weights_, b.weights_)))

found = {"devices": len(keras.distribution.list_devices())}

weighing = dict(class_weight={0: 1, 1: 3}, ema_momentum=0.9, early_stopping=True,
                validation_fraction=0.3)
one = cnn(**weighing).fit(X, y)
two = cnn(**weighing, devices=2).fit(X, y)
three = cnn(**weighing, devices="all").fit(X, y)
found["two"], found["three"] = apart(one, two), apart(one, three)
found["losses"] = [one.history_["loss"], two.history_["loss"], three.history_["loss"]]
found["val_losses"] = [each.history_["val_loss"] for each in (one, two, three)]
found["split over"] = sorted(n for (_, n), _ in training_programs._idle)
# 35 images are no multiple of three.
found["predictions"] = float(np.abs(one.predict_proba(X[1:]) - three.predict_proba(X[1:])).max())
kept = pickle.loads(pickle.dumps(three))
found["pickled"] = float(np.abs(kept.predict_proba(X) - three.predict_proba(X)).max())
found["cloned"] = apart(three, clone(three).fit(X, y))

mixing = dict(mixup=0.4, augmentation=ImageAugmenter(rotation=10, gamma=0.2), epochs=1,
              schedule="cosine", warmup_epochs=0)
found["mixed"] = apart(cnn(**mixing).fit(X, y), cnn(**mixing, devices=3).fit(X, y))

going_on = cnn(devices=2, warm_start=True, epochs=1).fit(X, y)
going_on.set_params(devices=3).fit(X, y)
found["going on"] = apart(going_on, cnn(warm_start=True, epochs=1).fit(X, y).fit(X, y))

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    uneven = cnn(batch_size=10, devices=3, epochs=1).fit(X, y)
found["warnings"] = [str(each.message) for each in caught if each.category is UserWarning]
found["uneven"] = apart(uneven, cnn(batch_size=10, epochs=1).fit(X, y))

one, three = cnn(batch_norm=True).fit(X, y), cnn(batch_norm=True, devices=3).fit(X, y)
found["normalised"] = apart(one, three)

one, three = cnn(dropout=0.3).fit(X, y), cnn(dropout=0.3, devices=3).fit(X, y)
found["dropout"], found["dropout losses"] = apart(one, three), three.history_["loss"]

try:
    cnn(devices=4).fit(X, y)
except ValueError as error:
    found["too many"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def found(request):
    """What three devices, simulated by one processor, compute."""
    backend = request.param
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", ON_THREE_DEVICES],
        env=os.environ
        | {
            "KERAS_BACKEND": backend,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=3",
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "backend": backend}


@pytest.mark.slow
def test_the_fit_is_that_of_one_device(found):
    assert found["devices"] == 3
    assert found["split over"] == [1, 2, 3]
    for kind in ("two", "three", "mixed", "cloned", "pickled", "predictions"):
        assert found[kind] < 1e-5, kind
    for losses in (found["losses"], found["val_losses"]):
        np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-4)


@pytest.mark.slow
def test_training_goes_on_on_other_devices(found):
    assert found["going on"] < 1e-5


@pytest.mark.slow
def test_batches_that_cannot_be_split_evenly_take_fewer_devices(found):
    (warning,) = found["warnings"]
    assert "Batches of 10 images" in warning
    assert "takes 2 of them" in warning
    assert found["uneven"] < 1e-5


@pytest.mark.slow
def test_batches_are_normalised_as_a_whole(found):
    assert found["normalised"] < 1e-4


@pytest.mark.slow
def test_dropout(found):
    if found["backend"] == "jax":
        assert found["dropout"] < 1e-5
    assert np.isfinite(found["dropout losses"]).all()


@pytest.mark.slow
def test_more_devices_than_there_are_is_an_error(found):
    assert "devices=4" in found["too many"]
    assert "sees 3 of them" in found["too many"]


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [f"gpu:{i}" for i in range(4)])


@pytest.mark.parametrize(
    ("devices", "n_rows", "n"), [(None, 7, 1), (1, 7, 1), (2, 6, 2), (4, 32, 4), ("all", 32, 4)]
)
def test_even_batches_take_what_is_asked_for(four, devices, n_rows, n):
    assert n_to_train_on(devices, n_rows) == n


@pytest.mark.parametrize(("n_rows", "n"), [(30, 3), (10, 2), (7, 1), (1, 1)])
def test_other_batches_take_what_divides_them(four, n_rows, n):
    with pytest.warns(UserWarning, match="multiple of 4"):
        assert n_to_train_on("all", n_rows) == n


def test_a_model_predicts_where_there_are_fewer_devices(four, monkeypatch):
    assert [n_to_predict_on(devices) for devices in (None, 2, "all", 16)] == [1, 2, 4, 4]
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert n_to_predict_on(16) == 1


def test_torch_is_told(four, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert n_to_train_on(None, 32) == n_to_train_on(1, 32) == 1
    with pytest.raises(ValueError, match="KERAS_BACKEND"):
        n_to_train_on("all", 32)


def test_a_fit_needs_the_devices(small, images, labels):
    with pytest.raises(ValueError, match=r"devices=99, but \w+ "):
        small(devices=99).fit(images, labels)


def test_all_of_one_device_is_the_fit_without(small, images, labels, fitted, monkeypatch):
    if keras.backend.backend() == "torch":
        pytest.skip("torch refuses to choose devices")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    again = small(devices="all").fit(images, labels)
    np.testing.assert_array_equal(again.predict_proba(images), fitted.predict_proba(images))
