"""DICOM is recognised by content, and pydicom is silenced without a change of warning filters."""

import threading
import warnings

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpneumo._dicom_files import DICOM_START, is_dicom, quiet_pydicom, read_dicom_header

from .loading.dicom_writing import PYDICOM_DATA

# What is in the folders with pydicom's own files and is no DICOM, by suffix or name.
OTHERS = (".txt", ".md", ".json", ".gz", ".icc", ".dump", "README", "no_meta.dcm")


@pytest.mark.parametrize("folder", ["test_files", "charset_files", "palettes"])
def test_all_files_of_pydicom_are_recognised(folder):
    for path in sorted((PYDICOM_DATA / folder).rglob("*")):
        if path.is_file():
            start = path.read_bytes()[:DICOM_START]
            assert is_dicom(start) == (not path.name.endswith(OTHERS)), path


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"BM\x36\0\x10\0\0\0\0\0",
        b"GIF89a\x01\0\x01\0",
        b"RIFF\0\0\0\0WEBP",
        b"PK\x03\x04\x14\0\0\0",
        b"\x7fELF\x02\x01\x01\0",
        b"%PDF-1.7\n%",
        b"\0\0\x01\0\x01\0\x10\x10",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"<!DOCTYPE html>",
        bytes(200),
        b"DICM",
    ],
)
def test_other_formats_are_not_recognised_as_dicom(start):
    assert not is_dicom(start)


@settings(deadline=None)
@given(st.binary(min_size=132, max_size=140))
def test_random_bytes_are_rarely_recognised_as_dicom(start):
    if is_dicom(start):
        assert start[:2] in (b"\x02\0", b"\x08\0", b"\0\x08", b"\0\x02", b"\0\0") or (
            start[128:132] == b"DICM"
        )


def test_a_header_is_read_up_to_the_pixels(tmp_path):
    path = PYDICOM_DATA / "test_files" / "MR_small.dcm"
    with open(path, "rb") as file:
        header = read_dicom_header(file, [0x00280010, 0x00080060])
    assert header.dataset.Rows == 64
    assert header.dataset.Modality == "MR"
    assert "PatientName" not in header.dataset
    assert header.pixel_length == 8192
    with open(path, "rb") as file:
        file.seek(header.pixel_start)
        assert file.read(4) == b"\xe0\x7f\x10\0"
    assert not header.truncated


def test_a_file_that_ends_within_a_skipped_element_is_known_to_be_truncated(tmp_path):
    content = (PYDICOM_DATA / "test_files" / "SC_rgb_small_odd.dcm").read_bytes()
    where = content.index(b"Lestrade")  # within the patient's name
    for end in (where + 3, len(content)):
        (tmp_path / "x").write_bytes(content[:end])
        with quiet_pydicom(), open(tmp_path / "x", "rb") as file:
            header = read_dicom_header(file, [0x00280010])
        assert header.truncated == (end < len(content))


def test_pydicom_is_silent_and_the_filters_are_as_before():
    before = list(warnings.filters)
    with quiet_pydicom():
        pydicom.dcmread(PYDICOM_DATA / "test_files" / "UN_sequence.dcm")
        with quiet_pydicom():
            pass
        assert len(warnings.filters) == len(before) + 1
        with pytest.raises(UserWarning, match="ours"):
            warnings.warn("ours", UserWarning, stacklevel=1)
    assert list(warnings.filters) == before


def test_filters_are_as_before_when_others_catch_warnings_meanwhile():
    before = list(warnings.filters)
    reading = quiet_pydicom()
    reading.__enter__()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reading.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with warnings.catch_warnings():
        reading = quiet_pydicom()
        reading.__enter__()
    reading.__exit__(None, None, None)
    assert list(warnings.filters) == before


def test_filters_are_as_before_when_threads_read_in_turns():
    before = list(warnings.filters)
    barrier = threading.Barrier(8)

    def read():
        barrier.wait()
        for _ in range(200):
            with quiet_pydicom():
                pass

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
