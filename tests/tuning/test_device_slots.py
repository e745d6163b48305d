"""No more fits at a time than there are slots, whoever asks for them."""

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
    """Counts those who are inside at the same time."""

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
def test_a_search_fits_no_more_at_a_time_than_there_are_slots(n_slots, monkeypatch, rows):
    crowd = Crowd()
    monkeypatch.setattr(Crowded, "crowd", crowd)
    search = ResumableGridSearchCV(
        Crowded(), {"answer": [0, 1, 2]}, cv=3, device_slots=n_slots, n_jobs=4, refit=False
    )
    with joblib.parallel_config(backend="threading"):
        search.fit(*rows)
    assert crowd.most == n_slots
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], [0.5, 0.5, 0])


def test_slots_are_shared_by_all_who_ask():
    """A search with two slots and one with a single slot have the first one in common."""
    crowd = Crowd()

    def fit(n_slots):
        with device_slot(n_slots), crowd:
            time.sleep(0.05)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(fit, [1, 2] * 3))
    assert crowd.most <= 2


def test_a_slot_is_given_back_after_an_error():
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
def test_a_slot_is_given_back_by_a_process_that_dies():
    child = os.fork()
    if child == 0:
        hold_and_die()
    os.waitpid(child, 0)
    with device_slot(1):
        assert True


def test_other_devices_have_slots_of_their_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    both = _folder()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert _folder() != both


def test_no_slots_need_nothing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "filelock", None)
    with device_slot(None):
        assert True
    with pytest.raises(ImportError, match="pip install"), device_slot(1):
        pass
