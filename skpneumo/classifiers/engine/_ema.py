"""Weights averaged over steps, in place of the last ones."""

import keras


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Hold the averages in the model from each epoch's end to the next one's beginning.

    They are thus what is validated, kept and restored. The optimizer holds the weights
    themselves meanwhile, also after the last epoch, where Keras's own callback drops them:
    training that went on from averages would hardly move.

    Parameters
    ----------
    in_model : bool
        Whether it goes on from such an end.
    """

    def __init__(self, in_model: bool) -> None:
        super().__init__(swap_on_epoch=True)
        self._ema_weights_in_model = in_model

    def _finalize_ema_values(self) -> None:
        """Keep the weights: Model.fit, which would overwrite the averages, is not used."""
