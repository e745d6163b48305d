"""Many fits share one compiled program without affecting each other."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine import _compiled
from skpneumo.classifiers.engine._compiled import CompiledTraining, NetworkSpec, ProgramPool
from skpneumo.networks import build_cnn

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="counts the traces of TensorFlow"
)


class Program:
    """A replacement for a compiled program."""

    def __init__(self, spec: str) -> None:
        self.spec = spec


# The pool


def test_a_program_is_reused():
    pool = ProgramPool(Program)
    with pool.borrow("a") as first:
        assert first.spec == "a"
    with pool.borrow("a") as second:
        assert second is first


def test_two_borrowers_at_once_get_two_programs():
    pool = ProgramPool(Program)
    with pool.borrow("a") as first, pool.borrow("a") as second:
        assert first is not second
    with pool.borrow("a") as third, pool.borrow("a") as fourth:
        assert {third, fourth} == {first, second}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_process_forked_after_computing_gets_an_error_instead_of_waiting():
    pool = ProgramPool(Program)
    with pool.borrow("a"):
        pass
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pool.borrow("a"):
                pass
        except RuntimeError as error:
            status = 7 if "forked" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with pool.borrow("a"):
        pass


def test_different_specs_have_different_programs():
    pool = ProgramPool(Program)
    with pool.borrow("a"):
        pass
    with pool.borrow("b") as program:
        assert program.spec == "b"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_program_is_not_reused_after_an_error(error):
    pool = ProgramPool(Program)
    with pytest.raises(error), pool.borrow("a") as broken:
        raise error
    with pool.borrow("a") as program:
        assert program is not broken


def test_the_least_recently_used_spec_is_evicted():
    pool = ProgramPool(Program, capacity=2)
    built = {}
    for spec in ("a", "b", "a", "c"):
        with pool.borrow(spec) as program:
            built.setdefault(spec, program)
    for spec, kept in (("a", True), ("c", True), ("b", False)):
        with pool.borrow(spec) as program:
            assert (program is built[spec]) is kept


def test_capacity_limits_the_number_of_idle_programs():
    pool = ProgramPool(Program, capacity=2)
    barrier = threading.Barrier(6)

    def borrow(_: int) -> None:
        with pool.borrow("a"):
            barrier.wait()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(borrow, range(6)))
    assert len(pool._idle) <= 2


# The key


def test_a_spec_is_equal_and_hashable_for_any_kind_of_sequence():
    specs = [
        NetworkSpec.of(build_cnn, filters=filters, n_outputs=n)
        for filters in ((4, 8), [4, 8], np.array([4, 8]))
        for n in (1, np.int64(1))
    ]
    assert len(set(specs)) == 1
    assert specs[0].build is not None
    assert specs[0] != NetworkSpec.of(build_cnn, filters=(4,), n_outputs=1)


def test_a_spec_builds_its_network():
    spec = NetworkSpec.of(build_cnn, input_shape=(6, 6, 1), filters=(2,), n_outputs=3)
    assert spec.build(seed=0).output_shape == (None, 3)
    own = build_cnn((6, 6, 1), 3, filters=(2,), seed=0)
    for a, b in zip(spec.build(seed=0).get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Sharing


@pytest.fixture
def traces(monkeypatch) -> list[str]:
    """A list with an entry for every program built and every training step traced."""
    seen = []
    build, train_step = CompiledTraining.__init__, keras.Model.train_step

    def counted_build(self, *args, **kwargs):
        seen.append("program")
        return build(self, *args, **kwargs)

    def counted_step(self, *args, **kwargs):
        seen.append("trace")
        return train_step(self, *args, **kwargs)

    monkeypatch.setattr(CompiledTraining, "__init__", counted_build)
    monkeypatch.setattr(keras.Model, "train_step", counted_step)
    return seen


@on_tensorflow
def test_fits_of_one_architecture_are_traced_once(small, images, labels, traces, no_programs):
    def fit(n: int = 40, **parameters) -> None:
        small(filters=(), dense_units=(3,), epochs=1, **parameters).fit(images[:n], labels[:n])

    fit()
    assert sorted(traces) == ["program", "trace"]
    traces.clear()
    fit(learning_rate=0.5)
    fit(random_state=7)
    fit(n=23)
    fit(n=10)
    fit(class_weight="balanced", early_stopping=True)
    fit(learning_rate=None)
    assert traces == []
    fit(batch_size=5)
    assert traces == ["trace"]
    fit(optimizer="sgd")
    assert "program" in traces


@on_tensorflow
def test_factors_of_regularization_share_a_program(small, images, labels, traces, no_programs):
    def fit(**factors) -> None:
        small(filters=(), dense_units=(3,), epochs=1, **factors).fit(images, labels)

    fit(dropout=0.3, l1=0.1, l2=0.1, activity_l2=0.1)
    traces.clear()
    fit(dropout=0.2, l1=0.01, l2=0.2, activity_l2=0.3)
    assert traces == []
    fit(dropout=0.2)
    assert traces


@on_tensorflow
def test_networks_that_differ_in_regularisation_predict_with_one_program(
    small, images, labels, no_programs
):
    for factors in ({}, {"dropout": 0.3}, {"l1": 0.1}, {"l2": 0.1}, {"max_norm": 1.0}):
        small(epochs=1, **factors).fit(images, labels).predict_proba(images)
    assert len(_compiled.prediction_programs._idle) == 1


@on_tensorflow
def test_limits_of_an_augmenter_share_a_program(small, images, labels, traces, no_programs):
    def fit(**limits) -> None:
        augmenter = ImageAugmenter(**limits)
        small(filters=(), dense_units=(), epochs=1, augmentation=augmenter).fit(images, labels)

    fit(rotation=10)
    traces.clear()
    fit(rotation=20, zoom=0.2)
    assert traces == []


@pytest.fixture(scope="module")
def proba(fitted, images) -> np.ndarray:
    return fitted.predict_proba(images)


def test_other_fits_do_not_affect_the_next_one(small, images, labels, fitted, proba):
    small(learning_rate=0.5, random_state=3, epochs=6).fit(images[:30], labels[:30])
    small(batch_size=7, class_weight={0: 9, 1: 1}, epochs=1).fit(images, labels)
    again = small().fit(images, labels)
    np.testing.assert_array_equal(again.predict_proba(images), proba)
    assert again.history_ == fitted.history_


def test_fitted_classifiers_do_not_share_weights(small, images, labels, fitted, proba):
    other = small(random_state=3, epochs=6).fit(images, labels)
    others = other.predict_proba(images)
    assert not np.allclose(others, proba)
    np.testing.assert_array_equal(fitted.predict_proba(images), proba)
    np.testing.assert_array_equal(other.predict_proba(images), others)


def test_layers_with_a_state_start_from_scratch(small, images, labels):
    """Moving averages, the dropout generator, averaged weights and moments of the optimizer."""
    options = {"batch_norm": True, "dropout": 0.3, "ema_momentum": 0.9, "epochs": 2}
    first = small(**options).fit(images, labels).predict_proba(images)
    small(**options, random_state=9).fit(images, labels)
    np.testing.assert_array_equal(
        small(**options).fit(images, labels).predict_proba(images), first
    )


class Saboteur(keras.callbacks.Callback):
    """Changes the weights during training, and raises an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        self.model.set_weights([np.full_like(w, np.nan) for w in self.model.get_weights()])
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_failed_fit_does_not_affect_later_ones(small, images, labels, proba, error):
    classifier = small(callbacks=[Saboteur(error)])
    with pytest.raises(type(error)) as caught:
        classifier.fit(images, labels)
    assert caught.value.args == error.args  # that of a copy of the callback
    assert not hasattr(classifier, "weights_")
    again = small().fit(images, labels)
    np.testing.assert_array_equal(again.predict_proba(images), proba)


def test_a_failed_refit_leaves_an_unfitted_classifier(small, images, labels):
    classifier = small().fit(images, labels)
    classifier.set_params(callbacks=[Saboteur(RuntimeError("boom"))])
    with pytest.raises(RuntimeError, match="boom"):
        classifier.fit(images, labels)
    with pytest.raises(NotFittedError):
        classifier.predict_proba(images)


def test_threads_fit_and_predict_the_same_as_sequentially(small, images, labels):
    def fit_and_predict(seed: int) -> np.ndarray:
        return small(random_state=seed).fit(images, labels).predict_proba(images)

    seeds = [0, 1, 2, 0, 1, 2]
    expected = [fit_and_predict(seed) for seed in seeds[:3]] * 2
    with ThreadPoolExecutor(3) as threads:
        for got, wanted in zip(threads.map(fit_and_predict, seeds), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_fitted_weights_are_read_only(fitted):
    with pytest.raises(ValueError, match="read-only"):
        fitted.weights_[0][...] = 0


def test_few_programs_stay_in_the_pool(small, images, labels, no_programs):
    assert _compiled.training_programs._capacity <= 16
    assert _compiled.prediction_programs._capacity <= 16
