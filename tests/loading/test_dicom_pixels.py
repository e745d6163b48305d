"""Pixel data that is truncated, inconsistent or lacks a decoder is an error of its file."""

import os
import re
import struct
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image, ImageFile
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders import base
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from skpneumo import _dicom_files
from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.loading._pillow import MAX_PIXELS

from .dicom_writing import PYDICOM_DATA, as_radiograph, save, write_dicom
from .test_dicom import load, reason_for

FILES = PYDICOM_DATA / "test_files"
KINDS = {
    "native": "SC_ybr_full_422_uncompressed.dcm",
    "deflated": "image_dfl.dcm",
    "JPEG": "SC_rgb_jpeg_dcmtk.dcm",
    "lossless JPEG": "SC_rgb_jpeg_gdcm.dcm",
    "JPEG 2000": "SC_rgb_gdcm_KY.dcm",
    "JPEG-LS": "SC_rgb_jls_lossy_line.dcm",
    "RLE": "SC_rgb_rle.dcm",
    "big-endian": "SC_rgb_small_odd_big_endian.dcm",
    "implicit": "SC_rgb_jpeg_dcmd.dcm",
}


def load_if_whole(path):
    try:
        return load(path, size=20, color_mode="rgb")
    except UnreadableImagesError:
        return None


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_an_error_wherever_it_ends(kind, share):
    content = (FILES / KINDS[kind]).read_bytes()
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.dcm")
        with open(path, "wb") as file:
            file.write(content[: int(len(content) * share)])
        image = load_if_whole(path)
    if image is not None:  # what is gone follows the pixels
        assert_array_equal(image, load(FILES / KINDS[kind], size=20, color_mode="rgb"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_within_its_pixels_is_damaged(kind, tmp_path):
    content = (FILES / KINDS[kind]).read_bytes()
    path = tmp_path / "x.dcm"
    path.write_bytes(content[: int(len(content) * 0.9)])
    assert "damaged or unsupported DICOM (" in reason_for(path)


@pytest.mark.parametrize("kind", ["JPEG", "lossless JPEG", "JPEG 2000", "JPEG-LS"])
def test_a_frame_truncated_before_encapsulation_is_refused(kind, tmp_path):
    """The container is complete, and decoders would accept the partial image."""
    ds = pydicom.dcmread(FILES / KINDS[kind])
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    ds.PixelData = encapsulate([frame[: len(frame) // 2]])
    ds.save_as(tmp_path / "x.dcm")
    assert "damaged or unsupported DICOM (truncated: its" in reason_for(tmp_path / "x.dcm")


@settings(max_examples=60, deadline=None)
@given(
    rest=st.binary(max_size=300),
    start=st.sampled_from(
        [
            bytes(128) + b"DICM",
            b"\x08\0\x05\0CS\x02\0IR",
            b"\x08\0\x05\0\x02\0\0\0",
            b"\x02\0\0\0UL",
        ]
    ),
)
def test_garbage_after_a_valid_start_is_an_error_of_that_file(start, rest):
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "rubbish")
        with open(path, "wb") as file:
            file.write(start + rest)
        assert reason_for(path)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["native", "JPEG", "JPEG-LS", "RLE", "lossless JPEG", "JPEG 2000"]),
    position=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255),
)
def test_a_wrong_byte_is_at_most_an_error_of_that_file(kind, position, value):
    content = bytearray((FILES / KINDS[kind]).read_bytes())
    content[int(position * len(content))] = value
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.dcm")
        with open(path, "wb") as file:
            file.write(content)
        load_if_whole(path)


# --- Inconsistent headers


def test_sizes_are_compared_before_memory_is_allocated(tmp_path, monkeypatch):
    stored = np.zeros((8, 8), dtype=np.uint8)
    wide = write_dicom(tmp_path / "wide", stored, Rows=65535, Columns=65535)
    tall = write_dicom(tmp_path / "tall", stored, Rows=9000, Columns=9000)
    monkeypatch.setattr(base.Decoder, "as_array", None)
    assert f"claims 65535 x 65535 pixels, more than the limit of {MAX_PIXELS:,}" in reason_for(
        wide
    )
    assert "damaged or unsupported DICOM (64 bytes of pixels for" in reason_for(tall)


@pytest.mark.parametrize("kind", ["JPEG", "lossless JPEG", "JPEG 2000", "JPEG-LS"])
def test_a_frame_of_another_size_is_not_decoded(kind, tmp_path, monkeypatch):
    ds = pydicom.dcmread(FILES / KINDS[kind])
    frame = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    if kind == "JPEG 2000":
        at = frame.find(b"\xff\x4f\xff\x51") + 8
        frame[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    else:
        marker = {"JPEG": b"\xff\xc0", "lossless JPEG": b"\xff\xc3", "JPEG-LS": b"\xff\xf7"}[kind]
        at = frame.find(marker) + 5
        frame[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    ds.PixelData = encapsulate([bytes(frame)])
    ds.save_as(tmp_path / "x.dcm")
    monkeypatch.setattr(base.Decoder, "as_array", None)
    expected = r"\(100, 100, 3\) in its header and \(60000, 60000, 3\) in its compressed data"
    assert re.search(expected, reason_for(tmp_path / "x.dcm"))


def test_a_deflated_bomb_is_refused_before_it_is_inflated(tmp_path, monkeypatch):
    bomb = np.zeros((1500, 1500), dtype=np.uint8)
    path = write_dicom(tmp_path / "x.dcm", bomb, syntax=DeflatedExplicitVRLittleEndian)
    assert os.path.getsize(path) < 2**14
    assert load(path, size=8).max() == 0
    monkeypatch.setattr(_dicom_files, "_MAX_INFLATED", 2**20)
    monkeypatch.setattr(pydicom.filereader, "read_partial", None)
    assert "DICOM: inflates to more than 1,048,576 bytes" in reason_for(path)


def test_far_too_many_compressed_bytes_are_not_read(tmp_path):
    ds = pydicom.dcmread(FILES / KINDS["JPEG"])
    ds.PixelData = encapsulate([get_frame(ds.PixelData, 0, number_of_frames=1) + bytes(2**21)])
    ds.save_as(tmp_path / "x.dcm")
    assert "bytes of compressed data for an image of 30,000" in reason_for(tmp_path / "x.dcm")


def test_several_images_are_refused_whatever_the_header_says(tmp_path):
    stored = np.zeros((8, 8), dtype=np.uint8)
    native = write_dicom(tmp_path / "native", stored, PixelData=bytes(192))
    ds = pydicom.dcmread(FILES / KINDS["JPEG"])
    ds.PixelData = encapsulate([get_frame(ds.PixelData, 0, number_of_frames=1)] * 2)
    ds.save_as(tmp_path / "jpeg")
    counted = write_dicom(tmp_path / "counted", stored, NumberOfFrames=5)
    for path, n_images in ((native, 3), (tmp_path / "jpeg", 2), (counted, 5)):
        assert f"DICOM: contains {n_images} images, and nothing says which" in reason_for(path)


def test_padding_after_the_pixels_is_accepted(tmp_path):
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = write_dicom(tmp_path / "x", stored, PixelData=stored.tobytes() + bytes(30))
    assert_array_equal(load(path, size=8)[..., 0], stored)


def test_values_beyond_the_stored_bits_of_a_jpeg_are_not_wrapped(tmp_path):
    path = as_radiograph(FILES / "MR_small_jpeg_ls_lossless.dcm", tmp_path / "x", BitsStored=8)
    ds = pydicom.dcmread(path)
    ds.HighBit = 7
    ds.save_as(path)
    assert "values from 127 to 2145 in its compressed data" in reason_for(path)


# --- Decoders


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, HTJ2KLossless, JPEGLSLossless])
def test_a_missing_decoder_names_the_pip_line(syntax, tmp_path, monkeypatch):
    decoder = pydicom.pixels.get_decoder(syntax)
    monkeypatch.setattr(decoder, "_available", {})
    path = write_dicom(
        tmp_path / "x",
        np.zeros((8, 8), np.uint8),
        syntax=syntax,
        PixelData=encapsulate([b"\xff\xd8\xff\xd9"]),
    )
    expected = f'{syntax.name}, whose decoder is missing: pip install "skpneumo[dicom]"'
    assert expected in reason_for(path)


def test_a_missing_decoder_of_12_bit_jpeg_names_the_pip_line_and_the_licence(
    tmp_path, monkeypatch
):
    decoder = pydicom.pixels.get_decoder(JPEGExtended12Bit)
    available = {name: f for name, f in decoder._available.items() if name != "pylibjpeg"}
    monkeypatch.setattr(decoder, "_available", available)
    path = as_radiograph(FILES / "JPGExtended.dcm", tmp_path / "x.dcm")
    expected = '12-bit JPEG, whose decoder is missing: pip install "pylibjpeg[libjpeg]" (under the'
    assert expected in reason_for(path)


def test_video_is_refused(tmp_path):
    path = write_dicom(
        tmp_path / "x",
        np.zeros((8, 8), np.uint8),
        syntax=MPEG2MPML,
        PixelData=encapsulate([b"\0\0\1\xb3"]),
    )
    assert "not a transfer syntax of single images" in reason_for(path)


def test_every_usual_transfer_syntax_has_a_decoder():
    """The packages of the extra are enough, without any under the GPL."""
    syntaxes = [
        *(uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1),
        *(uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless, uid.JPEG2000),
        *(uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K, uid.RLELossless),
    ]
    for syntax in syntaxes:
        plugins = set(pydicom.pixels.get_decoder(syntax).available_plugins)
        if "2000" not in syntax.name and syntax != uid.RLELossless:
            plugins.discard("pylibjpeg")  # of these, by the part that is under the GPL
        assert plugins, syntax.name


def test_compressed_pixels_under_the_wrong_syntax_are_damaged(tmp_path):
    ds = pydicom.dcmread(FILES / KINDS["native"])
    save(ds, tmp_path / "native", ds.file_meta.TransferSyntaxUID)
    content = (tmp_path / "native").read_bytes()
    syntax = str(ds.file_meta.TransferSyntaxUID).encode() + b"\0"
    wrong = b"1.2.840.10008.1.2.5\0"  # RLE
    assert len(wrong) == len(syntax)
    (tmp_path / "wrong").write_bytes(content.replace(syntax, wrong))
    assert RLELossless == wrong[:-1].decode()
    assert "compressed although its transfer syntax says it is not" in reason_for(
        tmp_path / "wrong"
    )


@pytest.mark.parametrize("exif", [3, 6])
def test_exif_within_a_dicom_file_is_ignored(exif, tmp_path):
    pixels = np.linspace(0, 255, 24 * 16).reshape(24, 16).astype(np.uint8)
    image = Image.fromarray(pixels)
    tags = Image.Exif()
    tags[0x0112] = exif
    image.save(tmp_path / "x.jpeg", exif=tags, quality=95)
    path = write_dicom(
        tmp_path / "x",
        pixels,
        syntax=JPEGBaseline8Bit,
        PixelData=encapsulate([(tmp_path / "x.jpeg").read_bytes()]),
    )
    shown = load(path, size=pixels.shape)[..., 0]
    assert np.abs(shown.astype(int) - pixels).max() < 20


def test_truncated_images_stay_errors_if_pillow_is_set_to_load_them(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(RuntimeError, match="LOAD_TRUNCATED_IMAGES is True"):
        ImageLoader(cache=False).transform([FILES / KINDS["JPEG"]])
