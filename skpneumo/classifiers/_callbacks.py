"""What happens at the end of each epoch."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, recall_score, roc_auc_score

from skpneumo.classifiers.engine._compiled import Weights


class InnerValidation(keras.callbacks.Callback):
    """Add loss, recall, false negatives, specificity and AUC on held-out images to the logs."""

    def __init__(
        self,
        predict_proba: Callable[[], NDArray[np.float64]],
        y: NDArray[np.intp],
        sample_weight: NDArray[np.float32],
    ) -> None:
        super().__init__()
        self._predict_proba = predict_proba
        self._y = y
        self._sample_weight = sample_weight

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        logs.update(validation_scores(self._y, self._predict_proba(), self._sample_weight))


def validation_callbacks(
    classifier: Any,
    predict_proba: Callable[[Any], NDArray[np.float64]],
    X: Any,
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
) -> list[keras.callbacks.Callback]:
    """What a classifier's parameters have happen at each epoch's end with held-out images."""
    callbacks: list[keras.callbacks.Callback] = [
        InnerValidation(partial(predict_proba, X), y, sample_weight)
    ]
    if classifier.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                "val_loss",
                min_delta=classifier.tol,
                patience=classifier.n_iter_no_change // 2,
            )
        )
    if classifier.early_stopping:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                "val_loss",
                min_delta=classifier.tol,
                patience=classifier.n_iter_no_change,
                restore_best_weights=True,
            )
        )
    return callbacks


def validation_scores(
    y: NDArray[np.intp], proba: NDArray[np.float64], sample_weight: NDArray[np.float32]
) -> dict[str, float]:
    """Score probabilities of shape (n_samples, n_classes) against integer classes.

    Class 0 is the negative one: a false negative is an image of any other class given to it, and
    with three or more classes recall is the mean over classes and the AUC one against the rest.
    A score that a missing class leaves undefined is NaN. Only the loss is weighted,
    and not even that where all weights are zero.
    """
    labels = np.arange(proba.shape[1])
    predicted = proba.argmax(axis=1)
    positive = y > 0
    binary = len(labels) == 2
    present = np.unique(y)
    auc = np.nan
    if len(present) == len(labels):
        auc = roc_auc_score(y, proba[:, 1] if binary else proba, multi_class="ovr", labels=labels)
    average = {"average": "binary"} if binary else {"average": "macro", "labels": present}
    loss_weight = sample_weight if sample_weight.any() else None
    return {
        "val_loss": float(log_loss(y, proba, sample_weight=loss_weight, labels=labels)),
        "val_recall": float(recall_score(y, predicted, zero_division=np.nan, **average)),
        "val_false_negatives": float(np.sum(positive & (predicted == 0))),
        "val_specificity": float(np.mean(predicted[~positive] == 0))
        if (~positive).any()
        else np.nan,
        "val_auc": float(auc),
    }


class EpochReporter(keras.callbacks.Callback):
    """Report each epoch to scikit-learn's callbacks, registered with ``set_callbacks``."""

    def __init__(
        self,
        context: Any,
        hook_arguments: dict[str, Any],
        whole_weights: Callable[[Weights], Weights] | None = None,
    ) -> None:
        super().__init__()
        # What is trained may be a part of what predicts.
        self._whole_weights = whole_weights or (lambda weights: weights)
        self._context = context
        self._hook_arguments = hook_arguments
        self._history: dict[str, list[float]] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._hook_arguments)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(value)
        stop = self._epoch.call_on_fit_task_end(
            **self._hook_arguments,
            reconstruction_attributes=lambda: {
                "weights_": self._whole_weights(self.model.get_weights()),
                # So that a scorer may read what inner validation has measured already.
                "history_": {name: values.copy() for name, values in self._history.items()},
            },
        )
        if stop:
            self.model.stop_training = True
