"""Compiled networks, shared by all fits and predictions of a process.

Tracing a network takes seconds, and a backend never frees all the memory that a trace needs. So
programs are reused by later fits, and the results of a fit are arrays:

    NetworkSpec -> StepSpec        everything that determines a graph: equal specs share a program
    pool.borrow(spec)              lends an idle program to one fit, or builds one
        CompiledTraining           the network with augmentation, mixup and the optimizer
            initialize / restore   assign the weights and seeds of this fit, without building
            steps                  takes one step, or several in one execution (_multi_step)
        CompiledPrediction         the network without regularization
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Generic, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.utils import gen_batches

from skpneumo._images import batches_of
from skpneumo._random import LayerSeeds
from skpneumo._settings import pinned_settings
from skpneumo.augmentation import AugmentationLayer
from skpneumo.augmentation._params import IDENTITY_INTENSITY
from skpneumo.classifiers.engine._devices import (
    ShardedBatches,
    rows_to_predict,
    sharded_over,
    to_device,
)
from skpneumo.classifiers.engine._ema import with_growing_momentum
from skpneumo.classifiers.engine._initial_variables import InitialVariables
from skpneumo.classifiers.engine._multi_step import steps_of
from skpneumo.classifiers.engine._regularization import PLACEHOLDERS, RegularizationFactors

# Rows to predict at a time: enough to use all cores, but few enough that the feature maps of large
# images fit in memory.
_PREDICTION_BATCH = 64

Weights = list[NDArray[Any]]
_Program = TypeVar("_Program")


@dataclass(frozen=True)
class NetworkSpec:
    """Description of a network: the function that builds it, and its arguments."""

    builder: Callable[..., keras.Model]
    arguments: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, builder: Callable[..., keras.Model], **arguments: Any) -> "NetworkSpec":
        return cls(builder, tuple((name, _hashable(value)) for name, value in arguments.items()))

    @property
    def regularization(self) -> dict[str, float]:
        """The factors of regularization that are not zero."""
        return {name: value for name, value in self.arguments if name in PLACEHOLDERS and value}

    @property
    def with_placeholders(self) -> "NetworkSpec":
        """The description with placeholders, equal for all factors of regularization."""
        placeholders = {name: PLACEHOLDERS[name] for name in self.regularization}
        return replace(self, arguments=tuple((dict(self.arguments) | placeholders).items()))

    @property
    def for_prediction(self) -> "NetworkSpec":
        """The description without regularization, which does not affect predictions."""
        unused = {*PLACEHOLDERS, "max_norm"}
        return replace(
            self, arguments=tuple(each for each in self.arguments if each[0] not in unused)
        )

    def build(
        self, seed: int | LayerSeeds | None = None, dtype: str = "float32", **options: Any
    ) -> keras.Model:
        """Build the network."""
        return self.builder(**dict(self.arguments), seed=seed, dtype=dtype, **options)


@dataclass(frozen=True)
class StepSpec:
    """Everything that determines the graph of a training step."""

    network: NetworkSpec  # with placeholders
    dtype: str
    loss: str  # serialised by Keras, as JSON
    optimizer: str  # likewise; the learning rate is a variable, not part of the graph
    augmentation: tuple[tuple[str, Any], ...] | None  # arguments of the layer
    mixup: bool


@dataclass(frozen=True)
class PredictionSpec:
    """Everything that determines the graph of a prediction."""

    network: NetworkSpec  # for prediction
    dtype: str


class CompiledNetwork:
    """A network for prediction, whose weights are replaced for each use."""

    def __init__(self, network: keras.Model, sharding: ShardedBatches | None = None) -> None:
        self.network = network
        self._sharding = sharding
        self._loaded: Weights | None = None

    def load_weights(self, weights: Weights) -> None:
        """Assign these weights, unless the same arrays (by identity) are already assigned."""
        loaded = self._loaded
        if loaded is None or any(a is not b for a, b in zip(loaded, weights, strict=True)):
            self.network.set_weights(weights)
            self._loaded = list(weights)

    def predict(self, images: NDArray[Any], n_rows: int | None = None) -> NDArray[Any]:
        """Return the outputs for a batch, which is filled up to ``n_rows`` for the prediction."""
        filled = images
        if n_rows is not None and len(images) < n_rows:
            filled = np.resize(images, (n_rows, *images.shape[1:]))
        if self._sharding is not None:
            return self._sharding.predict(self.network, filled)[: len(images)]
        return self.network.predict_on_batch(filled)[: len(images)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict probabilities (n_samples, n_classes) for any number of images."""
        batches, n_rows = batches_of(X, prediction_batches(X)), rows_per_batch(X)
        return to_probabilities(np.concatenate([self.predict(each, n_rows) for each in batches]))


