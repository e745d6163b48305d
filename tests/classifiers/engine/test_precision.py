"""bfloat16 is used if the hardware supports it, and global policies are not changed."""

import keras
import numpy as np
import pytest

from skpneumo.classifiers.engine import _precision
from skpneumo.classifiers.engine._precision import dtype_policy


@pytest.fixture
def undecided():
    """Clear the cached properties of this machine, before and after."""
    _precision._has_fast_bfloat16.cache_clear()
    yield
    _precision._has_fast_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("precision", "policy"), [("float32", "float32"), ("bfloat16", "mixed_bfloat16")]
)
def test_an_explicit_precision_is_used_on_any_machine(precision, policy):
    assert dtype_policy(precision) == policy


@pytest.mark.parametrize(
    ("capability", "flags", "policy"),
    [
        ((9, 0), set(), "mixed_bfloat16"),
        ((8, 0), set(), "mixed_bfloat16"),
        ((7, 5), {"avx512_bf16"}, "float32"),
        ((0,), set(), "float32"),
    ],
)
def test_auto_depends_on_the_gpu_if_there_is_one(
    undecided, monkeypatch, capability, flags, policy
):
    monkeypatch.setattr(_precision, "_cuda_capability", lambda: capability)
    monkeypatch.setattr(_precision, "processor", lambda: ("any", flags))
    assert dtype_policy("auto") == policy


@pytest.mark.parametrize(
    ("backend", "flags", "policy"),
    [
        ("tensorflow", {"avx2", "avx512_bf16"}, "mixed_bfloat16"),
        ("tensorflow", {"amx_bf16"}, "mixed_bfloat16"),
        ("tensorflow", {"avx2", "avx512f"}, "float32"),
        ("tensorflow", set(), "float32"),
        ("jax", {"avx512_bf16"}, "float32"),
    ],
)
def test_auto_depends_on_the_cpu_otherwise(undecided, monkeypatch, backend, flags, policy):
    monkeypatch.setattr(_precision, "_cuda_capability", lambda: None)
    monkeypatch.setattr(_precision, "processor", lambda: ("any", flags))
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert dtype_policy("auto") == policy


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_fit_does_not_change_the_policy_of_keras(small, images, labels, precision):
    before = keras.config.dtype_policy().name, keras.config.floatx()
    classifier = small(precision=precision, epochs=1).fit(images, labels)
    assert (keras.config.dtype_policy().name, keras.config.floatx()) == before
    assert {w.dtype for w in classifier.weights_} == {np.dtype("float32")}
    assert classifier.predict_proba(images).dtype == np.float64


def test_both_precisions_learn_the_same(small, images, labels):
    full, half = (
        small(precision=precision).fit(images, labels).predict_proba(images)
        for precision in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(full, half, atol=0.1)
    assert not np.array_equal(full, half)


def test_predictions_are_float32_for_any_training_precision(small, images, labels):
    half = small(precision="bfloat16").fit(images, labels)
    proba = half.predict_proba(images)
    np.testing.assert_array_equal(
        half.set_params(precision="float32").predict_proba(images), proba
    )
    logits = keras.ops.convert_to_numpy(half.network_(images))[:, 0].astype(float)
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_another_policy_of_the_user_has_no_influence(small, images, labels, no_programs, fitted):
    """Programs are built under that policy, because there are none in the pool."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        proba = small().fit(images, labels).predict_proba(images)
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(proba, fitted.predict_proba(images))
