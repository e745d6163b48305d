"""Any grey scale of the standard is rendered like the reference."""

import re
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from skpneumo._messages import command_line_messages

from .dicom_reference import reference_image
from .dicom_writing import lut, write_dicom
from .test_dicom import load, reason_for

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@st.composite
def modality_elements(draw, signed, byte_order):
    kind = draw(st.sampled_from(["none", "rescale", "lut"]))
    if kind == "rescale":
        slope = draw(st.sampled_from([1.0, 0.684, 2.5, -1.0, 0.01]))
        return {
            "RescaleSlope": slope,
            "RescaleIntercept": draw(st.sampled_from([0, -1024, 200.5])),
        }
    if kind == "lut":
        return {"ModalityLUTSequence": [draw(lut_items(signed, byte_order))]}
    return {}


@st.composite
def lut_items(draw, signed, byte_order):
    n_entries = draw(st.sampled_from([1, 2, 17, 256, 4096]))
    bits = draw(st.sampled_from([8, 10, 16]))
    seed = draw(st.integers(0, 99))
    entries = np.random.default_rng(seed).integers(0, 2**bits, n_entries)
    first = draw(st.sampled_from([0, 3, -50 if signed else 7]))
    vr = draw(st.sampled_from(["OW", "US"]))
    return lut(entries, first=first, bits=bits, vr=vr, byte_order=byte_order)


@st.composite
def voi_elements(draw, signed, byte_order):
    elements = {}
    if draw(st.booleans()):
        elements["VOILUTSequence"] = [
            draw(lut_items(signed, byte_order)) for _ in range(draw(st.integers(1, 2)))
        ]
    if n_windows := draw(st.integers(0, 2)):
        elements["WindowCenter"] = [
            draw(st.sampled_from([0, 40, 127.5, 2048, -300])) for _ in range(n_windows)
        ]
        elements["WindowWidth"] = [
            draw(st.sampled_from([1, 2, 80, 400.5, 4096, 60000])) for _ in range(n_windows)
        ]
    function = draw(st.sampled_from([None, "LINEAR", "LINEAR_EXACT", "SIGMOID"]))
    return elements | ({"VOILUTFunction": function} if function else {})


@st.composite
def radiographs(draw):
    """Stored values and the elements that describe how to display them."""
    syntax = draw(st.sampled_from(SYNTAXES))
    byte_order = "<" if syntax.is_little_endian else ">"
    signed = draw(st.booleans())
    bits = draw(st.integers(1 if not signed else 2, 16))
    dtype = np.uint8 if bits <= 8 and draw(st.booleans()) else np.uint16
    lowest = -(2 ** (bits - 1)) if signed else 0
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    stored = rng.integers(lowest, lowest + 2**bits, (6, 10))
    stored.flat[:2] = lowest, lowest + 2**bits - 1
    elements = {"PhotometricInterpretation": draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))}
    elements |= draw(modality_elements(signed, byte_order))
    elements |= draw(voi_elements(signed, byte_order))
    shape = draw(st.sampled_from([None, "IDENTITY", "INVERSE"]))
    if shape:
        elements["PresentationLUTShape"] = shape
    elif draw(st.integers(0, 4)) == 0:
        elements["PresentationLUTSequence"] = [draw(lut_items(False, byte_order))]
    if draw(st.booleans()):
        elements["PixelPaddingValue"] = int(stored.flat[5])
        if draw(st.booleans()):
            elements["PixelPaddingRangeLimit"] = int(stored.flat[6])
    n_choices = len(elements.get("VOILUTSequence", ())) + len(elements.get("WindowCenter", ()))
    window = draw(st.sampled_from([None, *range(max(1, n_choices))]))
    signed_dtype = np.dtype(dtype.__name__[1:]) if signed else dtype
    described = {"bits": bits, "signed": signed, "syntax": syntax} | elements
    return stored.astype(signed_dtype), described, window


@settings(max_examples=150, deadline=None)
@given(radiograph=radiographs())
def test_any_grey_scale_renders_as_the_reference(radiograph):
    stored, described, window = radiograph
    with TemporaryDirectory() as folder:
        path = write_dicom(f"{folder}/x", stored, **described)
        expected = reference_image(path, window)
        if np.ptp(expected) == 0 < np.ptp(stored):
            with pytest.raises(ValueError, match="that are all shown as the grey level"):
                load(path, size=stored.shape, dicom_window=window)
            return
        # One level of difference is rounding.
        assume(np.ptp(expected) > 1 or np.ptp(stored) == 0)
        image = load(path, size=stored.shape, dicom_window=window)[..., 0]
    assert np.abs(image - expected).max() <= 1


