"""DICOM images whose pixels are not square keep the aspect ratio of the body."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import ImageLoader, image_size
from skpneumo.loading._decoding import decode_whole

from .dicom_writing import write_dicom

# A disc in square pixels, of which every second row is left out.
_AT = np.arange(96) - 47.5
DISC = np.where(np.hypot(_AT[:, None], _AT[None, :]) < 40, 200, 20).astype(np.uint8)


@pytest.mark.parametrize(
    "spacing",
    [
        {"PixelAspectRatio": [2, 1]},
        {"ImagerPixelSpacing": [0.2, 0.1]},
        {"PixelSpacing": [0.2, 0.1], "PixelAspectRatio": [1, 1]},
        {"PixelSpacing": ["", "0.1"], "NominalScannedPixelSpacing": [0.4, 0.2]},
    ],
)
@pytest.mark.parametrize("resize", ["pad", "crop"])
def test_a_disc_stays_a_disc(tmp_path, spacing, resize):
    whole = write_dicom(tmp_path / "whole.dcm", DISC, PixelSpacing=[0.1, 0.1])
    high = write_dicom(tmp_path / "high.dcm", DISC[::2], **spacing)
    swapped = {keyword: value[::-1] for keyword, value in spacing.items()}
    wide = write_dicom(tmp_path / "wide.dcm", DISC[:, ::2], **swapped)
    loader = ImageLoader(size=(40, 48), resize=resize, cache=False)
    expected, *others = loader.transform([whole, high, wide]).astype(float)
    for image in others:
        assert np.abs(image - expected).mean() < 4
    assert image_size(high) == image_size(wide) == (96, 96)
    assert decode_whole(high).image.size == (96, 96)


def test_stretching_needs_no_shape_of_pixels(tmp_path):
    loader = ImageLoader(size=(48, 96), cache=False)
    square = write_dicom(tmp_path / "square.dcm", DISC[::2])
    high = write_dicom(tmp_path / "high.dcm", DISC[::2], PixelAspectRatio=[2, 1])
    one, other = loader.transform([square, high])
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("spacing", [[0.1, 0.1], [0.1430, 0.1439], [0, 0.1], [0.1], [-1, 1]])
def test_equal_and_unusable_spacings_change_nothing(tmp_path, spacing):
    path = write_dicom(tmp_path / "x.dcm", DISC[::2], ImagerPixelSpacing=spacing)
    assert image_size(path) == (48, 96)


@pytest.mark.parametrize("spacing", [[0.1, 100], [1, 0.1], [0.139, 1]])
def test_impossible_pixels_are_ignored(tmp_path, spacing):
    path = write_dicom(tmp_path / "x.dcm", DISC, PixelSpacing=spacing)
    assert image_size(path) == (96, 96)
    for resize in ("stretch", "pad"):
        assert ImageLoader(size=8, resize=resize, cache=False).transform([path]).max() > 150
    other = write_dicom(
        tmp_path / "y.dcm", DISC[::2], PixelSpacing=spacing, ImagerPixelSpacing=[0.2, 0.1]
    )
    assert image_size(other) == (96, 96)


def test_the_limit_of_pixels_is_also_that_of_square_ones(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "x.dcm", DISC[::2], PixelSpacing=[0.2, 0.1])
    monkeypatch.setattr("skpneumo.loading._dicom.MAX_PIXELS", 96 * 95)
    with pytest.raises(
        ValueError, match="claims 96 x 96 square pixels, more than the limit of 9,"
    ):
        ImageLoader(size=8, resize="pad", cache=False).transform([path])
    assert ImageLoader(size=8, cache=False).transform([path]).max() > 150


@pytest.mark.parametrize("elements", [{"WindowCenter": 30000, "WindowWidth": 100}, {}])
def test_values_that_become_one_level_are_refused(tmp_path, elements):
    stored = np.arange(100, dtype=np.uint16).reshape(10, 10)
    path = write_dicom(tmp_path / "x.dcm", stored, **elements)
    loader = ImageLoader(size=8, cache=False)
    with pytest.raises(ValueError, match=r"values from 0 to 99 that are all shown as the grey le"):
        loader.transform([path])
    even = write_dicom(tmp_path / "even.dcm", np.full((9, 9), 7, np.uint16), **elements)
    assert loader.transform([even]).max() == 0
    if not elements:
        loader.set_params(white=99)
    else:
        loader.set_params(dicom_window=None, white=99)
    assert loader.transform([path]).max() > 200


def test_an_uncompressed_image_and_its_jpeg_agree(tmp_path):
    from io import BytesIO

    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    stream = BytesIO()
    Image.fromarray(DISC[::2]).save(stream, "JPEG", quality=95)
    elements = {"PixelAspectRatio": [2, 1]}
    jpeg = write_dicom(
        tmp_path / "jpeg.dcm",
        DISC[::2],
        syntax=JPEGBaseline8Bit,
        PixelData=encapsulate([stream.getvalue()]),
        **elements,
    )
    raw = write_dicom(tmp_path / "raw.dcm", DISC[::2], **elements)
    one, other = ImageLoader(size=48, resize="pad", cache=False).transform([jpeg, raw])
    assert np.abs(one.astype(float) - other).mean() < 2
