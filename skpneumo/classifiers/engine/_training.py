"""All of Keras training, behind scikeras."""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scikeras.wrappers import KerasClassifier

from skpneumo._images import is_stream
from skpneumo._random import random_seeds
from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers.engine._batches import Batches
from skpneumo.classifiers.engine._compiled import (
    NetworkSpec,
    TrainingProgram,
    TrainingSpec,
    Weights,
    training_programs,
    values,
)
from skpneumo.classifiers.engine._devices import n_to_train_on
from skpneumo.classifiers.engine._ema import AveragedWeights
from skpneumo.classifiers.engine._precision import dtype_policy
from skpneumo.classifiers.engine._schedules import warmup_cosine

History = dict[str, list[float]]
Schedule = Callable[[int, int], Iterator[float]]  # of epochs and of steps in each: the rates

# The square of a greater one is infinite.
_LARGEST_WEIGHT = float(np.sqrt(np.finfo(np.float32).max))


@dataclass(frozen=True)
class Training:
    """How a network is trained; the words are :class:`~skpneumo.CNNClassifier`'s."""

    n_classes: int
    optimizer: str | keras.optimizers.Optimizer
    learning_rate: float | None
    schedule: str | None
    warmup_epochs: float
    momentum: float | None
    weight_decay: float | None
    ema_momentum: float | None
    batch_size: int
    epochs: int
    loss: str
    label_smoothing: float
    balanced_batches: bool
    mixup: float
    augmentation: ImageAugmenter | None
    value_range: tuple[float, float]
    callbacks: Sequence[keras.callbacks.Callback]
    precision: str
    devices: int | str | None
    verbose: int


@dataclass(frozen=True)
class TrainingState:
    """Where training stopped, for who wants to go on."""

    spec: TrainingSpec
    variables: Weights
    optimizer: Weights
    batch_rng: np.random.Generator


class _BatchwiseClassifier(KerasClassifier):
    """scikeras' wrapper, fed batch by batch in an order that our seed alone decides.

    ``Model.fit`` shuffles with a global generator, and would augment once for all epochs.
    """

    def _fit_keras_model(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[Any],
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        program: TrainingProgram | None = None,
        batches: Batches | None = None,
        images: Any = None,
        schedule: Schedule | None = None,
        **options: Any,
    ) -> None:
        assert program is not None
        assert batches is not None
        y = y.ravel().astype(np.intp)  # scikeras makes a column of floats of it
        if len(X) < len(images):
            images = images[X.ravel()]  # scikeras has dropped the rows of weight zero
        images = program.hold(images)
        model = self.model_
        callbacks = keras.callbacks.CallbackList(
            self._fit_callbacks,
            add_history=True,
            model=model,
            verbose=self.verbose,
            epochs=epochs,
            steps=batches.n_batches(len(images)),
        )
        rates = None if schedule is None else schedule(epochs, batches.n_batches(len(images)))
        # A callback is called once an execution, so that one that looks at single steps needs one
        # for each; images that are decoded on demand are so meanwhile, a batch or two ahead.
        singly = _watch_steps(self._fit_callbacks) or is_stream(images)
        model.stop_training = False
        callbacks.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(epochs):
            callbacks.on_epoch_begin(epoch)
            losses, step = [], 0
            remaining = iter(batches(images, y, sample_weight))
            while some := list(islice(remaining, 1 if singly else program.steps_at_once)):
                at = None
                if rates is not None:
                    at = list(islice(rates, len(some)))
                    program.optimizer.learning_rate = at[0]  # a callback may read or change it
                callbacks.on_train_batch_begin(step)
                losses.append(program.train(some, at if len(some) > 1 else None))
                step += len(some)
                callbacks.on_train_batch_end(step - 1, {"loss": losses[-1][-1]})
            logs = {"loss": float(np.mean(np.concatenate(losses), dtype=np.float64))}
            if not np.isfinite(logs["loss"]):
                raise _diverged(f"The training loss became {logs['loss']} in epoch {epoch + 1}.")
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        callbacks.on_train_end(logs)
        self.history_ = model.history.history


