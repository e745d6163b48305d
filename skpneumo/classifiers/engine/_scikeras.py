"""Adapter of scikeras's classifier to the training of this package.

Importing scikeras changes how every model, loss, metric and optimizer of Keras is pickled and
copied, in the whole process. The original methods are restored here, so that Keras pickles its
models as before.

This is the only file with private names of scikeras, which has no public hook for a custom
training loop: ``_fit_keras_model`` is overridden and reads ``_fit_callbacks``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer

from skpneumo._random import check_random_state, random_seed
from skpneumo.classifiers.engine._batches import Batches
from skpneumo.classifiers.engine._multi_step import steps_of
from skpneumo.classifiers.engine._training import run_epochs, verbosity

_REPLACED = [
    (keras.Model, "__reduce__"),
    (keras.Model, "__deepcopy__"),
    (keras.losses.Loss, "__reduce__"),
    (keras.metrics.Metric, "__reduce__"),
    (keras.optimizers.Optimizer, "__reduce__"),
]


@contextmanager
def _originals_restored() -> Iterator[None]:
    before = [vars(kind).get(name) for kind, name in _REPLACED]
    try:
        yield
    finally:
        for (kind, name), method in zip(_REPLACED, before, strict=True):
            if method is not None:
                setattr(kind, name, method)
            elif name in vars(kind):
                delattr(kind, name)


with _originals_restored():
    from scikeras.wrappers import KerasClassifier

# The versions that the tests ran with; pyproject.toml has the same bounds.
TESTED_VERSIONS = ">=0.13,<0.14"

if not hasattr(KerasClassifier, "_fit_keras_model"):
    raise ImportError(
        f"scikeras {version('scikeras')} has no KerasClassifier._fit_keras_model, which skpneumo "
        f'needs. Install a version that works: pip install "scikeras{TESTED_VERSIONS}".'
    )


class ScikerasClassifier(KerasClassifier):
    """Classifier of scikeras in which only the seed determines the order of the images.

    ``Model.fit``, which scikeras calls, shuffles with a global generator.
    """

    @property
    def feature_encoder(self) -> FunctionTransformer:
        """Transformer that makes images the first of several inputs of a model."""
        return FunctionTransformer(_as_inputs)

    def _fit_keras_model(
        self,
        X: list[NDArray[Any]],
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        **options: Any,
    ) -> None:
        seed = None
        if self.random_state is not None:
            seed = random_seed(check_random_state(self.random_state))
        batches = Batches(
            n_classes=self.n_classes_,
            batch_size=self.batch_size or 32,
            balanced=False,
            augmentation=None,
            mixup=0.0,
            rng=np.random.default_rng(seed),
        )
        (images,) = X
        weights = sample_weight
        if weights is None:
            weights = np.ones(len(images), np.float32)
        callbacks = keras.callbacks.CallbackList(
            self._fit_callbacks, add_history=True, model=self.model_, verbose=self.verbose,
            epochs=epochs, steps=batches.n_batches(len(images)),
        )  # fmt: skip
        # scikeras has encoded the labels as one column, or as one for each class.
        labels = y.argmax(axis=1) if self.n_classes_ > 2 else y.ravel().astype(np.intp)
        epoch = partial(batches, images, labels, weights)
        run_epochs(steps_of(self.model_), epoch, callbacks, epochs)
        self.history_ = self.model_.history.history


def _as_inputs(images: NDArray[Any]) -> list[NDArray[Any]]:
    return [images]


def as_scikeras(classifier: Any) -> ScikerasClassifier:
    """Wrap a copy of the network of a fitted classifier, with probabilities instead of logits."""
    classes, network = classifier.classes_, classifier.network_
    binary = len(classes) == 2
    to_probabilities = keras.layers.Activation("sigmoid" if binary else "softmax", dtype="float32")
    images = keras.Input(network.input_shape[1:], name="images")
    model = keras.Model([images], to_probabilities(network(images)))
    loss = "binary_crossentropy" if binary else "categorical_crossentropy"
    optimizer = keras.optimizers.get(classifier.optimizer)
    config = optimizer.get_config()
    if classifier.learning_rate is not None:
        config["learning_rate"] = classifier.learning_rate
    optimizer = type(optimizer).from_config(config)
    model.compile(optimizer=optimizer, loss=loss, auto_scale_loss=False)
    optimizer.build(model.trainable_variables)
    wrapper = ScikerasClassifier(
        model,
        loss=loss,
        batch_size=classifier.batch_size,
        epochs=classifier.epochs,
        random_state=classifier.random_state,
        verbose=verbosity(classifier.verbose),
    )
    # scikeras gets the classes and the shape of the images from data.
    return wrapper.initialize(np.zeros((len(classes), *network.input_shape[1:])), classes)