def test_values_worked_out_by_hand(tmp_path):
    """One case of each kind, in case the loader and the reference have the same error."""
    stored = np.array([[0, 99, 100, 101, 199, 200, 255]], dtype=np.uint8)

    def rows(window=0, **elements):
        path = write_dicom(tmp_path / "x", stored, **elements)
        return load(path, size=stored.shape, dicom_window=window)[0, :, 0].tolist()

    assert rows() == [0, 99, 100, 101, 199, 200, 255]
    assert rows(PhotometricInterpretation="MONOCHROME1") == [255, 156, 155, 154, 56, 55, 0]
    assert rows(PresentationLUTShape="INVERSE") == [255, 156, 155, 154, 56, 55, 0]
    # PS3.3 C.8.11.1.1.2: the two go together and mean one inversion.
    both = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    assert rows(**both) == [255, 156, 155, 154, 56, 55, 0]
    # C.11.2.1.2.1: c - .5 - (w - 1) / 2 = 100 is black, 200 is white.
    assert rows(WindowCenter=150.5, WindowWidth=101) == [0, 0, 0, 3, 252, 255, 255]
    exact = {"WindowCenter": 150, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"}
    assert rows(**exact) == [0, 0, 0, 3, 252, 255, 255]
    sigmoid = {"WindowCenter": 100, "WindowWidth": 4, "VOILUTFunction": "SIGMOID"}
    assert rows(**sigmoid) == [0, 69, 128, 186, 255, 255, 255]
    # A Hounsfield-like scale: 2 * 100 - 100 = 100 units are the middle.
    scale = {"RescaleSlope": 2, "RescaleIntercept": -100}
    assert rows(**scale, WindowCenter=100.5, WindowWidth=2) == [0, 0, 128, 255, 255, 255, 255]
    assert rows(**scale) == [0, 99, 100, 101, 199, 200, 255]
    table = lut([0, 128, 255], first=99)
    assert rows(VOILUTSequence=[table]) == [0, 0, 128, 255, 255, 255, 255]
    assert rows(ModalityLUTSequence=[table]) == [0, 0, 128, 255, 255, 255, 255]
    padded = {"PixelPaddingValue": 255, "PixelPaddingRangeLimit": 200}
    assert rows(**padded) == [0, 99, 100, 101, 199, 0, 0]
    padded |= {"PhotometricInterpretation": "MONOCHROME1"}
    assert rows(**padded) == [255, 156, 155, 154, 56, 0, 0]
    assert rows(None, WindowCenter=1, WindowWidth=1) == [0, 99, 100, 101, 199, 200, 255]


def test_luts_are_counted_before_windows(tmp_path):
    stored = np.arange(100, dtype=np.uint8).reshape(10, 10)
    path = write_dicom(
        tmp_path / "x",
        stored,
        VOILUTSequence=[lut([0, 255], first=10)],
        WindowCenter=[50, 20],
        WindowWidth=[10, 1],
    )
    white_from = [int((load(path, size=10, dicom_window=i) < 255).sum()) for i in range(3)]
    assert white_from == [11, 54, 20]
    assert "dicom_window=3, but it has 3 VOI LUTs and windows" in reason_for(path, dicom_window=3)


def test_a_missing_window_is_an_error_of_the_file(tmp_path):
    path = write_dicom(tmp_path / "x", np.zeros((4, 4), np.uint8))
    assert "dicom_window=1, but it has 0 VOI LUTs and windows" in reason_for(path, dicom_window=1)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"WindowCenter": 1, "WindowWidth": 0}, "an invalid Window Width of 0;"),
        ({"WindowCenter": 1, "WindowWidth": 0.5}, "an invalid Window Width of 0.5"),
        ({"WindowCenter": [1, 2], "WindowWidth": 3}, "2 Window Centers but 1 Window Widths"),
        (
            {"WindowCenter": 1, "WindowWidth": 2, "VOILUTFunction": "CUBIC"},
            "an unknown VOI LUT Function 'CUBIC'",
        ),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "damaged.*a Rescale Slope of 0"),
        ({"VOILUTSequence": [lut([0, 300])]}, "damaged.*a VOI LUT with entries up to 300"),
        ({"VOILUTSequence": [lut([0, 1], bits=4)]}, "damaged.*a VOI LUT of 4 bits"),
        ({"PhotometricInterpretation": "HSV"}, "Photometric Interpretation 'HSV'"),
        ({"SamplesPerPixel": 3}, "damaged.*3 samples per pixel, but the header says MONOCHROME2"),
        ({"BitsStored": 9}, "9 of 8 bits per sample"),
        ({"HighBit": 3}, "damaged.*High Bit 3, which does not fit 8 stored of 8 bits"),
        ({"Rows": None}, r"damaged.*no usable Rows \(None\)"),
        ({"PixelRepresentation": None}, "damaged.*no usable PixelRepresentation"),
    ],
)
def test_invalid_elements_are_an_error_of_the_file(elements, reason, tmp_path):
    path = write_dicom(tmp_path / "x", np.zeros((4, 4), np.uint8), **elements)
    assert re.search(reason, reason_for(path))


@pytest.mark.parametrize("width", [0, 0.5])
def test_the_full_range_works_despite_a_bad_window(width, tmp_path):
    stored = np.arange(16, dtype=np.uint8).reshape(4, 4)
    path = write_dicom(tmp_path / "x", stored, WindowCenter=1, WindowWidth=width)
    assert "dicom_window=None uses the full range" in reason_for(path)
    assert_array_equal(load(path, size=4, dicom_window=None)[..., 0], stored)


