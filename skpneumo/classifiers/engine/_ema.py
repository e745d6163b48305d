"""An exponential moving average of the weights over steps, in place of the last ones."""

import keras


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
            value = weight.numpy().copy()
            weight.assign(average.value)
            average.assign(value)
        self._in_model = not self._in_model


def averages_of(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The variables in which an optimizer with ``use_ema`` averages the weights, in their order.

    Keras names them after the weight that each is of.
    """
    return [variable for variable in optimizer.variables if variable.name.endswith("_average")]
