"""Synthetic images whose opacities are known, and networks trained on them once a session."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.utils import Bunch

from skpneumo import CNNClassifier, ImageLoader, ImageResampler, make_chest_xray, make_pipeline
from skpneumo.enhancement import ContrastEqualizer

SIDE = 48


@pytest.fixture(scope="session")
def xrays(tmp_path_factory) -> Bunch:
    """One image of each of 240 patients, two fifths of them for the test."""
    return make_chest_xray(
        tmp_path_factory.mktemp("images"),
        n_patients=240,
        images_per_patient=1,
        weights=(0.5, 0.3, 0.2),
        size=(72, 96),
        difficulty=0.1,
        val_fraction=0,
        test_fraction=0.4,
        random_state=0,
    )


@pytest.fixture(scope="session")
def tested(xrays) -> Bunch:
    """Paths, images, labels and opacities of the test images; read-only."""
    rows = xrays.split == "test"
    images = np.asarray(ImageLoader(size=SIDE).transform(xrays.filenames[rows]))
    images.setflags(write=False)
    return Bunch(
        filenames=xrays.filenames[rows],
        images=images,
        target=xrays.target[rows],
        frame=xrays.frame[rows],
    )


def network(**changes: Any) -> CNNClassifier:
    """A network small enough to train in a second or two."""
    parameters = {
        "filters": (8, 16, 32),
        "epochs": 15,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "random_state": 0,
    }
    return CNNClassifier(**(parameters | changes))


@pytest.fixture(scope="session")
def pipeline(xrays) -> Any:
    """A pipeline of paths, with a step that resamples and one that enhances."""
    train = xrays.split == "train"
    return make_pipeline(
        ImageResampler("over", random_state=0),
        ImageLoader(size=SIDE),
        ContrastEqualizer(),
        network(),
    ).fit(xrays.filenames[train], xrays.target[train])


@pytest.fixture(scope="session")
def small() -> Callable[..., CNNClassifier]:
    """Fit a network on a few images for one epoch, when its predictions do not matter."""

    def fit(**changes: Any) -> CNNClassifier:
        classes = changes.pop("classes", 2)
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (12, 16, 16, 1), dtype=np.uint8)
        parameters = {"filters": (4, 8), "dense_units": (), "epochs": 1} | changes
        return network(**parameters).fit(X, np.arange(12) % classes)

    return fit


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """Images for the networks of ``small``; read-only."""
    images = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def shortcut(xrays) -> tuple[CNNClassifier, np.ndarray]:
    """A network trained with a marker on each image with pneumonia, and test images with it."""
    images = with_marker(
        np.asarray(ImageLoader(size=SIDE).transform(xrays.filenames)), xrays.target == 1
    )
    train = xrays.split == "train"
    return network().fit(images[train], xrays.target[train]), images[~train]


@pytest.fixture(scope="session")
def points_at_opacity() -> Callable[..., np.ndarray]:
    """Tell whether the strongest evidence is in one of the discs of the opacities."""

    def points(maps: np.ndarray, truth: Any) -> np.ndarray:
        height, width = maps.shape[1:]
        peak = maps.reshape(len(maps), -1).argmax(axis=1)
        x = (peak % width + 0.5) / width * truth["width"].to_numpy()
        y = (peak // width + 0.5) / height * truth["height"].to_numpy()
        hits = [
            np.hypot(x - truth[f"{disc}_x"], y - truth[f"{disc}_y"]) <= truth[f"{disc}_radius"]
            for disc in ("opacity", "opacity2")
        ]
        return np.any(hits, axis=0)

    return points


@pytest.fixture(scope="session")
def found(pipeline, tested) -> np.ndarray:
    """Mask of the test images whose pneumonia is found."""
    return (tested.target == 1) & (pipeline.predict(tested.filenames) == 1)


def with_marker(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Add a bright square to the upper left corner of some images."""
    images = images.copy()
    images[rows, 2:8, 2:8] = 240
    return images
