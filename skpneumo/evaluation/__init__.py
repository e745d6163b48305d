"""Evaluation: scorers, metrics with intervals, comparisons, displays.

Every figure comes with its interval and the number of images and patients it rests on, and
patients, not images, are what is drawn at random. Names are handed out lazily: only the
displays import matplotlib, and only when they draw.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skpneumo.evaluation._calibration import expected_calibration_error
    from skpneumo.evaluation._comparison import compare, compare_predictions
    from skpneumo.evaluation._evaluate import evaluate, evaluate_predictions
    from skpneumo.evaluation._persistent_errors import PersistentErrors, persistent_errors
    from skpneumo.evaluation._protocol_report import ProtocolComparison
    from skpneumo.evaluation._protocols import compare_protocols
    from skpneumo.evaluation._scorers import (
        make_recall_scorer,
        make_sensitivity_at_specificity_scorer,
        make_specificity_scorer,
        sensitivity_at_specificity,
        specificity_scorer,
    )
    from skpneumo.evaluation._stress import stress_test
    from skpneumo.evaluation.displays import (
        AugmentationDisplay,
        ClassDistributionDisplay,
        ErrorGalleryDisplay,
        ImageGridDisplay,
        ModelComparisonDisplay,
        PixelIntensityDisplay,
        ScoreDistributionDisplay,
        ThresholdDisplay,
        TrainingCurvesDisplay,
        plot_evaluation,
    )

_MODULE_OF_NAME = {
    "AugmentationDisplay": "displays",
    "ClassDistributionDisplay": "displays",
    "ErrorGalleryDisplay": "displays",
    "ImageGridDisplay": "displays",
    "ModelComparisonDisplay": "displays",
    "PixelIntensityDisplay": "displays",
    "ScoreDistributionDisplay": "displays",
    "ThresholdDisplay": "displays",
    "TrainingCurvesDisplay": "displays",
    "plot_evaluation": "displays",
    "PersistentErrors": "_persistent_errors",
    "ProtocolComparison": "_protocol_report",
    "compare_protocols": "_protocols",
    "persistent_errors": "_persistent_errors",
    "compare": "_comparison",
    "compare_predictions": "_comparison",
    "evaluate": "_evaluate",
    "evaluate_predictions": "_evaluate",
    "expected_calibration_error": "_calibration",
    "make_recall_scorer": "_scorers",
    "make_sensitivity_at_specificity_scorer": "_scorers",
    "make_specificity_scorer": "_scorers",
    "sensitivity_at_specificity": "_scorers",
    "specificity_scorer": "_scorers",
    "stress_test": "_stress",
}

__all__ = [
    "AugmentationDisplay",
    "ClassDistributionDisplay",
    "ErrorGalleryDisplay",
    "ImageGridDisplay",
    "ModelComparisonDisplay",
    "PersistentErrors",
    "PixelIntensityDisplay",
    "ProtocolComparison",
    "ScoreDistributionDisplay",
    "ThresholdDisplay",
    "TrainingCurvesDisplay",
    "compare",
    "compare_predictions",
    "compare_protocols",
    "evaluate",
    "evaluate_predictions",
    "expected_calibration_error",
    "make_recall_scorer",
    "make_sensitivity_at_specificity_scorer",
    "make_specificity_scorer",
    "persistent_errors",
    "plot_evaluation",
    "sensitivity_at_specificity",
    "specificity_scorer",
    "stress_test",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
