"""Add Keras operations between layers, such as the scaling of pixels for a backbone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import GraphBuilder, Tensor

__all__ = ["OPERATIONS", "arithmetic", "channel_constant"]


def channel_constant(graph: GraphBuilder, value: Any, rank: int) -> str:
    """Add a number, or one for each channel, in a shape that broadcasts over an image."""
    array = np.asarray(value, dtype=np.float32)
    if array.size == 1:
        return graph.constant(array.reshape(()))
    if array.shape[-1] != array.size:
        raise NotExportableError(
            f"The network uses a constant of shape {array.shape}, but only one number for each "
            "channel can be exported to ONNX yet."
        )
    return graph.constant(array.reshape(1, -1, *[1] * (rank - 1)))


def arithmetic(operator: str) -> Callable[..., Tensor]:
    """Make a function that adds an operation on two tensors, or on one and a constant."""

    def add(graph: GraphBuilder, _: Any, one: Any, other: Any) -> Tensor:
        rank = max(len(each.shape) for each in (one, other) if isinstance(each, Tensor))
        names = [
            each.name if isinstance(each, Tensor) else channel_constant(graph, each, rank)
            for each in (one, other)
        ]
        shapes = [each.shape for each in (one, other) if isinstance(each, Tensor)]
        return Tensor(graph.node(operator, *names), np.broadcast_shapes(*shapes))

    return add


def _get_item(graph: GraphBuilder, _: Any, x: Tensor, key: Any) -> Tensor:
    """Select one channel of an image, or reverse them, as Keras does for older backbones."""
    key = key if isinstance(key, tuple) else (key,)
    if len(key) == 2 and key[0] is Ellipsis and isinstance(key[1], int) and len(x.shape) == 3:
        channel = graph.node("Gather", x.name, graph.integer(key[1]), axis=1)
        return Tensor(channel, x.shape[:2])
    if len(key) == 2 and key[0] is Ellipsis and key[1] == slice(None, None, -1):
        order = graph.integer(np.arange(x.shape[-1])[::-1])
        return Tensor(graph.node("Gather", x.name, order, axis=1), x.shape)
    raise NotExportableError(f"The network selects {key} of a tensor, which is not supported yet.")


def _stack(graph: GraphBuilder, operation: Any, xs: list[Tensor]) -> Tensor:
    if operation.axis not in (-1, len(xs[0].shape) + 1):
        raise NotExportableError(
            f"The network stacks tensors along axis {operation.axis}, which is not supported yet."
        )
    channels = [graph.node("Unsqueeze", x.name, graph.integer([1])) for x in xs]
    return Tensor(graph.node("Concat", *channels, axis=1), (*xs[0].shape, len(xs)))


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Add": arithmetic("Add"),
    "Subtract": arithmetic("Sub"),
    "Multiply": arithmetic("Mul"),
    "Divide": arithmetic("Div"),
    "TrueDivide": arithmetic("Div"),
    "GetItem": _get_item,
    "Stack": _stack,
}
