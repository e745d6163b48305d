"""A JPEG with a block too few or too many is damaged, and no sound one is, pixel for pixel."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.loading import _spare_row as module
from skpneumo.loading._jpeg_layout import jpeg_layout
from skpneumo.loading._spare_row import spare_row


def encoded(pixels, mode="L", **options):
    file = BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def xray(height, width, level=40):
    rng = np.random.default_rng(0)
    pixels = np.full((height, width), level)
    pixels[: height // 2, : width // 2] += rng.integers(0, 120, (height // 2, width // 2))
    return pixels


@pytest.fixture
def load(tmp_path):
    def load(data, size=64):
        path = tmp_path / "x"
        path.write_bytes(data)
        (image,) = ImageLoader(size=size, cache=False).transform([path])
        return np.asarray(image)[..., 0]

    return load


def as_pillow_reads(data, size):
    with Image.open(BytesIO(data)) as image:
        box = image.draft("L", (2 * size, 2 * size))[1]
        return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


KINDS = {
    "grey": {},
    "colour": {"mode": "RGB"},
    "whole chroma": {"mode": "RGB", "subsampling": 0},
    "own tables": {"optimize": True},
    "progressive": {"progressive": True},
    "progressive colour": {"progressive": True, "mode": "RGB"},
    "progressive, coarse": {"progressive": True, "quality": 3},
}


@pytest.mark.parametrize("kind", KINDS)
def test_sound_files_are_read_as_pillow_reads_them(kind, load):
    for shape in (160, 200), (97, 179), (16, 160), (121, 33):
        for level in (0, 40, 128, 255):
            data = encoded(np.minimum(xray(*shape, level), 255), **KINDS[kind])
            for size in (8, 30, 160):
                np.testing.assert_array_equal(load(data, size), as_pillow_reads(data, size))


def wider_by(data, difference):
    frame = jpeg_layout(data).frame
    place = frame.begin + 3
    return data[:place] + (frame.width + difference).to_bytes(2, "big") + data[place + 2 :]


# Where the last blocks are zeros, these may have been added to fill up a byte or a word.
@pytest.mark.parametrize(
    ("kind", "differences"),
    [
        ("grey", (-1, 1)),
        ("own tables", (-1, 1)),
        ("whole chroma", (-3, 1)),
        ("progressive", (-11, 3)),
    ],
)
def test_a_block_too_few_or_too_many_is_damage(kind, differences, load):
    # One row of blocks that ends in flat ones, which take six bits each.
    data = encoded(xray(8, 240), **KINDS[kind])
    load(data)
    for n_blocks in differences:
        with pytest.raises(UnreadableImagesError, match="more or less data than its pixels take"):
            load(wider_by(data, 8 * n_blocks))


def test_what_fills_up_the_last_byte_and_word_may_be_zeros(load):
    data = encoded(xray(160, 200))
    scan = jpeg_layout(data).scans[0]
    last = data[scan.end - 1]
    n_ones = (~last & (last + 1)).bit_length() - 1
    assert n_ones, "there is nothing to fill up"
    zeros = bytes([last >> n_ones << n_ones])
    for filled in (zeros, zeros + b"\0", zeros + bytes(3), bytes([last]) + b"\0"):
        padded = data[: scan.end - 1] + filled + data[scan.end :]
        np.testing.assert_array_equal(load(padded), load(data))


def test_where_all_is_mid_grey_another_way_tells(load):
    data = encoded(np.full((160, 200), 128))
    assert (load(data) == 128).all()
    scan = jpeg_layout(data).scans[0]
    half = (scan.begin + scan.end) // 2
    with pytest.raises(UnreadableImagesError, match="truncated"):
        load(data[:half] + data[scan.end :])


def test_a_file_in_intervals_has_no_spare_row(load):
    data = encoded(xray(160, 200), restart_marker_rows=1)
    assert spare_row(jpeg_layout(data)) is None
    np.testing.assert_array_equal(load(data, 160), as_pillow_reads(data, 160))


def test_a_table_in_which_ones_are_a_code_leaves_no_spare_row():
    data = bytearray(encoded(xray(160, 200)))
    assert spare_row(jpeg_layout(bytes(data))) is not None
    lengths = data.index(b"\xff\xc4") + 5
    data[lengths + 8] += 1  # the last code but that of nine ones has nine bits
    assert jpeg_layout(bytes(data)).all_ones_is_a_code
    assert spare_row(jpeg_layout(bytes(data))) is None


def test_a_decoder_that_fills_in_otherwise_is_not_relied_on(load, monkeypatch):
    data = encoded(xray(160, 200))
    expected = load(data)
    monkeypatch.setattr(module, "_decoder_leaves_grey", lambda: False)
    assert spare_row(jpeg_layout(data)) is None
    np.testing.assert_array_equal(load(data), expected)
