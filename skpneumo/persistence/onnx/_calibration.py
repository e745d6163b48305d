"""Add calibration and shifts of prevalence to a graph, computed in float64.

A threshold can equal a calibrated probability that many images share, so float32 could change
decisions.
"""

from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression

from skpneumo.decision import PriorShiftClassifier, RecallFloorClassifier
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import INTEGER, GraphBuilder

__all__ = [
    "both_classes",
    "calibrate_by_class",
    "calibrate_recall_floor",
    "column",
    "shift_prior",
]

_EPSILON = 1e-12  # as in scikit-learn and RecallFloorClassifier, to keep logarithms finite
_NEAREST = 1e-9  # as in PriorShiftClassifier


def column(graph: GraphBuilder, probabilities: str, number: int) -> str:
    """Select one class of probabilities of shape (1, n_classes), as shape (1, 1)."""
    return graph.node("Gather", probabilities, graph.integer([number]), axis=1)


def both_classes(graph: GraphBuilder, positive: str, number: int) -> str:
    """Add the probabilities of both classes, given that of one."""
    other = graph.node("Sub", graph.double(1.0), positive)
    return graph.node("Concat", *((other, positive) if number else (positive, other)), axis=1)


def calibrate_by_class(graph: GraphBuilder, calibrated: Any, probabilities: str) -> str:
    """Apply the calibrators of one member of CalibratedClassifierCV to its probabilities."""
    n_classes = len(calibrated.classes)
    if calibrated.method == "temperature":
        shifted = graph.node("Add", probabilities, graph.double(_EPSILON))
        beta = graph.double(float(calibrated.calibrators[0].beta_))
        return graph.node("Softmax", graph.node("Mul", graph.node("Log", shifted), beta), axis=1)
    numbers = [1] if n_classes == 2 else range(n_classes)
    if len(calibrated.calibrators) != len(numbers):
        raise NotExportableError(
            f"A fold of CalibratedClassifierCV has {len(calibrated.calibrators)} of the "
            f"{n_classes} classes. Calibrate with folds that have all classes."
        )
    mapped = [
        _calibrate(graph, calibrator, column(graph, probabilities, number))
        for number, calibrator in zip(numbers, calibrated.calibrators, strict=True)
    ]
    if n_classes == 2:
        return both_classes(graph, mapped[0], 1)
    joined = graph.node("Concat", *mapped, axis=1)
    total = graph.node("ReduceSum", joined, graph.integer([1]), keepdims=1)
    none = graph.node("Equal", total, graph.double(0.0))
    share = graph.node("Div", joined, graph.node("Where", none, graph.double(1.0), total))
    return graph.node("Where", none, graph.double(np.full((1, n_classes), 1 / n_classes)), share)


def calibrate_recall_floor(
    graph: GraphBuilder, classifier: RecallFloorClassifier, scores: str
) -> str:
    """Apply the calibration of a RecallFloorClassifier to scores of shape (1, 1)."""
    calibrator = classifier.calibrator_
    if calibrator is None:
        return scores
    if isinstance(calibrator, CalibratedClassifierCV):
        (scaling,) = calibrator.calibrated_classifiers_[0].calibrators
        log_odds = _log_odds(graph, scores, _EPSILON)
        if calibrator.method == "sigmoid":
            return _calibrate(graph, scaling, log_odds)
        # The softmax of (-x, x) times beta.
        slope = graph.double(2 * float(scaling.beta_))
        return graph.node("Sigmoid", graph.node("Mul", log_odds, slope))
    return _calibrate(graph, calibrator, scores)


def shift_prior(graph: GraphBuilder, classifier: PriorShiftClassifier, scores: str) -> str:
    """Adjust scores of shape (1, 1) to the prevalence of a PriorShiftClassifier."""
    moved = float(logit(classifier.prevalence_) - logit(classifier.training_prevalence_))
    odds = graph.node("Add", _log_odds(graph, scores, _NEAREST), graph.double(moved))
    return graph.node("Sigmoid", odds)


def _calibrate(graph: GraphBuilder, calibrator: Any, scores: str) -> str:
    if isinstance(calibrator, IsotonicRegression):
        return _interpolate(graph, calibrator, scores)
    # scikit-learn's sigmoid has no public class.
    slope, offset = graph.double(-float(calibrator.a_)), graph.double(-float(calibrator.b_))
    return graph.node("Sigmoid", graph.node("Add", graph.node("Mul", scores, slope), offset))


def _interpolate(graph: GraphBuilder, isotonic: IsotonicRegression, scores: str) -> str:
    """Interpolate between the steps of an isotonic regression."""
    if isotonic.out_of_bounds != "clip":
        raise NotExportableError(
            f"IsotonicRegression(out_of_bounds={isotonic.out_of_bounds!r}) does not answer every "
            'score. Fit it with out_of_bounds="clip".'
        )
    x, y = (
        np.asarray(each, np.float64) for each in (isotonic.X_thresholds_, isotonic.y_thresholds_)
    )
    if len(x) == 1:
        return graph.node("Add", graph.node("Mul", scores, graph.double(0.0)), graph.double(y[0]))
    bounds = (graph.double(float(each)) for each in (isotonic.X_min_, isotonic.X_max_))
    scores = graph.node("Clip", scores, *bounds)
    below = graph.node("Cast", graph.node("Less", graph.double(x[None]), scores), to=INTEGER)
    right = graph.node("ReduceSum", below, graph.integer([1]), keepdims=1)
    right = graph.node("Clip", right, graph.integer(1), graph.integer(len(x) - 1))
    left = graph.node("Sub", right, graph.integer(1))
    corners = {"x": graph.double(x), "y": graph.double(y)}
    x_left, y_left = (graph.node("Gather", each, left) for each in corners.values())
    slopes = graph.double(np.diff(y) / np.diff(x))
    rise = graph.node("Gather", slopes, left)
    run = graph.node("Sub", scores, x_left)
    return graph.node("Add", graph.node("Mul", rise, run), y_left)


def _log_odds(graph: GraphBuilder, scores: str, nearest: float) -> str:
    scores = graph.node("Clip", scores, graph.double(nearest), graph.double(1 - nearest))
    other = graph.node("Sub", graph.double(1.0), scores)
    return graph.node("Log", graph.node("Div", scores, other))
