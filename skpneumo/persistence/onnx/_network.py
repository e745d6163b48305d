"""Add a Keras network to a graph."""

from typing import Any

import keras

from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import GraphBuilder, Tensor
from skpneumo.persistence.onnx._layers import LAYERS
from skpneumo.persistence.onnx._operations import OPERATIONS

__all__ = ["add_network"]


def add_network(graph: GraphBuilder, network: keras.Model, images: Tensor) -> Tensor:
    """Add a functional network layer by layer, and return its output.

    Raises
    ------
    NotExportableError
        If it has a layer or an operation of a kind that is not known here.
    """

    def adding(operation: Any) -> Any:
        def add(*inputs: Any, **arguments: Any) -> Any:
            return _add(graph, operation, inputs, arguments)

        return add

    # Keras has no public method that runs through the operations of a network.
    return network._run_through_graph([images], operation_fn=adding)


def _add(
    graph: GraphBuilder, operation: Any, inputs: tuple[Any, ...], arguments: dict[str, Any]
) -> Any:
    if isinstance(operation, keras.Sequential):
        (x,) = inputs
        for layer in operation.layers:
            x = _add(graph, layer, (x,), {})
        return x
    if isinstance(operation, keras.Model):
        return add_network(graph, operation, *inputs)
    kind = type(operation)
    if kind in LAYERS:
        return LAYERS[kind](graph, operation, *inputs)
    # Operations between layers, such as x / 255, have no public classes.
    if not isinstance(operation, keras.Layer) and kind.__name__ in OPERATIONS:
        return OPERATIONS[kind.__name__](graph, operation, *inputs, **arguments)
    what = "layer" if isinstance(operation, keras.Layer) else "operation"
    raise NotExportableError(
        f"The network has the {what} {operation.name!r} of type {kind.__name__}, which cannot be "
        "exported to ONNX yet. Choose another backbone, such as MobileNet, ResNet50 or "
        "DenseNet121."
    )
