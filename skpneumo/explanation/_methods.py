"""Compute heat maps by the name of the method."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["METHODS", "maps_by"]

# Imported when used, because methods with gradients import Keras.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "occlusion": ("occlusion_map", {}),
    "hires_cam": ("grad_cam", {"method": "hires_cam"}),
    "grad_cam": ("grad_cam", {"method": "grad_cam"}),
    "grad_cam++": ("grad_cam", {"method": "grad_cam++"}),
    "integrated_gradients": ("integrated_gradients", {}),
    "lime": ("lime_map", {}),
}


def maps_by(method: str, estimator: Any, X: Any, target: Any = None) -> NDArray[np.float32]:
    """Map the evidence by a method with its default parameters."""
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r}. Choose from {list(METHODS)}.")
    function, options = METHODS[method]
    return getattr(import_module("skpneumo.explanation"), function)(
        estimator, X, target=target, **options
    )
