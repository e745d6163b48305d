"""Patients and etiologies from the file names of both published schemes."""

import warnings
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpneumo.datasets import (
    CollectionWarning,
    UnknownPatientsWarning,
    etiologies,
    load_chest_xray,
    load_image_table,
    patient_ids,
)

KNOWN = {
    "IM-0115-0001.jpeg": ("normal-IM-0115", "normal"),
    "IM-0429-0001-0002.jpeg": ("normal-IM-0429", "normal"),
    "NORMAL2-IM-0383-0001.jpeg": ("normal-NORMAL2-IM-0383", "normal"),
    "NORMAL2-IM-0383-0001-0001.jpeg": ("normal-NORMAL2-IM-0383", "normal"),
    "person1_bacteria_1.jpeg": ("bacteria-1", "bacteria"),
    "person1_virus_6.jpeg": ("virus-1", "virus"),
    "person447_virus_921_1.jpeg": ("virus-447", "virus"),
    "NORMAL-1003233-0001.jpeg": ("normal-1003233", "normal"),
    "BACTERIA-1008087-0003.jpeg": ("bacteria-1008087", "bacteria"),
    "VIRUS-1075146-0001.jpeg": ("virus-1075146", "virus"),
}


@pytest.mark.parametrize(("name", "expected"), KNOWN.items())
def test_known_names(name, expected):
    paths = [name, f"chest_xray/train/X/{name}", f"C:\\xrays\\{name}", name.upper()]
    paths.append(str(Path(name).with_suffix(".png")))
    for path in paths:
        assert [*patient_ids([path])] == [expected[0]]
        assert [*etiologies([path])] == [expected[1]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("person100_bacteria_475.jpeg", "person100_virus_184.jpeg"),
        ("IM-0115-0001.jpeg", "NORMAL2-IM-0115-0001.jpeg"),
        ("BACTERIA-30629-0001.jpeg", "VIRUS-30629-0001.jpeg"),
        ("person1_virus_6.jpeg", "person16_virus_6.jpeg"),
    ],
)
def test_different_children_are_different_patients(one, other):
    assert len(set(patient_ids([one, other]))) == 2


@settings(max_examples=50, deadline=None)
@given(
    etiology=st.sampled_from(["bacteria", "virus"]),
    number=st.integers(1, 10**7),
    counters=st.lists(st.integers(0, 9999), min_size=1, max_size=3),
    folder=st.sampled_from(["", "a/", "IM-0001-0001/", "person9_virus_9.jpeg/", "ü b/"]),
    suffix=st.sampled_from([".jpeg", ".jpg", ".PNG", ".tif", ""]),
)
def test_patient_is_etiology_and_number_whatever_surrounds_them(
    etiology, number, counters, folder, suffix
):
    kaggle = f"{folder}person{number}_{etiology}_{'_'.join(map(str, counters))}{suffix}"
    mendeley = f"{folder}{etiology.upper()}-{number}-{'-'.join(map(str, counters))}{suffix}"
    assert [*patient_ids([kaggle, mendeley])] == [f"{etiology}-{number}"] * 2
    assert [*etiologies([kaggle, mendeley])] == [etiology] * 2


@pytest.mark.parametrize(
    "form",
    [
        list,
        np.array,
        pd.Series,
        lambda names: [Path(name) for name in names],
        lambda names: np.array(names, dtype=object).reshape(-1, 1),
        lambda names: pd.DataFrame({"path": names}),
    ],
)
def test_every_form_of_paths(form):
    patients = patient_ids(form([*KNOWN]))
    assert patients.shape == (len(KNOWN),)
    assert patients.dtype == object
    assert [*patients] == [patient for patient, _ in KNOWN.values()]


def test_windows_paths():
    assert [*etiologies([PureWindowsPath("x") / "person1_virus_6.jpeg"])] == ["virus"]


@pytest.mark.parametrize(
    "name",
    ["scan.png", "person1.jpeg", "person_bacteria_1.jpeg", "IM-0115.jpeg", "xIM-0115-0001.jpeg"],
)
def test_files_of_unknown_names_are_separate_patients(name):
    paths = [f"a/{name}", f"b/{name}", f"a/{name}", "person1_virus_6.jpeg"]
    with pytest.warns(UnknownPatientsWarning, match="3 of 4 file names") as caught:
        patients = patient_ids(paths)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert patients[0] != patients[1]
    assert patients[0] == patients[2]  # the same file twice is no second patient
    assert patients[3] == "virus-1"
    assert [*etiologies(paths)] == ["unknown"] * 3 + ["virus"]


def test_known_names_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patient_ids([*KNOWN])


@pytest.mark.parametrize("function", [patient_ids, etiologies])
def test_other_inputs_than_paths_are_refused(function):
    with pytest.raises(TypeError, match="single path"):
        function("IM-0115-0001.jpeg")
    with pytest.raises(ValueError, match="empty list of paths"):
        function([])


