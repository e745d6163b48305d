"""Callbacks at the end of each epoch: inner validation, early stopping, reporting."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from skpneumo._formatting import quoted
from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo.classifiers.engine._compiled import Weights


class InnerValidation(keras.callbacks.Callback):
    """Add loss, recall, specificity, AUC and other scores of held-out images to the logs."""

    def __init__(
        self,
        predict_proba: Callable[[], NDArray[np.float64]],
        y: NDArray[np.intp],
        sample_weight: NDArray[np.float32],
        positive: NDArray[np.bool_] | None,
    ) -> None:
        super().__init__()
        self._predict_proba = predict_proba
        self._y = y
        self._sample_weight = sample_weight
        self._positive = positive

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        proba = self._predict_proba()
        logs.update(validation_scores(self._y, proba, self._sample_weight, self._positive))


def validation_callbacks(
    classifier: Any,
    predict_proba: Callable[[Any], NDArray[np.float64]],
    X: Any,
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
) -> list[keras.callbacks.Callback]:
    """Make the callbacks that use held-out images, according to the parameters."""
    positive = positive_mask(classifier.classes_, classifier.callbacks or ())
    callbacks: list[keras.callbacks.Callback] = [
        InnerValidation(partial(predict_proba, X), y, sample_weight, positive)
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


def copied_callbacks(
    callbacks: Sequence[keras.callbacks.Callback] | None,
) -> list[keras.callbacks.Callback]:
    """Copy the callbacks of a classifier, because training must not change its parameters.

    Raises
    ------
    TypeError
        If one is not a callback of Keras, or cannot be copied.
    """
    own = list(callbacks or ())
    if wrong := [each for each in own if not isinstance(each, keras.callbacks.Callback)]:
        raise TypeError(
            f"callbacks contains {wrong[0]!r}; expected instances of keras.callbacks.Callback. "
            "Pass callbacks of scikit-learn to set_callbacks."
        )
    try:
        return deepcopy(own)  # all together, because one may refer to another
    except Exception as error:
        raise TypeError(
            f"callbacks cannot be copied: {error}. Training uses copies, so open files and the "
            "like in on_train_begin, not in the constructor of a callback."
        ) from error


_VALIDATION_SCORES = (
    "val_loss", "val_recall", "val_false_negatives", "val_specificity", "val_auc", "val_accuracy",
)  # fmt: skip


def check_monitors(
    callbacks: Sequence[keras.callbacks.Callback], schedule: str | None = None, *, validated: bool
) -> None:
    """Refuse callbacks that monitor a score which is not logged, which Keras would ignore.

    Raises
    ------
    ValueError
        If the schedule or a callback of Keras monitors such a score, and no other callback could
        log it.
    """
    if schedule == "plateau" and not validated:
        raise ValueError(
            'schedule="plateau" needs the loss of inner validation, but there is none. '
            "Set early_stopping=True or pass X_val and y_val."
        )
    logged = ("loss", "accuracy", *(_VALIDATION_SCORES if validated else ()))
    logged_by_others = any(not type(each).__module__.startswith("keras.") for each in callbacks)
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in logged or _saves_all(callback):
            continue
        if monitor in _VALIDATION_SCORES:
            remedy = "Set early_stopping=True, or pass X_val and y_val, for inner validation."
        elif logged_by_others:
            continue
        else:
            remedy = f"Monitor one of {', '.join(logged)}."
        raise ValueError(
            f"{type(callback).__name__} monitors {monitor!r}, which is not logged in this fit. "
            f"{remedy}"
        )


def _saves_all(callback: keras.callbacks.Callback) -> bool:
    """Return whether it is a ModelCheckpoint that saves every epoch, and monitors nothing."""
    return isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only


# Scores that are undefined unless it is known which class is the illness.
_POSITIVE_CLASS_SCORES = ("val_recall", "val_false_negatives", "val_specificity")


def positive_mask(
    classes: NDArray[Any], callbacks: Sequence[keras.callbacks.Callback] = ()
) -> NDArray[np.bool_] | None:
    """Mark the classes that are the illness; None if their names do not tell.

    Raises
    ------
    UndecidedPositiveError
        If they do not tell, and a callback monitors a score of the illness.
    """
    try:
        positive = positive_classes(classes).positive
    except UndecidedPositiveError as error:
        for callback in callbacks:
            monitor = getattr(callback, "monitor", None)
            if monitor in _POSITIVE_CLASS_SCORES:
                raise UndecidedPositiveError(
                    f"{type(callback).__name__} monitors {monitor!r}, but it is unknown which of "
                    f"the classes {quoted(error.classes)} is the illness. Encode "
                    "the labels as 0, healthy, and 1, the illness, or give them names that tell.",
                    error.classes,
                ) from None
        return None
    return np.isin(classes, positive)


def validation_scores(
    y: NDArray[np.intp],
    proba: NDArray[np.float64],
    sample_weight: NDArray[np.float32],
    positive: NDArray[np.bool_] | None,
) -> dict[str, float]:
    """Score probabilities of shape (n_samples, n_classes) against integer classes.

    ``positive`` marks the classes that are the illness: a false negative is an image of one of
    them that is predicted as another class, and recall is the share of their images that are not.
    The AUC of three or more classes is one against the rest. Scores that are undefined because a
    class is missing are NaN, and so are those of the illness if ``positive`` is None. Only the
    loss is weighted, unless all weights are zero.
    """
    labels = np.arange(proba.shape[1])
    binary = len(labels) == 2
    auc = np.nan
    if len(np.unique(y)) == len(labels):
        auc = roc_auc_score(y, proba[:, 1] if binary else proba, multi_class="ovr", labels=labels)
    loss_weight = sample_weight if sample_weight.any() else None
    recall = false_negatives = specificity = np.nan
    if positive is not None:
        is_positive, called_positive = positive[y], positive[proba.argmax(axis=1)]
        false_negatives = np.sum(is_positive & ~called_positive)
        recall = np.mean(called_positive[is_positive]) if is_positive.any() else np.nan
        specificity = np.mean(~called_positive[~is_positive]) if (~is_positive).any() else np.nan
    return {
        "val_loss": float(log_loss(y, proba, sample_weight=loss_weight, labels=labels)),
        "val_recall": float(recall),
        "val_false_negatives": float(false_negatives),
        "val_specificity": float(specificity),
        "val_auc": float(auc),
        "val_accuracy": float(np.mean(proba.argmax(axis=1) == y)),
    }


class EpochReporter(keras.callbacks.Callback):
    """Report each epoch to scikit-learn's callbacks, registered with ``set_callbacks``."""

    def __init__(
        self,
        context: Any,
        hook_arguments: dict[str, Any],
        complete_weights: Callable[[Weights], Weights] | None = None,
    ) -> None:
        super().__init__()
        # The trained network may be a part of the one that predicts.
        self._complete_weights = complete_weights or (lambda weights: weights)
        self._context = context
        self._hook_arguments = hook_arguments
        self._history: dict[str, list[float]] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._hook_arguments)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(value)
        # For callbacks that display them; as metadata they would be passed to scorers.
        self._epoch.logs = dict(logs or {})
        stop = self._epoch.call_on_fit_task_end(
            **self._hook_arguments,
            reconstruction_attributes=lambda: {
                "weights_": self._complete_weights(self.model.get_weights()),
                # So that a scorer can read the scores of inner validation.
                "history_": {name: values.copy() for name, values in self._history.items()},
            },
        )
        if stop:
            self.model.stop_training = True