def test_bits_beyond_the_stored_ones_are_ignored(tmp_path):
    """Older files store overlays there."""
    rng = np.random.default_rng(0)
    value = rng.integers(0, 2**10, (8, 8), dtype=np.uint16)
    other = rng.integers(0, 2**16, (8, 8), dtype=np.uint16)
    for high_bit in (9, 12, 15):
        mask = np.uint16((2**10 - 1) << (high_bit - 9))
        stored = (other & ~mask) | (value << (high_bit - 9))
        path = write_dicom(tmp_path / "x", stored, bits=10, HighBit=high_bit)
        assert_array_equal(
            load(path, size=8)[..., 0], np.rint(value * (255 / 1023)).astype(np.uint8)
        )


def test_overlays_are_not_shown(tmp_path):
    stored = np.zeros((8, 8), dtype=np.uint8)
    path = tmp_path / "x"
    write_dicom(path, stored)
    ds = pydicom.dcmread(path)
    group = 0x6000
    ds.add_new((group, 0x0010), "US", 8)
    ds.add_new((group, 0x0011), "US", 8)
    ds.add_new((group, 0x0040), "CS", "G")
    ds.add_new((group, 0x0050), "SS", [1, 1])
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    ds.add_new((group, 0x3000), "OW", b"\xff" * 8)
    ds.save_as(path)
    assert load(path, size=8).max() == 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_palettes_of_any_kind(bits, syntax, tmp_path):
    rng = np.random.default_rng(0)
    for dtype, n_entries in ((np.uint8, 200), (np.uint16, 300)):
        stored = rng.integers(0, 256, (8, 8)).astype(dtype) * (1 if dtype is np.uint8 else 7)
        elements = {"PhotometricInterpretation": "PALETTE COLOR"}
        for color in ("Red", "Green", "Blue"):
            keyword = f"{color}PaletteColorLookupTable"
            elements[f"{keyword}Descriptor"] = [n_entries, 5, bits]
            order = ">" if syntax == ExplicitVRBigEndian else "<"
            entries = rng.integers(0, 2**bits, n_entries).astype(f"{order}u2")
            elements[f"{keyword}Data"] = entries.tobytes()
        path = write_dicom(tmp_path / "x", stored, syntax=syntax, **elements)
        image = load(path, size=8, color_mode="rgb")
        assert np.abs(image - reference_image(path)).max() <= 1


def test_a_palette_with_two_entries_per_word(tmp_path):
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8)
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for shift, color in enumerate(("Red", "Green", "Blue")):
        elements[f"{color}PaletteColorLookupTableDescriptor"] = [64, 0, 8]
        elements[f"{color}PaletteColorLookupTableData"] = bytes(range(shift, 64 + shift))
    path = write_dicom(tmp_path / "x", stored, **elements)
    image = load(path, size=8, color_mode="rgb")
    assert_array_equal(image, np.stack([stored, stored + 1, stored + 2], axis=-1))


def test_a_segmented_palette(tmp_path):
    # PS3.3 C.7.9.2: three entries as they are, then a line to 255 in five.
    segments = np.array([0, 3, 10, 20, 30, 1, 5, 255], "<u2").tobytes()
    entries = [10, 20, 30, 75, 120, 165, 210, 255]
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for color in ("Red", "Green", "Blue"):
        elements[f"{color}PaletteColorLookupTableDescriptor"] = [8, 0, 16]
        elements[f"Segmented{color}PaletteColorLookupTableData"] = segments
    stored = np.arange(8, dtype=np.uint8).reshape(1, 8)
    path = write_dicom(tmp_path / "x", stored, **elements)
    image = load(path, size=stored.shape, color_mode="rgb")
    assert np.abs(image[0, :, 0] - np.array(entries) / 257).max() <= 1


@pytest.mark.parametrize("by_plane", [False, True])
def test_colour_of_12_bits(by_plane, tmp_path):
    stored = np.random.default_rng(0).integers(0, 4096, (6, 8, 3), dtype=np.uint16)
    path = write_dicom(tmp_path / "x", stored, bits=12)
    if by_plane:
        ds = pydicom.dcmread(path)
        ds.PlanarConfiguration = 1
        ds.PixelData = np.moveaxis(stored, -1, 0).astype("<u2").tobytes()
        ds.save_as(path)
    image = load(path, size=(6, 8), color_mode="rgb")
    assert np.abs(image - stored * (255 / 4095)).max() <= 1
    assert np.abs(image - reference_image(path)).max() <= 1


def test_the_shell_is_not_told_of_parameters(tmp_path):
    path = write_dicom(tmp_path / "x", np.zeros((2, 2), np.uint8), WindowCenter=1, WindowWidth=0)
    with command_line_messages(), pytest.raises(ValueError, match="or leave the file out") as said:
        load(path)
    assert "dicom_window" not in str(said.value)
