"""Compute probabilities and features of images with trained networks.

With test-time augmentation (TTA), probabilities are means over augmented versions of each image.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._images import batches_of
from skpneumo.augmentation import ImageAugmenter, augment
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


@dataclass
class AugmentedViews:
    """Yield the images, and then augmented versions with the same parameters for all images.

    Because the parameters are the same for all images, a prediction does not depend on other rows.
    """

    augmentation: ImageAugmenter
    n_augmented: int
    value_range: tuple[float, float]
    seed: int

    def __call__(self, images: NDArray[Any]) -> Iterator[NDArray[Any]]:
        yield images
        params = self.augmentation.sample_params(
            self.n_augmented, images.shape[1:], np.random.default_rng(self.seed)
        )
        arguments = self.augmentation.layer_arguments(self.value_range)
        geometry, intensity = arguments.pop("geometry"), arguments.pop("intensity")
        for affine, intensities in zip(params.affine, params.intensity, strict=True):
            version = augment(
                images,
                np.tile(affine, (len(images), 1)) if geometry else None,
                np.tile(intensities, (len(images), 1)) if intensity else None,
                **arguments,
            )
            yield keras.ops.convert_to_numpy(version)


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
        programs, n_rows = _borrow(parts, "float32", devices, borrowed), rows_per_batch(X)
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
    # The last two weights are the kernel and the bias of the logits.
    features = _outputs([*before, (headless, weights[:-2])], X, "float32", devices)
    return features.astype(np.float32, copy=False)


def extract_features(
    spec: NetworkSpec,
    weights: Weights,
    X: NDArray[Any],
    precision: str,
    devices: int | str | None = None,
) -> NDArray[np.float32]:
    """Compute the outputs of a network without a head, of shape (n_samples, n_features)."""
    return _outputs([(spec, weights)], X, precision, devices)


def _outputs(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    X: Any,
    precision: str,
    devices: int | str | None,
) -> NDArray[Any]:
    with ExitStack() as borrowed:
        programs, n_rows = _borrow(parts, precision, devices, borrowed), rows_per_batch(X)
        batches = batches_of(X, prediction_batches(X))
        return np.concatenate([_feed_through(programs, batch, n_rows) for batch in batches])


def _without_logits(builder: Callable[..., keras.Model], **arguments: Any) -> keras.Model:
    network = builder(**arguments)
    return keras.Model(network.inputs, network.layers[-1].input, name="without_logits")


def _borrow(
    parts: Sequence[tuple[NetworkSpec, Weights]],
    precision: str,
    devices: int | str | None,
    borrowed: ExitStack,
) -> list[CompiledPrediction]:
    """Borrow a program for each part of a network, and load its weights."""
    programs = []
    for spec, weights in parts:
        prediction = PredictionSpec(spec.for_prediction, dtype_policy(precision))
        lent = prediction_programs.borrow(prediction, n_prediction_devices(devices))
        program = borrowed.enter_context(lent)
        program.load_weights(weights)
        programs.append(program)
    return programs


def _feed_through(
    programs: Sequence[CompiledPrediction], images: NDArray[Any], n_rows: int | None
) -> NDArray[Any]:
    """Apply the programs in order, each to the output of the one before."""
    return reduce(lambda x, program: program.predict(x, n_rows), programs, images)
