"""Conversion of pixels: modes, bits, orientation, sizes, scaled JPEG decoding."""

import os
import struct
import zlib
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageOps

from skpneumo.loading import ImageLoader, UnreadableImagesError

# Pillow resizes 8-bit images in two passes, each rounded, and alpha, CMYK and luma round before.
ROUNDING = 2.5


def write_tiff(
    path, pixels, *, bits, width=None, sample_format=1, white_is_zero=False, byte_order="<"
):
    """Write uncompressed grey TIFF of any kind; Pillow writes only some of those it reads."""
    height = pixels.shape[0]
    width = pixels.shape[1] if width is None else width
    data = pixels.tobytes()
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 0 if white_is_zero else 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(data)),
        (339, 3, sample_format),
    ]
    directory = struct.pack(byte_order + "H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(byte_order + ("H2x" if kind == 3 else "I"), value)
        directory += struct.pack(byte_order + "HHI", tag, kind, 1) + packed
    header = (b"II" if byte_order == "<" else b"MM") + struct.pack(
        byte_order + "HI", 42, 8 + len(data)
    )
    with open(path, "wb") as file:
        file.write(header + data + directory + bytes(4))


def load(path, **parameters):
    (image,) = ImageLoader(**parameters).transform([path])
    return image


def luma(rgb):
    return rgb @ np.array([0.299, 0.587, 0.114])


def over_black(pixels):
    return pixels[..., :-1] * (pixels[..., -1:] / 255)


def random_bytes(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


def save_palette(rng, shape, path):
    image = Image.fromarray(random_bytes(rng, *shape))
    palette = random_bytes(rng, 256, 3)
    paletted = Image.frombytes("P", image.size, image.tobytes())
    paletted.putpalette(palette.tobytes())
    paletted.save(path)
    return palette[np.asarray(image)].astype(float)


def save_transparent_palette(rng, shape, path):
    image = Image.fromarray(random_bytes(rng, *shape))
    palette = random_bytes(rng, 256, 4)
    paletted = Image.frombytes("P", image.size, image.tobytes())
    paletted.putpalette(palette[:, :3].tobytes())
    paletted.save(path, transparency=palette[:, 3].tobytes())
    return over_black(palette[np.asarray(image)])


def save_grey_with_transparent_level(rng, shape, path):
    pixels = random_bytes(rng, *shape)
    pixels[0, 0] = 200
    Image.fromarray(pixels).save(path, transparency=200)
    return np.where(pixels == 200, 0.0, pixels)


def save_bilevel(rng, shape, path):
    pixels = rng.random(shape) < 0.5
    Image.fromarray(pixels).save(path)
    return pixels * 255.0


def save_uint8(rng, shape, path):
    pixels = random_bytes(rng, *shape)
    Image.fromarray(pixels).save(path)
    return pixels.astype(float)


def save_with_alpha(rng, shape, path):
    pixels = random_bytes(rng, *shape)
    Image.fromarray(pixels).save(path)
    colours = over_black(pixels)
    return colours if colours.shape[2] == 3 else colours[..., 0]


def save_cmyk(rng, shape, path):
    pixels = random_bytes(rng, *shape)
    Image.frombytes("CMYK", shape[1::-1], pixels.tobytes()).save(path)
    inks = pixels.astype(float)
    return (255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255


def save_uint16(rng, shape, path):
    pixels = rng.integers(0, 2**16, shape, dtype=np.uint16)
    Image.fromarray(pixels).save(path)
    return pixels / 257


def save_int32(rng, shape, path):
    pixels = rng.integers(0, 2**16, shape, dtype=np.int32)
    Image.fromarray(pixels).save(path)
    return pixels / 257


def save_float(rng, shape, path):
    pixels = rng.random(shape, dtype=np.float32)
    Image.fromarray(pixels).save(path)
    return pixels * 255.0


def save_tiff_kind(dtype, scale, offset=0.0, **kind):
    def save(rng, shape, path):
        if np.dtype(dtype).kind == "f":
            pixels = rng.random(shape).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            pixels = rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)
        write_tiff(path, pixels, **kind)
        levels = (pixels.astype(float) + offset) * scale
        return 255 - levels if kind.get("white_is_zero") else levels

    return save


# kind: (suffix, channels in the array or None, writer that returns the expected levels)
KINDS = {
    "1-bit PNG": (".png", None, save_bilevel),
    "1-bit TIFF": (".tiff", None, save_bilevel),
    "grey PNG": (".png", None, save_uint8),
    "grey TIFF": (".tiff", None, save_uint8),
    "grey PNG, one level transparent": (".png", None, save_grey_with_transparent_level),
    "grey and alpha PNG": (".png", 2, save_with_alpha),
    "grey and alpha TIFF": (".tiff", 2, save_with_alpha),
    "palette PNG": (".png", None, save_palette),
    "palette TIFF": (".tiff", None, save_palette),
    "palette PNG, transparent": (".png", None, save_transparent_palette),
    "colour PNG": (".png", 3, save_uint8),
    "colour TIFF": (".tiff", 3, save_uint8),
    "colour and alpha PNG": (".png", 4, save_with_alpha),
    "colour and alpha TIFF": (".tiff", 4, save_with_alpha),
    "CMYK TIFF": (".tiff", 4, save_cmyk),
    "16-bit PNG": (".png", None, save_uint16),
    "16-bit TIFF": (".tiff", None, save_uint16),
    "32-bit integer TIFF": (".tiff", None, save_int32),
    "float TIFF": (".tiff", None, save_float),
    "16-bit TIFF, big-endian": (
        ".tiff", None, save_tiff_kind(">u2", 1 / 257, bits=16, byte_order=">"),
    ),
    "16-bit TIFF, white is zero": (
        ".tiff", None, save_tiff_kind("<u2", 1 / 257, bits=16, white_is_zero=True),
    ),
    "8-bit TIFF, white is zero": (
        ".tiff", None, save_tiff_kind("u1", 1, bits=8, white_is_zero=True),
    ),
    "signed 16-bit TIFF": (
        ".tiff", None, save_tiff_kind("<i2", 1 / 257, 2**15, bits=16, sample_format=2),
    ),
    "signed 16-bit TIFF, big-endian": (
        ".tiff", None,
        save_tiff_kind(">i2", 1 / 257, 2**15, bits=16, sample_format=2, byte_order=">"),
    ),
    "float TIFF, white is zero": (
        ".tiff", None, save_tiff_kind("<f4", 255, bits=32, sample_format=3, white_is_zero=True),
    ),
}  # fmt: skip


def resize_channel(levels, size, box=None):
    resized = Image.fromarray(levels.astype(np.float32)).resize(
        size[::-1], Image.Resampling.BILINEAR, box=box
    )
    return np.asarray(resized)


def reference(levels, size, color_mode, resize):
    """A simple reference: colour, geometry and rounding in floating point."""
    if color_mode == "grayscale":
        channels = [luma(levels) if levels.ndim == 3 else levels]
    else:
        channels = list(np.moveaxis(levels, 2, 0)) if levels.ndim == 3 else [levels] * 3
    height, width = levels.shape[:2]
    ratios = size[0] / height, size[1] / width
    if resize == "stretch":
        return np.stack([resize_channel(channel, size) for channel in channels], axis=2)
    if resize == "crop":
        kept_height = min(size[0] / max(ratios), height)
        kept_width = min(size[1] / max(ratios), width)
        top, left = (height - kept_height) / 2, (width - kept_width) / 2
        box = left, top, left + kept_width, top + kept_height
        return np.stack([resize_channel(channel, size, box) for channel in channels], axis=2)
    inner = tuple(max(1, round(n * min(ratios))) for n in (height, width))
    padded = np.zeros((*size, len(channels)))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    for i, channel in enumerate(channels):
        padded[top : top + inner[0], left : left + inner[1], i] = resize_channel(channel, inner)
    return padded


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    color_mode=st.sampled_from(["grayscale", "rgb"]),
    resize=st.sampled_from(["stretch", "pad", "crop"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_kind_size_and_resize_matches_the_float_reference(
    kind, shape, size, color_mode, resize, seed
):
    suffix, channels, save = KINDS[kind]
    with TemporaryDirectory() as folder:
        path = f"{folder}/image{suffix}"
        full_shape = shape if channels is None else (*shape, channels)
        levels = save(np.random.default_rng(seed), full_shape, path)
        image = load(path, size=size, color_mode=color_mode, resize=resize)
    assert image.shape == (*size, 1 if color_mode == "grayscale" else 3)
    assert image.dtype == np.uint8
    expected = reference(levels, size, color_mode, resize)
    assert_allclose(image, expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_spans_0_to_255_without_clipping(tmp_path, suffix):
    ramp = np.linspace(0, 2**16 - 1, 256).round().astype(np.uint16).reshape(16, 16)
    path = tmp_path / f"ramp{suffix}"
    Image.fromarray(ramp).save(path)
    assert_array_equal(load(path, size=16)[..., 0].ravel(), np.arange(256))


def test_12_bit_tiff_spans_0_to_255(tmp_path):
    two_samples = np.frombuffer(b"\x00\x0f\xff", np.uint8)  # 0 and 4095
    path = tmp_path / "twelve.tiff"
    write_tiff(path, np.tile(two_samples, (8, 2)), bits=12, width=4)
    assert_array_equal(load(path, size=(8, 4))[..., 0], np.tile([0, 255], (8, 2)))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((4, 4), 70_000, np.int32), "32-bit pixels from 70000 to 70000.*0 counts as"),
        (np.full((4, 4), -1, np.int32), "32-bit pixels from -1"),
        (
            np.full((4, 4), 255, np.float32),
            "floating-point pixels from 255 .*1 as white; pass the",
        ),
        (np.full((4, 4), np.nan, np.float32), "floating-point pixels from nan"),
    ],
)
def test_values_beyond_black_and_white_are_refused(tmp_path, pixels, message):
    path = tmp_path / "deep.tiff"
    Image.fromarray(pixels).save(path)
    with pytest.raises(UnreadableImagesError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("pixels", "suffix", "white"),
    [
        (np.linspace(0, 4095, 256).reshape(16, 16).astype(np.uint16), ".png", 4095),
        (np.linspace(0, 1023, 256).reshape(16, 16).astype(np.uint16), ".tiff", 1023),
        (np.linspace(0, 4095, 256).reshape(16, 16).astype(np.int32), ".tiff", 4095),
        (np.linspace(0, 4095, 256).reshape(16, 16).astype(np.float32), ".tiff", 4095.0),
    ],
)
def test_white_applies_to_deep_files_that_do_not_declare_it(tmp_path, pixels, suffix, white):
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(pixels).save(path)
    expected = np.rint(pixels * (255 / white))
    assert_array_equal(load(path, size=16, white=white)[..., 0], expected)
    stream = ImageLoader(size=16, white=white, stream=True).transform([path])
    assert_array_equal(stream[0][..., 0], expected)
    with pytest.raises(UnreadableImagesError, match=rf"to {pixels.max():g}, but .* 500 as white"):
        load(path, size=16, white=500)


def test_white_is_part_of_the_cache_key(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 4095, np.uint16)).save(path)
    os.utime(path, (0, 0))
    dark, bright = (
        ImageLoader(size=4, white=white).transform([path]).mean() for white in (None, 4095)
    )
    assert (dark, bright) == (16, 255)


def test_white_is_refused_for_colour_of_which_only_the_upper_bytes_are_read(tmp_path):
    def chunk(name, content):
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = b"".join(b"\0" + bytes([0x0F, 0xFF] * 12) for _ in range(4))  # 4 x 4 pixels of 4095
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    assert load(path, size=4).max() == 15
    with pytest.raises(UnreadableImagesError, match=r"colour of 16 bits, .* as 16-bit grey"):
        load(path, size=4, white=4095)


def test_white_does_not_apply_to_files_that_declare_it(tmp_path):
    eight = tmp_path / "eight.png"
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(eight)
    twelve = tmp_path / "twelve.tiff"
    write_tiff(twelve, np.full((4, 6), 0xFF, np.uint8), bits=12, width=4)
    assert load(eight, size=4, white=1023).mean() == 200
    assert load(twelve, size=4, white=1023).mean() == 255


@pytest.mark.parametrize(("tag", "value"), [(254, 1), (254, 4), (255, 2)])
@pytest.mark.parametrize("image_first", [True, False])
def test_thumbnails_and_masks_in_a_tiff_are_ignored(tmp_path, tag, value, image_first):
    thumbnail, image = Image.new("L", (2, 2), 9), Image.new("L", (8, 8), 70)
    thumbnail.encoderinfo, image.encoderinfo = {"tiffinfo": {tag: value}}, {"tiffinfo": {254: 0}}
    pages = [image, thumbnail] if image_first else [thumbnail, image]
    path = tmp_path / "thumbnail.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:], **pages[0].encoderinfo)
    with Image.open(path) as saved:
        saved.seek(int(image_first))
        assert saved.tag_v2.get(tag) == value
    assert load(path, size=8).mean() == 70


def test_signed_bytes_are_refused_rather_than_misread(tmp_path):
    path = tmp_path / "signed.tiff"
    write_tiff(path, np.full((4, 4), -1, np.int8), bits=8, sample_format=2)
    with pytest.raises(UnreadableImagesError, match="signed 8-bit pixels"):
        load(path)


# --- JPEG ------------------------------------------------------------------------------------


def radiograph_like(rng, height, width):
    """Smooth shading, sharp ribs and letters, grain: what scaled decoding may blur."""
    y, x = np.mgrid[:height, :width]
    shade = 110 + 70 * np.sin(3.1 * x / width) * np.sin(3.1 * y / height)
    ribs = 25 * (np.sin(28 * y / height + 5 * (x / width - 0.5) ** 2) > 0.3)
    levels = shade + ribs + rng.normal(0, 4, (height, width))
    levels[height // 20 : height // 10, width // 20 : width // 10] = 250
    return levels.clip(0, 255).astype(np.uint8)


JPEG_OPTIONS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "no chroma subsampling": {"subsampling": 0},
    "RGB inside": {"keep_rgb": True},
}


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb"])
@pytest.mark.parametrize("options", JPEG_OPTIONS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_kinds(tmp_path, mode, options, color_mode):
    grey = radiograph_like(np.random.default_rng(0), 300, 260)
    levels = grey if mode == "L" else np.stack([grey, np.roll(grey, 30, 0), 255 - grey], axis=2)
    path = tmp_path / "image.jpeg"
    Image.fromarray(levels).convert(mode).save(path, quality=95, **JPEG_OPTIONS[options])
    image = load(path, size=(60, 50), color_mode=color_mode)
    expected = reference(levels.astype(float), (60, 50), color_mode, "stretch")
    assert np.abs(image - expected).mean() < 2


def full_decode(path, *sizes):
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("L"))
    return [resize_channel(upright, size) for size in sizes]


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(60, 700),
    width=st.integers(60, 700),
    size=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    quality=st.integers(50, 95),
    seed=st.integers(0, 2**32 - 1),
)
def test_scaled_decoding_stays_close_to_full_decoding(height, width, size, quality, seed):
    pixels = radiograph_like(np.random.default_rng(seed), height, width)
    with TemporaryDirectory() as folder:
        path = f"{folder}/image.jpeg"
        Image.fromarray(pixels).save(path, quality=quality)
        (in_full,) = full_decode(path, size)
        difference = np.abs(load(path, size=size)[..., 0] - in_full)
    assert difference.mean() < 1
    assert difference.max() < 40