class CompiledPrediction(CompiledNetwork):
    """A network that is built only for prediction."""

    def __init__(self, spec: PredictionSpec, n_devices: int = 1) -> None:
        sharding = sharded_over(n_devices) if n_devices > 1 else None
        with nullcontext() if sharding is None else sharding.scope():
            network = spec.network.build(0, spec.dtype)
        super().__init__(network, sharding)


class CompiledTraining(CompiledNetwork):
    """A network with a compiled model that trains it on augmented images."""

    def __init__(self, spec: StepSpec, n_devices: int = 1) -> None:
        sharding = sharded_over(n_devices) if n_devices > 1 else None
        with nullcontext() if sharding is None else sharding.scope():
            seeds = LayerSeeds(0)
            super().__init__(spec.network.build(seeds, spec.dtype), sharding)
            self._initial = InitialVariables(self.network, seeds)
            self.regularization = None
            if spec.network.regularization:
                self.regularization = RegularizationFactors(name="regularization")
                self.regularization.attach(self.network)
            self.model = self._training_model(spec)
            optimizer = keras.optimizers.deserialize(json.loads(spec.optimizer))
            if optimizer.use_ema:
                optimizer = with_growing_momentum(optimizer)
            loss = keras.losses.deserialize(json.loads(spec.loss))
            # Without a wrapper for loss scaling, for any global dtype policy.
            self.model.compile(optimizer, loss, metrics=[accuracy], auto_scale_loss=False)
            # Keras creates the variables of a metric at its first use; within a step, this would
            # cause a second trace.
            nothing = keras.ops.zeros((1, self.model.output_shape[-1]))
            self.model.compute_metrics(None, nothing, nothing)
            self.model.reset_metrics()
            # For callbacks, which get the network and may read the learning rate, or save the
            # network.
            if type(optimizer).__module__.startswith("keras."):
                self.network.compile(optimizer, loss, auto_scale_loss=False)
            else:  # an optimizer that averages weights, which could not be loaded from a file
                self.network.optimizer = optimizer
            optimizer.build(self.model.trainable_variables)
        self._initial_optimizer = values(optimizer.variables)
        make_steps = steps_of if sharding is None else sharding.steps_of
        self.steps = make_steps(self.model, ("loss", "accuracy"))

    def _training_model(self, spec: StepSpec) -> keras.Model:
        """Put augmentation and mixup before the network; the inputs are those of Batches."""
        images = x = keras.Input(self.network.input_shape[1:], name="images")
        inputs = [images]
        if spec.augmentation is not None:
            n_intensities = len(IDENTITY_INTENSITY)
            params = [
                keras.Input((8,), name="affine"),
                keras.Input((n_intensities,), name="intensity"),
            ]
            x = AugmentationLayer(**dict(spec.augmentation), name="augmentation")([x, *params])
            inputs += params
        if spec.mixup:
            share = keras.Input((1,), name="share")
            partner = keras.Input((1,), dtype="int32", name="partner")
            own = keras.ops.reshape(share, (-1, 1, 1, 1))
            partners = keras.ops.take(x, partner[:, 0], axis=0)
            x = own * x + (1.0 - own) * partners
            inputs += [share, partner]
        if self.regularization is not None:
            x = self.regularization(x)
        return keras.Model(inputs, self.network(x), name="training")

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        return self.model.optimizer

    def initialize(self, seed: int, weights: Weights | None = None) -> None:
        """Assign the initial variables of a network with this seed, and given weights.

        Variables that are not weights, such as the state of the dropout generator, always depend
        on the seed.
        """
        self._initial.assign(seed)
        if weights is not None:
            self.network.set_weights(weights)

    def restore(self, variables: Weights) -> None:
        """Assign the final variables of an earlier fit of the network."""
        _assign(self.network.variables, variables)

    def restore_optimizer(self, variables: Weights | None) -> None:
        """Assign the final variables of the optimizer of an earlier fit, or the initial ones."""
        _assign(self.optimizer.variables, variables or self._initial_optimizer)

    def regularize(self, factors: dict[str, float]) -> None:
        """Set the factors of regularization, if the network has any."""
        if self.regularization is not None:
            self.regularization.assign(factors)

    def to_device(self, images: Any) -> Any:
        """Move the images of a fit to the device, if steps can gather batches there."""
        return to_device(images) if self.steps.gathers_rows else images


