"""The checks of an input gate: neighbours, orientation and polarity."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from skpneumo._gate_parts import N_NEIGHBORS, SIDE
from skpneumo.decision._gate_inputs import GateInputs

__all__ = ["GateChecks"]

_MOST_COMPONENTS = 64
# As a share of the first component's variance: whitening would amplify smaller ones.
_LEAST_VARIANCE = 1e-6

# Fields of GateInputs, and the prefixes of the attributes that are fitted on them.
_PREFIXES = {"features": "feature", "pixels": "pixel"}


@dataclass
class GateChecks:
    """Fitted checks, whose scores are higher the less an image is like the training images.

    Attributes
    ----------
    feature_reducer, pixel_reducer : PCA or None
        Projection of the network's last features, and of the small images.
    feature_references, pixel_references : ndarray of shape (n_references, n_components) or None
        Training images in the reduced spaces.
    orientation, polarity : LogisticRegression or None
        Recognise small images that are upside down, and negatives.
    """

    feature_reducer: PCA | None = None
    feature_references: NDArray[np.float32] | None = None
    pixel_reducer: PCA | None = None
    pixel_references: NDArray[np.float32] | None = None
    orientation: LogisticRegression | None = None
    polarity: LogisticRegression | None = None

    @classmethod
    def of(cls, gate: Any) -> Self:
        """The checks of a fitted gate."""
        return cls(**{each.name: getattr(gate, f"{each.name}_") for each in fields(cls)})

    def assign_to(self, gate: Any) -> None:
        """Set the checks as fitted attributes of a gate."""
        for each in fields(self):
            setattr(gate, f"{each.name}_", getattr(self, each.name))

    @classmethod
    def fit(cls, inputs: GateInputs, seed: int) -> Self:
        """Fit the checks on images that should pass, mirrored ones among them."""
        checks = cls()
        for name, prefix in _PREFIXES.items():
            values = getattr(inputs, name)
            if values is not None:
                reducer = _reducer(values, whiten=name == "features", seed=seed)
                references = reducer.transform(values).astype(np.float32)
                setattr(checks, f"{prefix}_reducer", reducer)
                setattr(checks, f"{prefix}_references", references)
        if inputs.pixels is not None:
            upright, upside_down = inputs.pixels, _upside_down(inputs.pixels)
            both_ways_up = np.concatenate([upright, upside_down])
            checks.orientation = _fit_wrong_from_right(upright, upside_down)
            checks.polarity = _fit_wrong_from_right(both_ways_up, -both_ways_up)
        return checks

    def scores(self, inputs: GateInputs) -> dict[str, NDArray[np.float64]]:
        """Compute the scores of each check, by its name."""
        scores: dict[str, Any] = {}
        for name, prefix in _PREFIXES.items():
            values = getattr(inputs, name)
            if values is not None:
                reduced = getattr(self, f"{prefix}_reducer").transform(values)
                scores[name] = _distances(reduced, getattr(self, f"{prefix}_references"))
        for name in ("orientation", "polarity"):
            classifier = getattr(self, name)
            if classifier is not None:
                scores[name] = classifier.decision_function(inputs.pixels)
        return {name: each.astype(np.float64) for name, each in scores.items()}


def _reducer(values: NDArray[np.float32], whiten: bool, seed: int) -> PCA:
    """Fit the principal components, except those that vary only by rounding."""
    n_components = min(_MOST_COMPONENTS, *values.shape)
    reducer = PCA(n_components, whiten=whiten, random_state=seed).fit(values)
    variances = reducer.explained_variance_
    n_varying = max(1, int((variances > _LEAST_VARIANCE * variances[0]).sum()))
    if n_varying == n_components:
        return reducer
    return PCA(n_varying, whiten=whiten, random_state=seed).fit(values)


def _distances(
    reduced: NDArray[np.float32], references: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Compute the distance of each row to its fifth nearest reference."""
    rows, others = reduced.astype(np.float64), references.astype(np.float64)
    squares = (rows**2).sum(axis=1, keepdims=True) - 2 * rows @ others.T + (others**2).sum(axis=1)
    nth = min(N_NEIGHBORS, len(references)) - 1
    return np.sqrt(np.maximum(np.partition(squares, nth, axis=1)[:, nth], 0))


def _upside_down(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flip small images. The mirrored copies among them become rotated by 180 degrees."""
    return pixels.reshape(-1, SIDE, SIDE)[:, ::-1].reshape(len(pixels), -1)


def _fit_wrong_from_right(
    right: NDArray[np.float32], wrong: NDArray[np.float32]
) -> LogisticRegression:
    """Fit the probability that a small image is one of the wrong ones."""
    pixels = np.concatenate([right, wrong])
    is_wrong = np.repeat([False, True], [len(right), len(wrong)])
    return LogisticRegression(C=0.01, max_iter=1000).fit(pixels, is_wrong)
