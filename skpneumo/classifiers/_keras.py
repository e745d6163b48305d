"""All of Keras training, behind scikeras."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scikeras.wrappers import KerasClassifier
from scipy.special import expit, softmax

from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._precision import dtype_policy
from skpneumo.classifiers._programs import (
    NetworkSpec,
    PredictionSpec,
    TrainingSpec,
    Weights,
    prediction_programs,
    training_programs,
)

History = dict[str, list[float]]


@dataclass(frozen=True)
class Training:
    """How a network is trained; the words are :class:`~skpneumo.CNNClassifier`'s."""

    optimizer: str | keras.optimizers.Optimizer
    learning_rate: float | None
    batch_size: int
    epochs: int
    augmentation: ImageAugmenter | None
    value_range: tuple[float, float]
    callbacks: Sequence[keras.callbacks.Callback]
    precision: str
    verbose: int


class _BatchwiseClassifier(KerasClassifier):
    """scikeras' wrapper, fed batch by batch in an order that our seed alone decides.

    ``Model.fit`` shuffles with a global generator, and would augment once for all epochs.
    """

    def _fit_keras_model(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[Any],
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        batches: Callable[..., Iterator[tuple[Any, Any, Any]]] | None = None,
        **options: Any,
    ) -> None:
        assert batches is not None
        model = self.model_
        callbacks = keras.callbacks.CallbackList(
            self._fit_callbacks,
            add_history=True,
            model=model,
            verbose=self.verbose,
            epochs=initial_epoch + epochs,
            steps=-(-len(X) // self.batch_size),
        )
        model.stop_training = False
        callbacks.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, initial_epoch + epochs):
            callbacks.on_epoch_begin(epoch)
            total = 0.0
            for step, (images, targets, weights) in enumerate(batches(X, y, sample_weight)):
                callbacks.on_train_batch_begin(step)
                logs = model.train_on_batch(images, targets, weights, return_dict=True)
                callbacks.on_train_batch_end(step, logs)
                total += logs["loss"] * len(targets)
            logs = {"loss": total / len(X)}
            if not np.isfinite(total):
                raise ValueError(
                    f"The training loss became {total} in epoch {epoch + 1}. "
                    "Lower learning_rate, or look for extreme pixel values or weights."
                )
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        callbacks.on_train_end(logs)
        self.history_ = model.history.history


def fit_network(
    spec: NetworkSpec,
    X: NDArray[Any],
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
    training: Training,
    rng: np.random.RandomState,
) -> tuple[Weights, History]:
    """Train a network of this spec from scratch; return its weights and its history."""
    seed, order_seed = rng.randint(2**31 - 1, size=2)
    start = [v.numpy() for v in spec.build(int(seed)).variables]
    training_spec = TrainingSpec(
        network=spec,
        dtype=dtype_policy(training.precision),
        loss=_json(keras.losses.serialize(_loss(dict(spec.arguments)["n_outputs"]))),
        optimizer=_json(keras.optimizers.serialize(keras.optimizers.get(training.optimizer))),
        augmentation=_augmentation_arguments(training),
    )
    with training_programs.borrow(training_spec) as program:
        program.start(start, training.learning_rate)
        classifier = _BatchwiseClassifier(
            program.model,
            callbacks=list(training.callbacks),
            batch_size=training.batch_size,
            epochs=training.epochs,
            verbose=training.verbose,
        )
        batches = _Batches(training, np.random.default_rng(order_seed))
        try:
            classifier.fit(X, y, sample_weight, batches=batches)
        finally:
            for callback in training.callbacks:
                callback._model = None  # or every kept estimator would keep a Keras model
        return program.network.get_weights(), dict(classifier.history_)


def predict_probabilities(
    spec: NetworkSpec, weights: Weights, X: NDArray[Any], batch_size: int, precision: str
) -> NDArray[np.float64]:
    """Probabilities of shape (n_samples, n_classes)."""
    prediction_spec = PredictionSpec(spec, dtype_policy(precision))
    with prediction_programs.borrow(prediction_spec) as program:
        logits = program.logits(weights, X, batch_size).astype(np.float64)
    if logits.shape[1] == 1:
        positive = expit(logits[:, 0])
        return np.column_stack([1.0 - positive, positive])
    return softmax(logits, axis=1)


@dataclass
class _Batches:
    """One epoch a call: the rows in a new order, and newly drawn augmentation."""

    training: Training
    rng: np.random.Generator

    def __call__(
        self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any]
    ) -> Iterator[tuple[Any, Any, Any]]:
        order = self.rng.permutation(len(X))
        augmentation = self.training.augmentation
        draws = None if augmentation is None else augmentation.draw(len(X), X.shape[1:], self.rng)
        for start in range(0, len(X), self.training.batch_size):
            rows = order[start : start + self.training.batch_size]
            images = X[rows]
            if images.dtype != np.uint8:
                images = images.astype(np.float32)
            inputs = images if draws is None else [images, draws.affine[rows], draws.tone[rows]]
            yield inputs, y[rows], sample_weight[rows]


def _loss(n_outputs: int) -> keras.losses.Loss:
    if n_outputs == 1:
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _json(serialized: dict[str, Any]) -> str:
    """Write without the name: Keras numbers names, and equal objects must give equal text."""
    config = {key: value for key, value in serialized["config"].items() if key != "name"}
    return json.dumps({**serialized, "config": config}, sort_keys=True)


def _augmentation_arguments(training: Training) -> tuple[tuple[str, Any], ...] | None:
    if training.augmentation is None:
        return None
    arguments = training.augmentation.layer_arguments(training.value_range)
    return tuple(sorted(arguments.items()))
