"""Every DICOM file at hand is rendered like the reference, or refused with a reason."""

import os
import re
import shutil
import sys
import time

import numpy as np
import pydicom
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit

from skpneumo._messages import command_line_messages
from skpneumo.loading import DecodeCache, ImageLoader, UnreadableImagesError

from .dicom_reference import reference_image
from .dicom_writing import PYDICOM_DATA, as_radiograph, write_dicom

SHIPPED = sorted(
    path.relative_to(PYDICOM_DATA).as_posix()
    for folder in ("test_files", "charset_files", "palettes")
    for path in (PYDICOM_DATA / folder).rglob("*")
    if path.is_file()
)
REAL = [
    *("monochrome1", "monochrome2", "RG1_J2KI", "RG3_J2KI", "RG3_J2KR", "mlut_18", "vlut_04"),
    *("HTJ2K_08_RGB", "JPEG-LL", "JPGLosslessP14SV1_1s_1f_8b"),
]

NOT_DICOM = "not a JPEG, PNG, TIFF or DICOM file"
NUCLEAR = "DICOM: of modality NM, not a radiograph"
NO_PIXELS = r"damaged or unsupported DICOM \(no pixel data\)"

# Of the files that pydicom ships, those that are refused, and of what a whole folder holds; every
# other one must render as the reference does.
REFUSED = {
    "charset_files/FileInfo.txt": NOT_DICOM,
    "charset_files/chrJapMulti": NO_PIXELS,
    "charset_files/chrKoreanMulti.dcm": NO_PIXELS,
    "charset_files/chrSQEncoding": "MR Image Storage, not a radiograph",
    "palettes/": "Color Palette Storage, not a radiograph",
    "palettes/README.md": NOT_DICOM,
    "test_files/693_J2KI.dcm": "CT Image Storage, not a radiograph",
    "test_files/CT_small.dcm": "CT Image Storage, not a radiograph",
    "test_files/ExplVR_BigEnd.dcm": "Ultrasound Image Storage, not a radiograph",
    "test_files/ExplVR_BigEndNoMeta.dcm": "RT Ion Plan Storage, not a radiograph",
    "test_files/ExplVR_LitEndNoMeta.dcm": "RT Ion Plan Storage, not a radiograph",
    "test_files/J2K_pixelrep_mismatch.dcm": "CT Image Storage, not a radiograph",
    "test_files/JPEG-lossy.dcm": NUCLEAR,
    "test_files/JPEG2000": NUCLEAR,
    "test_files/JPGExtended.dcm": NUCLEAR,
    "test_files/MR_": "MR Image Storage, not a radiograph",
    "test_files/README.txt": NOT_DICOM,
    "test_files/SC_rgb_rle_16bit_2frame.dcm": "DICOM: contains 2 images, and nothing says which",
    "test_files/SC_rgb_rle_2frame.dcm": "DICOM: contains 2 images, and nothing says which",
    "test_files/SC_rgb_rle_32bit": "DICOM: 32 of 32 bits per sample",
    "test_files/UN_sequence.dcm": "CT Image Storage, not a radiograph",
    "test_files/badVR.dcm": "RT Dose Storage, not a radiograph",
    "test_files/crayons.icc": NOT_DICOM,
    "test_files/dicomdirtests/": "(CT|MR) Image Storage, not a radiograph",
    "test_files/dicomdirtests/77654033/CR": None,
    "test_files/dicomdirtests/DICOMDIR": "Media Storage Directory Storage, not a radiograph",
    "test_files/dicomdirtests/README": NOT_DICOM,
    "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": "Media Storage Directory Storage",
    "test_files/dicomdirtests/TINY_ALPHA/README": NOT_DICOM,
    "test_files/dicomdirtests/TINY_ALPHA/PT": "CT Image Storage, not a radiograph",
    "test_files/empty_charset_LEI.dcm": NO_PIXELS,
    "test_files/examples_jpeg2k.dcm": "Ultrasound Image Storage, not a radiograph",
    "test_files/examples_overlay.dcm": "MR Image Storage, not a radiograph",
    "test_files/examples_palette.dcm": "Ultrasound Image Storage, not a radiograph",
    "test_files/examples_rgb_color.dcm": "Ultrasound Image Storage, not a radiograph",
    "test_files/examples_ybr_color.dcm": "Ultrasound Multi-frame Image Storage, not a radiograph",
    "test_files/liver_": "Segmentation Storage, not a radiograph",
    "test_files/meta_missing_tsyntax.dcm": "no usable BitsStored",
    "test_files/nested_priv_SQ.dcm": "no usable BitsStored",
    "test_files/no_meta.dcm": NOT_DICOM,  # its first byte is not of the data set
    "test_files/no_meta_group_length.dcm": "RT Image Storage, not a radiograph",
    "test_files/priv_SQ.dcm": "MR Image Storage, not a radiograph",
    "test_files/reportsi": "Basic Text SR Storage, not a radiograph",
    "test_files/rtdose": "RT Dose Storage, not a radiograph",
    "test_files/rtplan": "RT Plan Storage, not a radiograph",
    "test_files/rtplan.dump": NOT_DICOM,
    "test_files/rtstruct.dcm": "RT Structure Set Storage, not a radiograph",
    "test_files/rtstruct.dump": NOT_DICOM,
    "test_files/test-SR.dcm": "Comprehensive SR Storage, not a radiograph",
    "test_files/test1.json": NOT_DICOM,
    "test_files/test_PN.json": NOT_DICOM,
    "test_files/waveform_ecg.dcm": "12-lead ECG Waveform Storage, not a radiograph",
    "test_files/zipMR.gz": NOT_DICOM,
}
REFUSED_REAL = {
    "JPEG-LL": NUCLEAR,
    "JPGLosslessP14SV1_1s_1f_8b": "Ultrasound Image Storage, not a radiograph",
}

