"""Train a network.

fit_network      borrows a compiled network, assigns its weights, returns arrays
  run_epochs     until the last epoch, or until a callback stops training
    run_epoch    uses each batch once
      train_step on one batch, or on several batches in one execution

The options are explained in _options, the batches are made in _batches, the network is compiled
in _compiled, and _multi_step takes the steps.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._images import is_stream
from skpneumo._random import random_seeds
from skpneumo.classifiers.engine._batches import Batch, Batches
from skpneumo.classifiers.engine._compiled import (
    CompiledTraining,
    NetworkSpec,
    StepSpec,
    Weights,
    training_programs,
    values,
)
from skpneumo.classifiers.engine._devices import n_training_devices
from skpneumo.classifiers.engine._ema import AveragedWeights
from skpneumo.classifiers.engine._multi_step import Steps
from skpneumo.classifiers.engine._options import (
    TrainingOptions,
    scheduled_rates,
    set_learning_rate,
    step_spec_of,
)

History = dict[str, list[float]]

# The square of a larger weight is infinite.
_LARGEST_WEIGHT = float(np.sqrt(np.finfo(np.float32).max))


@dataclass(frozen=True)
class TrainingCheckpoint:
    """Everything that is needed to continue training, as arrays."""

    spec: StepSpec
    variables: Weights
    optimizer: Weights
    batch_rng: np.random.Generator


def fit_network(
    spec: NetworkSpec,
    X: Any,
    y: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
    options: TrainingOptions,
    rng: np.random.RandomState,
    checkpoint: TrainingCheckpoint | None = None,
    initial_weights: Weights | None = None,
) -> tuple[Weights, History, TrainingCheckpoint]:
    """Train a network; return its weights, its history and a checkpoint.

    Training continues from ``checkpoint``. If that is None, it starts with ``initial_weights`` or
    with random weights. The optimizer starts from scratch if it or the loss has changed.
    """
    X, y, sample_weight = _without_weight_zero(X, y, sample_weight)
    step_spec = step_spec_of(spec, options)
    n_devices = n_training_devices(options.devices, min(options.batch_size, len(X)))
    with training_programs.borrow(step_spec, n_devices) as compiled:
        if checkpoint is None:
            batch_rng = _initialize(compiled, initial_weights, rng)
        else:
            batch_rng = _restore(compiled, checkpoint, step_spec)
        compiled.regularize(spec.regularization)
        set_learning_rate(compiled.optimizer, options.learning_rate)
        batches = _batches(options, batch_rng)
        n_steps = batches.n_batches(len(X))
        rates = scheduled_rates(options, compiled.optimizer, n_steps)
        continues = checkpoint is not None and checkpoint.spec == step_spec
        with _callbacks_of(options, compiled, continues, n_steps) as callbacks:
            run_epochs(
                compiled.steps,
                partial(batches, compiled.to_device(X), y, sample_weight),
                callbacks,
                options.epochs,
                rates,
                single_steps=is_stream(X) or _need_single_steps(callbacks.callbacks),
            )
        return (
            _final_weights(compiled),
            dict(compiled.network.history.history),
            TrainingCheckpoint(
                spec=step_spec,
                variables=values(compiled.network.variables),
                optimizer=values(compiled.optimizer.variables),
                batch_rng=batch_rng,
            ),
        )


def run_epochs(
    steps: Steps,
    batches: Callable[[], Iterable[Batch]],
    callbacks: keras.callbacks.CallbackList,
    n_epochs: int,
    rates: Iterator[float] | None = None,
    single_steps: bool = False,
) -> None:
    """Train for some epochs, or until a callback sets ``stop_training``.

    Parameters
    ----------
    steps : Steps
        Object that takes the steps of a compiled model.
    batches : callable
        Returns the batches of one epoch, which may differ at each call.
    callbacks : CallbackList
        Callbacks of that model, or of the network in it.
    n_epochs : int
        Maximum number of epochs.
    rates : iterator of float, default=None
        Learning rate of each step of all epochs. None uses that of the optimizer.
    single_steps : bool, default=False
        Whether to take single steps, although several at once may be faster.
    """
    callbacks.model.stop_training = False
    callbacks.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(n_epochs):
        callbacks.on_epoch_begin(epoch)
        logs = run_epoch(steps, batches(), callbacks, rates, single_steps)
        _check_loss(logs["loss"], epoch)
        callbacks.on_epoch_end(epoch, logs)
        if callbacks.model.stop_training:
            break
    callbacks.on_train_end(logs)


def run_epoch(
    steps: Steps,
    batches: Iterable[Batch],
    callbacks: keras.callbacks.CallbackList,
    rates: Iterator[float] | None,
    single_steps: bool,
) -> dict[str, float]:
    """Train on each batch once; return the means of losses and metrics."""
    measured: list[Any] = []
    n_steps = 0
    remaining = iter(batches)
    while group := list(islice(remaining, 1 if single_steps else steps.steps_at_once)):
        group_rates = None
        if rates is not None:
            group_rates = list(islice(rates, len(group)))
            # For callbacks that read or change it.
            steps.model.optimizer.learning_rate = group_rates[0]
        callbacks.on_train_batch_begin(n_steps)
        measured.append(train_step(steps, group, group_rates))
        n_steps += len(group)
        last = measured[-1][-1]
        callbacks.on_train_batch_end(n_steps - 1, dict(zip(steps.names, last, strict=True)))
    means: Any = np.mean(np.concatenate(measured), axis=0, dtype=np.float64)
    return {name: float(mean) for name, mean in zip(steps.names, means, strict=True)}


def train_step(steps: Steps, batches: list[Batch], rates: list[float] | None) -> Any:
    """Take a step on a batch, or on several in one execution; return losses and metrics."""
    return steps(batches, rates if len(batches) > 1 else None)


def _initialize(
    compiled: CompiledTraining, weights: Weights | None, rng: np.random.RandomState
) -> np.random.Generator:
    """Begin training from scratch; return the generator of the batches."""
    seed, batch_seed = random_seeds(rng, 2)
    compiled.initialize(seed, weights)
    compiled.restore_optimizer(None)
    return np.random.default_rng(batch_seed)


def _restore(
    compiled: CompiledTraining, checkpoint: TrainingCheckpoint, spec: StepSpec
) -> np.random.Generator:
    """Continue from a checkpoint; return the generator of the batches."""
    compiled.restore(checkpoint.variables)
    compiled.restore_optimizer(checkpoint.optimizer if checkpoint.spec == spec else None)
    return deepcopy(checkpoint.batch_rng)  # so that an interrupted fit can be repeated


def _without_weight_zero(
    X: Any, y: NDArray[np.intp], sample_weight: NDArray[np.float32]
) -> tuple[Any, NDArray[np.intp], NDArray[np.float32]]:
    """Remove images of weight zero, which would only fill batches."""
    counts = sample_weight != 0
    if counts.all():
        return X, y, sample_weight
    if not counts.any():
        raise ValueError(
            f"All {len(y)} images have weight zero (sample_weight times class_weight), so there "
            "is nothing to train on. Give some of them a positive weight."
        )
    return X[counts], y[counts], sample_weight[counts]


def _batches(options: TrainingOptions, rng: np.random.Generator) -> Batches:
    return Batches(
        n_classes=options.n_classes,
        batch_size=options.batch_size,
        balanced=options.balanced_batches,
        augmentation=options.augmentation,
        mixup=options.mixup,
        rng=rng,
    )


@contextmanager
def _callbacks_of(
    options: TrainingOptions, compiled: CompiledTraining, continues: bool, n_steps: int
) -> Iterator[keras.callbacks.CallbackList]:
    callbacks = list(options.callbacks(compiled.predict_proba))
    if options.ema_momentum is not None:
        callbacks.insert(0, AveragedWeights(in_model=continues))  # before inner validation
    verbose = verbosity(options.verbose)
    if verbose:
        callbacks.append(keras.callbacks.ProgbarLogger())
    try:
        yield keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            model=compiled.network,
            verbose=verbose,
            epochs=options.epochs,
            steps=n_steps,
        )
    finally:
        for callback in callbacks:  # so that references to them do not keep a model in memory
            keras.callbacks.Callback.set_model(callback, None)


def verbosity(verbose: int) -> int:
    """Return the verbosity for Keras, without progress bars unless in a terminal.

    Progress bars use control characters, which notebooks and files would display. Keras cannot
    print where standard output is closed.
    """
    if sys.stdout is None:
        return 0
    return 2 if verbose == 1 and not sys.stdout.isatty() else verbose


def _check_loss(loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        raise _divergence_error(f"The training loss became {loss} in epoch {epoch + 1}.")


def _final_weights(compiled: CompiledTraining) -> Weights:
    weights = compiled.network.get_weights()
    largest = max(np.abs(weight).max(initial=0) for weight in weights)
    if not largest < _LARGEST_WEIGHT:
        raise _divergence_error(f"The largest weight became {largest} in the last epoch.")
    for weight in weights:
        weight.setflags(write=False)  # programs recognise loaded weights by identity
    return weights


def _need_single_steps(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Return whether a callback does something at each step, except for the progress bar."""
    nothing = keras.callbacks.Callback
    hooks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    return any(
        # A LambdaCallback has plain functions instead of methods.
        getattr(getattr(callback, hook), "__func__", None) is not getattr(nothing, hook)
        for callback in callbacks
        if type(callback) is not keras.callbacks.ProgbarLogger
        for hook in hooks
    )


def _divergence_error(what: str) -> ValueError:
    return ValueError(
        f"{what} Lower learning_rate, or look for extreme pixel values or sample weights."
    )
