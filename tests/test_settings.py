"""Settings are pinned during computations in all threads, and restored after the last."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import keras
import numpy as np
import pytest
import sklearn

import skpneumo
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


def test_the_users_setting_of_transformer_output_is_restored():
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


FIT = """
import numpy as np
from skpneumo import CNNClassifier
X = np.random.default_rng(0).integers(0, 256, (24, 12, 12, 3), dtype=np.uint8)
model = CNNClassifier(filters=(4,), dense_units=(8,), epochs=1, random_state=0)
proba = model.fit(X, np.arange(24) % 2).predict_proba(X)
"""
SAVE = """
import sys, keras
np.save(sys.argv[1], proba)
print(keras.config.image_data_format(), keras.config.floatx())
"""


@pytest.mark.slow
def test_what_is_in_keras_json_has_no_influence(tmp_path):
    """Keras reads the file when it is imported, so this is another process."""
    content = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.01}
    (tmp_path / "keras.json").write_text(json.dumps(content))
    run = subprocess.run(
        [sys.executable, "-c", FIT + SAVE, tmp_path / "proba.npy"],
        env=os.environ
        | {"KERAS_HOME": str(tmp_path), "PYTHONPATH": str(Path(skpneumo.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["channels_first", "float16"]
    here = {}
    exec(FIT, here)
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), here["proba"])


def test_advice_on_retracing_is_silenced_while_this_package_computes(caplog):
    logger = logging.getLogger("tensorflow")
    logger.propagate, propagated = True, logger.propagate
    try:
        with pinned_settings():
            logger.warning("5 out of the last %d calls triggered tf.function retracing.", 9)
            logger.warning("the disk is full")
        logger.warning("5 out of the last 9 calls triggered tf.function retracing.")
    finally:
        logger.propagate = propagated
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "the disk is full",
        "5 out of the last 9 calls triggered tf.function retracing.",
    ]
