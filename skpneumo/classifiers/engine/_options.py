"""Options of training, and the loss, the optimizer and the schedule that they describe."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers.engine._compiled import NetworkSpec, StepSpec
from skpneumo.classifiers.engine._precision import dtype_policy

__all__ = [
    "PredictProba",
    "TrainingOptions",
    "scheduled_rates",
    "set_learning_rate",
    "step_spec_of",
    "warmup_cosine",
]

PredictProba = Callable[[Any], NDArray[np.float64]]  # predicts with the network in training


@dataclass(frozen=True)
class TrainingOptions:
    """Options of training, named as in :class:`~skpneumo.CNNClassifier`."""

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
    callbacks: Callable[[PredictProba], Sequence[keras.callbacks.Callback]]
    precision: str
    devices: int | str | None
    verbose: int


def step_spec_of(spec: NetworkSpec, options: TrainingOptions) -> StepSpec:
    """Describe the training step of a network with these options."""
    augmentation = None
    if options.augmentation is not None:
        arguments = options.augmentation.layer_arguments(options.value_range)
        augmentation = tuple(sorted(arguments.items()))
    return StepSpec(
        network=spec.with_placeholders,
        dtype=dtype_policy(options.precision),
        loss=_json(keras.losses.serialize(_loss(options))),
        optimizer=_json(keras.optimizers.serialize(_optimizer(options))),
        augmentation=augmentation,
        mixup=bool(options.mixup),
    )


def _loss(options: TrainingOptions) -> keras.losses.Loss:
    losses = {
        ("cross_entropy", True): keras.losses.BinaryCrossentropy,
        ("cross_entropy", False): keras.losses.CategoricalCrossentropy,
        ("focal", True): keras.losses.BinaryFocalCrossentropy,
        ("focal", False): keras.losses.CategoricalFocalCrossentropy,
    }
    loss = losses[options.loss, options.n_classes == 2]
    return loss(from_logits=True, label_smoothing=options.label_smoothing)


def _optimizer(options: TrainingOptions) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.get(options.optimizer)
    config = optimizer.get_config()
    for option in ("momentum", "weight_decay"):
        value = getattr(options, option)
        if value is None:
            continue
        if option not in config:
            raise ValueError(
                f"{option}={value}, but the optimizer {type(optimizer).__name__} has no {option}. "
                f"Set {option}=None or choose another optimizer."
            )
        config[option] = value
    if options.ema_momentum is not None:
        config |= {"use_ema": True, "ema_momentum": options.ema_momentum}
    return type(optimizer).from_config(config)


def scheduled_rates(
    options: TrainingOptions, optimizer: keras.optimizers.Optimizer, n_steps: int
) -> Iterator[float] | None:
    """Return the learning rate of each step; None if it changes only per epoch, or never.

    A plateau is found per epoch, by a callback.
    """
    if options.schedule and isinstance(optimizer.get_config().get("learning_rate"), dict):
        raise ValueError(
            f"schedule={options.schedule!r}, but the optimizer already has a schedule. "
            "Set schedule=None, or pass a number as the learning rate of the optimizer."
        )
    if options.schedule != "cosine":
        return None
    peak = options.learning_rate
    if peak is None:  # the default, because an earlier fit has changed that of this optimizer
        peak = float(keras.ops.convert_to_numpy(_optimizer(options).learning_rate))
    return warmup_cosine(peak, options.warmup_epochs, options.epochs, n_steps)


def set_learning_rate(optimizer: keras.optimizers.Optimizer, learning_rate: float | None) -> None:
    """Set the learning rate, unless it is None; raise if the optimizer has its own schedule."""
    if learning_rate is None:
        return
    try:
        optimizer.learning_rate = learning_rate
    except TypeError as error:
        raise ValueError(
            f"learning_rate={learning_rate}, but the optimizer already has a schedule. "
            "Set learning_rate=None, or use an optimizer without a schedule."
        ) from error


def warmup_cosine(
    peak: float, warmup_epochs: float, n_epochs: int, n_steps: int
) -> Iterator[float]:
    """Increase the rate linearly over the first epochs, then decrease it along half a cosine.

    Parameters
    ----------
    peak : float
        The highest rate.
    warmup_epochs : float
        Epochs over which the rate increases; may be fractional.
    n_epochs, n_steps : int
        Number of epochs, and of steps per epoch.

    Yields
    ------
    rate : float
        Rate of each step; it reaches zero after the last.
    """
    total = n_epochs * n_steps
    warmup = min(warmup_epochs * n_steps, total)
    for step in range(total):
        if step < warmup:
            share = min((step + 1) / warmup, 1.0)  # the warm-up may end within a step
        else:
            done = (step - warmup) / max(total - warmup, 1)
            share = (1 + math.cos(math.pi * done)) / 2
        yield peak * share


def _json(serialized: dict[str, Any]) -> str:
    """Serialise without the name, because Keras numbers names of otherwise equal objects."""
    config = {key: value for key, value in serialized["config"].items() if key != "name"}
    return json.dumps({**serialized, "config": config}, sort_keys=True)