def decoded_size(monkeypatch, path, **parameters):
    """The size at which the JPEG decoder delivered the image."""
    from skpneumo.loading import _decoding

    seen = []

    def spy(decoded, size, resize):
        seen.append(decoded.image.size)
        return resize_image(decoded, size, resize)

    resize_image = _decoding.resize_image
    monkeypatch.setattr(_decoding, "resize_image", spy)
    load(path, **parameters)
    return seen[0]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"size": 63}, (500, 250)),  # a quarter would leave 1.98 times the height
        ({"size": 62}, (250, 125)),
        ({"size": 300}, (1000, 500)),
        ({"size": (62, 300)}, (1000, 500)),
        ({"size": (100, 100), "resize": "pad"}, (250, 125)),  # becomes 100 x 50
        ({"size": (100, 100), "resize": "crop"}, (500, 250)),  # becomes 200 x 100, cut
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_is_decoded_to_at_least_twice_its_final_size(
    tmp_path, monkeypatch, parameters, expected, orientation
):
    image = Image.fromarray(radiograph_like(np.random.default_rng(0), 500, 1000))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "wide.jpeg"
    image.save(path, exif=exif)
    if orientation == 6 and isinstance(parameters["size"], tuple):
        parameters = {**parameters, "size": parameters["size"][::-1]}
    assert decoded_size(monkeypatch, path, **parameters) == expected


