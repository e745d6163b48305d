"""Folders that may not be classes raise an error that asks what they are."""

import re
import warnings

import pytest

from skpneumo.datasets import (
    CollectionWarning,
    SkippedFilesWarning,
    UnknownPatientsWarning,
    load_chest_xray,
)


def touch(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def quietly(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_chest_xray(*arguments, **options)


def below(*folders):
    return [
        f"{top}/{name}/{top}-{name}.png".replace("//", "/")
        for top in folders
        for name in ("NORMAL", "PNEUMONIA")
    ]


@pytest.mark.parametrize(
    "folders",
    [
        ("hospital_A", "hospital_B"),
        ("Training", "Validation"),
        ("2019", "2020", "2021"),
    ],
)
def test_folders_with_the_same_folders_in_them_are_asked_about(tmp_path, folders):
    touch(tmp_path, below(*folders))
    with pytest.raises(ValueError, match=r"Which of the two are the classes\?") as caught:
        load_chest_xray(tmp_path)
    text = str(caught.value)
    for said in (*map(repr, folders), "split=", "top_folders='site'", "'NORMAL'"):
        assert said in text


def test_a_site_without_one_of_the_classes_is_still_a_site(tmp_path):
    touch(tmp_path, ["A/NORMAL/1.png", "A/COVID/2.png", "B/NORMAL/3.png"])
    with pytest.raises(ValueError, match="Which of the two"):
        load_chest_xray(tmp_path)


def test_folders_become_splits_by_split_or_top_folders(tmp_path):
    touch(tmp_path, below("Training", "Validation"))
    for options in ({"split": ["Training", "Validation"]}, {"top_folders": "split"}):
        xrays = quietly(tmp_path, **options)
        assert [*xrays.split] == ["train", "train", "val", "val"]
        assert xrays.target_names == ["NORMAL", "PNEUMONIA"]
    assert [*quietly(tmp_path, split="Validation").split] == ["val", "val"]
    assert [*quietly(tmp_path, split="train", top_folders="split").split] == ["train", "train"]
    touch(tmp_path / "years", below("2019", "2020"))
    xrays = quietly(tmp_path / "years", split=["2019", "2020"])
    assert [*xrays.split] == ["2019", "2019", "2020", "2020"]


def test_sites_become_a_column(tmp_path):
    touch(tmp_path, below("hospital_A", "hospital_B/train", "hospital_B/test"))
    xrays = quietly(tmp_path, top_folders="site")
    assert xrays.frame[["site", "split"]].value_counts().to_dict() == {
        ("hospital_A", ""): 2,
        ("hospital_B", "train"): 2,
        ("hospital_B", "test"): 2,
    }
    assert xrays.target_names == ["NORMAL", "PNEUMONIA"]


def test_classes_may_contain_the_same_folders(tmp_path):
    views = ["NORMAL/AP/1.png", "NORMAL/PA/2.png", "PNEUMONIA/AP/3.png", "PNEUMONIA/PA/4.png"]
    xrays = quietly(touch(tmp_path / "known", views))
    assert [*xrays.target] == [0, 0, 1, 1]
    unknown = [path.replace("NORMAL", "c0").replace("PNEUMONIA", "c1") for path in views]
    touch(tmp_path / "unknown", unknown)
    with pytest.raises(ValueError, match="top_folders='class'"):
        load_chest_xray(tmp_path / "unknown", positive="c1")
    xrays = quietly(tmp_path / "unknown", positive="c1", top_folders="class")
    assert [*xrays.target] == [0, 0, 1, 1]


def test_folders_of_patients_are_accepted(tmp_path):
    touch(tmp_path, ["x/pat1/a.png", "x/pat2/a.png", "healthy/pat3/a.png", "healthy/pat4/a.png"])
    assert [*quietly(tmp_path).target_names] == ["healthy", "x"]


def test_masks_are_not_read_as_images(tmp_path):
    touch(
        tmp_path,
        [f"{name}/{kind}/1.png" for name in ("COVID", "Normal") for kind in ("images", "masks")],
    )
    with pytest.raises(ValueError, match=r"'images', 'masks': two kinds.*leave_out='masks'"):
        load_chest_xray(tmp_path)
    xrays = quietly(tmp_path, leave_out="masks")
    assert len(xrays.filenames) == 2
    assert all("/images/" in path for path in xrays.filenames)
    assert re.search(r"Left out, as requested: 2 folders", xrays.DESCR)
    with pytest.raises(ValueError, match="two kinds"):
        load_chest_xray(tmp_path / "COVID")


def test_folders_without_class_names_warn(tmp_path):
    touch(tmp_path, [f"P{patient}/{image}.png" for patient in range(4) for image in range(2)])
    with (
        pytest.warns(UnknownPatientsWarning),
        pytest.warns(
            CollectionWarning, match=r"None of the 4 class folders \(P0, P1, P2, \.\.\.\) has"
        ),
    ):
        load_chest_xray(tmp_path)


def test_a_missing_folder_to_leave_out_is_named(tmp_path):
    touch(tmp_path, ["NORMAL/1.png", "NORMAL/masks/1.png", "PNEUMONIA/2.png"])
    with (
        pytest.warns(UnknownPatientsWarning),
        pytest.warns(CollectionWarning, match="leave_out names 'mask', but there is no folder"),
    ):
        load_chest_xray(tmp_path, leave_out=["mask", "Masks"])


def test_files_next_to_the_collection_are_counted(tmp_path):
    files = ["wrapped/once/NORMAL/1.png", "wrapped/once/PNEUMONIA/2.png"]
    strangers = ["notes.txt", "wrapped/list.csv"]
    touch(tmp_path, [*files, *strangers, "wrapped/3.png"])
    for name in strangers:
        (tmp_path / name).write_text("text")
    with (
        pytest.warns(UnknownPatientsWarning),
        pytest.warns(SkippedFilesWarning, match="Skipped 2 files, of which 2 are each text"),
        pytest.warns(CollectionWarning, match=r"Images in '.*wrapped' \(1\) belong to no class"),
    ):
        xrays = load_chest_xray(tmp_path)
    assert [*xrays.target] == [0, 1]
    assert [*xrays.skipped["path"]] == [str(tmp_path / name) for name in strangers]
