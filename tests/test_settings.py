"""Settings are pinned while something computes, in all threads, and restored by the last."""

from threading import Thread

import keras
import pytest
import sklearn

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
