"""Compiled programs, shared by all fits and predictions of one process.

Tracing a network takes seconds, and a backend never returns all the memory that a trace takes.
So a program outlives the fit that asked for it: the next fit whose graph is the same borrows it
and puts in its own weights, seeds and rates. What a fit leaves behind is arrays.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from typing import Any, Generic, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.augmentation import AugmentationLayer
from skpneumo.augmentation._params import IDENTITY_INTENSITY
from skpneumo.classifiers.engine._devices import devices_of
from skpneumo.classifiers.engine._regularization import MARKS, Strengths

_SECONDS_AT_ONCE = 0.25
_BYTES_AT_ONCE = 64 * 2**20

Weights = list[NDArray[Any]]
Batch = tuple[list[Any], NDArray[Any], NDArray[Any]]  # inputs, targets, weights
_Program = TypeVar("_Program")


@dataclass(frozen=True)
class NetworkSpec:
    """What decides the shape of a network: the function that builds it, and its arguments."""

    builder: Callable[..., keras.Model]
    arguments: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, builder: Callable[..., keras.Model], **arguments: Any) -> "NetworkSpec":
        return cls(builder, tuple((name, _hashable(value)) for name, value in arguments.items()))

    @property
    def strengths(self) -> dict[str, float]:
        """How strongly it is regularised, where it is."""
        return {name: value for name, value in self.arguments if name in MARKS and value}

    @property
    def marked(self) -> "NetworkSpec":
        """The same for all networks that differ only in how strongly they are regularised."""
        marks = {name: MARKS[name] for name in self.strengths}
        return replace(self, arguments=tuple((dict(self.arguments) | marks).items()))

    @property
    def unregularised(self) -> "NetworkSpec":
        """The network as it predicts: what regularises it has no part in that."""
        idle = {*MARKS, "max_norm"}
        return replace(
            self, arguments=tuple(each for each in self.arguments if each[0] not in idle)
        )

    def build(self, seed: int | None = None, dtype: str = "float32", **start: Any) -> keras.Model:
        return self.builder(**dict(self.arguments), seed=seed, dtype=dtype, **start)


@dataclass(frozen=True)
class TrainingSpec:
    """What decides the graph of a training step."""

    network: NetworkSpec  # marked
    dtype: str
    loss: str  # Keras's serialised form as JSON
    optimizer: str  # likewise; its learning rate is a variable, not a part of the graph
    augmentation: tuple[tuple[str, Any], ...] | None  # arguments of the layer
    mixup: bool


@dataclass(frozen=True)
class PredictionSpec:
    """What decides the graph of a prediction."""

    network: NetworkSpec  # unregularised
    dtype: str


class TrainingProgram:
    """A network, and a compiled model that trains it on augmented images."""

    def __init__(self, spec: TrainingSpec, n_devices: int = 1) -> None:
        self._devices = devices_of(n_devices)
        with self._devices.scope():
            self.network = self._devices.synchronized(spec.network.build(0, spec.dtype))
            self._strengths = None
            if spec.network.strengths:
                self._strengths = Strengths(name="strengths")
                self._strengths.take_over(self.network)
            self.model = self._training_model(spec)
            optimizer = keras.optimizers.deserialize(json.loads(spec.optimizer))
            loss = keras.losses.deserialize(json.loads(spec.loss))
            # Not to be wrapped, whatever global dtype policy somebody has set.
            self.model.compile(optimizer, loss, auto_scale_loss=False)
            optimizer.build(self.model.trainable_variables)
        self._optimizer_start = values(optimizer.variables)
        self._loop = self._devices.loop(self.model)
        self.steps_at_once = 1  # until it is known how long one takes

    def _training_model(self, spec: TrainingSpec) -> keras.Model:
        """Put what changes the images before the network; its inputs are those of Batches."""
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
            partners = keras.ops.take(self._devices.whole_batch(x), partner[:, 0], axis=0)
            x = own * x + (1.0 - own) * partners
            inputs += [share, partner]
        if self._strengths is not None:
            x = self._strengths(x)
        return keras.Model(inputs, self.network(x), name="training")

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        return self.model.optimizer

    def start(
        self, variables: Weights, optimizer: Weights | None, strengths: dict[str, float]
    ) -> None:
        """Put everything that training moves, and what regularises it, to where it shall start."""
        if self._strengths is not None:
            self._strengths.set(strengths)
        _assign(self.network.variables, variables)
        _assign(self.optimizer.variables, optimizer or self._optimizer_start)

    def hold(self, images: Any) -> Any:
        """Take the images of a fit to where their rows shall be taken from."""
        return self._devices.hold(images)

    def train(self, batches: list[Batch], rates: list[float] | None) -> Any:
        """Take a step on each of at most ``steps_at_once`` batches; give their losses.

        Where there are several, the rate of each; otherwise it is that of the optimizer.
        """
        if self._loop is not None:
            begin = perf_counter()
            losses = self._loop(batches, rates)
            self.steps_at_once = self._fitting(perf_counter() - begin, batches)
            return losses
        (batch,) = batches
        return np.array([self._devices.train(self.model, *batch)])

    def _fitting(self, seconds: float, batches: list[Batch]) -> int:
        """Count the steps that keep an interrupt waiting, and memory filled, not too much."""
        assert self._loop is not None
        images = batches[0][0][0]
        n_by_time = _SECONDS_AT_ONCE * len(batches) / seconds
        n_by_memory = _BYTES_AT_ONCE / getattr(images, "nbytes", 1)
        return int(np.clip(min(n_by_time, n_by_memory), 1, self._loop.max_steps))


class WeightHolder:
    """A network whose weights are exchanged from one use to the next."""

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self._held: Weights | None = None

    def hold(self, weights: Weights) -> None:
        """Put these weights in, unless they are there: they go by identity, not by content."""
        held = self._held
        if held is None or any(a is not b for a, b in zip(held, weights, strict=True)):
            self.network.set_weights(weights)
            self._held = list(weights)


class PredictionProgram(WeightHolder):
    """A network that predicts."""

    def __init__(self, spec: PredictionSpec, n_devices: int = 1) -> None:
        self._devices = devices_of(n_devices)
        with self._devices.scope():
            super().__init__(spec.network.build(0, spec.dtype))

    def predict(self, images: NDArray[Any]) -> NDArray[Any]:
        """Give the outputs for one batch."""
        return self._devices.predict(self.network, images)


class ProgramPool(Generic[_Program]):
    """Idle programs; beyond the capacity, what was not asked for longest goes first.

    A program belongs to one borrower at a time, so threads never meet in one.
    """

    def __init__(self, build: Callable[..., _Program], capacity: int = 8) -> None:
        self._build = build
        self._capacity = capacity
        self._idle: list[tuple[Any, _Program]] = []  # last used last
        self._lock = Lock()

    @contextmanager
    def borrow(self, *spec: Any) -> Iterator[_Program]:
        """Lend a program that was built of these arguments, or build it."""
        _refuse_after_fork()
        program = self._take(spec) or self._build(*spec)
        yield program
        # Not reached after an error or an interrupt: the program may be half-way through a step.
        with self._lock:
            self._idle.append((spec, program))
            del self._idle[: -self._capacity]

    def _take(self, spec: Any) -> _Program | None:
        with self._lock:
            for i, (idle, program) in enumerate(self._idle):
                if idle == spec:
                    del self._idle[i]
                    return program
        return None


training_programs: ProgramPool[TrainingProgram] = ProgramPool(TrainingProgram)
prediction_programs: ProgramPool[PredictionProgram] = ProgramPool(PredictionProgram)


# This process, and those that it was forked from, as far as they have computed.
_have_computed: set[int] = set()


def _refuse_after_fork() -> None:
    """Raise where the backend would wait for ever for its threads, which a fork leaves behind."""
    _have_computed.add(os.getpid())
    if len(_have_computed) > 1:
        raise RuntimeError(
            f"This process was forked from one in which {keras.backend.backend()} had computed "
            "already; the threads that it needs were left there. Start processes with n_jobs "
            'and joblib\'s default backend, or with multiprocessing\'s "spawn" or "forkserver", '
            "or fork before anything is fitted or predicted."
        )


def values(variables: list[Any]) -> Weights:
    return [variable.numpy() for variable in variables]


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(_hashable(entry) for entry in value)
    return value.item() if isinstance(value, np.generic) else value