# --- orientation -----------------------------------------------------------------------------


UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 42])
@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".tiff"])
@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_orientation(tmp_path, orientation, suffix, resize):
    upright = Image.fromarray(radiograph_like(np.random.default_rng(0), 400, 644))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path, plain = tmp_path / f"turned{suffix}", tmp_path / f"plain{suffix}"
    stored = upright.transpose(UNDO[orientation]) if orientation in UNDO else upright
    stored.save(path, exif=exif)
    upright.save(plain)
    parameters = {"size": (33, 48), "resize": resize}
    difference = np.abs(
        load(path, **parameters).astype(int) - load(plain, **parameters).astype(int)
    )
    assert difference.mean() < 0.5  # a turned JPEG has other blocks
    if suffix != ".jpeg":
        assert difference.max() <= 2


def test_a_broken_exif_block_is_ignored(tmp_path):
    path = tmp_path / "broken.jpeg"
    grey = Image.fromarray(np.full((8, 8), 77, np.uint8))
    grey.save(path, exif=b"Exif\0\0garbage", dpi=(72, 72))
    assert np.all(load(path, size=4) == 77)


# --- resize ----------------------------------------------------------------------------------


def test_pad_and_crop_are_centred(tmp_path):
    path = tmp_path / "bands.png"
    bands = np.tile(np.repeat(np.array([50, 100, 150, 200], np.uint8), 8), (16, 1))  # 16 x 32
    Image.fromarray(bands).save(path)
    padded = load(path, size=(32, 32), resize="pad")[..., 0]
    assert_array_equal(padded[8:24], bands)
    assert not padded[:8].any()
    assert not padded[24:].any()
    assert_array_equal(load(path, size=16, resize="crop")[..., 0], bands[:, 8:24])


