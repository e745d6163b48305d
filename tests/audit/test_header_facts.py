"""Facts from headers: JPEG tables, TIFF compression, and the device in EXIF or DICOM."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skpneumo.audit import audit_images
from skpneumo.audit._acquisition import acquisition_in_headers, acquisition_of, devices_of
from skpneumo.audit._header_facts import header_facts

from ..loading.dicom_writing import write_dicom


@pytest.fixture
def image():
    return Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20).astype(np.uint8))


def test_jpeg_tables_are_coarser_where_quality_is_lower(image, tmp_path):
    for quality in (50, 90):
        image.save(tmp_path / f"{quality}.jpeg", quality=quality)
    coarse, fine = (header_facts(str(tmp_path / f"{q}.jpeg"))["jpeg_table"] for q in (50, 90))
    assert coarse > 3 * fine > 0


@pytest.mark.parametrize("suffix", ["jpeg", "png", "tiff"])
def test_the_device_is_read_from_exif(image, tmp_path, suffix):
    exif = Image.Exif()
    exif.update({271: "Maker\0", 272: "Model 7"})
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    facts = header_facts(str(tmp_path / f"a.{suffix}"))
    assert facts["device"] == "Maker Model 7"
    assert np.isnan(facts["jpeg_table"]) == (suffix != "jpeg")


def test_files_that_name_no_device_have_none(image, tmp_path):
    image.save(tmp_path / "a.jpeg")
    assert header_facts(str(tmp_path / "a.jpeg"))["device"] == ""
    (tmp_path / "b.jpeg").write_bytes(b"\xff\xd8\xffnothing")
    assert header_facts(str(tmp_path / "b.jpeg"))["device"] == ""


@pytest.mark.parametrize(
    ("options", "named"),
    [({}, ["raw"]), ({"compression": "tiff_lzw"}, ["tiff_lzw"]), ({"suffix": "png"}, [""])],
)
def test_uncompressed_tiffs_are_one_finding(image, tmp_path, options, named):
    suffix = options.pop("suffix", "tiff")
    paths = [tmp_path / f"person{i}_virus_1.{suffix}" for i in range(3)]
    for path in paths:
        image.save(path, **options)
    audit = audit_images([*paths, tmp_path / "missing.tiff"], near_duplicates=False)
    assert audit.frame["compression"].tolist() == named * 3 + [""]
    noted = audit.findings.query("kind == 'uncompressed'")["paths"].tolist()
    assert noted == ([list(map(str, paths))] if named == ["raw"] else [])


def test_the_device_in_a_table_or_dicom_overrides_exif():
    in_exif = pd.Series(["camera", "camera", ""])
    acquisition = acquisition_of(pd.DataFrame({"manufacturer": ["A", None, "B"]}))
    assert devices_of(acquisition, in_exif).tolist() == ["A", "camera", "B"]
    assert devices_of(pd.DataFrame(index=range(3)), in_exif).equals(in_exif)


def test_the_device_of_dicom_is_manufacturer_and_model(tmp_path):
    path = tmp_path / "a.dcm"
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)  # without a window, 16 bits are black
    write_dicom(path, pixels, Manufacturer="Maker", ManufacturerModelName="M")
    frame = audit_images([path], [0], near_duplicates=False).frame
    assert frame["device"].tolist() == ["Maker M"]


def test_spellings_of_patients_are_no_matter_of_devices(tmp_path):
    pixels = np.zeros((6, 4), np.uint16)
    files = [
        write_dicom(tmp_path / each, pixels, PatientID=each, Manufacturer="Acme")
        for each in ("7", "007")
    ]
    devices = acquisition_in_headers(np.array(files, dtype=object), pd.Series(["DICOM"] * 2))
    assert devices["device"].tolist() == ["Acme"] * 2
