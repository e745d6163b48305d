"""Regularization with variable factors, so that candidates that differ in them share a program.

Numbers become constants when a step is traced. Therefore

1. a network for training is built with a placeholder for each factor,
2. every layer and penalty with a placeholder reads a variable instead,
3. the variables belong to a layer of the training model, because a backend passes these to a step,
4. and each fit assigns its factors to them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from skpneumo.classifiers.engine._initial_variables import all_layers
from skpneumo.networks._layers import ActivityL2

__all__ = ["PLACEHOLDERS", "RegularizationFactors"]

# Numbers that are not used otherwise. max_norm is not included, because on JAX an optimizer
# accepts only its own variables.
PLACEHOLDERS = {
    "dropout": 0.5000000001,
    "l1": 0.5000000002,
    "l2": 0.5000000003,
    "activity_l2": 0.5000000004,
}
_NAMES = {placeholder: name for name, placeholder in PLACEHOLDERS.items()}


@keras.saving.register_keras_serializable("skpneumo")
class RegularizationFactors(keras.layers.Layer):
    """Pass images on unchanged; the weights are the factors of regularization of a network.

    A backend passes the variables of layers to a step; all others are constants in the trace.
    """

    def __init__(self, **options: Any) -> None:
        # Images are not converted, for any global dtype policy.
        super().__init__(**{**options, "dtype": "float32", "autocast": False})
        self._found: dict[str, keras.Variable] = {}
        self._setters: list[tuple[str, Callable[[float], None]]] = []

    def attach(self, network: keras.Model) -> None:
        """Make the layers and penalties with placeholders read their factor from this layer."""
        for layer in all_layers(network):
            if isinstance(layer, keras.layers.Dropout) and layer.rate in _NAMES:
                layer.call = _dropout(layer, self._reader(layer, "rate"))
            penalty = getattr(layer, "activity_regularizer", None)
            if isinstance(penalty, ActivityL2) and penalty.l2 in _NAMES:
                penalty.variable_l2 = self._reader(penalty, "l2")
        for weight in network.trainable_variables:
            penalty = weight.regularizer
            if isinstance(penalty, keras.regularizers.L1L2):
                factors = {
                    name: self._reader(penalty, name)
                    for name in ("l1", "l2")
                    if getattr(penalty, name) in _NAMES
                }
                if factors:
                    weight.regularizer = _Penalty(**factors)

    def _reader(self, place: Any, attribute: str) -> Callable[[], Any]:
        name = _NAMES[getattr(place, attribute)]
        if name not in self._found:
            self._found[name] = self.add_weight(
                shape=(),
                initializer="zeros",  # the default has a random seed
                dtype="float32",
                trainable=False,
                autocast=False,
                name=name,
            )
        # Functions, because Keras tracks the attributes of a layer as its parts.
        self._setters.append((name, partial(setattr, place, attribute)))
        variable = self._found[name]
        return lambda: variable.value

    def assign(self, factors: dict[str, float]) -> None:
        """Assign the factors of regularization."""
        for name, variable in self._found.items():
            variable.assign(factors[name])
        for name, set_factor in self._setters:  # for code that saves or reads the network
            set_factor(factors[name])

    def call(self, images: Any) -> Any:
        return images

    # The training model saves and loads only the weights of its network, not the factors.

    @property
    def weights(self) -> list[keras.Variable]:
        return []

    def save_own_variables(self, store: Any) -> None:
        """Save nothing."""

    def load_own_variables(self, store: Any) -> None:
        """Load nothing."""


def _dropout(layer: keras.layers.Dropout, rate: Callable[[], Any]) -> Callable[..., Any]:
    """Return the call of a dropout layer with a variable rate."""

    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        random = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=layer.seed_generator
        )
        scale = ops.where(random >= rate(), 1.0 / (1.0 - rate()), 0.0)
        return inputs * ops.cast(scale, inputs.dtype)

    return call


class _Penalty(keras.regularizers.Regularizer):
    """Penalties on absolute values and squares, with variable factors."""

    def __init__(self, **factors: Callable[[], Any]) -> None:
        self._factors = factors

    def __call__(self, x: Any) -> Any:
        functions = {"l1": ops.absolute, "l2": ops.square}
        return sum(
            factor() * ops.sum(functions[name](x)) for name, factor in self._factors.items()
        )
