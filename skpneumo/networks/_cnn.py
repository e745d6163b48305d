"""Build plain convolutional networks, and dense networks as those without convolutions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from skpneumo._random import LayerSeeds, layer_seeds
from skpneumo._settings import pinned
from skpneumo.networks._layers import (
    ActivityL2,
    FusedBatchNormalization,
    ImageNormalization,
    seeded,
)

_POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
_STEM_KERNEL = 5
# The scale of the Gaussian is that of a chest, or of the surroundings of a pixel; epsilon is four
# or two grey levels of 255.
_NORMALIZATIONS: dict[str, dict[str, Any]] = {
    "image": {"local": False, "scale": 0.2, "epsilon": 4 / 127.5},
    "local": {"local": True, "scale": 0.12, "epsilon": 2 / 127.5},
}
_GLOBAL_POOLING = {"max": layers.GlobalMaxPooling2D, "average": layers.GlobalAveragePooling2D}


@pinned
def build_cnn(
    input_shape: tuple[int, int, int],
    n_outputs: int = 1,
    *,
    filters: Sequence[int] = (32, 64, 128),
    stem_filters: int = 0,
    convs_per_block: int = 1,
    kernel_size: int = 3,
    padding: str = "same",
    pooling: str | None = "max",
    global_pooling: str | None = None,
    dense_units: Sequence[int] = (64,),
    activation: str = "relu",
    batch_norm: bool = False,
    residual: bool = False,
    dropout: float = 0.0,
    kernel_initializer: str = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    activity_l2: float = 0.0,
    max_norm: float | None = None,
    value_range: tuple[float, float] = (0.0, 255.0),
    normalization: str | None = None,
    dtype: str = "float32",
    seed: int | None = None,
) -> keras.Model:
    """Build a convolutional network: blocks of convolutions, then dense layers, then logits.

    Parameters
    ----------
    input_shape : tuple of (height, width, channels)
        Shape of one image.
    n_outputs : int, default=1
        Number of logits: 1 for two classes, otherwise one per class.
    filters : sequence of int, default=(32, 64, 128)
        Filters of each block. If empty, the network is dense.
    stem_filters : int, default=0
        Filters of a convolution of 5 x 5 pixels with stride 2 before the blocks. It halves the
        image at a fraction of the cost of a block at full size. With 0 there is none.
    convs_per_block : int, default=1
        Number of convolutions before each pooling.
    kernel_size : int, default=3
        Side of the convolution kernels, in pixels; limited to the size of the feature map.
    padding : {"same", "valid"}, default="same"
        Padding of the convolutions.
    pooling : {"max", "average"} or None, default="max"
        How each block halves the image. A side of one pixel is not reduced.
    global_pooling : {"average", "max"} or None, default=None
        How the last feature maps become a row: pooled to one number per map, or flattened.
    dense_units : sequence of int, default=(64,)
        Units of the dense layers before the logits.
    activation : str, default="relu"
        Name of a Keras activation.
    batch_norm : bool, default=False
        Whether to normalise each convolution and dense layer over the batch.
    residual : bool, default=False
        Whether to add the input of each block to its output, as in a residual network (He et al.
        [1]_); through a convolution of one pixel if the number of filters changes.
    dropout : float, default=0.0
        Share of units that are dropped after each block and each dense layer.
    kernel_initializer : str, default="he_normal"
        Name of a Keras initializer.
    l1, l2 : float, default=0.0
        Penalties on the weights of every layer, the logits included.
    activity_l2 : float, default=0.0
        Penalty on the activations of every convolution and dense layer.
    max_norm : float or None, default=None
        Maximum norm of the incoming weights of a unit.
    value_range : tuple of (low, high), default=(0.0, 255.0)
        Pixel values that the first layer maps to -1 and 1.
    normalization : {"image", "local"} or None, default=None
        How to standardise each image afterwards, by a mean and a standard deviation. "image":
        those of the whole image, with most weight on its centre; "local": those of the
        surroundings of each pixel, about an eighth of the sides wide (local contrast
        normalisation, Jarrett et al. [2]_).
    dtype : str, default="float32"
        Name of a Keras dtype policy, such as ``"mixed_bfloat16"``. The logits stay float32.
    seed : int or None, default=None
        Seed of the initial weights and of dropout. None uses entropy of the operating system.

    Returns
    -------
    network : keras.Model
        Uncompiled; images of shape (n, height, width, channels) -> logits (n, n_outputs).

    Raises
    ------
    ValueError
        If ``residual`` is combined with ``padding="valid"``, with which the output of a block is
        smaller than its input.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
    .. [2] Jarrett, Kavukcuoglu, Ranzato, LeCun, "What is the best multi-stage architecture for
       object recognition?", ICCV 2009.

    Examples
    --------
    >>> from skpneumo import build_cnn
    >>> build_cnn((64, 64, 1), filters=(8, 16), seed=0).output_shape
    (None, 1)
    """
    if residual and padding != "same":
        raise ValueError(f'residual=True needs padding="same", got padding={padding!r}.')
    hidden = _HiddenLayers(
        seeds=layer_seeds(seed),
        activation=activation,
        batch_norm=batch_norm,
        dropout=dropout,
        kernel_initializer=kernel_initializer,
        l1=l1,
        l2=l2,
        activity_l2=activity_l2,
        max_norm=max_norm,
        dtype=dtype,
    )
    low, high = value_range
    scale = 2.0 / (high - low) if high > low else 1.0
    images = x = keras.Input(input_shape, name="images")
    x = layers.Rescaling(scale, -1.0 - low * scale, dtype="float32", name="rescaling")(x)
    if normalization is not None:
        x = ImageNormalization(**_NORMALIZATIONS[normalization], name="normalization")(x)
    if stem_filters:
        kernel = _clipped(x, _STEM_KERNEL)
        options = {"strides": 2, "padding": "same"}
        x = hidden.linear(x, layers.Conv2D, stem_filters, kernel, name="stem", **options)
        x = hidden.activate(x, "stem")
    for i, n_filters in enumerate(filters, start=1):
        block_input = x
        for j in range(1, convs_per_block + 1):
            conv = f"block{i}_conv{j}"
            kernel = _clipped(x, kernel_size)
            x = hidden.linear(x, layers.Conv2D, n_filters, kernel, name=conv, padding=padding)
            if j == convs_per_block and residual:
                x = hidden.add(x, block_input, f"block{i}")
            x = hidden.activate(x, conv)
        if pooling is not None:
            x = _POOLING[pooling](_clipped(x, 2), dtype=dtype, name=f"block{i}_pool")(x)
        x = hidden.drop(x, name=f"block{i}_dropout")
    if global_pooling is None:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    else:
        x = _GLOBAL_POOLING[global_pooling](dtype=dtype, name="global_pool")(x)
    for i, units in enumerate(dense_units, start=1):
        x = hidden.linear(x, layers.Dense, units, name=f"dense{i}")
        x = hidden.activate(x, f"dense{i}")
        x = hidden.drop(x, name=f"dense{i}_dropout")
    logits = hidden.weighted(layers.Dense, n_outputs, name="logits", dtype="float32")(x)
    return keras.Model(images, logits, name="cnn")


@dataclass
class _HiddenLayers:
    """Add layers with the options that all layers of a network share."""

    seeds: LayerSeeds
    activation: str
    batch_norm: bool
    dropout: float
    kernel_initializer: str
    l1: float
    l2: float
    activity_l2: float
    max_norm: float | None
    dtype: str

    def weighted(
        self, layer: type[keras.Layer], *size: Any, name: str, **options: Any
    ) -> keras.Layer:
        """Make a layer with weights."""
        return layer(
            *size,
            name=name,
            kernel_initializer=seeded(self.kernel_initializer, next(self.seeds)),
            kernel_regularizer=(
                keras.regularizers.L1L2(self.l1, self.l2) if self.l1 or self.l2 else None
            ),
            kernel_constraint=_max_norm(layer, self.max_norm),
            **options,
        )

    def linear(
        self, x: Any, layer: type[keras.Layer], *size: Any, name: str, **options: Any
    ) -> Any:
        """Add a layer with weights and, if asked for, its batch normalisation."""
        bias = not self.batch_norm
        x = self.weighted(layer, *size, name=name, use_bias=bias, dtype=self.dtype, **options)(x)
        if not self.batch_norm:
            return x
        return FusedBatchNormalization(dtype=self.dtype, name=f"{name}_norm")(x)

    def activate(self, x: Any, name: str) -> Any:
        """Add an activation."""
        return layers.Activation(
            self.activation,
            activity_regularizer=ActivityL2(self.activity_l2) if self.activity_l2 else None,
            dtype=self.dtype,
            name=f"{name}_activation",
        )(x)

    def add(self, x: Any, block_input: Any, name: str) -> Any:
        """Add the input of a block to its output, with as many filters."""
        n_filters = x.shape[-1]
        if block_input.shape[-1] != n_filters:
            block_input = self.linear(
                block_input, layers.Conv2D, n_filters, 1, name=f"{name}_shortcut"
            )
        return layers.Add(dtype=self.dtype, name=f"{name}_add")([x, block_input])

    def drop(self, x: Any, name: str) -> Any:
        """Add dropout, unless its rate is zero."""
        if not self.dropout:
            return x
        return layers.Dropout(self.dropout, seed=next(self.seeds), dtype=self.dtype, name=name)(x)


def _max_norm(
    layer: type[keras.Layer], limit: float | None
) -> keras.constraints.Constraint | None:
    """Limit the incoming weights of a unit: all axes of a kernel except the last."""
    if limit is None:
        return None
    axis = [0, 1, 2] if layer is layers.Conv2D else 0
    return keras.constraints.MaxNorm(limit, axis=axis)


def _clipped(x: Any, size: int) -> tuple[int, int]:
    """Limit the size of a kernel or pool to the height and width of the feature map."""
    return min(size, x.shape[1]), min(size, x.shape[2])
