"""Headers become a table that names no patient and has a row for every file."""

import os
import re
import sys

import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset

from skpneumo import load_image_table, read_dicom_headers
from skpneumo._dicom_files import DICOM_START
from skpneumo.datasets import CollectionWarning

from ..loading.dicom_writing import PYDICOM_DATA, write_dicom

IDENTIFIERS = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientAddress", "OtherPatientIDs"),
    *("AccessionNumber", "StudyInstanceUID", "InstitutionName"),
)
PIXELS = np.zeros((6, 4), np.uint16)
PERSON = {
    "PatientName": "Moreau^Jeanne",
    "PatientID": "4711",
    "PatientBirthDate": "19300123",
    "PatientAddress": "7 Rue du Bac",
    "OtherPatientIDs": "4712",
    "AccessionNumber": "A815",
    "StudyInstanceUID": "1.2.3.4.5",
    "InstitutionName": "Hopital",
    "PatientAge": "036M",
    "PatientSex": "F",
    "ViewPosition": "pa",
    "ImageLaterality": "U",
    "Manufacturer": "Acme",
    "ManufacturerModelName": "Ray 2",
}


def write(path, **elements):
    return write_dicom(path, PIXELS, bits=12, **(PERSON | elements))


def test_a_header_becomes_a_row(tmp_path):
    table = read_dicom_headers([write(tmp_path / "x.dcm")])
    (row,) = table.to_dict("records")
    patient, study = row.pop("patient"), row.pop("study")
    assert re.fullmatch("[0-9a-f]{16}", patient)
    assert re.fullmatch("[0-9a-f]{16}", study)
    assert patient != study
    assert row == {
        "path": str(tmp_path / "x.dcm"),
        "view_position": "PA",
        "laterality": "U",
        "age": 3.0,
        "sex": "F",
        "manufacturer": "Acme",
        "model": "Ray 2",
        "rows": 6,
        "columns": 4,
        "photometric_interpretation": "MONOCHROME2",
        "bits": 12,
        "error": "",
    }


def test_no_identifier_is_in_the_table_unless_asked_for(tmp_path):
    path = write(tmp_path / "x.dcm")
    secrets = [value for keyword, value in PERSON.items() if keyword in IDENTIFIERS]
    text = read_dicom_headers([path], salt="of this test").drop(columns="path").to_csv()
    assert not [secret for secret in secrets if secret in text]
    asked = read_dicom_headers(
        [path], salt="of this test", tags=["PatientName", "AccessionNumber"]
    )
    assert asked["PatientName"].tolist() == ["Moreau^Jeanne"]
    assert asked["AccessionNumber"].tolist() == ["A815"]
    assert not [secret for secret in secrets[1:5] if secret in asked.drop(columns="path").to_csv()]


def test_patients_are_the_same_where_their_numbers_and_issuers_are(tmp_path):
    same = [write(tmp_path / "a"), write(tmp_path / "b", PatientID="004711 ")]
    others = [
        write(tmp_path / "c", PatientID="47112"),
        write(tmp_path / "d", PatientID="12", IssuerOfPatientID="St. Mary"),
        write(tmp_path / "e", PatientID="1", IssuerOfPatientID="14711"),
        write(tmp_path / "f", PatientID="11", IssuerOfPatientID="4711"),
    ]
    nobody = [write(tmp_path / "g", PatientID=""), write(tmp_path / "h", PatientID=None)]
    with pytest.warns(CollectionWarning, match="PatientIDs of 1 patient in several") as caught:
        patients = read_dicom_headers([*same, *others, *nobody])["patient"]
    assert "4711" not in str(caught[0].message)
    read_dicom_headers([same[0], *others])  # without a warning
    assert patients[0] == patients[1]
    assert patients[:6].nunique() == 5
    assert patients[6:].isna().all()


def test_ids_with_and_without_an_issuer_are_counted(tmp_path):
    of_one = [write(tmp_path / "a"), write(tmp_path / "b", IssuerOfPatientID="St. Mary")]
    with pytest.warns(CollectionWarning, match="^1 PatientID has an issuer in some files") as one:
        patients = read_dicom_headers(of_one)["patient"]
    assert patients.nunique() == 2
    assert "4711" not in str(one[0].message)
    of_another = write(tmp_path / "c", IssuerOfPatientID="St. John")
    read_dicom_headers([of_one[1], of_another])  # two issuers, without a warning


def test_hashes_depend_on_the_salt(tmp_path):
    path = write(tmp_path / "x.dcm")
    salts = ("a", "a", b"a", "b")
    salted = [read_dicom_headers([path], salt=salt)["patient"][0] for salt in salts]
    assert salted[0] == salted[1] == salted[2] != salted[3]
    random = [read_dicom_headers([path])["patient"][0] for _ in range(2)]
    assert len({*random, *salted}) == 4