# Files refused for their class can still test whether their pixels are read correctly.
AS_RADIOGRAPH = [
    *("693_J2KI", "CT_small", "ExplVR_BigEnd", "J2K_pixelrep_mismatch", "JPEG2000"),
    *("MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit"),
    *("MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_padded"),
    *("examples_jpeg2k", "examples_overlay", "examples_palette", "examples_rgb_color"),
    *("liver_1frame", "liver_expb_1frame"),
]


def reason_for(path, **parameters):
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader(cache=False, **parameters).transform([path])
    return str(caught.value.failures[str(path)])


def load(path, **parameters):
    (image,) = ImageLoader(cache=False, **parameters).transform([path])
    return image


def assert_renders_as_the_reference(path, **parameters):
    expected = reference_image(path, parameters.get("dicom_window", 0))
    mode = "rgb" if expected.ndim == 3 else "grayscale"
    image = load(path, size=expected.shape[:2], color_mode=mode, **parameters)
    assert np.abs(image.squeeze().astype(float) - expected.squeeze()).max() <= 1


def expected_reason(name):
    prefix = max((prefix for prefix in REFUSED if name.startswith(prefix)), key=len, default=None)
    return REFUSED[prefix] if prefix else None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_pydicom_file_is_rendered_like_the_reference_or_refused(name):
    path = PYDICOM_DATA / name
    if expected_reason(name):
        assert re.search(expected_reason(name), reason_for(path))
    else:
        assert_renders_as_the_reference(path)


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_rendered_like_the_reference_or_refused(name, real_data, tmp_path):
    path = real_data / "dicom" / f"{name}.dcm"
    if name in REFUSED_REAL:
        assert REFUSED_REAL[name] in reason_for(path)
        path = as_radiograph(path, tmp_path / "x.dcm")
    assert_renders_as_the_reference(path)


@pytest.mark.real
def test_the_two_polarities_of_the_same_pixels_are_negatives(real_data):
    paths = [real_data / "dicom" / f"monochrome{n}.dcm" for n in (1, 2)]
    for size in (1024, 128):  # decoded whole, and at an eighth
        first, second = ImageLoader(size=size, cache=False).transform(paths)
        assert_array_equal(first, 255 - second)


