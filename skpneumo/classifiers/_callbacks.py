"""What happens at the end of each epoch."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo.classifiers.engine._compiled import Weights


class InnerValidation(keras.callbacks.Callback):
    """Add loss, recall, specificity, AUC and the like on held-out images to the logs."""

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
    """What a classifier's parameters have happen at each epoch's end with held-out images."""
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
    """Copy the callbacks of a classifier, of whose parameters training changes none.

    Raises
    ------
    TypeError
        If one is no callback of Keras, or cannot be copied.
    """
    own = list(callbacks or ())
    if wrong := [each for each in own if not isinstance(each, keras.callbacks.Callback)]:
        raise TypeError(
            f"callbacks holds {wrong[0]!r}; expected instances of keras.callbacks.Callback. "
            "Callbacks of scikit-learn go to set_callbacks."
        )
    try:
        return deepcopy(own)  # all together, because one may refer to another
    except Exception as error:
        raise TypeError(
            f"callbacks cannot be copied: {error}. Training uses copies. Let a callback open "
            "files and the like in on_train_begin, not when it is made."
        ) from error


_OF_VALIDATION = (
    "val_loss", "val_recall", "val_false_negatives", "val_specificity", "val_auc", "val_accuracy",
)  # fmt: skip


def check_monitors(
    callbacks: Sequence[keras.callbacks.Callback], schedule: str | None = None, *, validated: bool
) -> None:
    """Refuse what watches a score that nobody logs, before Keras trains on without it.

    Raises
    ------
    ValueError
        If the schedule or a callback of Keras watches such a score, and no other callback could
        log it.
    """
    if schedule == "plateau" and not validated:
        raise ValueError(
            'schedule="plateau" follows the loss of inner validation, and there is none. '
            "Set early_stopping=True or give X_val and y_val."
        )
    logged = ("loss", "accuracy", *(_OF_VALIDATION if validated else ()))
    logged_by_others = any(not type(each).__module__.startswith("keras.") for each in callbacks)
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in logged or _saves_all(callback):
            continue
        if monitor in _OF_VALIDATION:
            remedy = "It is of inner validation: set early_stopping=True, or give X_val and y_val."
        elif logged_by_others:
            continue
        else:
            remedy = f"Watch one of {', '.join(logged)}."
        raise ValueError(
            f"{type(callback).__name__} watches {monitor!r}, which is not logged in this fit. "
            f"{remedy}"
        )


def _saves_all(callback: keras.callbacks.Callback) -> bool:
    """Whether it is a ModelCheckpoint that saves every epoch, and so watches nothing."""
    return isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only


# Scores that mean nothing as long as nobody has said which class is the illness.
_ABOUT_THE_ILLNESS = ("val_recall", "val_false_negatives", "val_specificity")


def positive_mask(
    classes: NDArray[Any], callbacks: Sequence[keras.callbacks.Callback] = ()
) -> NDArray[np.bool_] | None:
    """Mark the classes that are the illness; None where their names do not tell.

    Raises
    ------
    UndecidedPositiveError
        If they do not tell, and one of the callbacks watches a score that is about the illness.
    """
    try:
        positive = positive_classes(classes).positive
    except UndecidedPositiveError as error:
        for callback in callbacks:
            monitor = getattr(callback, "monitor", None)
            if monitor in _ABOUT_THE_ILLNESS:
                raise UndecidedPositiveError(
                    f"{type(callback).__name__} watches {monitor!r}, and it cannot be told which "
                    f"of the classes {', '.join(map(repr, error.classes))} is the illness. Encode "
                    "the labels as 0, healthy, and 1, ill, or give them names that tell.",
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
    them given to one of the others, and recall is the share of their images that are not. The AUC
    of three or more classes is one against the rest. A score that a missing class leaves undefined
    is NaN, and so are those about the illness where ``positive`` is None. Only the loss is
    weighted, and not even that where all weights are zero.
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
        # For callbacks that show them. As metadata they would be handed to scorers.
        self._epoch.logs = dict(logs or {})
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