@pytest.mark.parametrize("salt", ["", b"", 5])
def test_an_empty_salt_is_refused(salt, tmp_path):
    with pytest.raises(ValueError, match="salt="):
        read_dicom_headers([write(tmp_path / "x")], salt=salt)


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", 45), ("6W", 6 * 7 / 365.25), ("010D", 10 / 365.25), ("18m", 1.5)]
)
def test_ages_are_in_years(age, years, tmp_path):
    table = read_dicom_headers([write(tmp_path / "x", PatientAge=age)])
    assert table["age"][0] == pytest.approx(years)
    assert table["error"][0] == ""


def test_an_invalid_age_is_reported_and_not_quoted(tmp_path):
    path = write(tmp_path / "x", PatientAge="old")
    (row,) = read_dicom_headers([path]).to_dict("records")
    assert np.isnan(row["age"])
    assert row["error"] == "not readable in its header: PatientAge"
    assert row["rows"] == 6


def test_views_are_read_from_their_code(tmp_path):
    code = Dataset()
    code.CodeMeaning = "Postero-anterior"
    paths = [write(tmp_path / "x", ViewPosition="", ViewCodeSequence=[code])]
    code.CodeMeaning = "lordotic"
    paths.append(write(tmp_path / "y", ViewPosition=None, ViewCodeSequence=[code]))
    paths.append(write(tmp_path / "z", ViewPosition=None))
    assert read_dicom_headers(paths)["view_position"].tolist() == ["PA", "lordotic", None]


