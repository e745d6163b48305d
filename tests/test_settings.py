"""Settings are pinned while something computes, in all threads, and restored by the last."""

from threading import Thread

import keras
import numpy as np
import pytest
import sklearn

from skpneumo import (
    CNNClassifier,
    ContrastEqualizer,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    RecallFloorClassifier,
    grad_cam,
    make_pipeline,
)
from skpneumo._settings import pinned, pinned_settings


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


def test_pins_are_undone_after_an_error(channels_first):
    @pinned
    def fail():
        assert keras.config.image_data_format() == "channels_last"
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert keras.config.image_data_format() == "channels_first"


def test_a_pin_lasts_until_the_last_thread_leaves(channels_first):
    inner = pinned_settings()
    thread = Thread(target=inner.__enter__)
    with pinned_settings():
        thread.start()
        thread.join()
    assert keras.config.image_data_format() == "channels_last"
    thread = Thread(target=inner.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert keras.config.image_data_format() == "channels_first"


def test_the_output_of_transformers_is_the_users_again():
    with sklearn.config_context(transform_output="pandas"):
        with pinned_settings():
            assert sklearn.get_config()["transform_output"] == "default"
        assert sklearn.get_config()["transform_output"] == "pandas"


def test_a_whole_flow_does_not_depend_on_settings(xrays, request):
    def flow():
        steps = [
            ImageResampler(random_state=0),
            ImageLoader(size=12, cache=False),
            ContrastEqualizer(),
            ImageAugmenter(rotation=5, brightness=0.1, random_state=0),
            CNNClassifier(filters=(4,), dense_units=(8,), epochs=1, random_state=0),
        ]
        pipeline = make_pipeline(*steps)
        model = RecallFloorClassifier(pipeline, cv=2, recall=0.6, confidence=0.8)
        model.fit(frame, xrays.target)
        probabilities = model.predict_proba(frame)
        return probabilities, grad_cam(model, frame[:3]), model.score(frame, xrays.target)

    frame = xrays.X
    expected = flow()
    other = request.getfixturevalue("other_settings")
    for found, right in zip(flow(), expected, strict=True):
        np.testing.assert_array_equal(found, right)
    assert sklearn.get_config() == other
    assert keras.config.floatx() == "float64"
