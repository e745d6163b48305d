"""The wrapper for scikeras: the same probabilities, our epochs, and an unchanged Keras."""

import os
import pickle
import subprocess
import sys
from copy import deepcopy

import keras
import numpy as np
import pytest
from sklearn.base import clone

scikeras_wrappers = pytest.importorskip("scikeras.wrappers")

KERAS_AS_IT_IS = """
import copy, json, pickle
import keras
import numpy as np

KINDS = [keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer]

def methods():
    return [[getattr(kind, name, None) for name in ("__reduce__", "__deepcopy__", "__reduce_ex__")]
            for kind in KINDS]

class Mine(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

def tried(function):
    try:
        return type(function()).__name__
    except Exception as error:
        return repr(error)

def outcomes():
    functional = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    functional.compile("adam", "mse")
    mine = Mine()
    mine(np.ones((1, 2)))
    things = [functional, mine, keras.optimizers.Adam(), keras.losses.MeanSquaredError()]
    return [tried(lambda: way(thing)) for thing in things
            for way in (copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each)))]

before, outcomes_before = methods(), outcomes()
import skpneumo
from skpneumo import CNNClassifier
from skpneumo.classifiers.engine import _scikeras
import scikeras.wrappers
assert methods() == before
assert outcomes() == outcomes_before, (outcomes(), outcomes_before)
print(json.dumps(outcomes_before))
"""


def test_models_of_users_are_pickled_and_copied_as_without_this_package():
    done = subprocess.run(
        [sys.executable, "-c", KERAS_AS_IT_IS],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Sequential" in done.stdout


@pytest.fixture(scope="module", params=[2, 3], ids=["two classes", "three classes"])
def classifier(request, small, images):
    names = np.array(["bacteria", "none", "virus"][: request.param])
    labels = names[np.arange(len(images)) % request.param]
    fitted = small(filters=(), precision="float32", epochs=1).fit(images, labels)
    return fitted, labels


def test_it_predicts_the_probabilities_and_classes_of_the_classifier(classifier, images):
    fitted, _ = classifier
    wrapper = fitted.to_scikeras()
    assert isinstance(wrapper, scikeras_wrappers.KerasClassifier)
    np.testing.assert_allclose(
        wrapper.predict_proba(images), fitted.predict_proba(images), atol=1e-6
    )
    np.testing.assert_array_equal(wrapper.predict(images), fitted.predict(images))
    again = pickle.loads(pickle.dumps(wrapper))
    np.testing.assert_array_equal(again.predict_proba(images), wrapper.predict_proba(images))


def test_its_training_continues_the_fit_without_changing_the_classifier(classifier, images):
    fitted, labels = classifier
    before = fitted.predict_proba(images)
    wrapper = fitted.to_scikeras().partial_fit(images, labels)
    assert wrapper.history_["loss"][0] < fitted.history_["loss"][0]
    np.testing.assert_array_equal(fitted.predict_proba(images), before)


def test_its_training_depends_only_on_the_seed(classifier, images):
    fitted, labels = classifier
    probabilities = []
    for global_seed in (1, 2):
        keras.utils.set_random_seed(global_seed)
        wrapper = fitted.to_scikeras().fit(images, labels, sample_weight=np.ones(len(labels)))
        assert len(wrapper.history_["loss"]) == fitted.epochs
        probabilities.append(wrapper.predict_proba(images))
    np.testing.assert_array_equal(*probabilities)


@pytest.mark.parametrize(
    "copied", [clone, deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_classifiers_with_objects_of_keras_as_parameters_are_copied_and_pickled(
    copied, small, images, labels
):
    classifier = small(
        optimizer=keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
        learning_rate=None,
        callbacks=[keras.callbacks.EarlyStopping("loss")],
        epochs=1,
    ).fit(images, labels)
    again = copied(classifier)
    assert again.optimizer.get_config() == classifier.optimizer.get_config()
    np.testing.assert_array_equal(
        clone(again).fit(images, labels).predict_proba(images), classifier.predict_proba(images)
    )
