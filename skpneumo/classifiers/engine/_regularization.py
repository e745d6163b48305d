"""Regularization read from variables, so that candidates that differ in it share a program.

A traced step keeps the numbers that it was traced with. Therefore

1. a network that is to be trained is built with a placeholder for each of its factors,
2. every layer and penalty that has the placeholder is made to read a variable instead,
3. the variables belong to a layer of the training model, because a backend passes those to a step,
4. each fit assigns its own factors to them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from skpneumo._seeding import all_layers
from skpneumo.networks._layers import ActivityL2

__all__ = ["PLACEHOLDERS", "RegularizationFactors"]

# Numbers that nobody else uses. The limit of a norm is not among them: on JAX an optimizer takes
# no variable but its own.
PLACEHOLDERS = {
    "dropout": 0.5000000001,
    "l1": 0.5000000002,
    "l2": 0.5000000003,
    "activity_l2": 0.5000000004,
}
_NAMES = {placeholder: name for name, placeholder in PLACEHOLDERS.items()}


@keras.saving.register_keras_serializable("skpneumo")
class RegularizationFactors(keras.layers.Layer):
    """Hand images on to a network; its weights are the factors of the network's regularization.

    A backend passes the variables of a model's layers to a step; others stay as they were traced.
    """

    def __init__(self, **options: Any) -> None:
        # Images are whatever they are, whichever global policy somebody has set.
        super().__init__(**{**options, "dtype": "float32", "autocast": False})
        self._found: dict[str, keras.Variable] = {}
        self._setters: list[tuple[str, Callable[[float], None]]] = []

    def attach(self, network: keras.Model) -> None:
        """Have the placeholders of a network read their factor here."""
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
                shape=(), dtype="float32", trainable=False, autocast=False, name=name
            )
        # Functions, because Keras counts what is a layer's attribute among its parts.
        self._setters.append((name, partial(setattr, place, attribute)))
        variable = self._found[name]
        return lambda: variable.value

    def assign(self, factors: dict[str, float]) -> None:
        """Regularise with these factors from now on."""
        for name, variable in self._found.items():
            variable.assign(factors[name])
        for name, put in self._setters:  # for who saves or reads the network
            put(factors[name])

    def call(self, images: Any) -> Any:
        return images

    # What is around this layer saves, loads and has the weights of its network, nothing else.

    @property
    def weights(self) -> list[keras.Variable]:
        return []

    def save_own_variables(self, store: Any) -> None:
        """Save nothing."""

    def load_own_variables(self, store: Any) -> None:
        """Load nothing."""


def _dropout(layer: keras.layers.Dropout, rate: Callable[[], Any]) -> Callable[..., Any]:
    """What a layer of dropout does, at a rate that may be another one at each step."""

    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        drawn = keras.random.uniform(ops.shape(inputs), dtype="float32", seed=layer.seed_generator)
        scale = ops.where(drawn >= rate(), 1.0 / (1.0 - rate()), 0.0)
        return inputs * ops.cast(scale, inputs.dtype)

    return call


class _Penalty(keras.regularizers.Regularizer):
    """Penalties on absolute values and on squares, by factors that may change."""

    def __init__(self, **factors: Callable[[], Any]) -> None:
        self._factors = factors

    def __call__(self, x: Any) -> Any:
        functions = {"l1": ops.absolute, "l2": ops.square}
        return sum(
            factor() * ops.sum(functions[name](x)) for name, factor in self._factors.items()
        )
