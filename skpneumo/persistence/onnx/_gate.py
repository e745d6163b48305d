"""Add the checks of an input gate to a graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._gate_parts import N_NEIGHBORS, cell_shares
from skpneumo.decision import InputGate
from skpneumo.persistence.onnx._graph import DOUBLE, GraphBuilder, Tensor

__all__ = ["add_checks"]

_FLAT = 1e-5  # below this deviation, relative to the brightest pixel, an image is blank


def add_checks(graph: GraphBuilder, gate: InputGate, images: Tensor, features: str | None) -> str:
    """Add the scores of the checks: float64 of shape (1, n_checks), in the order of ``checks_``.

    Parameters
    ----------
    graph : GraphBuilder
        The graph to add nodes to.
    gate : fitted InputGate
        The gate.
    images : Tensor
        Input of the network.
    features : str or None
        The last features of the network, of shape (1, n_features).
    """
    pixels = _small_grey(graph, images)
    scores = []
    for name in gate.checks_:
        if name == "features":
            assert features is not None
            seen = features
            if gate.feature_columns_ is not None:
                columns = graph.integer(gate.feature_columns_)
                seen = graph.node("Gather", seen, columns, axis=1)
            score = _distance(graph, seen, gate.feature_reducer_, gate.feature_references_)
        elif name == "pixels":
            score = _distance(graph, pixels, gate.pixel_reducer_, gate.pixel_references_)
        else:
            score = _log_odds(graph, pixels, getattr(gate, f"{name}_"))
        scores.append(score)
    return graph.node("Concat", *scores, axis=1) if len(scores) > 1 else scores[0]


def _small_grey(graph: GraphBuilder, images: Tensor) -> str:
    height, width, _ = images.shape
    grey = graph.node("ReduceMean", images.name, axes=[1], keepdims=0)
    small = graph.node("MatMul", graph.constant(cell_shares(height)), grey)
    small = graph.node("MatMul", small, graph.constant(cell_shares(width).T))
    small = graph.node("Reshape", small, graph.integer([1, -1]))
    small = graph.node("Sub", small, graph.node("ReduceMean", small, axes=[1], keepdims=1))
    squares = graph.node("ReduceMean", graph.node("Mul", small, small), axes=[1], keepdims=1)
    deviation = graph.node("Sqrt", squares)
    brightest = graph.node("ReduceMax", graph.node("Abs", grey), axes=[0, 1, 2], keepdims=0)
    least = graph.node(
        "Mul", graph.node("Add", brightest, graph.constant(1.0)), graph.constant(_FLAT)
    )
    blank = graph.node("Not", graph.node("Greater", deviation, least))
    one, zero = graph.constant(1.0), graph.constant(0.0)
    scaled = graph.node("Div", small, graph.node("Where", blank, one, deviation))
    return graph.node("Where", blank, zero, scaled)


def _distance(graph: GraphBuilder, seen: str, reducer: Any, references: NDArray[Any]) -> str:
    """Compute the distance to the fifth nearest reference."""
    projection = np.asarray(reducer.components_, dtype=float).T
    if reducer.whiten:
        projection = projection / np.sqrt(reducer.explained_variance_)
    offset = -np.asarray(reducer.mean_, dtype=float) @ projection
    seen = graph.node("MatMul", graph.node("Cast", seen, to=DOUBLE), graph.double(projection))
    reduced = graph.node("Add", seen, graph.double(offset))
    from_each = graph.node("Sub", graph.double(references), reduced)
    squares = graph.node("Mul", from_each, from_each)
    squares = graph.node("ReduceSum", squares, graph.integer([1]), keepdims=0)
    n = graph.integer([min(N_NEIGHBORS, len(references))])
    nearest, _ = graph.node_of_several("TopK", squares, n, n_outputs=2, largest=0)
    farthest = graph.node("ReduceMax", nearest, axes=[0], keepdims=1)
    return graph.node("Reshape", graph.node("Sqrt", farthest), graph.integer([1, 1]))


def _log_odds(graph: GraphBuilder, pixels: str, classifier: Any) -> str:
    pixels = graph.node("Cast", pixels, to=DOUBLE)
    odds = graph.node("MatMul", pixels, graph.double(classifier.coef_.T))
    return graph.node("Add", odds, graph.double(classifier.intercept_))
