"""Checksums of deflated TIFFs and JPEGs within TIFFs are checked; sound files load."""

import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.loading._tiff_parts import check_deflated

SHAPE = (150, 200)
GREY = (
    np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1])) // 3
    + np.random.default_rng(0).integers(0, 60, SHAPE)
).astype(np.uint8)
COLOUR = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)
DEEP = GREY.astype(np.uint16) * 257


def load(path):
    (image,) = ImageLoader(size=SHAPE, cache=False).transform([path])
    return np.asarray(image)


def with_thumbnail(path):
    image, thumbnail = Image.fromarray(GREY), Image.new("L", (20, 15))
    image.encoderinfo = {}
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}, "compression": "tiff_adobe_deflate"}
    image.save(path, save_all=True, append_images=[thumbnail], compression="tiff_adobe_deflate")


def deflated(pixels, **options):
    photometric = "rgb" if 3 in pixels.shape else "minisblack"
    options |= {"compression": "zlib", "photometric": photometric}
    return lambda path: tifffile.imwrite(path, pixels, **options)


def by_pillow(**options):
    options = {"compression": "tiff_adobe_deflate"} | options
    return lambda path: Image.fromarray(GREY).save(path, **options)


DEFLATED = {
    "one strip": deflated(GREY),
    "strips": deflated(GREY, rowsperstrip=7),
    "tiles": deflated(GREY, tile=(64, 48)),
    "predictor": deflated(GREY, predictor=True),
    "big TIFF": deflated(GREY, bigtiff=True),
    "high byte first": deflated(DEEP, byteorder=">"),
    "colour": deflated(COLOUR),
    "planes": deflated(np.moveaxis(COLOUR, -1, 0), planarconfig="separate"),
    "low bit first": by_pillow(tiffinfo={266: 2}),
    "other number": by_pillow(compression="tiff_deflate"),
    "thumbnail": with_thumbnail,
}


def last_part(path):
    """Begin and end of the last strip or tile of the image."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return page.dataoffsets[-1], page.dataoffsets[-1] + page.databytecounts[-1]


@pytest.mark.parametrize("kind", DEFLATED)
def test_deflated_tiffs_that_end_early_or_late_are_damaged(kind, tmp_path):
    path = tmp_path / "x.tiff"
    DEFLATED[kind](path)
    luma = np.asarray(Image.fromarray(COLOUR).convert("L"))
    expected = luma if kind in ("colour", "planes") else GREY
    assert np.array_equal(load(path)[:, :, 0], expected)
    # Codes that give other bytes, and more of them: libtiff is content once it has all pixels.
    begin, end = last_part(path)
    longer = zlib.compress(bytes(400_000))[: end - begin].ljust(end - begin, b"\0")
    if kind == "low bit first":
        longer = longer.translate(bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256)))
    data = path.read_bytes()
    path.write_bytes(data[:begin] + longer + data[end:])
    with pytest.raises(UnreadableImagesError, match="deflated pixels without an end"):
        load(path)


TAGS = {256: 100, 257: 100, 258: (8,)}


@pytest.mark.parametrize("byte", range(-4, 0))
def test_checksums_are_checked(byte):
    part = bytearray(zlib.compress(bytes(10_000)))
    check_deflated(bytes(part) + b"\0", TAGS)
    part[byte] ^= 1
    with pytest.raises(ValueError, match="wrong checksum"):
        check_deflated(bytes(part) + b"\0", TAGS)


def test_a_missing_checksum_is_accepted():
    check_deflated(zlib.compress(bytes(10_000))[:-2], TAGS)


def test_inflating_stops_far_beyond_the_size_of_the_pixels():
    with pytest.raises(ValueError, match="without an end"):
        check_deflated(zlib.compress(bytes(10_000_000)), TAGS)


@pytest.mark.parametrize("rows", [None, 16])
@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr", "CMYK"])
def test_truncated_jpegs_within_a_tiff_are_damaged(mode, rows, tmp_path):
    path = tmp_path / "x.tiff"
    image = Image.fromarray(COLOUR).convert(mode)
    strips = {} if rows is None else {"tiffinfo": {278: rows}}
    image.save(path, compression="jpeg", quality=90, **strips)
    assert load(path).shape == (*SHAPE, 1)
    data = path.read_bytes()
    _, end = last_part(path)
    # Its end marker stays, and libtiff gives grey for what is gone, or what it happens to decode.
    damaged = data[: end - 402] + b"\x55\xaa" * 200 + data[end - 2 :]
    path.write_bytes(damaged)
    with pytest.raises(UnreadableImagesError, match="damaged or unsupported TIFF"):
        load(path)
