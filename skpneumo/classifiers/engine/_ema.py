"""Exponential moving average of the weights over steps, used instead of the last weights."""

from typing import Any

import keras
from keras import ops


class AveragedWeights(keras.callbacks.Callback):
    """Exchange weights and averages at the end of each epoch, and back at the next one.

    So the averages are validated, saved and restored. An optimizer with ``use_ema`` computes them
    in the compiled step. While the averages are in the model, the optimizer stores the weights,
    also after the last epoch, because training that continued from averages would hardly progress.
    ``SwapEMAWeights`` of Keras loses the weights at that point.

    Parameters
    ----------
    in_model : bool
        Whether the averages are already in the model, because training continues.
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
            value = ops.copy(weight.value)  # on the device
            weight.assign(average.value)
            average.assign(value)
        self._in_model = not self._in_model


class _GrowingMomentum:
    """Mixin for an optimizer whose moving average covers a tenth of the steps so far.

    ``ema_momentum`` limits the momentum. With a constant momentum of 0.997, the average after 150
    steps would still mostly consist of the initial weights.
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
    """Copy an optimizer that is not built, so that the momentum of its moving average grows."""
    kind = type(optimizer)
    growing: type[Any] = type(kind.__name__, (_GrowingMomentum, kind), {})
    return growing.from_config(optimizer.get_config())


def averages_of(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the averages of the weights in an optimizer with ``use_ema``, in order.

    Keras names each average after its weight.
    """
    return [variable for variable in optimizer.variables if variable.name.endswith("_average")]
