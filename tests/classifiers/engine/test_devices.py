"""Batches split over simulated devices, in a separate process, and device memory."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from skpneumo.classifiers.engine import _devices
from skpneumo.classifiers.engine._batches import DeviceImages
from skpneumo.classifiers.engine._devices import (
    free_device_memory,
    let_device_memory_grow,
    n_prediction_devices,
    n_training_devices,
    to_device,
)

ON_THREE_DEVICES = """
import json, pickle, warnings
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
# 35 images cannot be divided equally among three devices.
found["predictions"] = float(np.abs(one.predict_proba(X[1:]) - three.predict_proba(X[1:])).max())
kept = pickle.loads(pickle.dumps(three))
found["pickled"] = float(np.abs(kept.predict_proba(X) - three.predict_proba(X)).max())
found["cloned"] = apart(three, clone(three).fit(X, y))

mixing = dict(mixup=0.4, augmentation=ImageAugmenter(rotation=10, gamma=0.2), epochs=1,
              schedule="cosine", warmup_epochs=0)
found["mixed"] = apart(cnn(**mixing).fit(X, y), cnn(**mixing, devices=3).fit(X, y))

continued = cnn(devices=2, warm_start=True, epochs=1).fit(X, y)
continued.set_params(devices=3).fit(X, y)
found["continued"] = apart(continued, cnn(warm_start=True, epochs=1).fit(X, y).fit(X, y))

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


@pytest.fixture(scope="module")
def found():
    """Results on three devices that one processor simulates."""
    if find_spec("jax") is None:
        pytest.skip("jax is not installed")
    done = subprocess.run(
        [sys.executable, "-c", ON_THREE_DEVICES],
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
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
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_fit_equals_that_on_one_device(found):
    assert found["devices"] == 3
    assert found["split over"] == [1, 2, 3]
    for kind in ("two", "three", "mixed", "cloned", "pickled", "predictions"):
        assert found[kind] < 1e-5, kind
    for losses in (found["losses"], found["val_losses"]):
        np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-4)


@pytest.mark.slow
def test_training_continues_on_other_devices(found):
    assert found["continued"] < 1e-5


@pytest.mark.slow
def test_batches_that_cannot_be_split_evenly_use_fewer_devices(found):
    (warning,) = found["warnings"]
    assert "Batches of 10 images" in warning
    assert "uses 2 of them" in warning
    assert found["uneven"] < 1e-5


@pytest.mark.slow
def test_batches_are_normalised_as_a_whole(found):
    assert found["normalised"] < 1e-4


@pytest.mark.slow
def test_dropout(found):
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
def test_even_batches_use_the_requested_devices(four, devices, n_rows, n):
    assert n_training_devices(devices, n_rows) == n


@pytest.mark.parametrize(("n_rows", "n"), [(30, 3), (10, 2), (7, 1), (1, 1)])
def test_other_batches_use_a_number_that_divides_them(four, n_rows, n):
    with pytest.warns(UserWarning, match="multiple of 4"):
        assert n_training_devices("all", n_rows) == n


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_than_jax_raise_an_error_with_a_remedy(backend, four, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert n_training_devices(None, 32) == n_training_devices(1, 32) == 1
    for devices in (2, "all"):
        with pytest.raises(
            ValueError, match=f"devices={devices!r}.* {backend}.*KERAS_BACKEND=jax"
        ):
            n_training_devices(devices, 32)


def test_a_model_predicts_with_fewer_devices(four, monkeypatch):
    assert [n_prediction_devices(devices) for devices in (None, 2, "all", 16)] == [1, 2, 4, 4]
    for backend in ("tensorflow", "torch"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        assert n_prediction_devices(16) == 1


def test_a_fit_with_missing_devices_is_an_error(small, images, labels):
    with pytest.raises(ValueError, match="devices=99, but "):
        small(devices=99).fit(images, labels)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="other backends refuse to split")
def test_all_of_one_device_gives_the_same_fit(small, images, labels, fitted, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    again = small(devices="all").fit(images, labels)
    np.testing.assert_array_equal(again.predict_proba(images), fitted.predict_proba(images))


# Memory


@pytest.fixture
def gigabyte(monkeypatch):
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 10**9)


def test_half_of_the_free_memory_is_reserved_for_the_network(images, monkeypatch):
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 2 * images.nbytes - 1)
    assert to_device(images) is images
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 2 * images.nbytes)
    assert isinstance(to_device(images), DeviceImages)


def test_images_of_other_types_than_uint8_are_not_moved(images, gigabyte):
    floats = images.astype(np.float32)
    assert to_device(floats) is floats


def test_nothing_is_moved_on_a_processor(images):
    if free_device_memory() is not None:
        pytest.skip("there is a GPU")
    assert to_device(images) is images


def test_jax_is_asked_not_to_reserve_all_memory(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    let_device_memory_grow()
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    let_device_memory_grow()
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"  # the choice of the user stays


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")
def test_tensorflow_is_asked_not_to_reserve_all_memory(monkeypatch):
    import tensorflow as tf

    asked = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda gpu, on: asked.append((gpu, on))
    )
    let_device_memory_grow()
    assert asked == [("first", True), ("second", True)]

    def too_late(gpu, on):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    let_device_memory_grow()
