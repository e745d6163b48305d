from ._calibration import expected_calibration_error
from ._comparison import compare, compare_predictions
from ._decision_curve import decision_curve, decision_curve_predictions
from ._dominance import DominantPatientWarning
from ._evaluate import evaluate, evaluate_predictions
from ._persistent_errors import PersistentErrors, persistent_errors
from ._protocol_report import ProtocolComparison
from ._protocols import compare_protocols
from ._scorers import (
    make_recall_scorer,
    make_sensitivity_at_specificity_scorer,
    make_specificity_scorer,
    sensitivity_at_specificity,
    specificity_scorer,
)
from ._stress import stress_test
from ._usefulness import why_useless, why_useless_rates
from .displays import (
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

__all__ = [
    "AugmentationDisplay",
    "ClassDistributionDisplay",
    "DominantPatientWarning",
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
    "decision_curve",
    "decision_curve_predictions",
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
    "why_useless",
    "why_useless_rates",
]
