"""Probabilities and features of images, by networks that are trained."""

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
    rows_a_batch,
    to_probabilities,
)
from skpneumo.classifiers.engine._devices import n_to_predict_on
from skpneumo.classifiers.engine._precision import dtype_policy
from skpneumo.classifiers.engine._tta import AugmentedViews


def predict_probabilities(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: NDArray[Any],
    views: AugmentedViews | None = None,
    devices: int | str | None = None,
) -> NDArray[np.float64]:
    """Probabilities of shape (n_samples, n_classes): of the images, or the mean over views.

    The network is given in parts, each of which is fed what the one before makes. It computes in
    float32, whatever it was trained in, so that the same file answers the same on every machine.
    """
    proba = []
    with ExitStack() as borrowed:
        programs, n_rows = _borrow(parts, devices, borrowed), rows_a_batch(X)
        for images in batches_of(X, prediction_batches(X)):
            versions = [images] if views is None else views(images)
            logits = [_in_turn(programs, version, n_rows) for version in versions]
            proba.append(np.mean([to_probabilities(version) for version in logits], axis=0))
    return np.concatenate(proba)


def extract_last_features(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: NDArray[Any],
    devices: int | str | None = None,
) -> NDArray[np.float32]:
    """What the logits are computed from, of shape (n_samples, n_features)."""
    *before, (spec, weights) = parts
    headless = NetworkSpec(_without_logits, (("builder", spec.builder), *spec.arguments))
    with ExitStack() as borrowed:
        # The kernel and the bias of the logits come last.
        parts = [*before, (headless, weights[:-2])]
        programs = _borrow(parts, devices, borrowed)
        batches = batches_of(X, prediction_batches(X))
        n_rows = rows_a_batch(X)
        features = np.concatenate([_in_turn(programs, batch, n_rows) for batch in batches])
    return features.astype(np.float32, copy=False)


def extract_features(
    spec: NetworkSpec,
    weights: Weights,
    X: NDArray[Any],
    precision: str,
    devices: int | str | None = None,
) -> NDArray[np.float32]:
    """What a network without a head makes of each image, of shape (n_samples, n_features)."""
    with prediction_programs.borrow(*_prediction_key(spec, precision, devices)) as program:
        program.load_weights(weights)
        batches = batches_of(X, prediction_batches(X))
        n_rows = rows_a_batch(X)
        return np.concatenate([program.predict(batch, n_rows) for batch in batches])


def _without_logits(builder: Callable[..., keras.Model], **arguments: Any) -> keras.Model:
    network = builder(**arguments)
    return keras.Model(network.inputs, network.layers[-1].input, name="without_logits")


def _borrow(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    devices: int | str | None,
    borrowed: ExitStack,
) -> list[CompiledPrediction]:
    """Borrow a program for each part of a network, with its weights; it computes in float32."""
    programs = []
    for spec, weights in parts:
        key = _prediction_key(spec, "float32", devices)
        program = borrowed.enter_context(prediction_programs.borrow(*key))
        program.load_weights(weights)
        programs.append(program)
    return programs


def _in_turn(
    programs: Sequence[CompiledPrediction], images: NDArray[Any], n_rows: int | None
) -> NDArray[Any]:
    """Feed each program what the one before makes."""
    return reduce(lambda x, program: program.predict(x, n_rows), programs, images)


def _prediction_key(
    spec: NetworkSpec, precision: str, devices: int | str | None
) -> tuple[PredictionSpec, int]:
    return PredictionSpec(spec.for_prediction, dtype_policy(precision)), n_to_predict_on(devices)
