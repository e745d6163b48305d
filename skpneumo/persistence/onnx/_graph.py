"""Collect the nodes and constants of an ONNX graph."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import helper, numpy_helper

__all__ = ["DOUBLE", "FLOAT", "INTEGER", "GraphBuilder", "Tensor"]

# The oldest versions with all operators used, so that most programs can run the file.
_OPSET = 17
_IR_VERSION = 8

FLOAT = onnx.TensorProto.FLOAT
DOUBLE = onnx.TensorProto.DOUBLE
INTEGER = onnx.TensorProto.INT64


@dataclass(frozen=True)
class Tensor:
    """A value of the graph: images or features.

    Attributes
    ----------
    name : str
        Its name in the graph, where the shape begins with a batch of one and channels are before
        height and width.
    shape : tuple of int
        Its shape as in Keras, with channels last, and without the batch.
    """

    name: str
    shape: tuple[int, ...]


class GraphBuilder:
    """Collects nodes; the same operation on the same inputs becomes one node.

    Parameters
    ----------
    prefix : str, default=""
        Prefix of all names, because a subgraph must not use names of the graph around it.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._known: dict[Any, Any] = {}
        self._count = 0

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one output; returns the name of the output."""
        key = (operator, inputs, repr(sorted(attributes.items(), key=lambda each: each[0])))
        if key not in self._known:
            name = self.new_name(operator.lower())
            self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
            self._known[key] = name
        return self._known[key]

    def node_of_several(
        self, operator: str, *inputs: str, n_outputs: int, **attributes: Any
    ) -> Any:
        """Add an operation with several outputs; returns their names."""
        names = [self.new_name(operator.lower()) for _ in range(n_outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """Add an array; returns its name."""
        array = np.asarray(value, dtype=dtype)  # not ascontiguousarray: it has no 0 dimensions
        key = ("constant", array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self.new_name("constant")
            self.constants[name] = array
            self._known[key] = name
        return self._known[key]

    def integer(self, value: ArrayLike) -> str:
        """Add an array of int64; returns its name."""
        return self.constant(value, np.int64)

    def double(self, value: ArrayLike) -> str:
        """Add an array of float64; returns its name."""
        return self.constant(value, np.float64)

    def whole_quotient(self, dividend: str, divisor: str) -> str:
        """Divide int64 without a remainder, by way of float64, which is exact below 2 ** 53.

        Files must not divide integers: the smallest integer divided by -1 ends the process.
        """
        quotient = self.node(
            "Div", *(self.node("Cast", x, to=DOUBLE) for x in (dividend, divisor))
        )
        return self.node("Cast", self.node("Floor", quotient), to=INTEGER)

    def new_name(self, stem: str) -> str:
        """Make a name that no other value has."""
        self._count += 1
        return f"{self._prefix}{stem}_{self._count}"

    def maker_of(self, value: str) -> onnx.NodeProto:
        """Find the node that outputs a value."""
        return next(node for node in self.nodes if value in node.output)

    def name_output(self, value: str, name: str) -> None:
        """Give a value the name of an output of the graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def model(
        self,
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
        metadata: dict[str, str],
    ) -> onnx.ModelProto:
        """Finish the graph: fold batch normalisation and remove unused nodes."""
        self._fold_batch_normalization()
        self._prune([each.name for each in outputs])
        model = helper.make_model(
            self.graph("skpneumo", inputs, outputs),
            producer_name="skpneumo",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(model, metadata)
        return model

    def graph(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Make a graph of the nodes and the constants that they use."""
        used = {read for node in self.nodes for read in _inputs_of(node)}
        constants = [
            numpy_helper.from_array(array, constant)
            for constant, array in self.constants.items()
            if constant in used
        ]
        return helper.make_graph(self.nodes, name, inputs, outputs, constants)

    def _fold_batch_normalization(self) -> None:
        """Fold normalisation after a convolution or a dense layer into its weights."""
        uses = Counter(name for node in self.nodes for name in _inputs_of(node))
        makers = {node.output[0]: node for node in self.nodes}
        for node in list(self.nodes):
            if node.op_type != "BatchNormalization":
                continue
            before = makers.get(node.input[0])
            if before is None or before.op_type not in ("Conv", "Gemm"):
                continue
            if uses[before.output[0]] == 1:
                self._fold(before, node)

    def _fold(self, before: onnx.NodeProto, normalization: onnx.NodeProto) -> None:
        scale, offset, mean, variance = (
            self.constants[name].astype(np.float64) for name in normalization.input[1:5]
        )
        factor = scale / np.sqrt(variance + normalization.attribute[0].f)
        kernel = self.constants[before.input[1]].astype(np.float64)
        # Outputs are the first axis of the weights of a convolution, and the last of a dense
        # layer.
        kernel = kernel * factor.reshape((-1, *[1] * (kernel.ndim - 1)) if kernel.ndim > 2 else -1)
        bias = self.constants[before.input[2]].astype(np.float64) if len(before.input) > 2 else 0.0
        bias = (bias - mean) * factor + offset
        # The operation replaces the normalisation, under its name.
        del before.input[1:]
        before.input.extend([self.constant(kernel), self.constant(bias)])
        self.nodes = [node for node in self.nodes if node is not normalization]
        before.output[0] = normalization.output[0]

    def _prune(self, outputs: list[str]) -> None:
        needed = set(outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= _inputs_of(node)
        self.nodes = kept[::-1]


def _inputs_of(node: onnx.NodeProto) -> set[str]:
    """Names of the inputs of a node, including those of its subgraphs."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in attribute.g.node:
            names |= _inputs_of(inner)
    return names
