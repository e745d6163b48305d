"""Compare the description of a network in a file with its arrays, before it is built."""

import inspect
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo.persistence._registry import BUILDERS, NAMES

if TYPE_CHECKING:
    from skpneumo.classifiers.engine import NetworkSpec

__all__ = ["check_network"]

_MOST_PIXELS = 10**8  # of one image
# Normalising images needs a square matrix of this size.
_LARGEST_NORMALIZED_SIDE = 4096
_MOST_TTA = 1000
_MOST_LAYERS = 1000

# Arguments that a model file does not contain: initial weights, and the type of numbers.
_NOT_IN_FILES = {"seed", "dtype", "weights"}


def check_network(classifier: Any) -> None:
    """Raise ValueError if the weights of a classifier do not match its network."""
    fitted = vars(classifier)
    if "network_spec_" not in fitted and "weights_" not in fitted:
        return
    # Imported here, because models without a network need no Keras.
    from skpneumo.classifiers.engine import NetworkSpec

    kind = type(classifier).__name__
    spec, weights = fitted.get("network_spec_"), fitted.get("weights_")
    if not isinstance(spec, NetworkSpec):
        raise ValueError(f"it holds a {kind} whose network is not described")
    # A weight with a single number is a NumPy scalar.
    arrays = (np.ndarray, np.generic)
    if not isinstance(weights, list) or not all(isinstance(each, arrays) for each in weights):
        raise ValueError(f"it holds a {kind} whose weights are not a list of arrays")
    _check_arguments(spec, len(weights))
    _check_fitted(classifier, dict(spec.arguments))
    try:
        expected = _shapes_of(spec)
    except Exception as error:  # Keras and its backends raise any error for impossible sizes
        raise ValueError(f"it holds a {kind} whose network cannot be built: {error}") from error
    found = [each.shape for each in weights]
    if found != expected:
        wrong = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
        difference = f"{len(found)} arrays for {len(expected)} weights"
        if len(found) == len(expected):
            difference = f"one of shape {wrong[0][0]} for weights of {wrong[0][1]}"
        raise ValueError(f"it holds a {kind} whose arrays do not match its network: {difference}")
    if any(each.dtype != np.float32 for each in weights):
        raise ValueError(f"it holds a {kind} whose weights are not all float32")


@lru_cache(maxsize=8)
def _shapes_of(spec: "NetworkSpec") -> list[tuple[int, ...]]:
    from skpneumo.classifiers.engine import weight_shapes

    return weight_shapes(spec)


def _check_arguments(spec: "NetworkSpec", n_weights: int) -> None:
    """Raise for arguments that no fit gives a network, and for more layers than arrays."""
    if not any(spec.builder is NAMES.find(name) for name in BUILDERS):
        raise ValueError("it holds a network that no function of this package builds")
    if not isinstance(spec.arguments, tuple) or not all(map(_is_argument, spec.arguments)):
        raise ValueError("it holds a network with malformed arguments")
    arguments = dict(spec.arguments)
    unknown = arguments.keys() - (
        inspect.signature(spec.builder).parameters.keys() - _NOT_IN_FILES
    )
    if unknown or len(arguments) < len(spec.arguments):
        raise ValueError(f"it holds a network with wrong arguments {sorted(unknown)}")
    shape = arguments.get("input_shape")
    if not isinstance(shape, tuple) or not all(type(side) is int and side > 0 for side in shape):
        raise ValueError(f"it holds a network for images of shape {shape!r}, which is not one")
    if prod(shape) > _MOST_PIXELS:
        raise ValueError(
            f"it holds a network for images of shape {shape}, but at most 1e8 numbers are allowed"
        )
    if arguments.get("normalization") is not None and max(shape[:2]) > _LARGEST_NORMALIZED_SIDE:
        raise ValueError(
            f"it holds a network that normalises images of shape {shape}, which is too large"
        )
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
    """Tell whether a value is a number, text or a tuple of these, which Keras does not decode."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _check_fitted(classifier: Any, arguments: dict[str, Any]) -> None:
    """Check the attributes that predictions depend on."""
    fitted, kind = vars(classifier), type(classifier).__name__
    classes, shape = fitted.get("classes_"), fitted.get("input_shape_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError(f"it holds a {kind} without classes")
    n_outputs = 1 if len(classes) == 2 else len(classes)
    if arguments.get("n_outputs") != n_outputs:
        raise ValueError(
            f"it holds a {kind} with {len(classes)} classes whose network has another number"
        )
    if shape != arguments["input_shape"]:
        raise ValueError(
            f"it holds a {kind} for images of shape {shape!r} whose network has another shape"
        )
    limits = fitted.get("value_range_")
    if not (
        isinstance(limits, tuple)
        and len(limits) == 2
        and all(isinstance(each, (int, float)) for each in limits)
    ):
        raise ValueError(f"it holds a {kind} with the invalid value range {limits!r}")
    if classifier.n_tta > _MOST_TTA:
        raise ValueError(
            f"it holds a {kind} with n_tta={classifier.n_tta}, but at most {_MOST_TTA} is allowed"
        )
