"""Build networks of :mod:`keras.applications` with a new head."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import keras
from keras import layers

from skpneumo._random import LayerSeeds, layer_seeds
from skpneumo._settings import pinned
from skpneumo.networks._backbones import Backbone
from skpneumo.networks._layers import Standardization, seeded

_GLOBAL_POOLING = {"max": layers.GlobalMaxPooling2D, "average": layers.GlobalAveragePooling2D}


@pinned
def build_pretrained(
    input_shape: tuple[int, int, int],
    n_outputs: int = 1,
    *,
    backbone: str = "MobileNet",
    backbone_options: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    weights: str | PathLike[str] | None = None,
    trainable_from: str | None = None,
    trainable_norm: bool | None = None,
    global_pooling: str = "average",
    head_units: Sequence[int] = (),
    activation: str = "relu",
    dropout: float = 0.0,
    l2: float = 0.0,
    value_range: tuple[float, float] = (0.0, 255.0),
    dtype: str = "float32",
    seed: int | None = None,
) -> keras.Model:
    """Build a backbone of :mod:`keras.applications`, global pooling, dense layers and logits.

    The network converts grey images to colour, and pixel values to those that the backbone was
    trained on. It has two parts, named ``"features"`` and ``"head"``. The features can be
    standardised: the last layer of ``"features"`` has a mean and a standard deviation as weights,
    initially 0 and 1.

    Parameters
    ----------
    input_shape : tuple of (height, width, channels)
        Shape of one image, with 1 or 3 channels. Images smaller than the minimum of the backbone
        (32 pixels per side for most) are enlarged inside the network.
    n_outputs : int, default=1
        Number of logits: 1 for two classes, otherwise one per class.
    backbone : str, default="MobileNet"
        Name of a function in :mod:`keras.applications`, such as ``"VGG16"``, ``"Xception"``,
        ``"DenseNet121"`` or ``"EfficientNetB0"``.
    backbone_options : mapping, default=()
        Further arguments of that function, such as ``{"alpha": 0.75}``.
    weights : {"imagenet"}, path or None, default=None
        Weights of the backbone: ``"imagenet"``, which Keras downloads to its cache; the path of a
        ``.weights.h5`` file of the backbone without its top, saved by ``save_weights``; or None
        for random weights.
    trainable_from : str or None, default=None
        Name of the first layer of the backbone to train, or ``"all"``. None freezes the whole
        backbone.
    trainable_norm : bool or None, default=None
        Whether batch normalisation is trained in the trainable layers. None: only without
        ``weights``, because the moving averages of pretrained weights are from many more images
        than a small collection has.
    global_pooling : {"average", "max"}, default="average"
        How each of the last feature maps becomes one number.
    head_units : sequence of int, default=()
        Units of the dense layers between features and logits.
    activation : str, default="relu"
        Activation of these layers.
    dropout : float, default=0.0
        Share of features, and of units of each dense layer, that are dropped in training.
    l2 : float, default=0.0
        Penalty on the weights of the head.
    value_range : tuple of (low, high), default=(0.0, 255.0)
        Pixel values of black and white.
    dtype : str, default="float32"
        Name of a Keras dtype policy. The logits stay float32.
    seed : int or None, default=None
        Seed of the initial weights and of dropout. None uses entropy of the operating system.

    Returns
    -------
    network : keras.Model
        Uncompiled; images of shape (n, height, width, channels) -> logits (n, n_outputs).

    Raises
    ------
    ValueError
        If the backbone, an option or a layer does not exist, the weights are for another backbone
        or other options, or the images have neither 1 nor 3 channels.
    FileNotFoundError
        If the file of weights does not exist.

    Examples
    --------
    >>> from skpneumo import build_pretrained
    >>> network = build_pretrained((64, 64, 1), backbone="MobileNet", head_units=(32,), seed=0)
    >>> network.output_shape
    (None, 1)
    """
    seeds = layer_seeds(seed)
    features = build_features(
        input_shape,
        backbone=backbone,
        backbone_options=backbone_options,
        weights=weights,
        trainable_from=trainable_from,
        trainable_norm=trainable_norm,
        global_pooling=global_pooling,
        value_range=value_range,
        dtype=dtype,
        seed=seeds.nested(),
    )
    head = build_head(
        features.output_shape[1:],
        n_outputs,
        head_units=head_units,
        activation=activation,
        dropout=dropout,
        l2=l2,
        dtype=dtype,
        seed=seeds.nested(),
    )
    images = keras.Input(input_shape, name="images")
    return keras.Model(images, head(features(images)), name="pretrained")


@pinned
def build_features(
    input_shape: tuple[int, int, int],
    *,
    backbone: str,
    backbone_options: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    weights: str | PathLike[str] | None = None,
    trainable_from: str | None = None,
    trainable_norm: bool | None = None,
    global_pooling: str = "average",
    value_range: tuple[float, float] = (0.0, 255.0),
    dtype: str = "float32",
    seed: int | LayerSeeds | None = None,
) -> keras.Model:
    """Build the part up to the pooled features; parameters as in :func:`build_pretrained`."""
    if input_shape[2] not in (1, 3):
        raise ValueError(
            f"{backbone} needs images of 1 or 3 channels, got shape {tuple(input_shape)}. "
            'Load them with color_mode="grayscale" or "rgb".'
        )
    body = Backbone(backbone, backbone_options)
    low, high = value_range
    scale = (high - low) / 255.0 if high > low else 1.0
    images = keras.Input(input_shape, name="images")
    # Black and white are weights, so that images of any range share one program.
    x = Standardization(low, scale, dtype="float32", name="to_255")(images)
    if input_shape[2] == 1:
        x = layers.Concatenate(dtype="float32", name="to_rgb")([x, x, x])
    height, width = (max(side, body.min_side) for side in input_shape[:2])
    if (height, width) != tuple(input_shape[:2]):
        x = layers.Resizing(height, width, "nearest", dtype="float32", name="enlarged")(x)
    x = body.build(
        (height, width),
        weights=weights,
        trainable_from=trainable_from,
        trainable_norm=weights is None if trainable_norm is None else trainable_norm,
        dtype=dtype,
        seed=seed,
    )(body.preprocess(x))
    x = _GLOBAL_POOLING[global_pooling](dtype="float32", name="pooled")(x)
    # The features of a backbone with random weights may be as small as 1e-20.
    x = Standardization(dtype="float32", name="standardized")(x)
    return keras.Model(images, x, name="features")


@pinned
def build_head(
    input_shape: tuple[int, ...],
    n_outputs: int = 1,
    *,
    head_units: Sequence[int] = (),
    activation: str = "relu",
    dropout: float = 0.0,
    l2: float = 0.0,
    dtype: str = "float32",
    seed: int | LayerSeeds | None = None,
) -> keras.Model:
    """Build the part from features to logits; parameters as in :func:`build_pretrained`."""
    seeds = layer_seeds(seed)
    penalty = keras.regularizers.L1L2(l2=l2) if l2 else None
    inputs = x = keras.Input(input_shape, name="features")
    x = layers.Flatten(dtype=dtype, name="flat_features")(x)
    for i, units in enumerate(head_units, start=1):
        if dropout:
            x = layers.Dropout(dropout, seed=next(seeds), dtype=dtype, name=f"head{i}_dropout")(x)
        x = layers.Dense(
            units,
            activation=activation,
            kernel_initializer=seeded("he_normal", next(seeds)),
            kernel_regularizer=penalty,
            dtype=dtype,
            name=f"head{i}",
        )(x)
    if dropout:
        x = layers.Dropout(dropout, seed=next(seeds), dtype=dtype, name="logits_dropout")(x)
    logits = layers.Dense(
        n_outputs,
        kernel_initializer=seeded("glorot_uniform", next(seeds)),
        kernel_regularizer=penalty,
        dtype="float32",
        name="logits",
    )(x)
    return keras.Model(inputs, logits, name="head")
