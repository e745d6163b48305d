"""Probabilities and features of images, by networks that are trained."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._images import batches_of
from skpneumo.classifiers.engine._compiled import (
    NetworkSpec,
    PredictionSpec,
    Weights,
    prediction_batches,
    prediction_programs,
    to_probabilities,
)
from skpneumo.classifiers.engine._devices import n_to_predict_on
from skpneumo.classifiers.engine._precision import dtype_policy
from skpneumo.classifiers.engine._tta import AugmentedViews


def predict_probabilities(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: NDArray[Any],
    precision: str,
    views: AugmentedViews | None = None,
    devices: int | str | None = None,
) -> NDArray[np.float64]:
    """Probabilities of shape (n_samples, n_classes): of the images, or the mean over views.

    The network is given in parts, each of which is fed what the one before makes.
    """
    proba = []
    with ExitStack() as borrowed:
        programs = []
        for spec, weights in parts:
            key = _prediction_key(spec, precision, devices)
            program = borrowed.enter_context(prediction_programs.borrow(*key))
            program.load_weights(weights)
            programs.append(program)
        for images in batches_of(X, prediction_batches(X)):
            versions = [images] if views is None else views(images)
            logits = [
                reduce(lambda x, program: program.predict(x), programs, version)
                for version in versions
            ]
            proba.append(np.mean([to_probabilities(version) for version in logits], axis=0))
    return np.concatenate(proba)


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
        return np.concatenate([program.predict(batch) for batch in batches])


def _prediction_key(
    spec: NetworkSpec, precision: str, devices: int | str | None
) -> tuple[PredictionSpec, int]:
    return PredictionSpec(spec.for_prediction, dtype_policy(precision)), n_to_predict_on(devices)
