"""A JPEG with a block too few or too many is refused, and sound ones load pixel by pixel."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import UnreadableImagesError
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


# Trailing zeros may be padding of a byte or a word, so some differences go undetected.
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
        with pytest.raises(UnreadableImagesError, match="more or less data than its pixels need"):
            load(wider_by(data, 8 * n_blocks))


def test_padding_of_the_last_byte_or_word_may_be_zeros(load):
    data = encoded(xray(160, 200))
    scan = jpeg_layout(data).scans[0]
    last = data[scan.end - 1]
    n_ones = (~last & (last + 1)).bit_length() - 1
    assert n_ones, "there is no padding"
    zeros = bytes([last >> n_ones << n_ones])
    for filled in (zeros, zeros + b"\0", zeros + bytes(3), bytes([last]) + b"\0"):
        padded = data[: scan.end - 1] + filled + data[scan.end :]
        np.testing.assert_array_equal(load(padded), load(data))


def test_truncation_of_a_mid_grey_image_is_detected_without_a_spare_row(load):
    data = encoded(np.full((160, 200), 128))
    assert (load(data) == 128).all()
    scan = jpeg_layout(data).scans[0]
    half = (scan.begin + scan.end) // 2
    with pytest.raises(UnreadableImagesError, match="truncated"):
        load(data[:half] + data[scan.end :])


def test_a_file_with_restart_intervals_gets_no_spare_row(load):
    data = encoded(xray(160, 200), restart_marker_rows=1)
    assert spare_row(jpeg_layout(data)) is None
    np.testing.assert_array_equal(load(data, 160), as_pillow_reads(data, 160))


def test_a_file_whose_table_uses_a_code_of_ones_gets_no_spare_row():
    data = bytearray(encoded(xray(160, 200)))
    assert spare_row(jpeg_layout(bytes(data))) is not None
    lengths = data.index(b"\xff\xc4") + 5
    data[lengths + 8] += 1  # one more code of nine bits: all ones
    assert jpeg_layout(bytes(data)).all_ones_is_a_code
    assert spare_row(jpeg_layout(bytes(data))) is None


def test_no_spare_row_is_used_if_the_decoder_does_not_leave_grey(load, monkeypatch):
    data = encoded(xray(160, 200))
    expected = load(data)
    monkeypatch.setattr(module, "_decoder_leaves_grey", lambda: False)
    assert spare_row(jpeg_layout(data)) is None
    np.testing.assert_array_equal(load(data), expected)
