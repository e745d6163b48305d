"""Small images that are easy to tell apart, and classifiers small enough to fit in a blink.

The arrays are read-only, so that a step that writes into its input fails. Tests of one session
share the architecture of ``small``, because a first fit of any other one takes a second.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from skpneumo import CNNClassifier
from skpneumo.classifiers.engine._compiled import prediction_programs, training_programs

N_IMAGES = 40


def blobs(n_images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of 12 by 12 pixels, with a bright square in the middle of every second image."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_images) % 2
    X = rng.integers(0, 120, (n_images, 12, 12, 1), dtype=np.uint8)
    X[y == 1, 4:9, 4:9] += 60
    for array in (X, y):
        array.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return blobs(N_IMAGES, seed=0)[0]


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    return blobs(N_IMAGES, seed=0)[1]


@pytest.fixture(scope="session")
def unseen() -> tuple[np.ndarray, np.ndarray]:
    """More images of the same kind, and their labels."""
    return blobs(20, seed=1)


@pytest.fixture(scope="session")
def small() -> Callable[..., CNNClassifier]:
    """Make a small classifier, with other parameters where they are given."""

    def make(**parameters: Any) -> CNNClassifier:
        defaults = {
            "filters": (4,),
            "dense_units": (8,),
            "epochs": 3,
            "batch_size": 10,  # of which 40 images fill four
            "learning_rate": 0.01,
            "random_state": 0,
        }
        return CNNClassifier(**{**defaults, **parameters})

    return make


@pytest.fixture(scope="session")
def fitted(small, images, labels) -> CNNClassifier:
    """A classifier that no test changes."""
    return small().fit(images, labels)


@pytest.fixture(scope="session")
def validated(small, images, labels, unseen) -> CNNClassifier:
    """A classifier that was fitted with inner validation on ``unseen``."""
    X_val, y_val = unseen
    return small(epochs=5).fit(images, labels, X_val=X_val, y_val=y_val)


@pytest.fixture
def no_programs() -> Iterator[Callable[[], None]]:
    """Start without compiled programs, as a fresh process does; a call forgets them again."""
    kept = [(pool, pool._idle.copy()) for pool in (training_programs, prediction_programs)]

    def forget() -> None:
        for pool, _ in kept:
            pool._idle.clear()

    forget()
    yield forget
    for pool, idle in kept:
        pool._idle[:] = idle