def test_every_file_of_a_folder_has_its_row(tmp_path):
    folder = tmp_path / "export"
    (folder / "b").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    write(folder / "b" / "1.2.3")
    write(folder / "a.dcm")
    write(folder / ".hidden" / "x.dcm")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "notes.txt").write_text("Moreau")
    whole = (folder / "a.dcm").read_bytes()
    (folder / "short.dcm").write_bytes(whole[:140])
    (folder / "rubbish.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(128, 178)))
    (folder / "empty.dcm").write_bytes(b"")
    table = read_dicom_headers(folder)
    names = [os.path.relpath(path, folder) for path in table["path"]]
    assert sorted(names) == sorted(
        ["a.dcm", "empty.dcm", "notes.txt", "rubbish.dcm", "short.dcm", os.path.join("b", "1.2.3")]
    )
    errors = dict(zip(names, table["error"], strict=True))
    assert errors["a.dcm"] == errors[os.path.join("b", "1.2.3")] == ""
    assert errors["notes.txt"] == errors["empty.dcm"] == "not a DICOM file"
    without = table[~table["path"].str.endswith(("a.dcm", "1.2.3"))]
    assert without["patient"].isna().all()


def test_missing_files_and_folders(tmp_path):
    path = write(tmp_path / "x.dcm")
    table = read_dicom_headers([path, tmp_path / "y.dcm", tmp_path])
    assert table["error"].tolist()[0] == ""
    assert table["error"][1] == "no such file or directory"
    assert table["error"][2] == "a folder, pipe, socket or device"
    assert table["path"].tolist() == [path, str(tmp_path / "y.dcm"), str(tmp_path)]
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        read_dicom_headers(tmp_path / "z")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    expected = "a folder, pipe, socket or device"
    assert read_dicom_headers([tmp_path / "pipe.dcm"])["error"].tolist() == [expected]
    assert len(read_dicom_headers(tmp_path)) == 1


def test_one_file_and_any_form_of_paths(tmp_path):
    path = write(tmp_path / "x.dcm")
    expected = read_dicom_headers([path], salt="s")
    for paths in (path, tmp_path / "x.dcm", pd.DataFrame({"path": [path]}), pd.Series([path])):
        pd.testing.assert_frame_equal(read_dicom_headers(paths, salt="s"), expected)


def test_names_that_are_not_utf_8(tmp_path):
    folder = os.fsencode(tmp_path)
    write(tmp_path / "x.dcm")
    os.rename(folder + b"/x.dcm", folder + b"/\xff.dcm")
    table = read_dicom_headers(tmp_path)
    assert table["error"].tolist() == [""]
    assert os.fsencode(table["path"][0]).endswith(b"\xff.dcm")


def test_all_of_pydicoms_files_have_a_row_and_none_warns():
    table = read_dicom_headers(PYDICOM_DATA / "test_files")
    n_files = sum(path.is_file() for path in (PYDICOM_DATA / "test_files").rglob("*"))
    assert len(table) == n_files
    readable = table[table["error"] == ""]
    no_images = table["error"].str.startswith("no pixel data")  # such as plans and reports
    assert len(readable) + no_images.sum() > 0.8 * n_files
    assert "not a DICOM file" in set(table["error"])
    cut = table.loc[table["error"] == "cut off in its header", "path"]
    assert [os.path.basename(path) for path in cut] == ["rtplan_truncated.dcm"]
    assert {"CT_small.dcm", "MR_truncated.dcm"} <= {os.path.basename(p) for p in readable["path"]}


class CountingFile:
    """A file that counts the bytes read from it."""

    def __init__(self, file, n_read):
        self._file, self._n_read = file, n_read

    def read(self, size=-1):
        data = self._file.read(size)
        self._n_read.append(len(data))
        return data

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()


def test_pixels_are_not_read(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "x", np.zeros((2000, 2000), np.uint16))
    n_read = []
    real_open = open
    monkeypatch.setattr(
        "builtins.open", lambda *args, **options: CountingFile(real_open(*args, **options), n_read)
    )
    table = read_dicom_headers([path])
    monkeypatch.undo()
    assert table["error"][0] == ""
    assert 0 < sum(n_read) < 20_000


def test_a_file_that_is_cut_off_anywhere_has_an_error(tmp_path):
    whole = write(tmp_path / "whole")
    with open(whole, "rb") as file:
        content = file.read()
    end = content.rindex(b"\xe0\x7f\x10\x00")  # of the header
    cuts = []
    for length in range(DICOM_START, end, 7):
        cuts.append(tmp_path / str(length))
        cuts[-1].write_bytes(content[:length])
    table = read_dicom_headers([whole, *cuts])
    assert table["error"][0] == ""
    known = r"cut off in its header|no pixel data: .*|a damaged DICOM header \(\w+\)"
    assert table["error"][1:].str.fullmatch(f"({known})(; not readable .*)?").all()
    # What comes before the end is there.
    assert table["rows"][0] == table["rows"].iloc[-1] == 6


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["StudyDat"], "'StudyDat' is not a DICOM keyword.* Did you mean 'StudyDate'"),
        (["Study Date"], "is not a DICOM keyword"),
        (["PixelData"], "The values of PixelData do not fit in a table"),
        (["ViewCodeSequence"], "The values of ViewCodeSequence do not fit"),
    ],
)
def test_tags_that_cannot_be_columns_are_refused(tags, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_dicom_headers([write(tmp_path / "x")], tags=tags)


def test_tags_become_columns(tmp_path):
    path = write(tmp_path / "x", ImageType=["DERIVED", "PRIMARY"], WindowCenter=[1, 2])
    table = read_dicom_headers([path], tags=["ImageType", "WindowCenter", "KVP"])
    row = table[["ImageType", "WindowCenter", "KVP"]].iloc[0].tolist()
    assert row == ["DERIVED\\PRIMARY", "1.0\\2.0", None]
    assert read_dicom_headers(path, tags="Modality")["Modality"].tolist() == ["DX"]


def test_with_labels_it_is_a_collection(tmp_path):
    paths = [write(tmp_path / f"{i}", PatientID=f"{i // 2}") for i in range(6)]
    table = read_dicom_headers(paths)
    table["label"] = ["NORMAL", "NORMAL", "PNEUMONIA", "PNEUMONIA", "PNEUMONIA", "PNEUMONIA"]
    xrays = load_image_table(table, patient="patient")
    assert xrays.filenames.tolist() == paths
    assert xrays.target.tolist() == [0, 0, 1, 1, 1, 1]
    assert len(set(xrays.groups)) == 3
    assert list(xrays.X["patient"]) == table["patient"].tolist()


def test_without_pydicom_the_pip_line_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "x.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for tags in ((), ("StudyDate",)):
        with pytest.raises(ImportError, match=r'pip install "skpneumo\[dicom\]"'):
            read_dicom_headers([path], tags=tags)


def test_a_patient_id_that_says_that_there_is_none_is_missing(tmp_path):
    ids = ["Anonymous", "UNKNOWN", "de-identified", "ANON-1"]
    files = [write(tmp_path / f"{i}.dcm", PatientID=each) for i, each in enumerate(ids)]
    assert read_dicom_headers(files)["patient"].isna().tolist() == [True, True, True, False]


def test_one_patient_of_many_studies_is_reported(tmp_path):
    files = [write(tmp_path / f"{i}.dcm", StudyInstanceUID=f"1.2.{i}") for i in range(30)]
    said = "PatientID of 30 of 30 files is the same, although they are of 30 studies"
    with pytest.warns(CollectionWarning, match=said):
        read_dicom_headers(files)
    read_dicom_headers(files[:29])
    anonymous = write(tmp_path / "a.dcm", PatientID="Anonymous", StudyInstanceUID="1.2.99")
    with pytest.warns(CollectionWarning, match=r"30 of 31 files is the same, .* of 30 studies"):
        read_dicom_headers([*files, anonymous])
    read_dicom_headers([*files[:29], anonymous])
    write(files[0], PatientID="4712", StudyInstanceUID="1.2.0")
    read_dicom_headers(files)
