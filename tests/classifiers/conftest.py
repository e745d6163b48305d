"""Small images of easily separable classes, and classifiers that are fitted very fast.

The arrays are read-only, so that a step that writes into its input fails. The tests share the
architecture of ``small``, because the first fit of any other takes a second.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from skpneumo import CNNClassifier
from skpneumo.classifiers.engine._compiled import prediction_programs, training_programs

N_IMAGES = 40


def blobs(n_images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make noise of 12 by 12 pixels, with a bright square in every second image."""
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
    """More images of the same kind with their labels."""
    return blobs(20, seed=1)


@pytest.fixture(scope="session")
def small() -> Callable[..., CNNClassifier]:
    """Make a small classifier with these parameters."""

    def make(**parameters: Any) -> CNNClassifier:
        defaults = {
            "filters": (4,),
            "dense_units": (8,),
            "epochs": 3,
            "batch_size": 10,  # four batches of 40 images
            "learning_rate": 0.01,
            "random_state": 0,
        }
        return CNNClassifier(**{**defaults, **parameters})

    return make


@pytest.fixture(scope="session")
def fitted(small, images, labels) -> CNNClassifier:
    """A fitted classifier, which tests must not change."""
    return small().fit(images, labels)


@pytest.fixture(scope="session")
def validated(small, images, labels, unseen) -> CNNClassifier:
    """A classifier fitted with inner validation on ``unseen``."""
    X_val, y_val = unseen
    return small(epochs=5).fit(images, labels, X_val=X_val, y_val=y_val)


@pytest.fixture
def no_programs() -> Iterator[Callable[[], None]]:
    """Remove all compiled programs, as in a fresh process; a call removes them again."""
    saved = [(pool, pool._idle.copy()) for pool in (training_programs, prediction_programs)]

    def remove() -> None:
        for pool, _ in saved:
            pool._idle.clear()

    remove()
    yield remove
    for pool, idle in saved:
        pool._idle[:] = idle
