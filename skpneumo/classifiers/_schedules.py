"""Learning rates that change while training."""

import math

import keras


class WarmupCosine(keras.callbacks.Callback):
    """Raise the rate linearly over the first epochs, then lower it along half a cosine to zero.

    It sets the optimizer's variable before every step, so it is no part of the compiled program.
    """

    def __init__(self, learning_rate: float, warmup_epochs: float) -> None:
        super().__init__()
        self._peak = learning_rate
        self._warmup_epochs = warmup_epochs

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._step = 0
        self._n_steps = self.params["epochs"] * self.params["steps"]
        self._warmup = min(self._warmup_epochs * self.params["steps"], self._n_steps)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._step < self._warmup:
            share = min((self._step + 1) / self._warmup, 1.0)  # it may end within a step
        else:
            done = (self._step - self._warmup) / max(self._n_steps - self._warmup, 1)
            share = (1 + math.cos(math.pi * done)) / 2
        self.model.optimizer.learning_rate = self._peak * share
        self._step += 1