def test_downscaling_is_antialiased(tmp_path):
    path = tmp_path / "checkerboard.png"
    Image.fromarray((np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)).save(path)
    assert_allclose(load(path, size=50), 127.5, atol=4)


def test_extreme_aspect_ratios(tmp_path):
    path = tmp_path / "line.png"
    Image.fromarray(np.full((1, 2000), 200, np.uint8)).save(path)
    assert np.all(load(path, size=8) == 200)
    assert np.all(load(path, size=8, resize="crop") == 200)
    padded = load(path, size=8, resize="pad")[..., 0]
    assert_array_equal(np.unique(padded.sum(axis=1)), [0, 1600])


@pytest.mark.real
def test_scaled_decoding_of_real_radiographs_is_as_close_as_the_docstring_says(real_data):
    paths = sorted((real_data / "originals").rglob("*.jpeg"))
    limits = {64: (0.21, 19), 128: (0.18, 13), 224: (0.14, 17)}
    decoded = [full_decode(path, *((size, size) for size in limits)) for path in paths]
    in_full = zip(*decoded, strict=True)
    for (size, (mean, largest)), expected in zip(limits.items(), in_full, strict=True):
        scaled = ImageLoader(size=size, n_jobs=2).transform(paths)[..., 0]
        difference = np.abs(scaled - np.rint(np.stack(expected)))
        assert difference.mean() < mean
        assert difference.max() <= largest


@pytest.mark.parametrize("bits", [16, 64])
def test_floating_point_of_other_sizes_is_refused_with_the_remedy(tmp_path, bits):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "x.tif")
    content = bytearray((tmp_path / "x.tif").read_bytes())
    at = content.find(struct.pack("<HHI", 258, 3, 1))  # bits per sample
    content[at + 8 : at + 10] = struct.pack("<H", bits)
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(UnreadableImagesError, match="of 16 or 64 bits; save it as 8- or 16-bit"):
        ImageLoader(size=4, cache=False).transform([tmp_path / "x.tif"])
