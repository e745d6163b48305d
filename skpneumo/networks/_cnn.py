"""Plain convolutional networks, and dense ones as those without a convolution."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from skpneumo._seeding import layer_seeds, seeded
from skpneumo._settings import pinned
from skpneumo.networks._layers import ActivityL2, FusedBatchNormalization, ImageNormalization

_POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
_STEM_KERNEL = 5
# The Gaussian is as wide as a chest, or as what surrounds a place; the least deviation is of four
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
        Number of logits: 1 for two classes, else one a class.
    filters : sequence of int, default=(32, 64, 128)
        Filters of each block. Empty: a dense network.
    stem_filters : int, default=0
        Filters of a convolution of 5 x 5 pixels and stride 2 before the blocks. It halves the
        image for a fraction of what a block costs at full size. 0: no such convolution.
    convs_per_block : int, default=1
        Convolutions before each pooling.
    kernel_size : int, default=3
        Side of the convolution kernels, in pixels; never more than the image has left.
    padding : {"same", "valid"}, default="same"
        Padding of the convolutions.
    pooling : {"max", "average"} or None, default="max"
        How each block halves the image. A side of one pixel is left as it is.
    global_pooling : {"average", "max"} or None, default=None
        How the last feature maps become one row: pooled to a number a map, or flattened.
    dense_units : sequence of int, default=(64,)
        Units of the dense layers before the logits.
    activation : str, default="relu"
        Name of a Keras activation.
    batch_norm : bool, default=False
        Normalise each convolution and dense layer over the batch.
    residual : bool, default=False
        Add the input of each block to its output, as in a residual network (He et al. [1]_);
        through a convolution of one pixel where the number of filters changes.
    dropout : float, default=0.0
        Share of units dropped after each block and each dense layer.
    kernel_initializer : str, default="he_normal"
        Name of a Keras initializer.
    l1, l2 : float, default=0.0
        Penalties on the weights of every layer, the logits included.
    activity_l2 : float, default=0.0
        Penalty on the activations of every convolution and dense layer.
    max_norm : float or None, default=None
        Largest norm of a unit's incoming weights.
    value_range : tuple of (low, high), default=(0.0, 255.0)
        Pixel values that the first layer maps to -1 and 1.
    normalization : {"image", "local"} or None, default=None
        What is done to each image after that: its mean is subtracted and it is divided by its
        standard deviation. "image": those of the whole, its middle counting most; "local": those
        of the surroundings of each place, about an eighth of the sides wide (local contrast
        normalisation, Jarrett et al. [2]_).
    dtype : str, default="float32"
        Name of a Keras dtype policy, such as ``"mixed_bfloat16"``. The logits stay float32.
    seed : int or None, default=None
        Source of the initial weights and of dropout. None: drawn from the operating system.

    Returns
    -------
    network : keras.Model
        Uncompiled; images of shape (n, height, width, channels) -> logits (n, n_outputs).

    Raises
    ------
    ValueError
        If ``residual`` is combined with ``padding="valid"``, which makes the output of a block
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
    seeds = layer_seeds(seed)
    low, high = value_range
    scale = 2.0 / (high - low) if high > low else 1.0

    def weighted(layer: type[keras.Layer], *size: Any, name: str, **options: Any) -> keras.Layer:
        return layer(
            *size,
            name=name,
            kernel_initializer=seeded(kernel_initializer, next(seeds)),
            kernel_regularizer=keras.regularizers.L1L2(l1, l2) if l1 or l2 else None,
            kernel_constraint=_max_norm(layer, max_norm),
            **options,
        )

    def linear(x: Any, layer: type[keras.Layer], *size: Any, name: str, **options: Any) -> Any:
        """Add a hidden layer and its normalisation."""
        x = weighted(
            layer,
            *size,
            name=name,
            use_bias=not batch_norm,
            dtype=dtype,
            **options,
        )(x)
        if not batch_norm:
            return x
        return FusedBatchNormalization(dtype=dtype, name=f"{name}_norm")(x)

    def activate(x: Any, name: str) -> Any:
        return layers.Activation(
            activation,
            activity_regularizer=ActivityL2(activity_l2) if activity_l2 else None,
            dtype=dtype,
            name=f"{name}_activation",
        )(x)

    def block(x: Any, n_filters: int, name: str) -> Any:
        block_input = x
        for j in range(1, convs_per_block + 1):
            conv = f"{name}_conv{j}"
            kernel = _fitting(x, kernel_size)
            x = linear(x, layers.Conv2D, n_filters, kernel, name=conv, padding=padding)
            if j == convs_per_block and residual:
                if block_input.shape[-1] != n_filters:
                    shortcut = f"{name}_shortcut"
                    block_input = linear(block_input, layers.Conv2D, n_filters, 1, name=shortcut)
                x = layers.Add(dtype=dtype, name=f"{name}_add")([x, block_input])
            x = activate(x, conv)
        return x

    def drop(x: Any, name: str) -> Any:
        if not dropout:
            return x
        return layers.Dropout(dropout, seed=next(seeds), dtype=dtype, name=name)(x)

    images = x = keras.Input(input_shape, name="images")
    x = layers.Rescaling(scale, -1.0 - low * scale, dtype="float32", name="rescaling")(x)
    if normalization is not None:
        x = ImageNormalization(**_NORMALIZATIONS[normalization], name="normalization")(x)
    if stem_filters:
        kernel = _fitting(x, _STEM_KERNEL)
        options = {"strides": 2, "padding": "same"}
        x = activate(
            linear(x, layers.Conv2D, stem_filters, kernel, name="stem", **options), "stem"
        )
    for i, n_filters in enumerate(filters, start=1):
        x = block(x, n_filters, name=f"block{i}")
        if pooling is not None:
            x = _POOLING[pooling](_fitting(x, 2), dtype=dtype, name=f"block{i}_pool")(x)
        x = drop(x, name=f"block{i}_dropout")
    if global_pooling is None:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    else:
        x = _GLOBAL_POOLING[global_pooling](dtype=dtype, name="global_pool")(x)
    for i, units in enumerate(dense_units, start=1):
        x = activate(linear(x, layers.Dense, units, name=f"dense{i}"), f"dense{i}")
        x = drop(x, name=f"dense{i}_dropout")
    logits = weighted(layers.Dense, n_outputs, name="logits", dtype="float32")(x)
    return keras.Model(images, logits, name="cnn")


def _max_norm(
    layer: type[keras.Layer], limit: float | None
) -> keras.constraints.Constraint | None:
    """Bound what comes in to a unit: all axes of a kernel but the last."""
    if limit is None:
        return None
    axis = [0, 1, 2] if layer is layers.Conv2D else 0
    return keras.constraints.MaxNorm(limit, axis=axis)


def _fitting(x: Any, size: int) -> tuple[int, int]:
    """Clip a kernel or pool to the height and width that are left."""
    return min(size, x.shape[1]), min(size, x.shape[2])
