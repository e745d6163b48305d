"""Compute probabilities and features of images with trained networks."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import reduce
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._images import batches_of
from skpneumo.classifiers.engine._compiled import (
    CompiledPrediction,
    NetworkSpec,
    PredictionSpec,
    Weights,
    prediction_batches,
    prediction_programs,
    rows_per_batch,
    to_probabilities,
)
from skpneumo.classifiers.engine._devices import n_prediction_devices
from skpneumo.classifiers.engine._precision import dtype_policy
from skpneumo.classifiers.engine._tta import AugmentedViews


def predict_probabilities(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: Any,
    views: AugmentedViews | None = None,
    devices: int | str | None = None,
) -> NDArray[np.float64]:
    """Predict probabilities (n_samples, n_classes) of the images, or their mean over views.

    The parts of the network are applied in order. They compute in float32, whatever the precision
    in training, so that a model file predicts the same on every machine.
    """
    proba = []
    with ExitStack() as borrowed:
        programs, n_rows = _borrow(parts, devices, borrowed), rows_per_batch(X)
        for images in batches_of(X, prediction_batches(X)):
            versions = [images] if views is None else views(images)
            logits = [_feed_through(programs, version, n_rows) for version in versions]
            proba.append(np.mean([to_probabilities(version) for version in logits], axis=0))
    return np.concatenate(proba)


def extract_last_features(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: NDArray[Any],
    devices: int | str | None,
) -> NDArray[np.float32]:
    """Compute the features before the logits, of shape (n_samples, n_features)."""
    *before, (spec, weights) = parts
    headless = NetworkSpec(_without_logits, (("builder", spec.builder), *spec.arguments))
    with ExitStack() as borrowed:
        # The last two weights are the kernel and the bias of the logits.
        parts = [*before, (headless, weights[:-2])]
        programs = _borrow(parts, devices, borrowed)
        batches = batches_of(X, prediction_batches(X))
        n_rows = rows_per_batch(X)
        features = np.concatenate([_feed_through(programs, batch, n_rows) for batch in batches])
    return features.astype(np.float32, copy=False)


def extract_features(
    spec: NetworkSpec,
    weights: Weights,
    X: NDArray[Any],
    precision: str,
    devices: int | str | None = None,
) -> NDArray[np.float32]:
    """Compute the outputs of a network without a head, of shape (n_samples, n_features)."""
    with prediction_programs.borrow(*_prediction_key(spec, precision, devices)) as program:
        program.load_weights(weights)
        return program.outputs(X)


def _without_logits(builder: Callable[..., keras.Model], **arguments: Any) -> keras.Model:
    network = builder(**arguments)
    return keras.Model(network.inputs, network.layers[-1].input, name="without_logits")


def _borrow(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    devices: int | str | None,
    borrowed: ExitStack,
) -> list[CompiledPrediction]:
    """Borrow a float32 program for each part of a network, and load its weights."""
    programs = []
    for spec, weights in parts:
        key = _prediction_key(spec, "float32", devices)
        program = borrowed.enter_context(prediction_programs.borrow(*key))
        program.load_weights(weights)
        programs.append(program)
    return programs


def _feed_through(
    programs: Sequence[CompiledPrediction], images: NDArray[Any], n_rows: int | None
) -> NDArray[Any]:
    """Apply the programs in order, each to the output of the one before."""
    return reduce(lambda x, program: program.predict(x, n_rows), programs, images)


def _prediction_key(
    spec: NetworkSpec, precision: str, devices: int | str | None
) -> tuple[PredictionSpec, int]:
    prediction = PredictionSpec(spec.for_prediction, dtype_policy(precision))
    return prediction, n_prediction_devices(devices)
