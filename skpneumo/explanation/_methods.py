"""The methods by name, for whoever lets the user choose one."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["METHODS", "maps_by"]

# Looked up when used: those with gradients import Keras.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "occlusion": ("occlusion_map", {}),
    "hires_cam": ("grad_cam", {"method": "hires_cam"}),
    "grad_cam": ("grad_cam", {"method": "grad_cam"}),
    "grad_cam++": ("grad_cam", {"method": "grad_cam++"}),
    "integrated_gradients": ("integrated_gradients", {}),
    "lime": ("lime_map", {}),
}


def maps_by(method: str, estimator: Any, X: Any, target: Any = None) -> NDArray[np.float32]:
    """Map the evidence by the method of this name, with its defaults."""
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r}; expected one of {list(METHODS)}.")
    function, options = METHODS[method]
    return getattr(import_module("skpneumo.explanation"), function)(
        estimator, X, target=target, **options
    )
