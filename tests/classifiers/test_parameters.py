"""Sizes and names with which no network can be built are refused before Keras is called."""

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
def test_invalid_sizes_are_named(parameters, images, labels):
    ((name, sizes),) = parameters.items()
    with pytest.raises(
        ValueError, match=f"^{name}=.* contains .*positive whole numbers"
    ) as raised:
        CNNClassifier(**parameters).fit(images, labels)
    assert repr(sizes) in str(raised.value)


@pytest.mark.parametrize("sizes", [(4,), [4], np.array([4]), (np.int64(4),)], ids=repr)
def test_sizes_may_be_any_sequence(sizes, small, images, labels, fitted):
    proba = small(filters=sizes).fit(images, labels).predict_proba(images)
    np.testing.assert_array_equal(proba, fitted.predict_proba(images))


@pytest.mark.parametrize("small_type", [np.int8, np.uint8, np.int16])
def test_whole_numbers_may_be_of_any_type(small_type, small, images, labels):
    """What is computed from them does not fit in their type: minus 12 steps, for example."""
    X, y = np.tile(images, (4, 1, 1, 1)), np.tile(labels, 4)
    sizes = {"epochs": 1, "batch_size": 40, "min_steps": 12}
    expected = small(**sizes).fit(X, y)
    typed = small(**{name: small_type(size) for name, size in sizes.items()}).fit(X, y)
    assert typed.n_iter_ == expected.n_iter_ == 3
    np.testing.assert_array_equal(typed.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize(
    ("parameter", "name", "remedy"),
    [
        ("activation", "rleu", "relu"),
        ("kernel_initializer", "he_normals", "he_normal"),
        ("optimizer", "adm", "adam"),
        ("optimizer", "?", "It has .*'sgd'"),
    ],
)
def test_unknown_names_are_refused_with_suggestions(parameter, name, remedy, images, labels):
    with pytest.raises(ValueError, match=f"^{parameter}=.*nothing with this name") as raised:
        CNNClassifier(**{parameter: name}).fit(images, labels)
    assert raised.match(remedy)


def test_transfer_parameters_are_checked_before_weights_are_downloaded(images, labels):
    with pytest.raises(ValueError, match=r"head_units=\(0,\) contains 0"):
        TransferClassifier(head_units=(0,)).fit(images, labels)
    with pytest.raises(ValueError, match=r"activation='rleu'"):
        TransferClassifier(activation="rleu", head_units=(4,)).fit(images, labels)
