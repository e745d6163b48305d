"""Folders that are probably not what their place in a collection makes of them."""

import warnings

import pytest

from skpneumo.datasets import CollectionWarning, UnknownPatientsWarning, load_chest_xray

CLASSES = ["NORMAL/IM-0001-0001.png", "PNEUMONIA/person1_virus_1.png"]


def remarks_on(tmp_path, files, **options):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", UnknownPatientsWarning)
        load_chest_xray(tmp_path, **options)
    assert all(issubclass(each.category, CollectionWarning) for each in caught)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(
    "name",
    ["old", "uncertain", "unlabeled", "new folder", "New Folder (2)", "tmp2", "VIRUS - Copy",
     "backup_2020", "Unsorted images"],
)  # fmt: skip
def test_a_folder_that_is_no_class_is_not_positive_in_silence(tmp_path, name):
    files = [*CLASSES, f"{name}/a.png", f"{name}/b.png"]
    [remark] = remarks_on(tmp_path, files)
    assert remark.startswith(f"The folder {name!r} (2 images) is read as a class that is positive")
    assert f"leave_out={name!r}" in remark
    assert remarks_on(tmp_path, files, leave_out=name) == []
    assert remarks_on(tmp_path, files, positive=["PNEUMONIA", name]) == []


def test_folders_that_are_no_classes_are_one_warning(tmp_path):
    [remark] = remarks_on(tmp_path, [*CLASSES, "old/a.png", "tmp/b.png", "tmp/c.png"])
    assert remark.startswith("The folders 'old', 'tmp' (3 images) are read as classes that are")
    assert "leave_out=['old', 'tmp']" in remark


@pytest.mark.parametrize(
    "names",
    [
        ["COVID", "Lung_Opacity", "Pneumothorax", "Viral Pneumonia"],
        ["Mass", "Hernia", "Pleural_Thickening", "Fracture"],
        ["Lung Lesion", "Enlarged Cardiomediastinum", "Pleural Other", "Support Devices"],
        ["Mycoplasma", "Fungal", "Coronavirus", "SARS-CoV-2", "ARDS", "COPD", "Bronchiolitis"],
        ["Mild", "Severe", "unknown", "Other", "Old TB"],
    ],
)
def test_other_names_are_classes(tmp_path, names):
    assert remarks_on(tmp_path, [*CLASSES, *(f"{name}/a.png" for name in names)]) == []


def test_numbers_are_classes(tmp_path):
    assert remarks_on(tmp_path, [f"{grade}/a{grade}.png" for grade in range(4)]) == []


@pytest.mark.parametrize("inside", ["PNEUMONIA", "pneumonia", "deep/PNEUMONIA"])
def test_a_class_inside_another_class_is_reported(tmp_path, inside):
    [remark] = remarks_on(tmp_path, [*CLASSES, f"NORMAL/{inside}/a.png", "NORMAL/NORMAL/b.png"])
    name = inside.split("/")[-1]
    assert f"1 image in a folder {name!r} inside the class folder 'NORMAL'" in remark


def test_splits_inside_classes_are_reported(tmp_path):
    files = [f"{name}/{part}/{i}.png" for name in ("NORMAL", "PNEUMONIA")
             for i, part in enumerate(("train", "Testing"))]  # fmt: skip
    [remark] = remarks_on(tmp_path, files)
    assert remark.startswith("4 images inside the class folders are in folders 'Testing', 'train'")
    assert remarks_on(tmp_path / "other", ["train/" + each for each in CLASSES]) != remark


def test_one_image_inside_one_split_is_reported_in_the_singular(tmp_path):
    [remark] = remarks_on(tmp_path, [*CLASSES, "NORMAL/test/a.png"])
    assert remark.startswith(
        "1 image inside the class folders is in a folder 'test', which is not"
    )


def test_patients_in_several_splits_are_reported(tmp_path):
    files = [f"{part}/{each}" for part in ("train", "test") for each in CLASSES]
    [remark] = remarks_on(tmp_path, files)
    assert "2 patients in several splits" in remark
    assert "'normal-IM-0001' in 'test' and 'train'" in remark
    assert remarks_on(tmp_path, files, split="train") == []