def fit_network(
    spec: NetworkSpec,
    X: NDArray[Any],
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
    training: Training,
    rng: np.random.RandomState,
    start: TrainingState | None = None,
    start_weights: Weights | None = None,
) -> tuple[Weights, History, TrainingState]:
    """Train a network of this spec; return its weights, its history and where it stopped.

    Training goes on from ``start``; if that is None it begins, with ``start_weights`` or with
    new ones. The optimizer begins anew if it, or the loss, is another one.
    """
    training_spec = _training_spec(spec, training)
    optimizer = None
    if start is not None:
        variables = start.variables
        batch_rng = deepcopy(start.batch_rng)  # an interrupted fit leaves where it started from
        optimizer = start.optimizer if start.spec == training_spec else None
    else:
        seed, batch_seed = random_seeds(rng, 2)
        fresh = spec.build(seed)
        if start_weights is not None:
            fresh.set_weights(start_weights)
        variables = values(fresh.variables)
        batch_rng = np.random.default_rng(batch_seed)
    # scikeras drops rows of weight zero.
    n_rows = min(training.batch_size, int(np.count_nonzero(sample_weight)))
    n_devices = n_to_train_on(training.devices, n_rows)
    with training_programs.borrow(training_spec, n_devices) as program:
        program.start(variables, optimizer, spec.strengths)
        _set_learning_rate(program.optimizer, training.learning_rate)
        goes_on = optimizer is not None
        schedule = _schedule(training, program.optimizer)
        callbacks = list(training.callbacks)
        if training.ema_momentum is not None:
            callbacks.insert(0, AveragedWeights(in_model=goes_on))  # before inner validation
        if training.verbose:
            callbacks.append(keras.callbacks.ProgbarLogger())
        classifier = _BatchwiseClassifier(
            program.model, callbacks=callbacks, epochs=training.epochs, verbose=training.verbose
        )
        batches = Batches(
            n_classes=training.n_classes,
            batch_size=training.batch_size,
            balanced=training.balanced_batches,
            augmentation=training.augmentation,
            mixup=training.mixup,
            rng=batch_rng,
        )
        try:
            # scikeras would check, and so decode, a whole stream: it is given the row numbers.
            rows = np.arange(len(X)).reshape(-1, 1)
            classifier.fit(
                rows,
                y,
                sample_weight,
                program=program,
                batches=batches,
                images=X,
                schedule=schedule,
            )
        finally:
            for callback in callbacks:
                callback._model = None  # or every kept estimator would keep a Keras model
        weights = program.network.get_weights()
        largest = max(np.abs(weight).max(initial=0) for weight in weights)
        if not largest < _LARGEST_WEIGHT:
            raise _diverged(f"The largest weight became {largest} in the last epoch.")
        for weight in weights:
            weight.setflags(write=False)  # predictions go by the list, not by its content
        state = TrainingState(
            training_spec,
            values(program.network.variables),
            values(program.optimizer.variables),
            batch_rng,
        )
        return weights, dict(classifier.history_), state


def _training_spec(spec: NetworkSpec, training: Training) -> TrainingSpec:
    augmentation = None
    if training.augmentation is not None:
        arguments = training.augmentation.layer_arguments(training.value_range)
        augmentation = tuple(sorted(arguments.items()))
    return TrainingSpec(
        network=spec.marked,
        dtype=dtype_policy(training.precision),
        loss=_json(keras.losses.serialize(_loss(training))),
        optimizer=_json(keras.optimizers.serialize(_optimizer(training))),
        augmentation=augmentation,
        mixup=bool(training.mixup),
    )


def _loss(training: Training) -> keras.losses.Loss:
    losses = {
        ("cross_entropy", True): keras.losses.BinaryCrossentropy,
        ("cross_entropy", False): keras.losses.CategoricalCrossentropy,
        ("focal", True): keras.losses.BinaryFocalCrossentropy,
        ("focal", False): keras.losses.CategoricalFocalCrossentropy,
    }
    loss = losses[training.loss, training.n_classes == 2]
    return loss(from_logits=True, label_smoothing=training.label_smoothing)


def _optimizer(training: Training) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.get(training.optimizer)
    config = optimizer.get_config()
    for option in ("momentum", "weight_decay"):
        value = getattr(training, option)
        if value is None:
            continue
        if option not in config:
            raise ValueError(
                f"{option}={value}, but the optimizer {type(optimizer).__name__} has no "
                f"{option}. "
                f"Set {option}=None or choose another optimizer."
            )
        config[option] = value
    if training.ema_momentum is not None:
        config |= {"use_ema": True, "ema_momentum": training.ema_momentum}
    return type(optimizer).from_config(config)


def _schedule(training: Training, optimizer: keras.optimizers.Optimizer) -> Schedule | None:
    """Give what decides each step's rate; a plateau is followed from epoch to epoch."""
    if training.schedule and isinstance(optimizer.get_config().get("learning_rate"), dict):
        raise ValueError(
            f"schedule={training.schedule!r}, but the optimizer has a schedule of its own. "
            "Set schedule=None, or give the optimizer a number."
        )
    if training.schedule != "cosine":
        return None
    peak = training.learning_rate
    if peak is None:  # not what an earlier fit has left this optimizer at
        peak = float(keras.ops.convert_to_numpy(_optimizer(training).learning_rate))
    return partial(warmup_cosine, peak, training.warmup_epochs)


def _watch_steps(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Whether one of them does something at each step, other than to count it."""
    nothing = keras.callbacks.Callback
    hooks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    return any(
        # A LambdaCallback has functions, which are no methods, in the places of its own.
        getattr(getattr(callback, hook), "__func__", None) is not getattr(nothing, hook)
        for callback in callbacks
        if type(callback) is not keras.callbacks.ProgbarLogger
        for hook in hooks
    )


def _set_learning_rate(optimizer: keras.optimizers.Optimizer, learning_rate: float | None) -> None:
    if learning_rate is None:
        return
    try:
        optimizer.learning_rate = learning_rate
    except TypeError as error:
        raise ValueError(
            f"learning_rate={learning_rate}, but the optimizer has a schedule of its own. "
            "Set learning_rate=None, or give the optimizer no schedule."
        ) from error


def _diverged(what: str) -> ValueError:
    return ValueError(
        f"{what} Lower learning_rate, or look for extreme pixel values or sample weights."
    )


def _json(serialized: dict[str, Any]) -> str:
    """Write without the name: Keras numbers names, and equal objects must give equal text."""
    config = {key: value for key, value in serialized["config"].items() if key != "name"}
    return json.dumps({**serialized, "config": config}, sort_keys=True)
