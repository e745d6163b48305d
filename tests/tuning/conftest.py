"""A search without training, and a network that is small enough for searches."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin


class Counting(ClassifierMixin, BaseEstimator):
    """Predicts a constant, and counts the fits of all copies."""

    n_fits = 0

    def __init__(self, answer=0, fails=False, n_jobs=None, verbose=0):
        self.answer = answer
        self.fails = fails
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y):
        type(self).n_fits += 1
        if self.fails:
            raise RuntimeError("no memory left")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.answer)


@pytest.fixture
def counting():
    Counting.n_fits = 0
    return Counting


@pytest.fixture(scope="session")
def rows():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = rng.integers(0, 120, (30, 8, 8, 1), dtype=np.uint8)
    X[y == 1, 2:6, 2:6] += 60
    return X, y


class MakesFolder:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return self.folder.mkdir, ()


@pytest.fixture
def makes_folder():
    return MakesFolder
