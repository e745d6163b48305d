"""Displays of explanations, in the manner of scikit-learn.

matplotlib is imported only for plotting.
"""

from skpneumo.explanation.displays._activation_maps import ActivationMapsDisplay
from skpneumo.explanation.displays._deletion_insertion import DeletionInsertionDisplay
from skpneumo.explanation.displays._gallery import HeatMapGalleryDisplay
from skpneumo.explanation.displays._heat_map import HeatMapDisplay

__all__ = [
    "ActivationMapsDisplay",
    "DeletionInsertionDisplay",
    "HeatMapDisplay",
    "HeatMapGalleryDisplay",
]
