"""An exponential moving average of the weights over steps, in place of the last ones."""

from typing import Any

import keras
from keras import ops


class AveragedWeights(keras.callbacks.Callback):
    """Exchange weights and averages at each epoch's end, and back when the next one begins.

    The averages are thus what is validated, saved and restored. An optimizer with ``use_ema``
    computes them, a part of the compiled step, and has the weights themselves meanwhile, also
    after the last epoch: training that continued from averages would hardly move. Keras's own
    ``SwapEMAWeights`` drops the weights there.

    Parameters
    ----------
    in_model : bool
        Whether training continues from such an end, with the averages in the model.
    """

    def __init__(self, in_model: bool) -> None:
        super().__init__()
        self._in_model = in_model

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._in_model:
            self._exchange()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not self._in_model:
            self._exchange()

    def _exchange(self) -> None:
        weights = self.model.trainable_variables
        for weight, average in zip(weights, averages_of(self.model.optimizer), strict=True):
            value = ops.copy(weight.value)  # on the device, where both are
            weight.assign(average.value)
            average.assign(value)
        self._in_model = not self._in_model


class _GrowingMomentum:
    """Part of an optimizer whose moving average reaches back over a tenth of the steps so far.

    At most it reaches back over what ``ema_momentum`` says. With a constant momentum of 0.997 the
    average of a training of 150 steps would still hold most of the initial weights.
    """

    iterations: keras.Variable

    @property
    def ema_momentum(self) -> Any:
        n_steps = ops.cast(self.iterations, "float32")
        return ops.minimum(self._largest_momentum, (1.0 + n_steps) / (10.0 + n_steps))

    @ema_momentum.setter
    def ema_momentum(self, largest: float) -> None:
        self._largest_momentum = largest

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ema_momentum": self._largest_momentum}  # type: ignore[misc]


def with_growing_momentum(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Give a copy of an optimizer not yet built whose moving average, if any, begins short."""
    if not optimizer.use_ema:
        return optimizer
    kind = type(optimizer)
    growing: type[Any] = type(kind.__name__, (_GrowingMomentum, kind), {})
    return growing.from_config(optimizer.get_config())


def averages_of(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The variables in which an optimizer with ``use_ema`` averages the weights, in their order.

    Keras names them after the weight that each is of.
    """
    return [variable for variable in optimizer.variables if variable.name.endswith("_average")]
