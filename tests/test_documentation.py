import pytest
from sklearn.utils import estimator_html_repr

import skpneumo
from skpneumo import _documentation

ADDRESS = "https://docs.example"


@pytest.fixture
def declared(monkeypatch):
    class Metadata:
        def get_all(self, name):
            return ["Homepage, https://home.example", f"Documentation, {ADDRESS}/"]

    _documentation.documentation_address.cache_clear()
    monkeypatch.setattr(_documentation, "metadata", lambda name: Metadata())
    yield
    _documentation.documentation_address.cache_clear()


def estimators():
    return [
        name
        for name in skpneumo.__all__
        if isinstance(getattr(skpneumo, name), type)
        and hasattr(getattr(skpneumo, name), "get_params")
    ]


@pytest.mark.parametrize("name", estimators())
def test_every_estimator_leads_to_its_entry(name, declared):
    cls = getattr(skpneumo, name)
    stage = cls.__module__.split(".")[1]
    link = cls._get_doc_link(cls.__new__(cls))
    assert link == f"{ADDRESS}/api/{stage}/#skpneumo.{stage}.{name}"


def test_diagram_has_the_links_of_all_steps(declared):
    pipe = skpneumo.make_pipeline(skpneumo.ImageLoader(), skpneumo.CNNClassifier())
    html = estimator_html_repr(pipe)
    for entry in ("loading.ImageLoader", "classifiers.CNNClassifier", "pipeline.Pipeline"):
        assert f"#skpneumo.{entry}" in html


def test_without_an_address_there_is_no_link(monkeypatch):
    _documentation.documentation_address.cache_clear()
    monkeypatch.setattr(_documentation, "metadata", lambda name: Empty())
    assert skpneumo.ImageLoader()._get_doc_link() == ""
    _documentation.documentation_address.cache_clear()


class Empty:
    def get_all(self, name):
        return None
