"""Batches of a training step, with images in memory or on the device."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine import _compiled, _devices
from skpneumo.classifiers.engine._batches import Batches, DeviceImages
from skpneumo.classifiers.engine._multi_step import SingleStep


def batches_of(y, *, n_classes=2, batch_size=4, seed=0, dtype=np.uint8, **options):
    """One epoch of images whose only pixel is the number of their row."""
    y = np.asarray(y)
    options = {"balanced": False, "augmentation": None, "mixup": 0.0, **options}
    batches = Batches(
        n_classes=n_classes, batch_size=batch_size, rng=np.random.default_rng(seed), **options
    )
    X = np.arange(len(y), dtype=dtype).reshape(-1, 1, 1, 1)
    weights = np.arange(len(y), dtype=np.float32)
    epochs = [list(batches(X, y, weights)) for _ in range(2)]
    assert batches.n_batches(len(y)) == len(epochs[0])
    return epochs


def rows_of(epoch) -> np.ndarray:
    return np.concatenate([inputs[0].ravel() for inputs, _, _ in epoch]).astype(int)


@given(n=st.integers(2, 30), batch_size=st.integers(1, 40), seed=st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_every_row_is_used_and_all_batches_have_the_same_size(n, batch_size, seed):
    y = np.arange(n) % 2
    for epoch in batches_of(y, batch_size=batch_size, seed=seed):
        assert {len(targets) for _, targets, _ in epoch} == {min(n, batch_size)}
        counts = np.bincount(rows_of(epoch), minlength=n)
        assert counts.min() == 1
        # The last batch is filled up with a few rows, none of them twice.
        assert counts.max() <= 2
        assert counts.sum() - n < batch_size


def test_images_labels_and_weights_stay_together():
    y = np.array([0, 1, 1, 0, 1, 0, 0])
    for epoch in batches_of(y):
        rows = rows_of(epoch)
        np.testing.assert_array_equal(np.concatenate([t[:, 0] for _, t, _ in epoch]), y[rows])
        np.testing.assert_array_equal(np.concatenate([w for _, _, w in epoch]), rows)


def test_each_epoch_has_another_order_that_depends_on_the_seed():
    y = np.arange(20) % 2
    first, second = map(rows_of, batches_of(y))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, rows_of(batches_of(y)[0]))
    assert not np.array_equal(first, rows_of(batches_of(y, seed=1)[0]))


def test_targets_of_three_classes_have_one_column_each():
    y = np.array([0, 2, 1, 1])
    ((_, targets, _),) = batches_of(y, n_classes=3)[0]
    rows = rows_of(batches_of(y, n_classes=3)[0])
    np.testing.assert_array_equal(targets, np.eye(3)[y[rows]])


@pytest.mark.parametrize(("dtype", "given"), [("uint8", "uint8"), ("float64", "float32")])
def test_images_stay_uint8_until_the_batch(dtype, given):
    inputs, targets, weights = batches_of([0, 1], dtype=dtype)[0][0]
    assert inputs[0].dtype == given
    assert targets.dtype == weights.dtype == np.float32


@given(n_rare=st.integers(1, 10), n_common=st.integers(10, 40))
@settings(max_examples=25, deadline=None)
def test_balanced_batches_have_equal_numbers_of_each_class(n_rare, n_common):
    y = np.repeat([0, 1], [n_rare, n_common])
    for epoch in batches_of(y, balanced=True, batch_size=1000):
        rows = rows_of(epoch)
        n_each = np.bincount(y[rows])
        assert abs(n_each[0] - n_each[1]) <= 1
        assert n_each.sum() == len(y)
        for label in (0, 1):
            times = np.bincount(rows, minlength=len(y))[y == label]
            assert times.max() - times.min() <= 1


def test_augmentation_parameters_have_a_row_for_each_image():
    y = np.arange(6) % 2
    for epoch in batches_of(y, augmentation=ImageAugmenter(rotation=20)):
        for (images, affine, intensity), targets, _ in epoch:
            assert len(images) == len(affine) == len(intensity) == len(targets) == 4
        drawn = np.concatenate([inputs[1] for inputs, _, _ in epoch])
        assert len(np.unique(drawn, axis=0)) == 8


def test_mixup_mixes_labels_and_weights_with_its_shares():
    y = np.arange(8) % 2
    ((inputs, targets, weights),) = batches_of(y, mixup=0.4, batch_size=8)[0]
    images, share, partner = inputs
    rows = images.ravel().astype(int)
    own, other = share[:, 0], rows[partner[:, 0]]
    assert ((own >= 0.5) & (own <= 1)).all()
    np.testing.assert_allclose(targets[:, 0], own * y[rows] + (1 - own) * y[other], rtol=1e-6)
    np.testing.assert_allclose(weights, own * rows + (1 - own) * other, rtol=1e-6)


@pytest.fixture
def moved(monkeypatch, no_programs) -> list[int]:
    """The number of images moved in each fit, if a test has simulated device memory."""
    seen = []
    # TensorFlow, whose compiled loop gathers no rows, never has any.
    monkeypatch.setattr(_compiled, "steps_of", SingleStep)

    class Spied(DeviceImages):
        def __init__(self, images, n_rows):
            super().__init__(images, n_rows)
            seen.append(len(images))

    monkeypatch.setattr(_devices, "DeviceImages", Spied)
    return seen


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"augmentation": ImageAugmenter(rotation=20, brightness=0.2), "mixup": 0.2},
        {"balanced_batches": True, "early_stopping": True},
    ],
)
def test_a_fit_with_images_on_the_device_equals_that_with_images_moved_in_batches(
    options, small, images, labels, moved, monkeypatch
):
    weight = np.arange(len(labels)) % 5 > 0  # rows of weight zero are left out
    one_by_one = small(**options).fit(images, labels, weight)
    monkeypatch.setattr(_devices, "free_device_memory", lambda: 10**9)
    on_device = small(**options).fit(images, labels, weight)
    assert len(moved) == 1
    assert moved[0] <= weight.sum()
    np.testing.assert_array_equal(
        on_device.predict_proba(images), one_by_one.predict_proba(images)
    )


@pytest.mark.parametrize("n_more", [0, 24])
def test_rows_are_gathered_when_they_are_used(images, n_more):
    on_device = DeviceImages(images, len(images) + n_more)
    assert (len(on_device), on_device.shape, on_device.dtype) == (
        len(images),
        images.shape,
        images.dtype,
    )
    rows = np.array([3, 0, 3])
    gathered = keras.ops.convert_to_numpy(on_device[rows].gather())
    np.testing.assert_array_equal(gathered, images[rows])
