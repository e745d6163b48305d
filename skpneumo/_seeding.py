"""Initial weights that depend on a seed alone."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._random import random_seed


class LayerSeeds:
    """One seed a layer, so that no two layers have the same initial weights.

    Parameters
    ----------
    seed : int or None
        Source of all of them. None: the operating system.
    """

    def __init__(self, seed: int | None) -> None:
        self._rng = np.random.default_rng(seed)
        self._given: list[int | LayerSeeds] = []

    def __next__(self) -> int:
        seed = random_seed(self._rng)
        self._given.append(seed)
        return seed

    def nested(self) -> "LayerSeeds":
        """Give the seeds of a network that is one layer of this one."""
        seeds = LayerSeeds(next(self))
        self._given[-1] = seeds
        return seeds

    def with_seed(self, seed: int) -> dict[int, int]:
        """Map each seed that was given to what it would have been with another source."""
        other = LayerSeeds(seed)
        changed: dict[int, int] = {}
        for given in self._given:
            if isinstance(given, LayerSeeds):
                changed |= given.with_seed(next(other))
            else:
                changed[given] = next(other)
        return changed


def layer_seeds(seed: int | LayerSeeds | None) -> LayerSeeds:
    """Seeds for the layers of a network: a new series, or the one that a larger network gives."""
    return seed if isinstance(seed, LayerSeeds) else LayerSeeds(seed)


def seeded(name: str, seed: int) -> keras.Initializer:
    """Make the Keras initializer of this name, with a seed if it is a random one."""
    with python_random_unmoved():
        initializer = keras.initializers.get(name)
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


@dataclass(frozen=True)
class _SeededVariable:
    """A variable whose initial value follows from a seed."""

    variable: keras.Variable
    seed: int
    value: Callable[[int], Any]  # at another seed


class InitialVariables:
    """The variables of a network that was just built, to be set as if built with another seed.

    Building a network takes Keras a tenth of a second to seconds; this takes what drawing the
    numbers takes.

    Parameters
    ----------
    network : keras.Model
        Any network of this package.
    seeds : LayerSeeds
        What it was built with.
    """

    def __init__(self, network: keras.Model, seeds: LayerSeeds) -> None:
        self._seeds = seeds
        self._seeded = [each for layer in all_layers(network) for each in _seeded_of(layer)]
        known = {id(each.variable) for each in self._seeded}
        self._constant = [
            (variable, variable.numpy().copy())
            for variable in network.variables
            if id(variable) not in known
        ]

    def assign(self, seed: int) -> None:
        """Set all variables to what a network built with this seed begins with."""
        changed = self._seeds.with_seed(seed)
        for each in self._seeded:
            each.variable.assign(each.value(changed.get(each.seed, each.seed)))
        for variable, value in self._constant:
            variable.assign(value)


def all_layers(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a network, those of the networks nested in it included."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def _seeded_of(layer: keras.Layer) -> Iterator[_SeededVariable]:
    for attribute, initializer in vars(layer).items():
        if not isinstance(initializer, keras.Initializer):
            continue
        config = initializer.get_config()
        if config.get("seed") is None:
            continue
        variable = _variable_of(layer, attribute)
        kind = type(initializer)
        yield _SeededVariable(variable, config["seed"], partial(_drawn, kind, config, variable))
    generator = getattr(layer, "seed_generator", None)
    if generator is not None and (seed := generator.get_config()["seed"]) is not None:
        yield _SeededVariable(generator.state, seed, _generator_state)


def _variable_of(layer: keras.Layer, attribute: str) -> keras.Variable:
    """Find what an initializer is for: ``depthwise_initializer`` may be a ``kernel``'s."""
    stem = attribute.removesuffix("_initializer")
    for name in (stem, f"{stem}_kernel", "kernel"):
        if isinstance(variable := getattr(layer, name, None), keras.Variable):
            return variable
    raise TypeError(f"{type(layer).__name__} has {attribute}, but no weights that it is for.")


def _drawn(
    kind: type[keras.Initializer], config: dict[str, Any], variable: keras.Variable, seed: int
) -> Any:
    return kind.from_config({**config, "seed": seed})(variable.shape, dtype=variable.dtype)


def _generator_state(seed: int) -> NDArray[Any]:
    return keras.random.SeedGenerator(seed).state.numpy()


@contextmanager
def python_random_unmoved() -> Iterator[None]:
    """Keras draws the seeds that it is not given from Python's global generator."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
