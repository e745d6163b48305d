"""The private names of scikit-learn that the package needs are there, or are missed aloud."""

import re
import tomllib
from pathlib import Path

import pytest

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


def test_a_name_that_is_not_listed_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'BaseSearch'"):
        _sklearn.BaseSearch  # noqa: B018


def test_the_versions_are_those_that_are_installed():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert f"scikit-learn{_sklearn.TESTED_VERSIONS}" in project["project"]["dependencies"]
