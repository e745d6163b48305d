"""Add layers of Keras to a graph, with one function for each type."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from skpneumo.networks import build_cnn  # noqa: F401, registers the layers of this package
from skpneumo.persistence.onnx._activations import activate, clip
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import GraphBuilder, Tensor
from skpneumo.persistence.onnx._operations import arithmetic, channel_constant

__all__ = ["LAYERS"]


def _same(_: GraphBuilder, __: Any, x: Tensor) -> Tensor:
    """Skip a layer that does nothing in prediction."""
    return x


def _relu(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    if layer.negative_slope or layer.threshold:
        raise NotExportableError(
            f"The layer {layer.name!r} is a ReLU with negative_slope={layer.negative_slope} and "
            f"threshold={layer.threshold}, which is not supported yet."
        )
    if layer.max_value is None:
        return Tensor(graph.node("Relu", x.name), x.shape)
    return Tensor(clip(graph, x.name, 0.0, float(layer.max_value)), x.shape)


def _rescale(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    rank = len(x.shape)
    scaled = graph.node("Mul", x.name, channel_constant(graph, layer.scale, rank))
    return Tensor(graph.node("Add", scaled, channel_constant(graph, layer.offset, rank)), x.shape)


def _standardize(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    mean, deviation = (_array(each) for each in (layer.mean, layer.deviation))
    return _shift_and_divide(graph, x, mean, deviation)


def _normalize(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    """Standardise as Keras does at the start of EfficientNet."""
    deviation = np.maximum(np.sqrt(_array(layer.variance)), keras.config.epsilon())
    return _shift_and_divide(graph, x, _array(layer.mean), deviation)


def _shift_and_divide(
    graph: GraphBuilder, x: Tensor, mean: NDArray[Any], deviation: NDArray[Any]
) -> Tensor:
    rank = len(x.shape)
    shifted = graph.node("Sub", x.name, channel_constant(graph, mean.reshape(-1), rank))
    divided = graph.node("Div", shifted, channel_constant(graph, deviation.reshape(-1), rank))
    return Tensor(divided, x.shape)


def _normalize_image(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    height, width, _ = x.shape
    down, across = map(graph.constant, layer.mean_weights(height, width))

    def mean(name: str) -> str:
        return graph.node("MatMul", graph.node("MatMul", down, name), across)

    distance = graph.node("Sub", x.name, mean(x.name))
    variance = mean(graph.node("Mul", distance, distance))
    variance = graph.node("Add", variance, graph.constant(layer.epsilon**2))
    return Tensor(graph.node("Div", distance, graph.node("Sqrt", variance)), x.shape)


def _normalize_batch(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    if layer.axis not in (-1, len(x.shape)):
        raise NotExportableError(
            f"The layer {layer.name!r} normalises along axis {layer.axis}, which is not supported "
            "yet."
        )
    n = x.shape[-1]
    gamma = np.ones(n) if layer.gamma is None else _array(layer.gamma)
    beta = np.zeros(n) if layer.beta is None else _array(layer.beta)
    constants = (gamma, beta, _array(layer.moving_mean), _array(layer.moving_variance))
    name = graph.node(
        "BatchNormalization",
        x.name,
        *(graph.constant(each) for each in constants),
        epsilon=float(layer.epsilon),
    )
    return Tensor(name, x.shape)


def _convolve(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    kernel = _array(layer.kernel).transpose(3, 2, 0, 1)
    return _activated(graph, layer, _convolution(graph, layer, x, kernel, layer.groups))


def _convolve_depthwise(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    kernel = _by_channel(layer.kernel)
    return _activated(graph, layer, _convolution(graph, layer, x, kernel, x.shape[-1]))


def _convolve_separably(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    kernel = _by_channel(layer.depthwise_kernel)
    x = _convolution(graph, layer, x, kernel, x.shape[-1], with_bias=False)
    kernel = _array(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    name = graph.node("Conv", x.name, graph.constant(kernel), *_bias(graph, layer))
    return _activated(graph, layer, Tensor(name, (*x.shape[:2], len(kernel))))


def _by_channel(kernel: Any) -> NDArray[Any]:
    """Arrange the weights of a convolution that is separate for each channel."""
    array = _array(kernel)
    height, width, n_channels, multiplier = array.shape
    return array.transpose(2, 3, 0, 1).reshape(n_channels * multiplier, 1, height, width)


def _convolution(
    graph: GraphBuilder,
    layer: Any,
    x: Tensor,
    kernel: NDArray[Any],
    groups: int,
    with_bias: bool = True,
) -> Tensor:
    strides, dilations = list(layer.strides), list(layer.dilation_rate)
    pads, sides = _padding(layer.padding, x.shape, kernel.shape[2:], strides, dilations)
    name = graph.node(
        "Conv",
        x.name,
        graph.constant(kernel),
        *(_bias(graph, layer) if with_bias else ()),
        strides=strides,
        dilations=dilations,
        pads=pads,
        group=groups,
    )
    return Tensor(name, (*sides, len(kernel)))


def _bias(graph: GraphBuilder, layer: Any) -> tuple[str, ...]:
    return (graph.constant(_array(layer.bias)),) if layer.use_bias else ()


def _activated(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    return Tensor(activate(graph, x.name, layer.activation), x.shape)


def _padding(
    padding: str, shape: tuple[int, ...], kernel: Any, strides: Any, dilations: Any
) -> tuple[list[int], list[int]]:
    """Compute the padding at top, left, bottom and right, and the sides of the output."""
    before, after, sides = [], [], []
    for side, width, stride, dilation in zip(shape[:2], kernel, strides, dilations, strict=True):
        span = (width - 1) * dilation + 1
        n_out = math.ceil(side / stride) if padding == "same" else (side - span) // stride + 1
        missing = max((n_out - 1) * stride + span - side, 0) if padding == "same" else 0
        before.append(missing // 2)  # an odd pixel is added at the end, as in TensorFlow
        after.append(missing - missing // 2)
        sides.append(n_out)
    return [*before, *after], sides


def _pool(operator: str, **attributes: int) -> Callable[..., Tensor]:
    def add(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
        size, strides = list(layer.pool_size), list(layer.strides)
        pads, sides = _padding(layer.padding, x.shape, size, strides, (1, 1))
        name = graph.node(
            operator, x.name, kernel_shape=size, strides=strides, pads=pads, **attributes
        )
        return Tensor(name, (*sides, x.shape[-1]))

    return add


def _pool_globally(operator: str) -> Callable[..., Tensor]:
    def add(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
        n = x.shape[-1]
        name = graph.node(operator, x.name)
        if layer.keepdims:
            return Tensor(name, (1, 1, n))
        return Tensor(graph.node("Reshape", name, graph.integer([1, n])), (n,))

    return add


def _pad(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    (top, bottom), (left, right) = layer.padding
    pads = graph.integer([0, 0, top, left, 0, 0, bottom, right])
    height, width, n = x.shape
    return Tensor(
        graph.node("Pad", x.name, pads), (height + top + bottom, width + left + right, n)
    )


def _crop(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    (top, bottom), (left, right) = layer.cropping
    height, width, n = x.shape
    ends = graph.integer([height - bottom, width - right])
    name = graph.node("Slice", x.name, graph.integer([top, left]), ends, graph.integer([2, 3]))
    return Tensor(name, (height - top - bottom, width - left - right, n))


def _enlarge(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    """Repeat the nearest pixel."""
    if layer.interpolation != "nearest" or layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise NotExportableError(
            f"The layer {layer.name!r} does not resize to the nearest pixel, and other ways are "
            "not supported yet."
        )
    name = x.name
    for axis, (side, target) in enumerate(
        zip(x.shape[:2], (layer.height, layer.width), strict=True)
    ):
        nearest = np.floor((np.arange(target) + 0.5) * side / target)
        name = graph.node("Gather", name, graph.integer(nearest), axis=axis + 2)
    return Tensor(name, (layer.height, layer.width, x.shape[-1]))


def _join(graph: GraphBuilder, layer: Any, xs: list[Tensor]) -> Tensor:
    if layer.axis not in (-1, len(xs[0].shape)):
        raise NotExportableError(
            f"The layer {layer.name!r} concatenates along axis {layer.axis}, which is not "
            "supported yet."
        )
    name = graph.node("Concat", *(x.name for x in xs), axis=1)
    return Tensor(name, (*xs[0].shape[:-1], sum(x.shape[-1] for x in xs)))


def _merge(operator: str) -> Callable[..., Tensor]:
    two = arithmetic(operator)

    def add(graph: GraphBuilder, layer: Any, xs: list[Tensor]) -> Tensor:
        total = xs[0]
        for x in xs[1:]:
            total = two(graph, layer, total, x)
        return total

    return add


def _flatten(graph: GraphBuilder, _: Any, x: Tensor) -> Tensor:
    n = math.prod(x.shape)
    name = x.name
    if len(x.shape) == 3:
        name = graph.node("Transpose", name, perm=[0, 2, 3, 1])
    return Tensor(graph.node("Reshape", name, graph.integer([1, n])), (n,))


def _reshape(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    target = tuple(layer.target_shape)
    if len(x.shape) == 1 and target == (1, 1, x.shape[0]):
        return Tensor(graph.node("Reshape", x.name, graph.integer([1, x.shape[0], 1, 1])), target)
    raise NotExportableError(
        f"The layer {layer.name!r} reshapes {x.shape} to {target}, which is not supported yet."
    )


def _dense(graph: GraphBuilder, layer: Any, x: Tensor) -> Tensor:
    if len(x.shape) != 1:
        raise NotExportableError(
            f"The dense layer {layer.name!r} has an input of shape {x.shape}, but only rows are "
            "supported yet."
        )
    kernel = _array(layer.kernel)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1])
    name = graph.node("Gemm", x.name, graph.constant(kernel), graph.constant(bias))
    return _activated(graph, layer, Tensor(name, (kernel.shape[1],)))


def _array(weights: Any) -> NDArray[Any]:
    return keras.ops.convert_to_numpy(weights)


# Looked up by the exact class, because a subclass may do something else.
LAYERS: dict[type, Callable[..., Tensor]] = {
    layers.Activation: _activated,
    layers.Add: _merge("Add"),
    layers.AveragePooling2D: _pool("AveragePool", count_include_pad=0),
    layers.BatchNormalization: _normalize_batch,
    layers.Concatenate: _join,
    layers.Conv2D: _convolve,
    layers.Cropping2D: _crop,
    layers.Dense: _dense,
    layers.DepthwiseConv2D: _convolve_depthwise,
    layers.Dropout: _same,
    layers.Flatten: _flatten,
    layers.GlobalAveragePooling2D: _pool_globally("GlobalAveragePool"),
    layers.GlobalMaxPooling2D: _pool_globally("GlobalMaxPool"),
    layers.MaxPooling2D: _pool("MaxPool"),
    layers.Multiply: _merge("Mul"),
    layers.Normalization: _normalize,
    layers.ReLU: _relu,
    layers.Rescaling: _rescale,
    layers.Reshape: _reshape,
    layers.Resizing: _enlarge,
    layers.SeparableConv2D: _convolve_separably,
    layers.ZeroPadding2D: _pad,
    **{
        keras.saving.get_registered_object(f"skpneumo>{name}"): add
        for name, add in {
            "FusedBatchNormalization": _normalize_batch,
            "ImageNormalization": _normalize_image,
            "Standardization": _standardize,
        }.items()
    },
}
