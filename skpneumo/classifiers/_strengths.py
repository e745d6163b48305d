"""Strengths of regularisation as variables: candidates that differ in them share a program.

A traced step keeps the numbers that it was traced with. So a network that is to be trained is
built with a mark in the place of each strength, and what reads the mark is made to read a
variable instead.
"""

from typing import Any

import keras
from keras import ops

from skpneumo.networks._layers import ActivityL2, Dropout

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


class Strengths(keras.layers.Layer):
    """Hand images on to a network, and hold what its regularisation reads.

    A backend passes the variables of a model's layers to a step; others stay as they were traced.
    """

    def __init__(self, network: keras.Model, **options: Any) -> None:
        super().__init__(**options)
        self._found: dict[str, keras.Variable] = {}
        for layer in network._flatten_layers():
            if isinstance(layer, Dropout) and layer.rate in _NAMES:
                layer.read_rate_from(self._variable(layer.rate))
            penalty = getattr(layer, "activity_regularizer", None)
            if isinstance(penalty, ActivityL2) and penalty.l2 in _NAMES:
                layer.activity_regularizer = _Penalty(l2=self._variable(penalty.l2))
        for weight in network.trainable_variables:
            penalty = weight.regularizer
            if isinstance(penalty, keras.regularizers.L1L2):
                strengths = {"l1": penalty.l1, "l2": penalty.l2}
                weight.regularizer = _Penalty(
                    **{n: self._variable(s) for n, s in strengths.items() if s in _NAMES}
                )

    def _variable(self, mark: float) -> keras.Variable:
        name = _NAMES[mark]
        if name not in self._found:
            self._found[name] = self.add_weight(
                shape=(), dtype="float32", trainable=False, autocast=False, name=name
            )
        return self._found[name]

    @property
    def weights(self) -> list[keras.Variable]:
        """None: what is around it has the weights of its network, and nothing else."""
        return []

    def set(self, strengths: dict[str, float]) -> None:
        """Regularise so strongly from now on."""
        for name, variable in self._found.items():
            variable.assign(strengths[name])

    def call(self, images: Any) -> Any:
        return images


class _Penalty(keras.regularizers.Regularizer):
    """Penalties of variable strength on absolute values and on squares, summed in float32."""

    def __init__(self, l1: keras.Variable | None = None, l2: keras.Variable | None = None) -> None:
        self._terms = [(s, f) for s, f in ((l1, ops.absolute), (l2, ops.square)) if s is not None]

    def __call__(self, x: Any) -> Any:
        x = ops.cast(x, "float32")
        return sum(strength * ops.sum(function(x)) for strength, function in self._terms)
