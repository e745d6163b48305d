"""At most as many simultaneous fits as slots, over all threads and processes."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from skpneumo.tuning import ResumableGridSearchCV
from skpneumo.tuning._device_slots import _folder, device_slot, holds_slot

pytest.importorskip("filelock", reason='needs pip install "skpneumo[cache]"')


@pytest.fixture(autouse=True)
def _slots_of_this_test_only(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


class Crowd:
    """Counts simultaneous users."""

    def __init__(self):
        self.inside = self.most = 0
        self.lock = threading.Lock()

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        return self

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1


class Crowded(ClassifierMixin, BaseEstimator):
    crowd = Crowd()

    def __init__(self, answer=0):
        self.answer = answer

    def fit(self, X, y):
        with self.crowd:
            time.sleep(0.05)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.answer)


@pytest.mark.parametrize("n_slots", [1, 2])
def test_a_search_has_at_most_as_many_simultaneous_fits_as_slots(n_slots, monkeypatch, rows):
    crowd = Crowd()
    monkeypatch.setattr(Crowded, "crowd", crowd)
    search = ResumableGridSearchCV(
        Crowded(), {"answer": [0, 1, 2]}, cv=3, device_slots=n_slots, n_jobs=4, refit=False
    )
    with joblib.parallel_config(backend="threading"):
        search.fit(*rows)
    assert crowd.most == n_slots
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], [0.5, 0.5, 0])


def test_slots_are_shared_by_all_searches():
    """A search with two slots and one with a single slot share the first slot."""
    crowd = Crowd()

    def fit(n_slots):
        with device_slot(n_slots), crowd:
            time.sleep(0.05)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(fit, [1, 2] * 3))
    assert crowd.most <= 2


def test_a_slot_is_released_after_an_error():
    with pytest.raises(RuntimeError, match="boom"), device_slot(1):
        raise RuntimeError("boom")
    with device_slot(1):
        assert True


def hold_and_die():
    slot = device_slot(1)
    slot.__enter__()
    os._exit(0)


def test_a_search_within_a_search_does_not_wait_for_the_slot_of_the_outer_one(rows):
    inner = ResumableGridSearchCV(Crowded(), {"answer": [0, 1]}, cv=2, device_slots=1)
    outer = ResumableGridSearchCV(inner, {"refit": [True]}, cv=2, device_slots=1)
    outer.fit(*rows)
    assert outer.n_restored_ == 0
    assert not holds_slot()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_slot_is_released_when_its_process_dies():
    child = os.fork()
    if child == 0:
        hold_and_die()
    os.waitpid(child, 0)
    with device_slot(1):
        assert True


def test_other_devices_have_separate_slots(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    both = _folder()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert _folder() != both


def test_without_slots_filelock_is_not_needed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "filelock", None)
    with device_slot(None):
        assert True
    with pytest.raises(ImportError, match="pip install"), device_slot(1):
        pass
