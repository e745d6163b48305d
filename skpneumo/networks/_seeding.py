"""Initial weights that depend on a seed alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from skpneumo._random import random_seed


def layer_seeds(seed: int | None) -> Iterator[int]:
    """One seed a layer, so that no two layers start alike."""
    rng = np.random.default_rng(seed)
    while True:
        yield random_seed(rng)


def seeded(name: str, seed: int) -> keras.Initializer:
    """Make the Keras initializer of this name, with a seed if it draws at all."""
    with python_random_unmoved():
        initializer = keras.initializers.get(name)
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


@contextmanager
def python_random_unmoved() -> Iterator[None]:
    """Keras draws the seeds that it is not given from Python's global generator."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
