"""The checks of an input gate: neighbours, orientation and polarity."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from skpneumo.decision._gate_view import SIDE, View

__all__ = ["N_NEIGHBORS", "GateChecks"]

N_NEIGHBORS = 5
"""The distance to this nearest reference is what counts."""

_MOST_COMPONENTS = 64


_OF_VIEW = {"features": "feature", "pixels": "pixel"}


@dataclass
class GateChecks:
    """Scores of images that are higher the less they are like those fitted on.

    Attributes
    ----------
    feature_reducer, pixel_reducer : PCA or None
        Of the network's last features, and of the small images.
    feature_references, pixel_references : ndarray of shape (n_references, n_components) or None
        Images of training in the reduced spaces.
    orientation, polarity : LogisticRegression or None
        Tell small images that are upside down, and negatives, from upright positives.
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
        """Make them fitted attributes of a gate."""
        for each in fields(self):
            setattr(gate, f"{each.name}_", getattr(self, each.name))

    @classmethod
    def fit(cls, view: View, seed: int) -> Self:
        """Learn from images that are as they should be, mirrored ones among them."""
        checks = cls()
        for name, prefix in _OF_VIEW.items():
            values = getattr(view, name)
            if values is not None:
                reducer = PCA(min(_MOST_COMPONENTS, *values.shape), random_state=seed).fit(values)
                references = reducer.transform(values).astype(np.float32)
                setattr(checks, f"{prefix}_reducer", reducer)
                setattr(checks, f"{prefix}_references", references)
        if view.pixels is not None:
            upright, upside_down = view.pixels, _upside_down(view.pixels)
            standing = np.concatenate([upright, upside_down])
            checks.orientation = _separated(upright, upside_down)
            checks.polarity = _separated(standing, -standing)
        return checks

    def scores(self, view: View) -> dict[str, NDArray[np.float64]]:
        """Scores of each check, by its name."""
        scores: dict[str, Any] = {}
        for name, prefix in _OF_VIEW.items():
            values = getattr(view, name)
            if values is not None:
                reduced = getattr(self, f"{prefix}_reducer").transform(values)
                scores[name] = _distances(reduced, getattr(self, f"{prefix}_references"))
        for name in ("orientation", "polarity"):
            classifier = getattr(self, name)
            if classifier is not None:
                scores[name] = classifier.decision_function(view.pixels)
        return {name: each.astype(np.float64) for name, each in scores.items()}


def _distances(
    reduced: NDArray[np.float32], references: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Distance of each row to its fifth nearest reference."""
    rows, others = reduced.astype(np.float64), references.astype(np.float64)
    squares = (rows**2).sum(axis=1, keepdims=True) - 2 * rows @ others.T + (others**2).sum(axis=1)
    nth = min(N_NEIGHBORS, len(references)) - 1
    return np.sqrt(np.maximum(np.partition(squares, nth, axis=1)[:, nth], 0))


def _upside_down(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flip small images; with the mirrored copies among them, rotated by 180 degrees as well."""
    return pixels.reshape(-1, SIDE, SIDE)[:, ::-1].reshape(len(pixels), -1)


def _separated(right: NDArray[np.float32], wrong: NDArray[np.float32]) -> LogisticRegression:
    pixels = np.concatenate([right, wrong])
    is_wrong = np.repeat([False, True], [len(right), len(wrong)])
    return LogisticRegression(C=0.01, max_iter=1000).fit(pixels, is_wrong)
