"""Add activation functions of Keras to a graph."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import GraphBuilder

__all__ = ["activate", "clip"]


def activate(graph: GraphBuilder, x: str, function: Any) -> str:
    """Apply an activation function of Keras."""
    name = getattr(function, "__name__", str(function))
    if name not in _ACTIVATIONS:
        raise NotExportableError(
            f"The network has the activation {name!r}, which cannot be exported to ONNX yet. The "
            f"supported ones are {', '.join(sorted(_ACTIVATIONS))}."
        )
    return _ACTIVATIONS[name](graph, x)


def clip(graph: GraphBuilder, x: str, low: float, high: float) -> str:
    """Bound values from below and above."""
    return graph.node("Clip", x, graph.constant(low), graph.constant(high))


def _one(operator: str, **attributes: float) -> Callable[[GraphBuilder, str], str]:
    def add(graph: GraphBuilder, x: str) -> str:
        return graph.node(operator, x, **attributes)

    return add


def _times(gate: Callable[[GraphBuilder, str], str]) -> Callable[[GraphBuilder, str], str]:
    def add(graph: GraphBuilder, x: str) -> str:
        return graph.node("Mul", x, gate(graph, x))

    return add


def _gelu(graph: GraphBuilder, x: str) -> str:
    scaled = graph.node("Mul", x, graph.constant(np.sqrt(0.5)))
    share = graph.node("Add", graph.node("Erf", scaled), graph.constant(1.0))
    return graph.node("Mul", graph.node("Mul", x, graph.constant(0.5)), share)


def _tanh_of_softplus(graph: GraphBuilder, x: str) -> str:
    return graph.node("Tanh", graph.node("Softplus", x))


_hard_sigmoid = _one("HardSigmoid", alpha=1 / 6, beta=0.5)

_ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "linear": lambda _, x: x,
    "relu": _one("Relu"),
    "relu6": partial(clip, low=0.0, high=6.0),
    "elu": _one("Elu"),
    "selu": _one("Selu"),
    "leaky_relu": _one("LeakyRelu", alpha=0.2),
    "sigmoid": _one("Sigmoid"),
    "hard_sigmoid": _hard_sigmoid,
    "tanh": _one("Tanh"),
    "softplus": _one("Softplus"),
    "softsign": _one("Softsign"),
    "exponential": _one("Exp"),
    "silu": _times(_one("Sigmoid")),
    "hard_silu": _times(_hard_sigmoid),
    "mish": _times(_tanh_of_softplus),
    "gelu": _gelu,
}