@pytest.mark.real
def test_patients_of_the_real_xrays(real_data):
    xrays = load_chest_xray(real_data / "chest_xray")
    train, val = (set(xrays.groups[xrays.split == split]) for split in ("train", "val"))
    assert (len(train), len(val), len(train | val)) == (3654, 15, 3669)


def test_the_name_that_viewers_give_every_patient_is_no_patient():
    paths = [
        f"films/{folder}/{patient}/IM-0001-{k:04d}.jpg"
        for folder, patients in {"NORMAL": ["ann", "bob"], "PNEUMONIA": ["eve"]}.items()
        for patient in patients
        for k in (1, 2)
    ]
    paths += ["films/NORMAL/bob/IM-0002-0001.jpg"]
    with pytest.warns(UnknownPatientsWarning, match="7 of 7 files, 'IM-0001-0001.jpg' among them"):
        patients = patient_ids(paths)
    assert [*patients] == [
        f"folder-films/{p}" for p in ["ann"] * 2 + ["bob"] * 2 + ["eve"] * 2 + ["bob"]
    ]
    assert set(etiologies(paths)) == {"unknown"}


def test_two_hospitals_may_use_the_same_names():
    paths = [f"{site}/NORMAL/IM-{i:04d}-0001.jpg" for site in "AB" for i in (1, 2)]
    with pytest.warns(UnknownPatientsWarning, match="recur in several folders"):
        assert len(set(patient_ids(paths))) == 4


@pytest.mark.parametrize(
    "paths",
    [
        ["train/NORMAL/IM-0001-0001.jpeg", "test/NORMAL/IM-0001-0001.jpeg"],
        ["NORMAL/IM-0001-0001.jpeg", "PNEUMONIA/IM-0001-0001.jpeg"],
        ["a/person1_virus_6.jpeg", "b/person1_virus_6.jpeg"],
    ],
)
def test_the_same_image_in_two_splits_or_classes_is_one_patient(paths):
    assert len(set(patient_ids(paths))) == 1


def test_patterns_read_patients_from_any_part_of_the_path():
    paths = [r"C:\films\P1\a.png", "films/P1/b.png", "films/P2/a.png"]
    assert [*patient_ids(paths, pattern=r"/(P\d+)/")] == ["P1", "P1", "P2"]
    assert [*patient_ids(paths, pattern="folder")] == ["P1", "P1", "P2"]
    assert [*patient_ids(["x-1-2", "x-1-3"], pattern=r"(\w)-(\d)-")] == ["x-1", "x-1"]
    with pytest.warns(UnknownPatientsWarning, match="1 of 3 file names have no patient that"):
        assert patient_ids(paths, pattern=r"(P1)")[2] == "unknown-films/P2/a.png"
    with pytest.raises(ValueError, match=r"not a valid regular expression.*'nih'"):
        patient_ids(paths, pattern="(")
    with pytest.raises(ValueError, match="has no group"):
        patient_ids(paths, pattern="P1")


def test_copies_that_systems_name_are_of_the_same_patient():
    names = ["person1_virus_6", "person01_virus_7", "person1_virus_6 (1)", "person1_virus_6_copy"]
    names += ["person1_virus_6 - Copy", "person1_virus_6 - Copy (2)", "person1_virus_6 copy 3"]
    assert set(patient_ids([f"{name}.jpeg" for name in names])) == {"virus-1"}


def test_one_patient_written_in_several_ways_in_paths_is_one():
    paths = ["x/P1-a.png", "x/p1-b.png", "x/P2-a.png"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [*patient_ids(paths, pattern=r"([Pp]\d+)-")] == ["P1", "P1", "P2"]
    [said] = caught  # and not that a patient is unknown
    assert said.category is CollectionWarning
    assert "paths write 1 patient in several ways, 'P1' and 'p1'" in str(said.message)


def test_loaders_report_the_spellings_of_a_patient_in_paths(tmp_path):
    table = pd.DataFrame({"path": ["N/P1-a.png", "N/p1-b.png", "P/P2-a.png"], "label": [0, 0, 1]})
    for path in table["path"]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    options = {"patient_pattern": r"([Pp]\d+)-"}
    with pytest.warns(CollectionWarning, match="paths write 1 patient in several ways"):
        load_chest_xray(tmp_path, positive="P", **options)
    with pytest.warns(CollectionWarning, match="paths write 1 patient in several ways"):
        load_image_table(table, root=tmp_path, **options)


def test_recurring_unknown_names_suggest_the_folder():
    with pytest.warns(UnknownPatientsWarning, match='pattern "folder"'):
        patient_ids(["ann/1.dcm", "bob/1.dcm"])
    with pytest.warns(UnknownPatientsWarning, match="DICOM files contain their patients"):
        patient_ids(["1.DCM"])
