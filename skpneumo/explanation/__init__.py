"""Explanation: what the network looks at, and how far the picture can be trusted.

Names are handed out lazily: only the methods with gradients import Keras, only the displays
matplotlib, and only when they draw.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skpneumo.explanation._activations import activation_maps
    from skpneumo.explanation._curves import DeletionInsertion, deletion_insertion
    from skpneumo.explanation._grad_cam import grad_cam
    from skpneumo.explanation._integrated_gradients import integrated_gradients
    from skpneumo.explanation._lime import lime_map
    from skpneumo.explanation._occlusion import occlusion_map
    from skpneumo.explanation._regions import attribution_shares, lung_field
    from skpneumo.explanation._report import ExplanationReport, explanation_report
    from skpneumo.explanation.displays import (
        ActivationMapsDisplay,
        DeletionInsertionDisplay,
        HeatMapDisplay,
        HeatMapGalleryDisplay,
    )

_MODULE_OF_NAME = {
    "ActivationMapsDisplay": "displays",
    "DeletionInsertion": "_curves",
    "DeletionInsertionDisplay": "displays",
    "ExplanationReport": "_report",
    "HeatMapDisplay": "displays",
    "HeatMapGalleryDisplay": "displays",
    "activation_maps": "_activations",
    "attribution_shares": "_regions",
    "deletion_insertion": "_curves",
    "explanation_report": "_report",
    "grad_cam": "_grad_cam",
    "integrated_gradients": "_integrated_gradients",
    "lime_map": "_lime",
    "lung_field": "_regions",
    "occlusion_map": "_occlusion",
}

__all__ = [
    "ActivationMapsDisplay",
    "DeletionInsertion",
    "DeletionInsertionDisplay",
    "ExplanationReport",
    "HeatMapDisplay",
    "HeatMapGalleryDisplay",
    "activation_maps",
    "attribution_shares",
    "deletion_insertion",
    "explanation_report",
    "grad_cam",
    "integrated_gradients",
    "lime_map",
    "lung_field",
    "occlusion_map",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
