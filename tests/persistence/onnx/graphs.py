"""Run a part of a graph by itself."""

from typing import Any

import numpy as np
import onnxruntime
from onnx import helper

from skpneumo.persistence.onnx._graph import FLOAT, GraphBuilder, Tensor


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
