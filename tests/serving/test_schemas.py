from skpneumo.serving._model import METHODS
from skpneumo.serving._schemas import Method


def test_methods_are_listed_once():
    assert Method.__args__ == METHODS
