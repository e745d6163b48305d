"""Run a graph or a part of it by itself, and compare it with Keras."""

from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from onnx import helper

from skpneumo.persistence.onnx._graph import FLOAT, GraphBuilder, Tensor
from skpneumo.persistence.onnx._network import add_network


def run_graph(graph: GraphBuilder, output: str, kind: int = FLOAT, **inputs: np.ndarray) -> Any:
    """Finish the graph with one output and run it."""
    kinds = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
        )
        for name, value in inputs.items()
    ]
    model = graph.model(kinds, [helper.make_tensor_value_info(output, kind, None)], {})
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)[0]


def to_image(values: np.ndarray) -> np.ndarray:
    """From the graph's order to (height, width, channels)."""
    return values[0].transpose(1, 2, 0)


def from_image(image: np.ndarray) -> np.ndarray:
    """From (height, width, channels) to the graph's order."""
    return image.transpose(2, 0, 1)[None].astype(np.float32)


def named(image: np.ndarray) -> Tensor:
    """The input ``x`` of a graph, for an image."""
    return Tensor("x", image.shape)


def assert_alike(
    network: keras.Model, rng: np.random.Generator, tolerance: float = 2e-5
) -> GraphBuilder:
    """Compare what the network and its graph make of an image; return the graph."""
    image = rng.integers(0, 256, network.input_shape[1:]).astype(np.uint8)
    graph = GraphBuilder()
    output = add_network(graph, network, named(image))
    assert output.shape == network.output_shape[1:]
    found = run_graph(graph, output.name, x=from_image(image))
    # Without a compiled program, which takes longer to make than all the rest.
    expected = keras.ops.convert_to_numpy(network(image[None].astype(np.float32)))
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)
    return graph
