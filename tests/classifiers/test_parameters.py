"""Sizes and names of which no network can be built are refused by name, before Keras sees them."""

import random

import numpy as np
import pytest

from skpneumo import CNNClassifier, TransferClassifier


@pytest.mark.parametrize(
    "parameters",
    [
        {"filters": ("a",)},
        {"filters": (8, 0)},
        {"filters": (4.5,)},
        {"filters": (True,)},
        {"filters": [[3, 4]]},
        {"dense_units": (-1,)},
    ],
    ids=str,
)
def test_sizes_that_are_none_are_named(parameters, images, labels):
    ((name, sizes),) = parameters.items()
    with pytest.raises(ValueError, match=f"^{name}=.* holds .*positive whole numbers") as raised:
        CNNClassifier(**parameters).fit(images, labels)
    assert repr(sizes) in str(raised.value)


@pytest.mark.parametrize("sizes", [(4,), [4], np.array([4]), (np.int64(4),)], ids=repr)
def test_sizes_come_in_any_sequence(sizes, small, images, labels, fitted):
    proba = small(filters=sizes).fit(images, labels).predict_proba(images)
    np.testing.assert_array_equal(proba, fitted.predict_proba(images))


@pytest.mark.parametrize(
    ("parameter", "name", "remedy"),
    [
        ("activation", "rleu", "relu"),
        ("kernel_initializer", "he_normals", "he_normal"),
        ("optimizer", "adm", "adam"),
        ("optimizer", "?", "It has .*'sgd'"),
    ],
)
def test_unknown_names_are_named_with_those_meant(parameter, name, remedy, images, labels):
    with pytest.raises(ValueError, match=f"^{parameter}=.*nothing of this name") as raised:
        CNNClassifier(**{parameter: name}).fit(images, labels)
    assert raised.match(remedy)


def test_transfer_is_checked_too_before_any_weights_are_fetched(images, labels):
    with pytest.raises(ValueError, match=r"head_units=\(0,\) holds 0"):
        TransferClassifier(head_units=(0,)).fit(images, labels)
    with pytest.raises(ValueError, match=r"activation='rleu'"):
        TransferClassifier(activation="rleu", head_units=(4,)).fit(images, labels)


def test_names_are_looked_up_without_moving_pythons_generator(small, images, labels):
    before = random.getstate()
    small().fit(images, labels)
    assert random.getstate() == before
