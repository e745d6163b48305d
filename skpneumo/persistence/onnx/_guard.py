"""Check the content of an ONNX file before it is run.

A file from an unknown source may contain anything. Its size is bounded, it must not refer to other
files, and only operators that :func:`export_onnx` uses are allowed, whose memory onnxruntime
bounds.
"""

import math
from collections.abc import Iterator

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from skpneumo.persistence.onnx._metadata import ModelFacts, digest_of, facts_from

__all__ = ["MAX_BYTES", "check_model"]

# More than all but the largest backbones of Keras have in float32.
MAX_BYTES = 512 * 2**20
_MOST_NODES = 50_000
_MOST_TURNS = 4 * 8192

_OPERATORS = frozenset({
    "Abs", "Add", "And", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Clip",
    "Concat", "Conv", "CumSum", "Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Floor",
    "Gather", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "HardSigmoid",
    "Identity", "LeakyRelu", "Less", "Log", "Loop", "MatMul", "Max", "MaxPool", "Min", "Mul",
    "Neg", "Not", "Or", "Pad", "Range", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
    "Relu", "Reshape", "Round", "ScatterElements", "Selu", "Shape", "Sigmoid", "Slice",
    "Softmax", "Softplus", "Softsign", "Sqrt", "Squeeze", "Sub", "Tanh", "TopK", "Transpose",
    "Unsqueeze", "Where",
})  # fmt: skip
_FLOATING = frozenset((onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE))
_OUTPUT_KINDS: dict[str, int | None] = {
    **dict.fromkeys(("ArgMax", "Shape"), onnx.TensorProto.INT64),
    **dict.fromkeys(("And", "Equal", "Greater", "Less", "Not", "Or"), onnx.TensorProto.BOOL),
    "Loop": None,  # unknown, and never divided
    "TopK": None,
}
_TYPES = frozenset(
    getattr(onnx.TensorProto, name) for name in ("FLOAT", "DOUBLE", "INT64", "BOOL")
)
_INPUTS, _OUTPUTS, _GATE = ["image"], ["probabilities", "label", "decision"], "gate"


def check_model(data: bytes) -> ModelFacts:
    """Check the bytes of a file, and read its description of the model.

    Raises
    ------
    ValueError
        If it cannot have been written by :func:`export_onnx`, or has been changed.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has {len(data):,} bytes, more than the limit of {MAX_BYTES:,}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ValueError("it is not an ONNX file") from error
    if model.functions or model.training_info or len(model.opset_import) != 1:
        raise ValueError("it has custom functions or operators")
    if model.opset_import[0].domain:
        raise ValueError(f"it has operators of {model.opset_import[0].domain!r}")
    graph = model.graph
    properties = {each.key: each.value for each in model.metadata_props}
    facts = facts_from(properties)
    outputs = _OUTPUTS if facts.gate is None else [*_OUTPUTS, _GATE]
    names = [[each.name for each in values] for values in (graph.input, graph.output)]
    if names != [_INPUTS, outputs]:
        raise ValueError("its inputs and outputs are not those of an exported classifier")
    _check_graphs(graph)
    _check_divisions(graph)
    if properties.get("digest") != digest_of(model, properties):
        raise ValueError("its digest does not fit its content; it is damaged or was changed")
    return facts


def _check_graphs(graph: onnx.GraphProto) -> None:
    n_nodes = 0
    constants = {each.name: each for each in graph.initializer}
    for each in _graphs(graph):
        if each.sparse_initializer:
            raise ValueError("it has sparse constants")
        for tensor in each.initializer:
            _check_tensor(tensor)
        for node in each.node:
            n_nodes += 1
            _check_node(node, constants)
    if n_nodes > _MOST_NODES:
        raise ValueError(f"it has {n_nodes:,} operations")


def _check_divisions(graph: onnx.GraphProto) -> None:
    """Refuse to divide whole numbers: the least of them divided by -1 ends the process."""
    kinds = {each.name: each.data_type for each in graph.initializer}
    kinds |= {each.name: onnx.TensorProto.UINT8 for each in graph.input}
    for node in graph.node:
        inputs = [kinds.get(name) for name in node.input]
        if node.op_type == "Div" and not _FLOATING.issuperset(inputs):
            raise ValueError("it divides whole numbers, which no exported model does")
        for name in node.output:
            kinds[name] = _kind_of_output(node, inputs)
    for inner in list(_graphs(graph))[1:]:
        if any(node.op_type == "Div" for node in inner.node):
            raise ValueError("it divides in a loop, which no exported model does")


def _kind_of_output(node: onnx.NodeProto, inputs: list[int | None]) -> int | None:
    if node.op_type == "Cast":
        return next((each.i for each in node.attribute if each.name == "to"), None)
    if node.op_type in _OUTPUT_KINDS:
        return _OUTPUT_KINDS[node.op_type]
    # The first input of Where is the condition.
    given = inputs[1:] if node.op_type == "Where" else inputs
    return given[0] if given else None


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _check_node(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    if node.domain or node.op_type not in _OPERATORS:
        raise ValueError(f"it has the operation {node.op_type!r}, which no exported model has")
    for attribute in node.attribute:
        if attribute.HasField("t") or attribute.tensors or attribute.graphs:
            raise ValueError(f"its operation {node.op_type} holds tensors or graphs")
        if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
            raise ValueError(f"its operation {node.op_type} holds sparse tensors")
        if attribute.HasField("g") and node.op_type != "Loop":
            raise ValueError(f"its operation {node.op_type} holds a graph")
    if node.op_type == "Loop":
        turns = constants.get(node.input[0]) if node.input else None
        if turns is None or turns.data_type != onnx.TensorProto.INT64:
            raise ValueError("it has a loop without a bound")
        if not (numpy_helper.to_array(turns) <= _MOST_TURNS).all():
            raise ValueError("it has a loop of too many iterations")


def _check_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(
            f"its constant {tensor.name!r} is in another file, but other files are not read"
        )
    if tensor.data_type not in _TYPES:
        raise ValueError(f"its constant {tensor.name!r} has a type that no exported model has")
    itemsize = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    dims = list(tensor.dims)
    if min(dims, default=0) < 0 or math.prod(dims) * itemsize != len(tensor.raw_data):
        raise ValueError(f"its constant {tensor.name!r} has a size that does not match its shape")
