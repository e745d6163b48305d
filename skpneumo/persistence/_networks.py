"""Compare what a file says of a network with the arrays that it brings, before it is built."""

import inspect
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from skpneumo.classifiers.engine import NetworkSpec, weight_shapes
from skpneumo.persistence._registry import BUILDERS, NAMES

__all__ = ["check_network"]

_MOST_PIXELS = 10**8  # of one image
# Normalising an image takes a matrix of its side squared.
_LARGEST_NORMALIZED_SIDE = 4096
_MOST_VIEWS = 1000
_MOST_LAYERS = 1000

# What the file of a model does not say: where weights begin, and on what numbers it computes.
_NOT_IN_FILES = {"seed", "dtype", "weights"}


def check_network(classifier: Any) -> None:
    """Raise ValueError if the weights of a classifier are not those of its network."""
    fitted = vars(classifier)
    if "network_spec_" not in fitted and "weights_" not in fitted:
        return
    kind = type(classifier).__name__
    spec, weights = fitted.get("network_spec_"), fitted.get("weights_")
    if not isinstance(spec, NetworkSpec):
        raise ValueError(f"it holds a {kind} whose network is not described")
    # A weight that is one number is a scalar of NumPy.
    arrays = (np.ndarray, np.generic)
    if not isinstance(weights, list) or not all(isinstance(each, arrays) for each in weights):
        raise ValueError(f"it holds a {kind} whose weights are no list of arrays")
    _check_arguments(spec, len(weights))
    _check_fitted(classifier, dict(spec.arguments))
    try:
        expected = _shapes_of(spec)
    except Exception as error:  # Keras and its backends raise anything where a size cannot be
        raise ValueError(f"it holds a {kind} whose network cannot be built: {error}") from error
    found = [each.shape for each in weights]
    if found != expected:
        wrong = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
        difference = f"{len(found)} arrays for {len(expected)} weights"
        if len(found) == len(expected):
            difference = f"one of shape {wrong[0][0]} for weights of {wrong[0][1]}"
        raise ValueError(f"it holds a {kind} whose arrays are not its network's: {difference}")
    if any(each.dtype != np.float32 for each in weights):
        raise ValueError(f"it holds a {kind} whose weights are not all float32")


@lru_cache(maxsize=8)
def _shapes_of(spec: NetworkSpec) -> list[tuple[int, ...]]:
    return weight_shapes(spec)


def _check_arguments(spec: NetworkSpec, n_weights: int) -> None:
    """Refuse what no fit says of a network, and more layers than there are arrays."""
    if not any(spec.builder is NAMES.find(name) for name in BUILDERS):
        raise ValueError("it holds a network that none of this package's functions builds")
    if not isinstance(spec.arguments, tuple) or not all(map(_is_argument, spec.arguments)):
        raise ValueError("it holds a network whose arguments are none")
    arguments = dict(spec.arguments)
    unknown = arguments.keys() - (
        inspect.signature(spec.builder).parameters.keys() - _NOT_IN_FILES
    )
    if unknown or len(arguments) < len(spec.arguments):
        raise ValueError(f"it holds a network with wrong arguments {sorted(unknown)}")
    shape = arguments.get("input_shape")
    if not isinstance(shape, tuple) or not all(type(side) is int and side > 0 for side in shape):
        raise ValueError(f"it holds a network for images of the shape {shape!r}")
    if prod(shape) > _MOST_PIXELS:
        raise ValueError(f"it holds a network for images of {shape}; at most 1e8 numbers are read")
    if arguments.get("normalization") is not None and max(shape[:2]) > _LARGEST_NORMALIZED_SIDE:
        raise ValueError(f"it holds a network that normalises images of {shape}")
    repeated = arguments.get("convs_per_block", 1)
    longest = max(len(value) for value in arguments.values() if isinstance(value, tuple))
    n_layers = longest * (repeated if isinstance(repeated, int) else 1)
    if (longest > len(shape) and n_layers > n_weights) or n_layers > _MOST_LAYERS:
        raise ValueError(f"it holds a network of {n_layers} layers, but {n_weights} arrays for it")


def _is_argument(argument: Any) -> bool:
    return (
        isinstance(argument, tuple)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and _is_plain(argument[1])
    )


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, text or a tuple of such: what Keras does not deserialize."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _check_fitted(classifier: Any, arguments: dict[str, Any]) -> None:
    """Check the attributes that predictions rest on."""
    fitted, kind = vars(classifier), type(classifier).__name__
    classes, shape = fitted.get("classes_"), fitted.get("input_shape_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError(f"it holds a {kind} without classes")
    n_outputs = 1 if len(classes) == 2 else len(classes)
    if arguments.get("n_outputs") != n_outputs:
        raise ValueError(f"it holds a {kind} of {len(classes)} classes for another number of them")
    if shape != arguments["input_shape"]:
        raise ValueError(f"it holds a {kind} for images of {shape!r} and of another shape")
    limits = fitted.get("value_range_")
    if not (
        isinstance(limits, tuple)
        and len(limits) == 2
        and all(isinstance(each, (int, float)) for each in limits)
    ):
        raise ValueError(f"it holds a {kind} for pixels from {limits!r}")
    if classifier.n_tta > _MOST_VIEWS:
        raise ValueError(f"it holds a {kind} that predicts from {classifier.n_tta} versions")
