"""Set the variables of a network as if it was built with another seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from numpy.typing import NDArray

from skpneumo._random import LayerSeeds

__all__ = ["InitialVariables", "all_layers"]


@dataclass(frozen=True)
class _SeededVariable:
    """A variable whose initial value depends on a seed."""

    variable: keras.Variable
    seed: int
    value: Callable[[int], Any]  # at another seed


class InitialVariables:
    """The variables of a new network, which can be set as if it was built with another seed.

    Building a network with Keras takes a tenth of a second to seconds; this only draws the
    numbers.

    Parameters
    ----------
    network : keras.Model
        A network of this package.
    seeds : LayerSeeds
        The seeds that it was built with.
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
        """Set all variables to the initial values of a network built with this seed."""
        changed = self._seeds.with_seed(seed)
        for each in self._seeded:
            each.variable.assign(each.value(changed.get(each.seed, each.seed)))
        for variable, value in self._constant:
            variable.assign(value)


def all_layers(network: keras.Model) -> Iterator[keras.Layer]:
    """Get the layers of a network, including those of nested networks."""
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
        yield _SeededVariable(
            variable, config["seed"], partial(_initial_value, kind, config, variable)
        )
    generator = getattr(layer, "seed_generator", None)
    if generator is not None and (seed := generator.get_config()["seed"]) is not None:
        yield _SeededVariable(generator.state, seed, _generator_state)


def _variable_of(layer: keras.Layer, attribute: str) -> keras.Variable:
    """Find the variable of an initializer: ``depthwise_initializer`` may be for a ``kernel``."""
    stem = attribute.removesuffix("_initializer")
    for name in (stem, f"{stem}_kernel", "kernel"):
        if isinstance(variable := getattr(layer, name, None), keras.Variable):
            return variable
    raise TypeError(f"{type(layer).__name__} has {attribute}, but no weights for it.")


def _initial_value(
    kind: type[keras.Initializer], config: dict[str, Any], variable: keras.Variable, seed: int
) -> Any:
    return kind.from_config({**config, "seed": seed})(variable.shape, dtype=variable.dtype)


def _generator_state(seed: int) -> NDArray[Any]:
    return keras.random.SeedGenerator(seed).state.numpy()