@pytest.mark.parametrize("name", AS_RADIOGRAPH)
def test_pixels_of_other_classes_are_read_correctly(name, tmp_path):
    path = as_radiograph(PYDICOM_DATA / "test_files" / f"{name}.dcm", tmp_path / "x.dcm")
    assert_renders_as_the_reference(path)
    assert_renders_as_the_reference(path, dicom_window=None)


def test_colour_becomes_grey_by_its_luma(tmp_path):
    path = PYDICOM_DATA / "test_files" / "SC_rgb_dcmtk_+eb+cr.dcm"
    red, green, blue = np.moveaxis(reference_image(path), -1, 0)
    grey = load(path, size=red.shape)[..., 0]
    assert np.abs(grey - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 1.5


def test_grey_is_repeated_over_three_channels(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", np.arange(64, dtype=np.uint8).reshape(8, 8))
    image = load(path, size=8, color_mode="rgb")
    assert image.shape == (8, 8, 3)
    assert np.ptp(image, axis=2).max() == 0


@pytest.mark.parametrize("name", ["x.dcm", "x", "x.jpeg", "1.2.840.10008"])
def test_files_are_recognised_by_their_content(name, tmp_path):
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    path = write_dicom(tmp_path / name, stored)
    expected = np.rint(stored.astype(float)).astype(np.uint8)
    assert_array_equal(load(path, size=8)[..., 0], expected)


def test_a_data_set_without_preamble_is_recognised(tmp_path):
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = write_dicom(tmp_path / "x.dcm", stored)
    content = (tmp_path / "x.dcm").read_bytes()
    ds = pydicom.dcmread(path)
    (tmp_path / "no-preamble").write_bytes(content[132:])
    del ds.file_meta
    for name, implicit in (("explicit", False), ("implicit", True)):
        ds.save_as(tmp_path / name, implicit_vr=implicit, little_endian=True)
    images = ImageLoader(size=8, cache=False).transform(
        [tmp_path / name for name in ("x.dcm", "no-preamble", "explicit", "implicit")]
    )
    for image in images:
        assert_array_equal(image[..., 0], stored)


def test_a_file_that_is_tiff_and_dicom_is_read_as_dicom(tmp_path):
    stored = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = tmp_path / "x"
    write_dicom(path, stored, PhotometricInterpretation="MONOCHROME1")
    path.write_bytes(b"II*\0" + path.read_bytes()[4:])
    assert_array_equal(load(path, size=8)[..., 0], 255 - stored)


@pytest.fixture
def mixed_files(tmp_path):
    """DICOM of several kinds among other formats, dated back so that they are cached."""
    rng = np.random.default_rng(0)
    paths = [
        shutil.copy(PYDICOM_DATA / "test_files" / name, tmp_path)
        for name in ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_gdcm_KY.dcm", "SC_rgb_jpeg_gdcm.dcm")
    ]
    for i in range(9):
        grey = rng.integers(0, 4096, (20, 30), dtype=np.uint16)
        paths.append(
            write_dicom(tmp_path / f"{i}", grey, bits=12, WindowCenter=900, WindowWidth=99)
        )
        Image.fromarray((grey // 16).astype(np.uint8)).save(tmp_path / f"{i}.png")
        paths.append(str(tmp_path / f"{i}.png"))
    for path in paths:
        os.utime(path, (time.time() - 60,) * 2)
    time.sleep(0.03)  # a tick of the clock: what has just changed is not saved
    return paths


def test_threads_caches_and_streams_give_the_same_images(mixed_files, tmp_path):
    expected = np.stack([load(path, size=(16, 12)) for path in mixed_files])
    folder = DecodeCache(tmp_path / "cache")
    loaders = {
        "threads": ImageLoader((16, 12), cache=False, n_jobs=4),
        "memory": ImageLoader((16, 12)),
        "folder": ImageLoader((16, 12), cache=folder, n_jobs=2),
        "stream": ImageLoader((16, 12), stream=True, n_jobs=2),
    }
    for loader in loaders.values():
        for _ in range(2):
            assert_array_equal(np.asarray(loader.transform(mixed_files)), expected)
    assert folder.info().served == len(mixed_files)


def test_another_window_is_another_entry_of_the_cache(tmp_path):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = write_dicom(
        tmp_path / "x.dcm", stored, WindowCenter=[128, 50, 200], WindowWidth=[256, 20, 20]
    )
    os.utime(path, (time.time() - 60,) * 2)
    images = [
        ImageLoader(16, dicom_window=window).transform([path])[0] for window in (0, 1, 2, None)
    ]
    for window, image in zip((0, 1, 2, None), images, strict=True):
        assert np.abs(image[..., 0] - reference_image(path, window)).max() <= 1
    assert len({image.tobytes() for image in images}) == 3  # the first is all of the range
    streamed = ImageLoader(16, dicom_window=2, stream=True).transform([path])
    assert_array_equal(streamed[0], images[2])


@pytest.mark.parametrize("window", [-1, 1.5, "first"])
def test_invalid_windows_are_refused(window, tmp_path):
    with pytest.raises(ValueError, match="dicom_window"):
        ImageLoader(dicom_window=window).fit(["x.dcm"])


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_jpeg_is_decoded_at_the_scale_needed(photometric, tmp_path):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (9, 12), dtype=np.uint8)).resize((1200, 900))
    image.save(tmp_path / "x.jpeg", quality=95)
    frame = (tmp_path / "x.jpeg").read_bytes()
    path = write_dicom(
        tmp_path / "x.dcm",
        np.asarray(image),
        syntax=JPEGBaseline8Bit,
        PhotometricInterpretation=photometric,
        PixelData=pydicom.encaps.encapsulate([frame]),
    )
    for size, resize in ((64, "stretch"), ((100, 40), "crop")):
        small = load(path, size=size, resize=resize)
        expected = load(tmp_path / "x.jpeg", size=size, resize=resize)
        assert_array_equal(small, expected if photometric == "MONOCHROME2" else 255 - expected)
    assert load(path, size=64, resize="pad")[0].max() == 0  # bars are black in negatives as well


def test_without_pydicom_the_pip_line_is_named(tmp_path, monkeypatch):
    """It is an error of that file; files that do not need pydicom are still read."""
    path = write_dicom(tmp_path / "x.dcm", np.zeros((8, 8), np.uint8))
    other = tmp_path / "y.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(other)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.filereader", None)
    with pytest.raises(
        UnreadableImagesError, match=r'pydicom. Install it with: pip install "skpneumo\[dicom\]"'
    ) as caught:
        ImageLoader(cache=False).transform([path, other])
    assert list(caught.value.failures) == [str(path)]


def test_twelve_bits_in_sixteen_are_read_by_naming_white(tmp_path):
    stored = np.tile(np.arange(0, 4096, 64, dtype=np.uint16), (64, 1))

    def read(name, white=None, **elements):
        write_dicom(tmp_path / name, elements.pop("stored", stored), **elements)
        return np.asarray(ImageLoader(size=64, white=white).transform([tmp_path / name]))

    right = read("says it", bits=12)
    assert read("does not").max() == 16
    np.testing.assert_array_equal(read("named", white=4095), right)
    for elements in (
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"RescaleSlope": "-1", "RescaleIntercept": "4095"},
        {"PixelPaddingValue": 65535, "stored": np.where(stored < 640, 65535, stored)},
    ):
        np.testing.assert_array_equal(
            read("named", white=4095, **elements)[:, :, 12:],
            read("says it", bits=12, **elements)[:, :, 12:],
        )
    # What a file says by a window or by its bits is not overruled.
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    np.testing.assert_array_equal(read("window", white=999, **window), read("window", **window))
    np.testing.assert_array_equal(read("says it", white=999, bits=12), right)
    with pytest.raises(UnreadableImagesError, match=r"4032, beyond the white of 4000.*\(white=\)"):
        read("too low", white=4000)
    with (
        command_line_messages(),
        pytest.raises(UnreadableImagesError, match="`skpneumo fit --white`,"),
    ):
        read("too low", white=4000)
