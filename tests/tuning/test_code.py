"""Keys of results change with the methods and constants of own classes."""

import subprocess
import sys
from typing import ClassVar

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression

from skpneumo import CNNClassifier
from skpneumo.tuning._code import code_of
from skpneumo.tuning._keys import key_of

STEP = """
import functools
from sklearn.base import BaseEstimator, TransformerMixin
def scaled(factor):
    def decorate(method):
        @functools.wraps(method)
        def wrapper(self, X):
            return method(self, X) * factor
        return wrapper
    return decorate
class Base(TransformerMixin, BaseEstimator):
    def inherited(self, X):
        return X + 1
class Step(Base):
    power = 4
    sizes = (8, 16)
    n_calls = 0
    def fit(self, X, y=None):
        self.n_calls = self.n_calls + 1
        return self
    def transform(self, X, size=3, *, times=5):
        if size in {"a", "b", "c"}:
            return [x + 7 for x in X]
        return X * 2
    @scaled(9)
    def decorated(self, X):
        return X + 10
    @property
    def of_property(self):
        return 11
    @functools.cached_property
    def of_cached_property(self):
        return 12
    @staticmethod
    def of_static(X):
        return X + 13
    @classmethod
    def of_class(cls, X):
        return X + 14
    @functools.lru_cache
    def of_cache(self):
        return 15
"""
EDITS = {
    "method": ("X * 2", "X / 2"),
    "inner function": ("x + 7", "x - 7"),
    "default": ("size=3", "size=4"),
    "default by keyword": ("times=5", "times=6"),
    "parameters": ("def of_static(X)", "def of_static(*X)"),
    "constant": ("power = 4", "power = 5"),
    "tuple": ("(8, 16)", "(8, 32)"),
    "base": ("X + 1\n", "X + 2\n"),
    "below a decorator": ("X + 10", "X + 20"),
    "property": ("return 11", "return 21"),
    "cached_property": ("return 12", "return 22"),
    "staticmethod": ("X + 13", "X + 23"),
    "classmethod": ("X + 14", "X + 24"),
    "lru_cache": ("return 15", "return 25"),
}


def step_of(source: str = STEP) -> type:
    """Define the class as a script or notebook does, without a file of its source."""
    names = {"__name__": "__main__"}
    exec(source, names)
    return names["Step"]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_class_has_another_key(edit):
    edited = STEP.replace(*EDITS[edit])
    assert edited != STEP
    assert key_of(step=step_of(edited)()) != key_of(step=step_of()())
    assert key_of(step=step_of(edited)) != key_of(step=step_of())  # the class as a parameter


@pytest.mark.parametrize("before", ["# a comment\n", "SIZE = 3\n", "def other(): ...\n"])
def test_what_is_outside_the_class_does_not_count(before):
    assert key_of(step=step_of(before + STEP)()) == key_of(step=step_of()())


def test_calls_do_not_change_the_key():
    step = step_of()()
    before = key_of(step=step)
    step.fit([1]).transform([1])
    type(step).n_calls = 7
    assert (step.of_cached_property, step.of_cache()) == (12, 15)
    assert key_of(step=step) == before


class Strange(TransformerMixin, BaseEstimator):
    """A class whose members raise errors when they are read."""

    class Member:
        def __getattr__(self, name):
            raise ValueError(name)

    member = Member()
    itself: ClassVar[list] = []
    itself.append(itself)

    @property
    def broken(self):
        raise ValueError


def test_no_member_is_read():
    assert code_of(Strange)
    assert key_of(step=Strange()) == key_of(step=Strange())


@pytest.mark.parametrize("kind", [int, BaseEstimator, LogisticRegression, CNNClassifier])
def test_classes_of_installed_packages_are_known_by_their_versions(kind):
    assert code_of(kind) == []


SCRIPT = """
import dataclasses, sys
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skpneumo.tuning import ResumableGridSearchCV

size = 64  # also the name of an attribute
@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    a: int = 2
class Step(TransformerMixin, BaseEstimator):
    class Inner:
        scale = 3
    _estimator_type = None
    words = ("a", "b")
    def __init__(self, k=1):
        self.k = k
    def fit(self, X, y=None):
        assert "a" in {"a", "b", "c"}
        self.fitted_ = X.size
        return self
    def transform(self, X):
        return X * self.k * self.Inner.scale * Options().a
X, y = make_classification(40, random_state=0)
for n_jobs in (1, 2, 2, 1):
    search = ResumableGridSearchCV(
        make_pipeline(Step(), LogisticRegression()),
        {"step__k": [1, 2]}, cv=2, n_jobs=n_jobs, store=sys.argv[1], scoring="recall",
    )
    print(search.fit(X, y).n_restored_)
"""


def test_workers_find_the_results_of_this_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, script, tmp_path / "store"], capture_output=True, text=True, check=False
    )
    assert run.stdout.split() == ["0", "4", "4", "4"], run.stderr
