"""Images at their full resolution, and the places of the network's images on them."""

import numpy as np
import pytest
from PIL import Image

from skpneumo import CNNClassifier, ImageLoader, make_pipeline
from skpneumo.enhancement import BorderCropper, ContrastEqualizer
from skpneumo.explanation._source_images import source_images

from ..loading.dicom_writing import write_dicom


@pytest.fixture
def wide(tmp_path):
    """An image of 120 x 60 pixels, and the same stored on its side."""
    grey = np.random.default_rng(0).integers(60, 200, (60, 120), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "wide.png")
    turned = Image.fromarray(grey).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    return [str(tmp_path / "wide.png"), str(tmp_path / "turned.png")]


def place_of(path, *steps):
    """Find the place of the image of a fitted pipeline with these steps."""
    pipe = make_pipeline(*steps, CNNClassifier(filters=(2,), epochs=1, random_state=0))
    pipe.fit([path, path], [0, 1])
    (source,) = source_images(pipe, [path])
    return source


@pytest.mark.parametrize(
    ("resize", "place"),
    [
        ("stretch", (-0.5, 119.5, 59.5, -0.5)),
        ("pad", (-0.5, 119.5, 89.5, -30.5)),  # bars above and below
        ("crop", (29.5, 89.5, 59.5, -0.5)),
    ],
)
def test_images_are_placed_where_the_loader_cropped_them(resize, place, wide):
    source = place_of(wide[0], ImageLoader(size=24, resize=resize))
    assert source.pixels.shape == (60, 120, 1)
    assert source.name == "wide.png"
    assert source.place == pytest.approx(place)


def test_films_stand_upright(wide):
    upright, turned = (place_of(path, ImageLoader(size=24, resize="pad")) for path in wide)
    assert np.array_equal(upright.pixels, turned.pixels)
    assert upright.place == turned.place


def test_an_image_with_a_broken_exif_block_is_still_shown(tmp_path):
    grey = np.random.default_rng(0).integers(60, 200, (60, 120), dtype=np.uint8)
    path = tmp_path / "image.jpg"
    Image.fromarray(grey).save(path, exif=b"Exif\0\0garbage", dpi=(72, 72))
    source = place_of(str(path), ImageLoader(size=24))
    assert source.place == pytest.approx((-0.5, 119.5, 59.5, -0.5))


def test_cropped_borders_are_left_out(tmp_path):
    grey = np.full((100, 100), 0, dtype=np.uint8)
    grey[20:90, 10:60] = np.random.default_rng(0).integers(100, 255, (70, 50), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "image.png")
    source = place_of(str(tmp_path / "image.png"), ImageLoader(size=100), BorderCropper())
    left, right, bottom, top = source.place
    assert (left, right) == pytest.approx((9.5, 59.5), abs=1.5)
    assert (top, bottom) == pytest.approx((19.5, 89.5), abs=1.5)


def test_other_steps_leave_the_pixels_where_they_are(wide):
    source = place_of(wide[0], ImageLoader(size=24), ContrastEqualizer())
    assert source.place == (-0.5, 119.5, 59.5, -0.5)


@pytest.mark.parametrize("stream", [False, True])
def test_paths_in_every_form(stream, wide):
    pipe = make_pipeline(
        ImageLoader(size=24, stream=stream), CNNClassifier(filters=(2,), epochs=1, random_state=0)
    ).fit(wide, [0, 1])
    for X in (wide, np.array(wide, dtype=object), np.array(wide, dtype=object)[:, np.newaxis]):
        assert [source.name for source in source_images(pipe, X)] == ["wide.png", "turned.png"]


def test_images_are_films_already(small, noise):
    sources = source_images(small(), noise)
    assert np.array_equal(sources[2].pixels, noise[2])
    assert sources[2].place == (-0.5, 15.5, 15.5, -0.5)
    assert sources[2].name == "image 2"


def test_rows_of_pixels_become_films():
    rows = np.random.default_rng(0).random((6, 64)) * 255
    classifier = CNNClassifier(filters=(2,), image_shape=(8, 8, 1), epochs=1, random_state=0)
    sources = source_images(classifier.fit(rows, [0, 1] * 3), rows)
    assert sources[0].pixels.shape == (8, 8, 1)


def test_a_dicom_film_is_shown_at_its_own_resolution_and_by_the_loaders_window(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (60, 120), dtype=np.uint8)
    path = write_dicom(
        tmp_path / "image", grey, WindowCenter=[128, 100.5], WindowWidth=[256, 2], Modality="CR"
    )
    source = place_of(path, ImageLoader(size=24, resize="pad", dicom_window=1))
    assert source.place == pytest.approx((-0.5, 119.5, 89.5, -30.5))
    assert np.array_equal(source.pixels[..., 0] > 127, grey >= 100)
