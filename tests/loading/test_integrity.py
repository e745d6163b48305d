"""Damaged files are refused, although decoders accept them; sound files are not."""

import importlib.util
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import UnreadableImagesError


def sample_image(mode="L"):
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 60, (160, 200)) + np.linspace(0, 190, 200)).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(kind="JPEG", mode="L", **options):
    file = BytesIO()
    sample_image(mode).save(file, kind, **options)
    return file.getvalue()


JPEGS = {
    "grey": {},
    "colour": {"mode": "RGB"},
    "CMYK": {"mode": "CMYK"},
    "whole chroma": {"mode": "RGB", "subsampling": 0},
    "progressive": {"progressive": True},
    "progressive colour": {"mode": "RGB", "progressive": True},
    "intervals": {"restart_marker_blocks": 7},
    "progressive intervals": {"progressive": True, "restart_marker_rows": 1},
    "own tables": {"optimize": True},
}


@pytest.mark.parametrize("size", [16, 160])
@pytest.mark.parametrize("kind", JPEGS)
def test_sound_jpegs_load(kind, size, load):
    data = encoded(**JPEGS[kind])
    sound = load(data, size)
    trailer = encoded(quality=20)  # as cameras append a preview
    assert np.array_equal(load(data + trailer, size), sound)
    # Any marker may be preceded by fill bytes.
    assert np.array_equal(load(data[:-2] + b"\xff\xff\xd9", size), sound)


@pytest.mark.parametrize("size", [16, 160])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_jpeg_whose_pixels_end_early_is_damaged(kind, share, size, load):
    data = encoded(**JPEGS[kind])
    # Where a progressive one ends within its last scan, which refines the last bit, is not seen.
    last_scan = data.rindex(b"\xff\xda")
    whole = len(data) if data.count(b"\xff\xda") == 1 else last_scan
    half = data[: int(whole * share)]
    for damaged in (half, half + b"\xff\xd9", half + bytes(len(data) - len(half))):
        with pytest.raises(UnreadableImagesError, match="damaged or unsupported JPEG"):
            load(damaged, size)


def test_a_jpeg_without_its_end_marker_is_truncated(load):
    with pytest.raises(UnreadableImagesError, match="truncated: it has no end marker"):
        load(encoded()[:-2])


def test_a_jpeg_with_more_data_than_its_pixels_is_damaged(load):
    data = encoded()
    middle = len(data) * 2 // 3
    repeated = data[:middle] + data[middle - 300 :]
    with pytest.raises(UnreadableImagesError, match="more or less data than its pixels need"):
        load(repeated)


def test_a_jpeg_without_one_of_its_intervals_is_damaged(load):
    data = encoded(restart_marker_rows=1)
    gone = data[: data.index(b"\xff\xd1")] + data[data.index(b"\xff\xd2") :]
    with pytest.raises(UnreadableImagesError, match="intervals of pixels are missing"):
        load(gone)


@pytest.mark.parametrize("size", [16, 64, 100])
def test_a_lossless_jpeg_is_decoded_at_its_full_size(size, load):
    pydicom = pytest.importorskip("pydicom")
    file = pydicom.dcmread(pydicom.data.get_testdata_file("SC_rgb_jpeg_gdcm.dcm"))
    jpeg = next(pydicom.encaps.generate_frames(file.PixelData))
    full = Image.open(BytesIO(jpeg), formats=["JPEG"]).convert("L")
    expected = full.resize((size, size), Image.Resampling.BILINEAR)
    assert np.abs(load(jpeg, size).astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_the_checksums_of_a_png_are_checked(mode, load):
    image = (
        Image.fromarray(np.asarray(sample_image(), np.uint16) * 257) if mode == "I;16" else None
    )
    file = BytesIO()
    (image or sample_image(mode)).save(file, "PNG")
    data = file.getvalue()
    assert load(data).shape == (64, 64)
    pixels = data.index(b"IDAT")
    damaged = bytearray(data)
    damaged[-20] ^= 1
    zeroed = data[: pixels + 100] + bytes(len(data) - pixels - 116) + data[-16:]
    for bad in (bytes(damaged), zeroed, data[:-12]):
        with pytest.raises(UnreadableImagesError, match="damaged or unsupported PNG"):
            load(bad)


def test_a_broken_comment_does_not_affect_the_pixels(load):
    data = encoded("PNG")
    comment = b"\0\0\0\4tEXta\0bc" + b"\0\0\0\0"  # the checksum is wrong
    assert np.array_equal(load(data[:-12] + comment + data[-12:]), load(data))


@pytest.fixture(scope="module")
def fuzzer():
    script = Path(__file__).parents[2] / "benchmarks" / "damaged_files.py"
    spec = importlib.util.spec_from_file_location("damaged_files", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_truncated_or_zero_tailed_file_loads_wrong(fuzzer, tmp_path):
    checked = {"JPEG", "PNG", "TIFF, deflated"}
    sources = [s for s in fuzzer.synthetic(tmp_path, 1) if checked & set(s)]
    counts = fuzzer.fuzz(sources, 90, size=64)
    assert sum(counts.values()) > 80
    tails = [damage for damage in fuzzer.DAMAGES if "truncated" in damage or "tail" in damage]
    assert [key for key in counts if key[1] in tails and key[2] == "wrong"] == []
    assert sum(n for (_, _, outcome), n in counts.items() if outcome == "refused") > 45
    assert "loaded wrong" in fuzzer.table(counts)
