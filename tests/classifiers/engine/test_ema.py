"""The exponential moving average of the weights, and its use instead of the weights."""

import pickle

import keras
import numpy as np
import pytest

from skpneumo.classifiers.engine._ema import averages_of

from ..checks import WatchingCallback

MOMENTUM = 0.5


class Steps(WatchingCallback):
    """Records the weights after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())


def averages_by_hand(steps) -> list[np.ndarray]:
    """Compute the average, which starts with the weights after the first step."""
    averaged = steps[0]
    for n_before, weights in enumerate(steps[1:], start=1):
        momentum = min(MOMENTUM, (1 + n_before) / (10 + n_before))
        averaged = [
            momentum * average + (1 - momentum) * weight
            for average, weight in zip(averaged, weights, strict=True)
        ]
    return averaged


def test_the_averages_over_all_steps_are_the_fitted_weights(small, images, labels):
    steps = Steps()
    classifier = small(ema_momentum=MOMENTUM, callbacks=[steps], epochs=2)
    classifier.fit(images, labels)
    assert len(steps.weights) == 8
    for kept, average in zip(classifier.weights_, averages_by_hand(steps.weights), strict=True):
        np.testing.assert_allclose(kept, average, atol=1e-6)
    assert not np.allclose(classifier.weights_[0], steps.weights[-1][0], atol=1e-6)


def test_the_averages_of_a_short_training_do_not_depend_on_initial_weights(small, images, labels):
    steps = Steps()
    classifier = small(ema_momentum=0.999, callbacks=[steps], epochs=10).fit(images, labels)
    first, last = (np.concatenate([w.ravel() for w in steps.weights[i]]) for i in (0, -1))
    average = np.concatenate([w.ravel() for w in classifier.weights_])
    assert np.linalg.norm(average - last) < 0.2 * np.linalg.norm(average - first)


def test_training_itself_is_not_changed(small, images, labels, fitted):
    steps = Steps()
    classifier = small(ema_momentum=MOMENTUM, callbacks=[steps]).fit(images, labels)
    np.testing.assert_allclose(classifier.history_["loss"], fitted.history_["loss"], rtol=1e-6)
    for last, weight in zip(steps.weights[-1], fitted.weights_, strict=True):
        np.testing.assert_allclose(last, weight, atol=1e-6)


def test_inner_validation_uses_the_averages(small, images, labels, unseen):
    X_val, y_val = unseen
    classifier = small(ema_momentum=0.9).fit(images, labels, X_val=X_val, y_val=y_val)
    proba = classifier.predict_proba(X_val)[np.arange(len(y_val)), y_val]
    assert classifier.history_["val_loss"][-1] == pytest.approx(-np.log(proba).mean(), rel=1e-4)


def test_early_stopping_restores_averages(small, images, labels):
    classifier = small(
        ema_momentum=0.9, early_stopping=True, n_iter_no_change=2, tol=9.0, epochs=9
    ).fit(images, labels)
    assert classifier.n_iter_ == 3
    first = small(ema_momentum=0.9, early_stopping=True, tol=9.0, epochs=1)
    first.fit(images, labels)
    np.testing.assert_allclose(
        classifier.predict_proba(images), first.predict_proba(images), atol=1e-6
    )


def test_training_continues_from_the_weights_not_the_averages(small, images, labels):
    whole = small(ema_momentum=0.9, epochs=4).fit(images, labels)
    warm = small(ema_momentum=0.9, epochs=2, warm_start=True).fit(images, labels)
    warm = pickle.loads(pickle.dumps(warm)).fit(images, labels)
    partial = small(ema_momentum=0.9)
    for _ in range(4):
        partial.partial_fit(images, labels)
    for classifier in (warm, partial):
        np.testing.assert_allclose(
            classifier.predict_proba(images), whole.predict_proba(images), atol=1e-5
        )


def test_averaging_can_be_enabled_or_disabled_between_fits(small, images, labels):
    classifier = small(warm_start=True).fit(images, labels)
    before = classifier.history_["loss"][-1]
    classifier.set_params(ema_momentum=0.9).fit(images, labels)
    assert classifier.history_["loss"][-1] < before
    classifier.set_params(ema_momentum=None).fit(images, labels)
    assert classifier.n_iter_ == 9
    assert classifier.history_["loss"][-1] < before


def test_averages_of_weights_are_found_among_other_variables_of_the_optimizer():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    for name in ("sgd", "adam", "rmsprop", "adadelta"):
        config = keras.optimizers.get(name).get_config() | {"use_ema": True}
        if name == "rmsprop":
            config["centered"] = True  # keeps an average of the gradients
        optimizer = type(keras.optimizers.get(name)).from_config(config)
        optimizer.build(network.trainable_variables)
        averages = averages_of(optimizer)
        assert [each.shape for each in averages] == [each.shape for each in network.weights]
        optimizer.apply([keras.ops.ones(each.shape) for each in network.trainable_variables])
        for average, weight in zip(averages, network.weights, strict=True):  # of one step
            np.testing.assert_allclose(average.numpy(), weight.numpy(), rtol=1e-6)
