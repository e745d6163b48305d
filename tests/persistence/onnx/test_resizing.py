"""Graphs resize to the same pixels as ImageLoader in every mode."""

import numpy as np
import pytest
from graphs import run_graph, to_image
from PIL import Image

from skpneumo import ImageLoader
from skpneumo.persistence.onnx._graph import GraphBuilder
from skpneumo.persistence.onnx._resizing import load_image

SHAPES = [(24, 40), (40, 24), (131, 97), (300, 1), (1, 300), (401, 399), (24, 24), (1, 1)]


def of_the_graph(image, **parameters):
    graph = GraphBuilder()
    loader = ImageLoader(**parameters)
    return to_image(run_graph(graph, load_image(graph, "image", loader).name, image=image))


def of_the_loader(image, folder, **parameters):
    path = folder / "image.png"
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path)
    return np.asarray(ImageLoader(**parameters, cache=False).transform([path]))[0]


def assert_alike(image, folder, **parameters):
    found = of_the_graph(image, **parameters)
    expected = of_the_loader(image, folder, **parameters)
    assert found.shape == expected.shape
    # Pillow begins with the axis that leaves less to do, the graph always across, and each pass
    # rounds. Where to cut is in float32 for Pillow.
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("shape", SHAPES)
def test_grey_images_of_any_shape(shape, resize, tmp_path, rng):
    image = rng.integers(0, 256, (*shape, 1), dtype=np.uint8)
    assert_alike(image, tmp_path, size=(32, 21), resize=resize)


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_are_those_of_pillow_across_and_then_down(shape, rng):
    image = rng.integers(0, 256, (*shape, 1), dtype=np.uint8)
    across = Image.fromarray(image[..., 0]).resize((21, shape[0]), Image.Resampling.BILINEAR)
    expected = np.asarray(across.resize((21, 32), Image.Resampling.BILINEAR))
    assert np.array_equal(of_the_graph(image, size=(32, 21))[..., 0], expected)


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb"])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_colours(n_channels, color_mode, resize, tmp_path, rng):
    image = rng.integers(0, 256, (57, 80, n_channels), dtype=np.uint8)
    assert_alike(image, tmp_path, size=20, resize=resize, color_mode=color_mode)


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_large_images_at_all_edges(resize, tmp_path, rng):
    image = rng.integers(0, 2, (1657, 2090, 1), dtype=np.uint8) * 255
    assert_alike(image, tmp_path, size=128, resize=resize)


def test_every_colour_has_the_luma_of_pillow(tmp_path):
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    red, green, blue = np.meshgrid(levels, levels, levels, indexing="ij")
    image = np.stack([red, green, blue], axis=-1).reshape(52, -1, 3)
    found = of_the_graph(image, size=image.shape[:2])
    assert np.array_equal(found, of_the_loader(image, tmp_path, size=image.shape[:2]))


def test_a_flat_image_stays_flat():
    image = np.full((61, 83, 1), 255, dtype=np.uint8)
    assert (of_the_graph(image, size=32) == 255).all()


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb"])
@pytest.mark.parametrize("n_channels", [2, 4, 5])
def test_other_numbers_of_channels_are_refused(n_channels, color_mode):
    image = np.zeros((8, 8, n_channels), dtype=np.uint8)
    with pytest.raises(Exception, match=r"Non-zero status|shape|bounds"):
        of_the_graph(image, size=8, color_mode=color_mode)
