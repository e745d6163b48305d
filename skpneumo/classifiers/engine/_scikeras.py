"""scikeras's classifier around the epochs of this package.

Importing scikeras changes how every model, loss, metric and optimizer of Keras is pickled and
copied, in the whole process. What it replaces is put back here: Keras's models are pickled by
Keras.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.classifiers.engine._batches import Batches
from skpneumo.classifiers.engine._multi_step import steps_of
from skpneumo.classifiers.engine._training import run_epochs

_REPLACED = [
    (keras.Model, "__reduce__"),
    (keras.Model, "__deepcopy__"),
    (keras.losses.Loss, "__reduce__"),
    (keras.metrics.Metric, "__reduce__"),
    (keras.optimizers.Optimizer, "__reduce__"),
]


@contextmanager
def _as_they_were() -> Iterator[None]:
    before = [vars(kind).get(name) for kind, name in _REPLACED]
    try:
        yield
    finally:
        for (kind, name), method in zip(_REPLACED, before, strict=True):
            if method is not None:
                setattr(kind, name, method)
            elif name in vars(kind):
                delattr(kind, name)


with _as_they_were():
    from scikeras.wrappers import KerasClassifier


class ScikerasClassifier(KerasClassifier):
    """scikeras's classifier, in whose ``fit`` the seed alone decides the order of the images.

    ``Model.fit``, which scikeras calls, shuffles with a global generator.
    """

    def _fit_keras_model(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        **options: Any,
    ) -> None:
        batches = Batches(
            n_classes=self.n_classes_,
            batch_size=self.batch_size or 32,
            balanced=False,
            augmentation=None,
            mixup=0.0,
            rng=np.random.default_rng(self._random_state),
        )
        weights = np.ones(len(X), np.float32) if sample_weight is None else sample_weight
        callbacks = keras.callbacks.CallbackList(
            self._fit_callbacks, add_history=True, model=self.model_, verbose=self.verbose,
            epochs=epochs, steps=batches.n_batches(len(X)),
        )  # fmt: skip
        images = partial(batches, X, y.ravel().astype(np.intp), weights)
        run_epochs(steps_of(self.model_), images, callbacks, epochs)
        self.history_ = self.model_.history.history


def as_scikeras(
    network: keras.Model, classes: NDArray[Any], optimizer: Any, **options: Any
) -> ScikerasClassifier:
    """Wrap a network that gives logits; the wrapper gives probabilities of these classes."""
    binary = len(classes) == 2
    to_probabilities = keras.layers.Activation("sigmoid" if binary else "softmax", dtype="float32")
    model = keras.Sequential([network, to_probabilities])
    loss = "binary_crossentropy" if binary else "categorical_crossentropy"
    model.compile(optimizer=optimizer, loss=loss, auto_scale_loss=False)
    wrapper = ScikerasClassifier(model, loss=loss, **options)
    # scikeras learns the classes and the shape of the images from data.
    return wrapper.initialize(np.zeros((len(classes), *network.input_shape[1:])), classes)
