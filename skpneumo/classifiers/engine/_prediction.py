"""Probabilities and features of images, by networks that are trained."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from skpneumo._images import batches_of
from skpneumo.classifiers.engine._compiled import (
    NetworkSpec,
    PredictionSpec,
    Weights,
    prediction_programs,
)
from skpneumo.classifiers.engine._devices import n_to_predict_on
from skpneumo.classifiers.engine._precision import dtype_policy
from skpneumo.classifiers.engine._tta import AugmentedViews

# Large enough to keep the cores busy, small enough that feature maps of large images fit.
_BATCH = 64


def predict_probabilities(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: NDArray[Any],
    precision: str,
    views: AugmentedViews | None = None,
    devices: int | str | None = None,
) -> NDArray[np.float64]:
    """Probabilities of shape (n_samples, n_classes): of the images, or the mean over views.

    The network is given in parts, each of which takes what the one before makes.
    """
    proba = []
    with ExitStack() as borrowed:
        programs = []
        for spec, weights in parts:
            recipe = _program_of(spec, precision, devices)
            program = borrowed.enter_context(prediction_programs.borrow(*recipe))
            program.hold(weights)
            programs.append(program)
        for images in batches_of(X, _batches(X)):
            versions = [images] if views is None else views(images)
            logits = [
                reduce(lambda x, program: program.predict(x), programs, version)
                for version in versions
            ]
            proba.append(np.mean([_to_probabilities(version) for version in logits], axis=0))
    return np.concatenate(proba)


def extract_features(
    spec: NetworkSpec,
    weights: Weights,
    X: NDArray[Any],
    precision: str,
    devices: int | str | None = None,
) -> NDArray[np.float32]:
    """What a network without a head makes of each image, of shape (n_samples, n_features)."""
    with prediction_programs.borrow(*_program_of(spec, precision, devices)) as program:
        program.hold(weights)
        batches = batches_of(X, _batches(X))
        return np.concatenate([program.predict(batch) for batch in batches])


def _program_of(
    spec: NetworkSpec, precision: str, devices: int | str | None
) -> tuple[PredictionSpec, int]:
    return PredictionSpec(spec.unregularised, dtype_policy(precision)), n_to_predict_on(devices)


def _batches(X: Any) -> list[slice]:
    starts = range(0, len(X), _BATCH)
    return [slice(start, start + _BATCH) for start in starts]


def _to_probabilities(logits: NDArray[Any]) -> NDArray[np.float64]:
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        positive = expit(logits[:, 0])
        return np.column_stack([1.0 - positive, positive])
    return softmax(logits, axis=1)
