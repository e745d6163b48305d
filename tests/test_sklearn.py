"""Private names of scikit-learn exist, or raise an error that names the version."""

import re
import tomllib
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import _search as searches

from skpneumo import _sklearn


@pytest.mark.parametrize("name", dir(_sklearn))
def test_every_private_name_is_there_and_has_its_reason(name):
    assert getattr(_sklearn, name) is not None
    module, reason = _sklearn._PRIVATE_NAMES[name]
    assert module.startswith("sklearn.")
    assert len(reason.split()) > 2


def test_a_name_that_has_vanished_says_which_versions_work(monkeypatch):
    gone = {"_gone": ("sklearn.utils.validation", "a name that there never was")}
    monkeypatch.setattr(_sklearn, "_PRIVATE_NAMES", gone)
    with pytest.raises(ImportError, match=re.escape(f"scikit-learn{_sklearn.TESTED_VERSIONS}")):
        _sklearn._gone  # noqa: B018


def test_a_name_that_is_not_listed_is_not_an_attribute():
    with pytest.raises(AttributeError, match="no attribute 'BaseSearch'"):
        _sklearn.BaseSearch  # noqa: B018


def test_the_versions_are_those_that_are_installed():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert f"scikit-learn{_sklearn.TESTED_VERSIONS}" in project["project"]["dependencies"]


@pytest.fixture
def search():
    return GridSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=2, refit=False)


def test_a_search_evaluates_by_the_function_it_is_given(search):
    """Only a copy of the search's fit is changed, not scikit-learn's own."""
    called = []

    def evaluate(estimator, X, y, **options):
        called.append(options["parameters"])
        return _sklearn._fit_and_score(estimator, X, y, **options)

    X, y = np.zeros((8, 1)), np.arange(8) % 2
    _sklearn.search_fit(evaluate)(search, X, y)
    assert called == [{"strategy": "prior"}] * 2 + [{"strategy": "uniform"}] * 2
    assert search.cv_results_["mean_test_score"][0] == 0.5
    search.fit(X, y)
    assert len(called) == 4


def wrapped(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def closing_over(value):
    def fit(self, X, y):
        return _fit_and_score(self, value)  # noqa: F821

    return fit


@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [
        ("fit", lambda self, X, y: self, "wraps BaseSearchCV.fit"),
        ("fit", wrapped(closing_over(1)), "wraps BaseSearchCV.fit"),
        ("fit", wrapped(lambda self, X, y: self), "without _fit_and_score"),
        ("_fit_and_score", lambda estimator, X, y, caller: {}, "without callback_ctx"),
        ("_fit_and_score", None, "without _fit_and_score"),
    ],
)
def test_a_search_that_evaluates_in_another_way_says_which_versions_work(
    name, replacement, message, monkeypatch
):
    owner = searches.BaseSearchCV if name == "fit" else searches
    if replacement is None:
        monkeypatch.delattr(owner, name)
    else:
        monkeypatch.setattr(owner, name, replacement)
    with pytest.raises(ImportError, match=message) as raised:
        _sklearn.search_fit(lambda *args, **kwargs: {})
    assert f"scikit-learn{_sklearn.TESTED_VERSIONS}" in str(raised.value)
