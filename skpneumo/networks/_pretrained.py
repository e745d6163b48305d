"""Networks of :mod:`keras.applications` with a head of one's own."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import keras
from keras import layers

from skpneumo.networks._layers import FusedBatchNormalization
from skpneumo.networks._seeding import layer_seeds, python_random_unmoved, seeded

# Least side in pixels; the others take 32.
_LEAST_SIDE = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
_GLOBAL_POOLING = {"max": layers.GlobalMaxPooling2D, "average": layers.GlobalAveragePooling2D}


def build_pretrained(
    input_shape: tuple[int, int, int],
    n_outputs: int = 1,
    *,
    backbone: str = "MobileNet",
    backbone_options: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    weights: str | PathLike[str] | None = None,
    trainable_from: str | None = None,
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

    Grey images become colour ones, and pixel values what the backbone was trained on, inside
    the network. It has two parts, named ``"features"`` and ``"head"``.

    Parameters
    ----------
    input_shape : tuple of (height, width, channels)
        Shape of one image, of 1 or 3 channels. What is smaller than the backbone takes (32
        pixels a side for most) is enlarged inside the network.
    n_outputs : int, default=1
        Number of logits: 1 for two classes, else one a class.
    backbone : str, default="MobileNet"
        Name of a function in :mod:`keras.applications`, such as ``"VGG16"``, ``"Xception"`` or
        ``"DenseNet121"``.
    backbone_options : mapping, default=()
        More arguments of that function, such as ``{"alpha": 0.75}``.
    weights : {"imagenet"}, path or None, default=None
        Weights of the backbone: Keras downloads those of ImageNet to its own cache; a path
        names a ``.weights.h5`` file of the backbone without its top; None begins at random.
    trainable_from : str or None, default=None
        Name of the first layer of the backbone that training changes, or ``"all"``. None
        freezes it whole. Batch normalisation stays frozen in any case.
    global_pooling : {"average", "max"}, default="average"
        How the last feature maps become one number each.
    head_units : sequence of int, default=()
        Units of the dense layers between features and logits.
    activation : str, default="relu"
        Activation of these layers.
    dropout : float, default=0.0
        Share of features, and of units of each dense layer, dropped in training.
    l2 : float, default=0.0
        Penalty on the weights of the head.
    value_range : tuple of (low, high), default=(0.0, 255.0)
        Pixel values of black and white.
    dtype : str, default="float32"
        Name of a Keras dtype policy. The logits stay float32.
    seed : int or None, default=None
        Source of the initial weights and of dropout. None: drawn from the operating system.

    Returns
    -------
    network : keras.Model
        Uncompiled; images of shape (n, height, width, channels) -> logits (n, n_outputs).

    Raises
    ------
    ValueError
        If there is no such backbone or layer, or the images have neither 1 nor 3 channels.

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
        global_pooling=global_pooling,
        value_range=value_range,
        dtype=dtype,
        seed=next(seeds),
    )
    head = build_head(
        features.output_shape[1:],
        n_outputs,
        head_units=head_units,
        activation=activation,
        dropout=dropout,
        l2=l2,
        dtype=dtype,
        seed=next(seeds),
    )
    images = keras.Input(input_shape, name="images")
    return keras.Model(images, head(features(images)), name="pretrained")


def build_features(
    input_shape: tuple[int, int, int],
    *,
    backbone: str,
    backbone_options: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    weights: str | PathLike[str] | None = None,
    trainable_from: str | None = None,
    global_pooling: str = "average",
    value_range: tuple[float, float] = (0.0, 255.0),
    dtype: str = "float32",
    seed: int | None = None,
) -> keras.Model:
    """Build the part up to the pooled features; the words are :func:`build_pretrained`'s."""
    if input_shape[2] not in (1, 3):
        raise ValueError(
            f"{backbone} takes images of 1 or 3 channels, got shape {input_shape}. "
            'Load them with color_mode="grayscale" or "rgb".'
        )
    low, high = value_range
    scale = 255.0 / (high - low) if high > low else 1.0
    images = keras.Input(input_shape, name="images")
    x = layers.Rescaling(scale, -low * scale, dtype="float32", name="to_255")(images)
    if input_shape[2] == 1:
        x = layers.Concatenate(dtype="float32", name="to_rgb")([x, x, x])
    least = _LEAST_SIDE.get(backbone, 32)
    height, width = (max(side, least) for side in input_shape[:2])
    if (height, width) != tuple(input_shape[:2]):
        x = layers.Resizing(height, width, "nearest", dtype="float32", name="enlarged")(x)
    build, preprocess = _application(backbone)
    with python_random_unmoved():
        body = build(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=(height, width, 3),
            **dict(backbone_options),
        )
        if weights not in (None, "imagenet"):
            body.load_weights(weights)
        copy = _rebuilt(body, dtype, trainable_from, layer_seeds(seed))
        if weights is not None:
            copy.set_weights(body.get_weights())
    x = _GLOBAL_POOLING[global_pooling](dtype="float32", name="pooled")(copy(preprocess(x)))
    return keras.Model(images, x, name="features")


def build_head(
    input_shape: tuple[int, ...],
    n_outputs: int = 1,
    *,
    head_units: Sequence[int] = (),
    activation: str = "relu",
    dropout: float = 0.0,
    l2: float = 0.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> keras.Model:
    """Build the part from features to logits; the words are :func:`build_pretrained`'s."""
    seeds = layer_seeds(seed)
    penalty = keras.regularizers.L2(l2) if l2 else None
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


def _application(backbone: str) -> tuple[Any, Any]:
    """Find the function that builds a backbone, and the one that scales its input."""
    modules = [
        module
        for module in vars(keras.applications).values()
        if inspect.ismodule(module) and hasattr(module, "preprocess_input")
    ]
    builders = {
        name: (builder, module.preprocess_input)
        for module in modules
        for name, builder in vars(module).items()
        if inspect.isfunction(builder) and name[0].isupper()
    }
    if backbone not in builders:
        raise ValueError(
            f"There is no backbone {backbone!r} in keras.applications; it has {sorted(builders)}."
        )
    return builders[backbone]


def _rebuilt(
    body: keras.Model, dtype: str, trainable_from: str | None, seeds: Iterator[int]
) -> keras.Model:
    """Copy a backbone with our dtype, seeds, frozen layers and faster normalisation.

    Keras builds it in its global dtype policy and with its global seeds.
    """
    names = [layer.name for layer in body.layers]
    if trainable_from is not None and trainable_from not in ("all", *names):
        raise ValueError(
            f'The backbone has no layer {trainable_from!r}. Give "all" or one of {names}.'
        )
    if trainable_from is None:
        trainable = set()
    else:
        trainable = set(names[0 if trainable_from == "all" else names.index(trainable_from) :])

    def copy(layer: keras.Layer) -> keras.Layer:
        config = {**layer.get_config(), "dtype": dtype}
        for key, value in config.items():
            if key.endswith("initializer") and "seed" in (value or {}).get("config", {}):
                config[key] = {**value, "config": {**value["config"], "seed": next(seeds)}}
        if "seed" in config:
            config["seed"] = next(seeds)
        normalisation = type(layer) is layers.BatchNormalization
        copied = (FusedBatchNormalization if normalisation else type(layer)).from_config(config)
        copied.trainable = layer.name in trainable and not normalisation
        return copied

    return keras.models.clone_model(body, clone_function=copy)
