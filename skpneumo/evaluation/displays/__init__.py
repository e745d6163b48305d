"""Plots of data, training and results, in the manner of scikit-learn.

A display is computed by ``from_estimator``, ``from_predictions`` and similar methods, and can be
plotted again with ``plot(ax=)``. matplotlib is imported only for plotting.
"""

from skpneumo.evaluation.displays._augmentation import AugmentationDisplay
from skpneumo.evaluation.displays._class_distribution import ClassDistributionDisplay
from skpneumo.evaluation.displays._error_gallery import ErrorGalleryDisplay
from skpneumo.evaluation.displays._image_grid import ImageGridDisplay
from skpneumo.evaluation.displays._model_comparison import ModelComparisonDisplay
from skpneumo.evaluation.displays._pixel_intensity import PixelIntensityDisplay
from skpneumo.evaluation.displays._plot_evaluation import plot_evaluation
from skpneumo.evaluation.displays._score_distribution import ScoreDistributionDisplay
from skpneumo.evaluation.displays._threshold import ThresholdDisplay
from skpneumo.evaluation.displays._training_curves import TrainingCurvesDisplay

__all__ = [
    "AugmentationDisplay",
    "ClassDistributionDisplay",
    "ErrorGalleryDisplay",
    "ImageGridDisplay",
    "ModelComparisonDisplay",
    "PixelIntensityDisplay",
    "ScoreDistributionDisplay",
    "ThresholdDisplay",
    "TrainingCurvesDisplay",
    "plot_evaluation",
]
