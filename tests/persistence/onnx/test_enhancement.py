"""Enhancement in a graph gives the same pixels as the steps."""

import numpy as np
import pytest
from graphs import from_image, named, run_graph, to_image

from skpneumo import BorderCropper, ContrastEqualizer, MarkerRemover
from skpneumo.persistence.onnx import NotExportableError
from skpneumo.persistence.onnx._enhancement import ENHANCEMENTS
from skpneumo.persistence.onnx._graph import GraphBuilder


def enhanced(step, image):
    graph = GraphBuilder()
    output = ENHANCEMENTS[type(step)](graph, step, named(image)).name
    return to_image(run_graph(graph, output, x=from_image(image)))


def images(rng, n_channels):
    smooth = np.add.outer(np.arange(40), np.arange(56))[..., None]
    shape = (40, 56, n_channels)
    yield rng.integers(0, 256, shape)
    yield rng.integers(90, 130, shape)
    yield rng.choice([3, 200], shape)
    yield np.broadcast_to(smooth, shape)
    yield np.full(shape, 77)
    yield np.clip(rng.normal(250, 30, shape), 0, 255)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize(
    "step",
    [
        ContrastEqualizer(),
        ContrastEqualizer(cutoff=0),
        ContrastEqualizer(cutoff=49.9),
        ContrastEqualizer("equalize"),
    ],
    ids=repr,
)
def test_contrast(step, n_channels, rng):
    for image in images(rng, n_channels):
        image = image.astype(np.uint8)
        assert np.array_equal(enhanced(step, image), step.transform(image[None])[0])


BORDERS = {
    "none": [],
    "black": [np.s_[:5], np.s_[:, 50:]],
    "hidden": [np.s_[:, :6], np.s_[38:]],
    "all": [np.s_[:]],
    "all but a marker": [np.s_[4:], np.s_[:, 6:]],
    "half": [np.s_[20:]],
}


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("borders", BORDERS)
def test_borders(borders, n_channels, rng):
    image = rng.integers(60, 200, (40, 56, n_channels), dtype=np.uint8)
    for i, place in enumerate(BORDERS[borders]):
        image[place] = (4, 250)[i % 2]
    step = BorderCropper()
    assert np.array_equal(enhanced(step, image), step.transform(image[None])[0])


def test_a_border_of_many_layers(rng):
    image = rng.integers(60, 200, (40, 40, 1), dtype=np.uint8)
    for i in range(8):
        colour = (0, 255)[i % 2]
        image[i], image[:, i] = colour, colour
    image = image[:, ::-1].copy()
    step = BorderCropper(tolerance=0)
    assert np.array_equal(enhanced(step, image), step.transform(image[None])[0])


def test_what_cannot_be_expressed_is_refused_with_a_remedy():
    with pytest.raises(NotExportableError, match=r"MarkerRemover.*without it"):
        enhanced(MarkerRemover(), np.zeros((8, 8, 1), np.uint8))
