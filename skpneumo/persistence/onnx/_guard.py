"""What an ONNX file may be made of, checked before anything in it is run.

A file from elsewhere may be anything. It is bounded in size; nothing in it may name another file;
its operators are those that :func:`export_onnx` uses, whose memory onnxruntime bounds.
"""

import math
from collections.abc import Iterator

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from skpneumo.persistence.onnx._metadata import ModelFacts, digest_of, facts_from

__all__ = ["MAX_BYTES", "check_model"]

# Above all backbones of Keras but the very largest, in float32.
MAX_BYTES = 512 * 2**20
_MOST_NODES = 50_000
_MOST_TURNS = 4 * 8192

_OPERATORS = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "ArgMax",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Conv",
        "CumSum",
        "Div",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Expand",
        "Floor",
        "Gather",
        "Gemm",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Greater",
        "HardSigmoid",
        "Identity",
        "LeakyRelu",
        "Less",
        "Log",
        "Loop",
        "MatMul",
        "Max",
        "MaxPool",
        "Min",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pad",
        "Range",
        "ReduceMax",
        "ReduceMin",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Round",
        "ScatterElements",
        "Selu",
        "Shape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Where",
    ]
)
_TYPES = frozenset(
    getattr(onnx.TensorProto, name) for name in ("FLOAT", "DOUBLE", "INT64", "BOOL")
)
_INPUTS, _OUTPUTS = ["image"], ["probabilities", "label", "decision"]


def check_model(data: bytes) -> ModelFacts:
    """Check the bytes of a file, and read what it says about itself.

    Raises
    ------
    ValueError
        If it is not a model that :func:`export_onnx` can have written, or has been changed.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has {len(data):,} bytes, more than the limit of {MAX_BYTES:,}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ValueError("it is not an ONNX file") from error
    if model.functions or model.training_info or len(model.opset_import) != 1:
        raise ValueError("it has functions or operators of its own")
    if model.opset_import[0].domain:
        raise ValueError(f"it has operators of {model.opset_import[0].domain!r}")
    graph = model.graph
    if [each.name for each in graph.input] != _INPUTS or [
        each.name for each in graph.output
    ] != _OUTPUTS:
        raise ValueError("its inputs and outputs are not those of an exported classifier")
    properties = {each.key: each.value for each in model.metadata_props}
    facts = facts_from(properties)
    _check_graphs(graph)
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
            raise ValueError("it has a loop of too many turns")


def _check_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(
            f"its constant {tensor.name!r} is in another file, and no other file is read"
        )
    if tensor.data_type not in _TYPES:
        raise ValueError(f"its constant {tensor.name!r} is of a type that no exported model has")
    itemsize = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    dims = list(tensor.dims)
    if min(dims, default=0) < 0 or math.prod(dims) * itemsize != len(tensor.raw_data):
        raise ValueError(f"its constant {tensor.name!r} has another size than its shape")
