"""Displays of explanations, in scikit-learn's form: computed when made, drawn by ``plot(ax=)``.

matplotlib is imported by the drawing alone.
"""

from skpneumo.explanation.displays._activation_maps import ActivationMapsDisplay
from skpneumo.explanation.displays._curves import DeletionInsertionDisplay
from skpneumo.explanation.displays._gallery import HeatMapGalleryDisplay
from skpneumo.explanation.displays._heat_map import HeatMapDisplay

__all__ = [
    "ActivationMapsDisplay",
    "DeletionInsertionDisplay",
    "HeatMapDisplay",
    "HeatMapGalleryDisplay",
]
