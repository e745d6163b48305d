"""Build the backbones of :mod:`keras.applications` by name."""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any

import keras
import numpy as np
from keras import layers

from skpneumo._messages import by_interface
from skpneumo._progress import working
from skpneumo._random import LayerSeeds, layer_seeds, python_random_unmoved
from skpneumo.networks._layers import FusedBatchNormalization, Standardization

# Minimum side in pixels; for all others it is 32.
_MIN_SIDE = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
# Shape for loading ImageNet weights: for other sizes Keras warns that it uses the weights for 224
# pixels. The shapes of convolutions do not depend on it.
_IMAGENET_SHAPE = (224, 224, 3)
_OWN_OPTIONS = {
    "include_top": "there is none",
    "weights": "use the parameter weights",
    "input_tensor": "there is none",
    "input_shape": "it is that of the images",
    "pooling": "use global_pooling",
    "classes": "it is as many as there are labels",
    "classifier_activation": "there is none",
    "include_preprocessing": "pixel values are scaled in any case",
    "name": "it is fixed",
}
# Number of batches that loaded moving averages count for: more than training adds.
_MANY_BATCHES = 1e6


class Backbone:
    """A convolutional network of Keras, without its top."""

    def __init__(
        self, name: str, options: Mapping[str, Any] | Sequence[tuple[str, Any]] = ()
    ) -> None:
        self.name = name
        self.options = dict(options)
        self._application = _application(name)
        self._check_options()
        self.min_side = _MIN_SIDE.get(name, 32)

    def preprocess(self, x: Any) -> Any:
        """Convert RGB values from 0 to 255 to those that the backbone was trained on."""
        module = self._application.__module__.rpartition(".")[2]
        return getattr(keras.applications, module).preprocess_input(x)

    def build(
        self,
        size: tuple[int, int],
        *,
        weights: str | PathLike[str] | None,
        trainable_from: str | None,
        trainable_norm: bool,
        dtype: str,
        seed: int | LayerSeeds | None,
    ) -> keras.Model:
        """Build the backbone with this dtype, seed and frozen layers, and faster normalisation.

        Keras itself would use its global dtype policy and global seeds.
        """
        with python_random_unmoved():
            template = _template(self._application, (*size, 3), tuple(self.options.items()))
            names = _fresh_names(template)
            trainable = self._layers_from(trainable_from, list(names.values()))
            seeds = layer_seeds(seed)

            def copy(layer: keras.Layer) -> keras.Layer:
                return _copy_layer(
                    layer,
                    name=names[layer.name],
                    trainable=names[layer.name] in trainable,
                    trainable_norm=trainable_norm,
                    dtype=dtype,
                    seeds=seeds,
                )

            body = keras.models.clone_model(template, clone_function=copy)
            if weights is not None:
                with _template_lock:
                    _copy_weights(self._with_weights(weights, template), body)
        return body

    def _with_weights(self, weights: str | PathLike[str], template: keras.Model) -> keras.Model:
        if weights == "imagenet":
            return self._with_imagenet_weights()
        path = Path(weights)
        if not path.is_file():
            raise FileNotFoundError(
                f"weights={str(path)!r}: there is no such file. Pass a .weights.h5 file of "
                f'{self.name} without its top, "imagenet" or None.'
            )
        try:
            with warnings.catch_warnings():
                # Keras only warns about layers without weights in the file, and leaves them
                # random.
                warnings.simplefilter("error", UserWarning)
                template.load_weights(path)
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise ValueError(
                f"weights={str(path)!r} are not those of {self.name} without its top, with "
                f"backbone_options={self.options}. Pass a .weights.h5 file that save_weights "
                "wrote for the same backbone, or the options that it was built with."
            ) from error
        return template

    def _with_imagenet_weights(self) -> keras.Model:
        """Build the backbone with Keras, which downloads the weights, without its progress bar."""
        interactive = keras.config.is_interactive_logging_enabled()
        keras.config.disable_interactive_logging()
        try:
            with working(f"Downloading the ImageNet weights of {self.name}, if they are not here"):
                return self._application(
                    include_top=False,
                    weights="imagenet",
                    input_shape=_IMAGENET_SHAPE,
                    **self.options,
                )
        except Exception as error:  # Keras raises plain Exception if a download fails
            if not _is_download_error(error):
                raise
            raise ConnectionError(
                f"The ImageNet weights of {self.name} could not be downloaded "
                f"({' '.join(str(error).split())}). Try again with a connection, or do without: "
                + by_interface(
                    python="pass a .weights.h5 file as weights, or None for random weights.",
                    shell="give --weights a .weights.h5 file, or none for random weights.",
                )
            ) from error
        finally:
            if interactive:
                keras.config.enable_interactive_logging()

    def _check_options(self) -> None:
        for option in self.options:
            if option in _OWN_OPTIONS:
                raise ValueError(
                    f"backbone_options sets {option!r}, which it cannot set: "
                    f"{_OWN_OPTIONS[option]}."
                )
        known = inspect.signature(self._application).parameters.keys() - _OWN_OPTIONS.keys()
        if unknown := self.options.keys() - known:
            raise ValueError(
                f"backbone_options has unknown options {sorted(unknown)}; {self.name} has "
                f"{sorted(known) or 'none'}."
            )

    def _layers_from(self, first: str | None, names: list[str]) -> set[str]:
        if first is None:
            return set()
        if first == "all":
            return set(names)
        if first not in names:
            near = get_close_matches(first, names) or names
            raise ValueError(
                f'{self.name} has no layer {first!r}. Pass "all" or one of its {len(names)} '
                f"layers, such as {near}."
            )
        return set(names[names.index(first) :])


