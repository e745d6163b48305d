from ._activations import activation_maps
from ._deletion_insertion import DeletionInsertion, deletion_insertion
from ._grad_cam import grad_cam
from ._integrated_gradients import integrated_gradients
from ._lime import lime_map
from ._occlusion import occlusion_map
from ._regions import attribution_shares, lung_field
from ._report import ExplanationReport, explanation_report
from .displays import (
    ActivationMapsDisplay,
    DeletionInsertionDisplay,
    HeatMapDisplay,
    HeatMapGalleryDisplay,
)

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
