"""Strengths of regularisation as variables: candidates that differ in them share a program.

A traced step keeps the numbers that it was traced with. So a network that is to be trained is
built with a mark in the place of each strength, and what has the mark is made to read a variable
instead.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from skpneumo.networks._layers import ActivityL2

__all__ = ["MARKS", "Strengths"]

# Numbers that nobody else uses. The limit of a norm is not among them: on JAX an optimizer takes
# no variable but its own.
MARKS = {
    "dropout": 0.5000000001,
    "l1": 0.5000000002,
    "l2": 0.5000000003,
    "activity_l2": 0.5000000004,
}
_NAMES = {mark: name for name, mark in MARKS.items()}


@keras.saving.register_keras_serializable("skpneumo")
class Strengths(keras.layers.Layer):
    """Hand images on to a network, and hold what its regularisation reads.

    A backend passes the variables of a model's layers to a step; others stay as they were traced.
    """

    def __init__(self, **options: Any) -> None:
        # Images are whatever they are, whichever global policy somebody has set.
        super().__init__(**{**options, "dtype": "float32", "autocast": False})
        self._found: dict[str, keras.Variable] = {}
        self._setters: list[tuple[str, Callable[[float], None]]] = []

    def take_over(self, network: keras.Model) -> None:
        """Have the marked places of a network read their strength here."""
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.Dropout) and layer.rate in _NAMES:
                layer.call = _dropout(layer, self._reader(layer, "rate"))
            penalty = getattr(layer, "activity_regularizer", None)
            if isinstance(penalty, ActivityL2) and penalty.l2 in _NAMES:
                penalty.strength = self._reader(penalty, "l2")
        for weight in network.trainable_variables:
            penalty = weight.regularizer
            if isinstance(penalty, keras.regularizers.L1L2):
                terms = {
                    name: self._reader(penalty, name)
                    for name in ("l1", "l2")
                    if getattr(penalty, name) in _NAMES
                }
                if terms:
                    weight.regularizer = _Penalty(**terms)

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

    def set(self, strengths: dict[str, float]) -> None:
        """Regularise so strongly from now on."""
        for name, variable in self._found.items():
            variable.assign(strengths[name])
        for name, put in self._setters:  # for who saves or reads the network
            put(strengths[name])

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
    """Penalties on absolute values and on squares, at strengths that may change."""

    def __init__(self, **strengths: Callable[[], Any]) -> None:
        self._strengths = strengths

    def __call__(self, x: Any) -> Any:
        functions = {"l1": ops.absolute, "l2": ops.square}
        return sum(
            strength() * ops.sum(functions[name](x)) for name, strength in self._strengths.items()
        )
