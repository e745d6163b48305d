"""Fitted state as arrays and text is complete, and reading it runs no code."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from skpneumo import CNNClassifier, TransferClassifier
from skpneumo._encoding import Encoder, Registry
from skpneumo.tuning._fitted_state import fitted_state, restore_fitted_state


def saved_and_read(state, path):
    np.savez(path, **state)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize(
    ("network", "labels"),
    [
        (CNNClassifier(filters=(), dense_units=(3,), dropout=0.2, l2=0.01), [0, 1]),
        (CNNClassifier(filters=(), ema_momentum=0.9, early_stopping=True), ["NORMAL", "OTHER"]),
        (TransferClassifier("MobileNet", weights=None), [0, 1]),
    ],
    ids=["cnn", "averaged", "transfer"],
)
def test_training_continues_from_a_restored_state(network, labels, rows, tmp_path):
    X, y = rows
    if isinstance(network, TransferClassifier):
        X = np.tile(X, (1, 4, 4, 1))
    y = np.array(labels, dtype=object)[y] if isinstance(labels[0], str) else y
    network = clone(network).set_params(
        batch_size=15, epochs=1, warm_start=True, precision="float32", random_state=0
    )
    fitted = clone(network).fit(X, y)
    restored = clone(network)
    restore_fitted_state(restored, saved_and_read(fitted_state(fitted), tmp_path / "state.npz"))
    assert vars(restored).keys() == vars(fitted).keys()
    for model in (fitted, restored):
        assert model.classes_.tolist() == labels
        assert model.n_iter_ == 1
    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))
    for model in (fitted, restored):
        model.fit(X, y)
    assert restored.history_ == fitted.history_
    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))


class Holder(BaseEstimator):
    def __init__(self, parameter=0):
        self.parameter = parameter


def test_values_of_all_types_are_restored(tmp_path):
    generators = [np.random.default_rng(3), np.random.Generator(np.random.MT19937(3))]
    values = {
        "nothing_": None,
        "numbers_": (1, 2.5, float("inf"), True, 2**100),
        "nested_": {"a": [{"b": ("c",)}], 1: [], (0, 1): {}},
        "array_": np.arange(6, dtype=np.float32).reshape(2, 3),
        "scalar_": np.float32(0.1),
        "text_": np.array(["a", "bc"], dtype=object),
    }
    holder = Holder(7)
    vars(holder).update(values, generators_=generators, old_=np.random.RandomState(5))
    other = Holder(8)
    restore_fitted_state(other, saved_and_read(fitted_state(holder), tmp_path / "state.npz"))
    assert other.parameter == 8
    for name, value in values.items():
        restored = getattr(other, name)
        assert type(restored) is type(value)
        np.testing.assert_equal(restored, value)
    assert other.text_.dtype == object
    for ours, theirs in zip(other.generators_, generators, strict=True):
        assert ours.random() == theirs.random()
    assert other.old_.normal() == np.random.RandomState(5).normal()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "a object"),
        (len, "a builtin_function_or_method"),
        (saved_and_read, "function saved_and_read"),
        (np.array([object()]), "objects that are not text"),
        (np.zeros(1, dtype=[("a", int)]), "array of"),
        ({1, 2}, "a set"),
    ],
)
def test_values_that_need_pickle_are_refused(value, what):
    holder = Holder()
    holder.state_ = [value]
    with pytest.raises(TypeError, match=what):
        fitted_state(holder)


def mersenne_twister(position):
    """A generator state that NumPy does not check, and reads beyond its end."""
    state = np.random.RandomState(0).get_state(legacy=False)
    state["state"] |= {"key": [0] * 624, "pos": position}
    return json.loads(json.dumps(Encoder(Registry({})).encode(state)))


@pytest.mark.parametrize(
    "value",
    [
        {"function": "os:system"},
        {"function": "skpneumo.networks._cnn:build_cnn"},
        {"function": "skpneumo.NetworkSpec"},
        {"function": "skpneumo.make_chest_xray"},
        {"function": ["skpneumo.build_cnn"]},
        {"record": ["subprocess.Popen", {"dict": [["args", "true"]]}]},
        {"record": ["skpneumo.CNNClassifier", {"dict": []}]},
        {"record": ["skpneumo.build_cnn", {"dict": []}]},
        {"record": ["skpneumo.NetworkSpec", {"dict": []}]},
        {"Generator": {"dict": [["bit_generator", "seed"]]}},
        {"RandomState": {"dict": []}},
        {"RandomState": mersenne_twister(625)},
        {"RandomState": mersenne_twister(-1)},
        {"Generator": mersenne_twister(10**9)},
        {"array": "missing"},
        {"pickle": "gASVAAAAAA=="},
        {"list": [], "tuple": []},
        [1],
    ],
    ids=json.dumps,
)
def test_a_foreign_structure_is_refused(value):
    structure = {"dict": [["a_", value]]}
    with pytest.raises(ValueError):
        restore_fitted_state(Holder(), {"structure": np.array(json.dumps(structure))})


@pytest.mark.parametrize("structure", [1, {"list": []}, {"dict": [["parameter", 1]]}])
def test_a_state_with_a_parameter_is_refused(structure):
    holder = Holder()
    with pytest.raises(ValueError, match="not a fitted state"):
        restore_fitted_state(holder, {"structure": np.array(json.dumps(structure))})
    with pytest.raises(ValueError, match="not a fitted state"):
        restore_fitted_state(holder, {})
    assert vars(holder) == {"parameter": 0}
