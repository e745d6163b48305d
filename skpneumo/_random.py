"""Random generators and seeds from ``random_state``; global generators are not changed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn import utils

__all__ = [
    "LayerSeeds",
    "check_random_state",
    "layer_seeds",
    "python_random_unmoved",
    "random_seed",
    "random_seeds",
]

# Seeds must be below this, which every library accepts.
_END = 2**31 - 1


def check_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Make a generator as scikit-learn does, but a new one for None.

    In scikit-learn, None means the global generator of NumPy.
    """
    return utils.check_random_state(
        np.random.RandomState() if random_state is None else random_state
    )


def random_seeds(rng: np.random.RandomState | np.random.Generator, n_seeds: int) -> list[int]:
    """Draw integer seeds from a generator, which advances.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._random import random_seeds
    >>> random_seeds(np.random.RandomState(0), 2)
    [209652396, 398764591]
    """
    draw = rng.integers if isinstance(rng, np.random.Generator) else rng.randint
    return draw(_END, size=n_seeds).tolist()


def random_seed(rng: np.random.RandomState | np.random.Generator) -> int:
    """Draw one integer seed from a generator, which advances."""
    return random_seeds(rng, 1)[0]


class LayerSeeds:
    """One seed for each layer, so that no two layers have the same initial weights.

    Parameters
    ----------
    seed : int or None
        Source of all seeds; None is the operating system.
    """

    def __init__(self, seed: int | None) -> None:
        self._rng = np.random.default_rng(seed)
        self._given: list[int | LayerSeeds] = []

    def __next__(self) -> int:
        seed = random_seed(self._rng)
        self._given.append(seed)
        return seed

    def nested(self) -> "LayerSeeds":
        """Make the seeds of a network that is one layer of this one."""
        seeds = LayerSeeds(next(self))
        self._given[-1] = seeds
        return seeds

    def with_seed(self, seed: int) -> dict[int, int]:
        """Map each used seed to the seed that another source would have given."""
        other = LayerSeeds(seed)
        changed: dict[int, int] = {}
        for given in self._given:
            if isinstance(given, LayerSeeds):
                changed |= given.with_seed(next(other))
            else:
                changed[given] = next(other)
        return changed


def layer_seeds(seed: int | LayerSeeds | None) -> LayerSeeds:
    """Get the seeds for the layers of a network: new ones, or those of a surrounding network."""
    return seed if isinstance(seed, LayerSeeds) else LayerSeeds(seed)


@contextmanager
def python_random_unmoved() -> Iterator[None]:
    """Restore Python's global generator, from which Keras draws missing seeds."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
