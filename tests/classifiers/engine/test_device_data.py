"""A fit is the same with images on the device."""

import keras
import numpy as np
import pytest

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine import _compiled, _devices
from skpneumo.classifiers.engine._device_data import DeviceImages
from skpneumo.classifiers.engine._multi_step import SingleStep


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
def test_the_fit_equals_that_with_images_moved_in_batches(
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