class ProgramPool(Generic[_Program]):
    """Pool of idle programs; beyond its capacity, the least recently used are removed.

    Each program has one borrower at a time, so threads never share one.
    """

    def __init__(self, build: Callable[..., _Program], capacity: int = 8) -> None:
        self._build = build
        self._capacity = capacity
        self._idle: list[tuple[Any, _Program]] = []  # last used last
        self._lock = Lock()

    @contextmanager
    def borrow(self, *spec: Any) -> Iterator[_Program]:
        """Lend a program that was built with these arguments, or build one."""
        _refuse_after_fork()
        with pinned_settings():
            program = self._pop_idle(spec) or self._build(*spec)
            yield program
        # Not reached after an error or interrupt, when the program may be in an inconsistent
        # state.
        with self._lock:
            self._idle.append((spec, program))
            del self._idle[: -self._capacity]

    def _pop_idle(self, spec: Any) -> _Program | None:
        with self._lock:
            for i, (idle, program) in enumerate(self._idle):
                if idle == spec:
                    del self._idle[i]
                    return program
        return None


training_programs: ProgramPool[CompiledTraining] = ProgramPool(CompiledTraining)
prediction_programs: ProgramPool[CompiledPrediction] = ProgramPool(CompiledPrediction)


# This process, and the processes it was forked from, if they have computed with Keras.
_have_computed: set[int] = set()


def _refuse_after_fork() -> None:
    """Raise an error in a forked process, where the backend would wait forever for its threads."""
    _have_computed.add(os.getpid())
    if len(_have_computed) > 1:
        raise RuntimeError(
            "This process was forked after Keras had computed in its parent, and the threads of "
            "the backend do not exist in a forked process. Start processes with n_jobs and the "
            'default backend of joblib, or with "spawn" or "forkserver" of multiprocessing, or '
            "fork before anything is fitted or predicted."
        )


def accuracy(targets: Any, logits: Any) -> Any:
    """Compute for each image whether it is predicted as its class, or its main class if mixed."""
    if logits.shape[-1] == 1:
        hits = keras.ops.equal(targets > 0.5, logits > 0.0)[:, 0]
    else:
        hits = keras.ops.equal(keras.ops.argmax(targets, -1), keras.ops.argmax(logits, -1))
    return keras.ops.cast(hits, "float32")


def prediction_batches(X: Any) -> list[slice]:
    """Divide the rows of X into batches for prediction."""
    return list(gen_batches(len(X), _PREDICTION_BATCH))


def rows_per_batch(X: Any) -> int | None:
    """Return the number of rows that each of these batches is filled up to, or None."""
    return rows_to_predict(len(X), _PREDICTION_BATCH)


def to_probabilities(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Convert logits, one column for two classes, to probabilities (n, n_classes)."""
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        positive = expit(logits[:, 0])
        return np.column_stack([1.0 - positive, positive])
    return softmax(logits, axis=1)


def values(variables: list[Any]) -> Weights:
    """Return the values of variables as arrays."""
    return [variable.numpy() for variable in variables]


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(_hashable(entry) for entry in value)
    return value.item() if isinstance(value, np.generic) else value
