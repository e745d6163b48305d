"""Images held on the device: the same fit, where there is room for them."""

import keras
import numpy as np
import pytest

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine import _device_data, _devices
from skpneumo.classifiers.engine._device_data import ResidentImages, resident_if_possible


@pytest.fixture
def free_memory(monkeypatch, no_programs):
    """Say how many bytes are free on the device, and list what is moved there."""
    moved = []
    # TensorFlow, whose loop knows no rows of such images, never has any.
    monkeypatch.setattr(_devices, "loop_of", lambda model: None)

    class Spied(ResidentImages):
        def __init__(self, images):
            super().__init__(images)
            moved.append(len(images))

    def say(n_bytes):
        monkeypatch.setattr(_device_data, "_free_device_memory", lambda: n_bytes)
        return moved

    monkeypatch.setattr(_device_data, "ResidentImages", Spied)
    return say


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"augmentation": ImageAugmenter(rotation=20, brightness=0.2), "mixup": 0.2},
        {"balanced_batches": True, "early_stopping": True},
    ],
)
def test_the_fit_is_that_of_images_moved_batch_by_batch(
    options, small, images, labels, free_memory
):
    weight = np.arange(len(labels)) % 5 > 0  # rows of weight zero are left out
    one_by_one = small(**options).fit(images, labels, weight)
    moved = free_memory(10**9)
    resident = small(**options).fit(images, labels, weight)
    assert len(moved) == 1
    assert moved[0] <= weight.sum()
    np.testing.assert_array_equal(resident.predict_proba(images), one_by_one.predict_proba(images))


def test_half_of_the_free_memory_is_left_to_the_network(images, free_memory):
    moved = free_memory(2 * images.nbytes - 1)
    assert resident_if_possible(images) is images
    free_memory(2 * images.nbytes)
    resident = resident_if_possible(images)
    assert moved == [len(images)] == [len(resident)]
    rows = np.array([3, 0, 3])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(resident[rows].take()), images[rows])


def test_other_numbers_than_uint8_stay_where_they_are(images, free_memory):
    floats = images.astype(np.float32)
    moved = free_memory(10**9)
    assert resident_if_possible(floats) is floats
    assert moved == []


def test_nothing_is_moved_on_a_processor(images):
    if _device_data._free_device_memory() is not None:
        pytest.skip("there is a GPU")
    assert resident_if_possible(images) is images