def _is_download_error(error: Exception) -> bool:
    """Return whether an error of Keras is about a missing or incomplete file of weights."""
    text = str(error)
    return (
        isinstance(error, OSError)
        or "URL fetch failure" in text
        or "Incomplete or corrupted" in text
    )


def _application(name: str) -> Callable[..., keras.Model]:
    applications = {
        each: builder
        for each, builder in vars(keras.applications).items()
        if inspect.isfunction(builder) and each[0].isupper()
    }
    if name not in applications:
        lower = {each.lower(): each for each in applications}
        near = [lower[each] for each in get_close_matches(name.lower(), lower, n=5)]
        advice = f"Did you mean {' or '.join(near)}?" if near else f"It has {list(applications)}."
        raise ValueError(f"There is no backbone {name!r} in keras.applications. {advice}")
    return applications[name]


@lru_cache(maxsize=1)
def _template(
    application: Callable[..., keras.Model],
    shape: tuple[int, int, int],
    options: tuple[tuple[str, Any], ...],
) -> keras.Model:
    """Build the network that is copied for each use, because building it takes seconds."""
    return application(include_top=False, weights=None, input_shape=shape, **dict(options))


# Weights of a file are loaded into the template, by one thread at a time.
_template_lock = Lock()


def _fresh_names(body: keras.Model) -> dict[str, str]:
    """Map the names of layers to those in a fresh process, because Keras numbers default names.

    Operations that are not layers, such as adding a number to a tensor, are included.
    """
    counts: dict[str, int] = {}
    names = {}
    for layer in body.operations:
        if isinstance(layer, layers.InputLayer):
            continue
        stem, _, number = layer.name.rpartition("_")
        kind = type(layer).__name__.lower()
        own = [part for part in (layer.name, stem) if part.replace("_", "") == kind]
        if not own or (own[0] == stem and not number.isdigit()):
            names[layer.name] = layer.name
            continue
        count = counts.get(own[0], 0)
        counts[own[0]] = count + 1
        names[layer.name] = f"{own[0]}_{count}" if count else own[0]
    return names


def _copy_layer(
    layer: keras.Layer,
    name: str,
    trainable: bool,
    trainable_norm: bool,
    dtype: str,
    seeds: LayerSeeds,
) -> keras.Layer:
    if not isinstance(layer, layers.Layer):
        return type(layer).from_config({**layer.get_config(), "name": name})
    if isinstance(layer, keras.Sequential):  # in ConvNeXt; its layers have their own seeds
        inner = [
            _copy_layer(each, each.name, trainable, trainable_norm, dtype, seeds)
            for each in layer.layers
        ]
        copied = keras.Sequential(inner, name=name)
        if not trainable:
            copied.trainable = False
        return copied
    if _has_weights_to_normalize(layer):
        return Standardization(name=name, dtype="float32")
    scales = isinstance(layer, (layers.Rescaling, layers.Normalization))
    config = {**layer.get_config(), "name": name, "dtype": "float32" if scales else dtype}
    for key, value in config.items():
        if key.endswith("initializer") and "seed" in (value or {}).get("config", {}):
            config[key] = {**value, "config": {**value["config"], "seed": next(seeds)}}
    if "seed" in config:
        config["seed"] = next(seeds)
    copied = (FusedBatchNormalization if _can_be_fused(layer) else type(layer)).from_config(config)
    if isinstance(layer, layers.BatchNormalization):
        trainable = trainable and trainable_norm
    copied.trainable = trainable
    return copied


def _can_be_fused(layer: keras.Layer) -> bool:
    return type(layer) is layers.BatchNormalization and layer.scale and layer.center


def _has_weights_to_normalize(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Normalization) and bool(layer.weights)


def _copy_weights(source: keras.Model, body: keras.Model) -> None:
    names, copies = _fresh_names(source), {layer.name: layer for layer in body.layers}
    for layer in source.layers:
        if layer.weights:
            copies[names[layer.name]].set_weights(_weights_of(layer))


def _weights_of(layer: keras.Layer) -> list[Any]:
    if isinstance(layer, keras.Sequential):
        return [weight for each in layer.layers for weight in _weights_of(each)]
    if _has_weights_to_normalize(layer):
        # The ImageNet weights of EfficientNet contain standard deviations instead of variances,
        # and only for these Keras inserts a layer that divides by their square root once more.
        mean, deviation, _ = layer.get_weights()
        return [mean, deviation]
    if _can_be_fused(layer):
        return [*layer.get_weights(), np.float32(_MANY_BATCHES)]
    return layer.get_weights()
