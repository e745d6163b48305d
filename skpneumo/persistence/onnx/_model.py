"""Build the graph of a whole model, with its description."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from skpneumo import __version__
from skpneumo._formatting import require_one_name_each
from skpneumo._gate_parts import REASONS
from skpneumo._positive_class import UndecidedPositiveError
from skpneumo._responses import recall_floor_of
from skpneumo.fitted import DecisionThreshold, classes_of, gate_of, positive_label, threshold_of
from skpneumo.persistence.onnx._calibration import column
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._estimators import EstimatorGraph
from skpneumo.persistence.onnx._graph import DOUBLE, INTEGER, GraphBuilder
from skpneumo.persistence.onnx._metadata import (
    GateFacts,
    Loading,
    ModelFacts,
    digest_of,
    facts_to_properties,
)
from skpneumo.persistence.onnx._resizing import height_and_width

__all__ = ["build_model"]

_REFER = -1


def build_model(
    estimator: Any, *, target_names: Sequence[str] | None, card: str
) -> onnx.ModelProto:
    """Build the graph of a fitted model, with the description of the model."""
    graph = GraphBuilder()
    whole = EstimatorGraph(graph, "image")
    probabilities = whole.probabilities(estimator)
    label, decision = _decide(graph, estimator, probabilities)
    scores = whole.gate_scores(estimator)
    names = {"probabilities": probabilities, "label": label, "decision": decision}
    if scores is not None:
        names["gate"] = scores
    for name, value in names.items():
        graph.name_output(value, name)
    n_classes = len(estimator.classes_)
    inputs = [
        helper.make_tensor_value_info(
            "image", onnx.TensorProto.UINT8, ["height", "width", "channels"]
        )
    ]
    outputs = [
        helper.make_tensor_value_info("probabilities", DOUBLE, [1, n_classes]),
        helper.make_tensor_value_info("label", INTEGER, [1]),
        helper.make_tensor_value_info("decision", INTEGER, [1]),
    ]
    facts = _facts(estimator, whole, target_names, card)
    if facts.gate is not None:
        n_checks = len(facts.gate.checks)
        outputs.append(helper.make_tensor_value_info("gate", DOUBLE, [1, n_checks]))
    properties = facts_to_properties(facts)
    model = graph.model(inputs, outputs, properties)
    helper.set_model_props(model, properties | {"digest": digest_of(model, properties)})
    return model


def _decide(graph: GraphBuilder, estimator: Any, probabilities: str) -> tuple[str, str]:
    """Add the number of the predicted class, and the same or -1 for "refer"."""
    threshold = threshold_of(estimator)
    if threshold is None or threshold.chosen_by is None:
        label = graph.node("ArgMax", probabilities, axis=1, keepdims=0)
        return label, label
    if threshold.response != "predict_proba":
        raise NotExportableError(
            f"{type(threshold.chosen_by).__name__} decides by decision_function. Set "
            'response_method="predict_proba", and fit it again.'
        )
    positive = classes_of(estimator).index(threshold.pos_label)
    score = column(graph, probabilities, positive)
    score = graph.node("Reshape", score, graph.integer([1]))
    numbers = graph.integer([positive]), graph.integer([1 - positive])
    below = graph.node("Less", score, graph.double(float(threshold.value)))
    label = graph.node("Where", below, numbers[1], numbers[0])
    upper = getattr(threshold.chosen_by, "upper_threshold_", threshold.value)
    below_upper = graph.node("Less", score, graph.double(float(upper)))
    refers = graph.node("And", below_upper, graph.node("Not", below))
    return label, graph.node("Where", refers, graph.integer([_REFER]), label)


def _facts(
    estimator: Any, whole: EstimatorGraph, target_names: Sequence[str] | None, card: str
) -> ModelFacts:
    ways = {
        (
            height_and_width(each),
            each.color_mode,
            each.resize,
            each.dicom_window,
            _float_or_none(each.white),
        ): each
        for each in whole.loaders
    }
    if len(ways) > 1:
        raise NotExportableError(
            f"The members load images in {len(ways)} ways, {list(ways.values())}, but an ONNX "
            "file can have only one. Fit all of them behind one ImageLoader, or with equal ones."
        )
    (way,) = ways
    classes = classes_of(estimator)
    if target_names is not None:
        require_one_name_each(target_names, classes)
    threshold = threshold_of(estimator)
    chooser = None if threshold is None else threshold.chosen_by
    return ModelFacts(
        classes=classes,
        names=None if target_names is None else [str(name) for name in target_names],
        positive=_positive(estimator, threshold),
        threshold=None if threshold is None else float(threshold.value),
        upper_threshold=_float_or_none(getattr(chooser, "upper_threshold_", None)),
        chosen_by=None if chooser is None else type(chooser).__name__,
        guarantee=recall_floor_of(chooser),
        gate=_gate(estimator),
        loading=Loading(*way),
        card=card,
        provenance=getattr(estimator, "provenance_", None),
        version=__version__,
        value_range=whole.value_range,
    )


def _positive(estimator: Any, threshold: DecisionThreshold | None) -> Any:
    """Get the class of the threshold, unless its recall is not the one to report.

    A threshold that names no class is for the second one, which need not be the illness.
    """
    try:
        is_positive = threshold is not None and threshold.pos_label == positive_label(estimator)
    except UndecidedPositiveError:
        return None
    return np.asarray(threshold.pos_label).item() if threshold and is_positive else None


def _gate(estimator: Any) -> GateFacts | None:
    inner = gate_of(estimator)
    if inner is None:
        return None
    gate = inner.gate
    return GateFacts(
        checks=list(gate.checks_),
        thresholds=[float(each) for each in gate.thresholds_],
        reasons=[REASONS[name] for name in gate.checks_],
        on_outlier=gate.on_outlier,
        false_alarm_rate=float(gate.false_alarm_rate_),
        terms=gate.terms_,
    )


def _float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)
