"""Reading collections from folders. No image is opened, so the files are empty."""

import os
import random
import warnings

import numpy as np
import pytest

from skpneumo._messages import command_line_messages
from skpneumo.datasets import (
    CollectionWarning,
    SkippedFilesWarning,
    UnknownPatientsWarning,
    load_chest_xray,
    make_chest_xray,
)

KAGGLE = [
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-0115-0001.jpeg",
    "train/PNEUMONIA/person1_bacteria_1.jpeg",
    "train/PNEUMONIA/person1_bacteria_2.jpeg",
    "train/PNEUMONIA/person1_virus_6.jpeg",
    "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
    "test/PNEUMONIA/person100_bacteria_475.jpeg",
]


def touch(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def numbered(folder, pattern, n):
    return [f"{folder}/{pattern.format(i)}.jpeg" for i in range(n)]


def test_kaggle_layout(tmp_path):
    xrays = load_chest_xray(touch(tmp_path, KAGGLE))
    assert [*xrays.filenames] == [str(tmp_path / path) for path in KAGGLE]
    assert [*xrays.target] == [0, 0, 1, 1, 1, 0, 1, 0, 1]
    assert xrays.target.dtype == np.int64
    assert xrays.target_names == ["NORMAL", "PNEUMONIA"]
    assert [*xrays.split] == ["train"] * 5 + ["val"] * 2 + ["test"] * 2
    assert [*xrays.groups[:5]] == [
        "normal-IM-0115",
        "normal-NORMAL2-IM-0115",
        "bacteria-1",
        "bacteria-1",
        "virus-1",
    ]
    assert [*xrays.etiology[:5]] == ["normal", "normal", "bacteria", "bacteria", "virus"]
    columns = ["filenames", "target", "groups", "etiology", "split"]
    assert [*xrays.frame] == columns
    for column in columns:
        assert [*xrays.frame[column]] == [*xrays[column]]
        assert column == "target" or xrays[column].dtype == object
    assert "| train | PNEUMONIA | bacteria | 2 | 1 |" in xrays.DESCR
    assert "9 images of 8 patients" in xrays.DESCR
    assert "10.17632/rscbjbr9sj" in xrays.DESCR
    assert "CC BY 4.0" in xrays.DESCR


def test_mendeley_layout(tmp_path):
    paths = [
        "test/NORMAL/NORMAL-11419-0001.jpeg",
        "test/PNEUMONIA/VIRUS-11419-0001.jpeg",
        "train/NORMAL/NORMAL-1003233-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-7422-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-7422-0002.jpeg",
    ]
    xrays = load_chest_xray(touch(tmp_path, paths), labels="etiology")
    assert xrays.target_names == ["NORMAL", "BACTERIA", "VIRUS"]
    assert [*xrays.target] == [0, 1, 1, 0, 2]
    assert [*xrays.split] == ["train"] * 3 + ["test"] * 2
    assert [*xrays.groups[1:3]] == ["bacteria-7422"] * 2


@pytest.mark.parametrize("wrapping", ["chest_xray", "chest_xray/chest_xray", "download/CellData"])
def test_wrapped_collection(tmp_path, wrapping):
    xrays = load_chest_xray(touch(tmp_path / wrapping, KAGGLE).parents[wrapping.count("/")])
    assert xrays.root == str(tmp_path / wrapping)
    assert len(xrays.filenames) == len(KAGGLE)


def test_other_images_of_version_three_are_not_read(tmp_path):
    touch(tmp_path / "CellData/chest_xray", KAGGLE)
    touch(tmp_path / "CellData/OCT", ["train/CNV/CNV-1-1.jpeg", "test/CNV/CNV-2-1.jpeg"])
    assert len(load_chest_xray(tmp_path).filenames) == len(KAGGLE)


def test_the_second_copy_in_the_archive_of_kaggle_is_not_read(tmp_path):
    touch(tmp_path, KAGGLE)
    touch(tmp_path / "chest_xray", KAGGLE)
    touch(tmp_path / "__MACOSX", KAGGLE)
    xrays = load_chest_xray(tmp_path)
    assert [*xrays.filenames] == [str(tmp_path / path) for path in KAGGLE]
    assert f"images in {tmp_path / 'chest_xray'} ({len(KAGGLE)})" in xrays.DESCR


def test_system_files_are_ignored_and_other_files_are_counted(tmp_path):
    touch(tmp_path, KAGGLE)
    touch(
        tmp_path,
        [
            ".DS_Store",
            "train/.DS_Store",
            "train/NORMAL/.DS_Store",
            "train/NORMAL/._IM-0115-0001.jpeg",
            "train/NORMAL/Thumbs.db",
            "train/__MACOSX/._IM-0115-0001.jpeg",
        ],
    )
    assert "Skipped" not in load_chest_xray(tmp_path).DESCR
    xrays = load_chest_xray(tmp_path)
    assert xrays.skipped.empty
    assert "Ignored, because other programs leave them behind: 6 items" in xrays.DESCR
    touch(tmp_path, ["train/NORMAL/notes.txt", "train/NORMAL/film.bmp", "readme.md"])
    (tmp_path / "train/NORMAL/film.bmp").write_bytes(b"BM")
    with pytest.warns(SkippedFilesWarning, match="Skipped 3 files, of which 2 are each") as caught:
        xrays = load_chest_xray(tmp_path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "film.bmp" in str(caught[0].message)
    assert len(xrays.filenames) == len(KAGGLE)
    assert "Skipped, because they cannot be read as images: 3 files" in xrays.DESCR
    assert dict(xrays.skipped.itertuples(index=False)) == {
        str(tmp_path / "train/NORMAL/notes.txt"): "an empty file",
        str(tmp_path / "train/NORMAL/film.bmp"): "a BMP image, which is not read",
        str(tmp_path / "readme.md"): "an empty file",
    }


def test_every_suffix_of_an_image(tmp_path):
    suffixes = [".jpeg", ".JPG", ".png", ".tif", ".TIFF"]
    touch(tmp_path, [f"NORMAL/IM-0115-0001{suffix}" for suffix in suffixes])
    touch(tmp_path, ["PNEUMONIA/person1_virus_6.png"])
    assert len(load_chest_xray(tmp_path).filenames) == 6


def test_order_does_not_depend_on_the_file_system(tmp_path):
    shuffled = random.Random(0).sample(KAGGLE, len(KAGGLE))
    one = load_chest_xray(touch(tmp_path / "one", KAGGLE)).filenames
    other = load_chest_xray(touch(tmp_path / "other", shuffled)).filenames
    assert [os.path.relpath(path, tmp_path / "one") for path in one] == [
        os.path.relpath(path, tmp_path / "other") for path in other
    ]


def test_filenames_begin_with_the_root_as_given(tmp_path, monkeypatch):
    touch(tmp_path / "xrays", KAGGLE)
    monkeypatch.chdir(tmp_path)
    assert load_chest_xray("xrays").filenames[0] == os.path.join("xrays", *KAGGLE[0].split("/"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_chest_xray("~/xrays").filenames[0] == str(tmp_path / "xrays" / KAGGLE[0])


def test_a_folder_may_begin_with_a_tilde(tmp_path, monkeypatch):
    touch(tmp_path / "~no such user", KAGGLE)
    monkeypatch.chdir(tmp_path)
    assert len(load_chest_xray("~no such user").filenames) == len(KAGGLE)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("val", ["val"]),
        (["test", "train"], ["train", "test"]),
        (("val", "val"), ["val"]),
        (None, ["train", "val", "test"]),
    ],
)
def test_splits(tmp_path, split, expected):
    xrays = load_chest_xray(touch(tmp_path, KAGGLE), split=split)
    assert [*dict.fromkeys(xrays.split)] == expected


def test_folder_per_class_without_splits(tmp_path):
    touch(tmp_path, ["normal/a.png", "Pneumonia/deep/b.png", "Pneumonia/a.png"])
    with pytest.warns(UnknownPatientsWarning):
        xrays = load_chest_xray(tmp_path)
    assert [*xrays.target] == [0, 1, 1]
    assert xrays.target_names == ["NORMAL", "PNEUMONIA"]
    assert [*xrays.etiology] == ["normal", "unknown", "unknown"]
    assert set(xrays.split) == {""}
    assert len(set(xrays.groups)) == 3
    assert "Nothing is known about its origin" in xrays.DESCR


def test_other_classes_have_the_same_numbers_in_every_split(tmp_path):
    touch(tmp_path, ["train/covid/a.png", "train/Normal/b.png", "train/tb/c.png"])
    touch(tmp_path, ["test/covid/d.png", "test/tb/e.png"])
    with pytest.warns(UnknownPatientsWarning):
        train = load_chest_xray(tmp_path, split="train")
    with (
        pytest.warns(UnknownPatientsWarning),
        pytest.warns(CollectionWarning, match="Normal has no"),
    ):
        test = load_chest_xray(tmp_path, split="test")
    assert train.target_names == test.target_names == ["Normal", "covid", "tb"]
    assert [*train.target] == [0, 1, 2]
    assert [*test.target] == [1, 2]
    assert train.etiology[0] == "normal"


def test_missing_class_warns(tmp_path):
    touch(tmp_path, [path for path in KAGGLE if not path.startswith("val/NORMAL")])
    with pytest.warns(CollectionWarning, match="NORMAL has no images in 'val'") as caught:
        load_chest_xray(tmp_path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_chest_xray(tmp_path, split="train")


def test_missing_etiology_warns(tmp_path):
    with pytest.warns(CollectionWarning, match="VIRUS has no images"):
        load_chest_xray(touch(tmp_path, KAGGLE), split="val", labels="etiology")


def test_one_class_folder_warns(tmp_path):
    touch(tmp_path, ["films/a.png", "films/b.png"])
    with pytest.warns(UnknownPatientsWarning), pytest.warns(CollectionWarning, match="needs two"):
        load_chest_xray(tmp_path)


def test_class_folder_without_images_warns(tmp_path):
    touch(tmp_path, [*KAGGLE, "train/TABLES/a.csv"])
    with (
        pytest.warns(CollectionWarning, match="TABLES' holds files, but no images"),
        pytest.warns(SkippedFilesWarning),
    ):
        xrays = load_chest_xray(tmp_path)
    assert xrays.target_names == ["NORMAL", "PNEUMONIA"]


def test_images_outside_the_classes_warn(tmp_path):
    touch(tmp_path, [*KAGGLE, "train/stray.jpeg", "holdout/NORMAL/IM-0300-0001.jpeg"])
    with pytest.warns(CollectionWarning) as caught:
        xrays = load_chest_xray(tmp_path)
    messages = sorted(str(warning.message) for warning in caught)
    assert len(messages) == 2
    assert messages[0].startswith(f"Images in {str(tmp_path / 'holdout')!r} (1)")
    assert messages[1].startswith(f"Images in {str(tmp_path / 'train')!r} (1)")
    assert len(xrays.filenames) == len(KAGGLE)


def test_a_name_that_contradicts_its_folder_warns(tmp_path):
    touch(tmp_path, [*KAGGLE, "train/NORMAL/person7_virus_9.jpeg"])
    with pytest.warns(CollectionWarning, match=r"person7_virus_9.jpeg.*The folders decide"):
        xrays = load_chest_xray(tmp_path)
    odd = [path.endswith("person7_virus_9.jpeg") for path in xrays.filenames]
    assert [*xrays.target[odd]] == [0]
    with pytest.raises(ValueError, match=r"person7_virus_9.jpeg.*other class"):
        load_chest_xray(tmp_path, labels="etiology")


def test_etiology_needs_names_that_contain_it(tmp_path):
    touch(tmp_path, [*KAGGLE, "train/PNEUMONIA/scan.png", "train/NORMAL/scan.png"])
    said = r"1 file \(.*PNEUMONIA.scan.png\) do not say"
    with pytest.raises(ValueError, match=f'^labels="etiology" reads .*{said}.*labels="binary"'):
        load_chest_xray(tmp_path, labels="etiology")
    with command_line_messages(), pytest.raises(ValueError, match=said) as caught:
        load_chest_xray(tmp_path, labels="etiology")
    assert "labels=" not in str(caught.value)


def test_errors_name_what_was_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder '.*nowhere'"):
        load_chest_xray(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no images"):
        load_chest_xray(tmp_path)
    touch(tmp_path, KAGGLE)
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_chest_xray(tmp_path / KAGGLE[0])
    with pytest.raises(
        ValueError, match=r"no split 'trial'; its splits are 'train', 'val', 'test'"
    ):
        load_chest_xray(tmp_path, split="trial")
    with pytest.raises(ValueError, match="no split at all"):
        load_chest_xray(tmp_path, split=[])
    with pytest.raises(ValueError, match=r"holds images \(1\) but no class folders"):
        load_chest_xray(tmp_path / "val/NORMAL")
    with pytest.raises(ValueError, match="leave split out"):
        load_chest_xray(tmp_path / "train", split="train")
    with pytest.raises(ValueError, match="labels"):
        load_chest_xray(tmp_path, labels="multiclass")
    with pytest.raises(TypeError, match="root"):
        load_chest_xray([tmp_path])
    touch(tmp_path / "tables", ["NORMAL/a.csv"])
    with pytest.raises(FileNotFoundError, match=r"Of its files 1 is an empty file \(a.csv\)"):
        load_chest_xray(tmp_path / "tables")


def test_empty_split_is_named(tmp_path):
    touch(tmp_path, KAGGLE[:5])
    (tmp_path / "test").mkdir()
    with pytest.raises(FileNotFoundError, match=r"'test' .* holds no images.*'train'"):
        load_chest_xray(tmp_path, split="test")


def test_published_counts(tmp_path):
    touch(tmp_path, numbered("train/NORMAL", "IM-{:04d}-0001", 1341))
    touch(tmp_path, numbered("train/PNEUMONIA", "person{}_virus_1", 3875))
    assert "As many images were read as published: Kaggle" in load_chest_xray(tmp_path).DESCR
    (tmp_path / "train/NORMAL/IM-0003-0001.jpeg").unlink()
    touch(tmp_path, ["train/PNEUMONIA/person9999_bacteria_1.jpeg"])
    with pytest.warns(CollectionWarning, match="Kaggle") as caught:
        load_chest_xray(tmp_path)
    assert "train/NORMAL holds 1340 images instead of 1341" in str(caught[0].message)
    assert "train/PNEUMONIA holds 3876 images instead of 3875" in str(caught[0].message)


def test_published_counts_of_mendeley(tmp_path):
    touch(tmp_path, numbered("test/NORMAL", "NORMAL-{}-0001", 234))
    touch(tmp_path, numbered("test/PNEUMONIA", "VIRUS-{}-0001", 390))
    touch(tmp_path, numbered("train/NORMAL", "NORMAL-9{:04d}-0001", 1349))
    touch(tmp_path, numbered("train/PNEUMONIA", "BACTERIA-{}-0001", 3883))
    assert "as published: Mendeley Data" in load_chest_xray(tmp_path).DESCR
    assert "as published" in load_chest_xray(tmp_path, split="test").DESCR


def test_half_an_unpacked_archive_is_noticed(tmp_path):
    touch(tmp_path, numbered("train/NORMAL", "IM-{:04d}-0001", 1341))
    touch(tmp_path, numbered("train/PNEUMONIA", "person{}_virus_1", 17))
    with pytest.warns(CollectionWarning, match="17 images instead of 3875"):
        load_chest_xray(tmp_path)


def test_subsets_and_other_collections_do_not_warn(tmp_path):
    subset = touch(tmp_path / "subset", numbered("train/NORMAL", "IM-{:04d}-0001", 100))
    touch(subset, numbered("train/PNEUMONIA", "person{}_virus_1", 300))
    assert "their number differs" in load_chest_xray(subset).DESCR
    other = touch(tmp_path / "other", numbered("test/NORMAL", "scan-{}", 230))
    touch(other, numbered("test/PNEUMONIA", "scan-{}", 390))
    with pytest.warns(UnknownPatientsWarning) as caught:
        load_chest_xray(other)
    assert len(caught) == 1


def test_synthetic_collection_is_not_mistaken_for_the_published(tmp_path):
    made = make_chest_xray(tmp_path / "made", n_patients=8, images_per_patient=1, random_state=0)
    touch(tmp_path / "made", numbered("test/NORMAL", "IM-9{:03d}-0009", 230))
    xrays = load_chest_xray(made.root)
    assert xrays.DESCR.startswith("# Synthetic chest X-rays")
    assert "rscbjbr9sj" not in xrays.DESCR
    assert "SYNTHETIC.txt" not in xrays.DESCR


@pytest.mark.real
def test_the_real_xrays(real_data):
    xrays = load_chest_xray(real_data / "chest_xray")
    assert [*np.bincount(xrays.target)] == [1349, 3883]
    assert [*np.bincount(xrays.target[xrays.split == "val"])] == [8, 8]
    assert "as published: Kaggle" in xrays.DESCR
    etiology = load_chest_xray(real_data / "chest_xray", split="train", labels="etiology")
    assert [*np.bincount(etiology.target)] == [1341, 2530, 1345]
    assert [*etiology.filenames] == [*xrays.filenames[xrays.split == "train"]]
    assert len(load_chest_xray(real_data / "originals").filenames) == 100


@pytest.mark.parametrize("healthy", ["NORMAL", "healthy", "No_Finding"])
def test_the_healthy_class_comes_first(tmp_path, healthy):
    touch(tmp_path, ["COVID/a.png", f"{healthy}/b.png", f"{healthy}/c.png"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names of no known scheme
        xrays = load_chest_xray(tmp_path)
    assert xrays.target_names == [healthy, "COVID"]
    assert [xrays.target_names[label] for label in xrays.target] == [
        os.path.basename(os.path.dirname(path)) for path in xrays.filenames
    ]


def test_images_are_found_by_content_and_through_links(tmp_path):
    touch(tmp_path, KAGGLE)
    touch(tmp_path, ["archive/IM-0500-0001.jpeg"])
    (tmp_path / "archive").rename(tmp_path.parent / "archive")
    (tmp_path / "train/NORMAL/older").symlink_to(tmp_path.parent / "archive")
    (tmp_path / "train/PNEUMONIA/person7_virus_9").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "train/PNEUMONIA/person7_virus_10.bin").write_bytes(b"II*\0")
    xrays = load_chest_xray(tmp_path, split="train")
    names = {os.path.basename(path) for path in xrays.filenames}
    assert names >= {"IM-0500-0001.jpeg", "person7_virus_9", "person7_virus_10.bin"}
    (tmp_path / "train/NORMAL/up").symlink_to(tmp_path / "train/NORMAL")
    with pytest.warns(SkippedFilesWarning, match="a link to a folder that is read already"):
        load_chest_xray(tmp_path, split="train")


def test_names_that_are_not_valid_text(tmp_path):
    touch(tmp_path, KAGGLE)
    name = os.fsdecode(b"person9_virus_\xff.jpeg")
    try:
        (tmp_path / "train/PNEUMONIA" / name).touch()
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    with pytest.warns(UnknownPatientsWarning):
        xrays = load_chest_xray(tmp_path)
    path = str(tmp_path / "train/PNEUMONIA" / name)
    assert path in set(xrays.filenames)
    assert path in set(xrays.X["path"])
    assert rf"unknown-{tmp_path}/train/PNEUMONIA/person9_virus_\udcff.jpeg" in set(xrays.groups)
    assert xrays.X["patient"][xrays.X["path"] == path].tolist() == [None]


def test_two_classes_without_a_known_illness_are_asked_about(tmp_path):
    touch(tmp_path, ["COVID/person1_virus_1.png", "TB/person2_virus_2.png"])
    with pytest.raises(ValueError, match=r"'COVID', 'TB' is the illness.*positive='TB'"):
        load_chest_xray(tmp_path)
    xrays = load_chest_xray(tmp_path, positive="covid")
    assert xrays.target_names == ["TB", "COVID"]
    assert xrays.positive == ["COVID"]
    touch(tmp_path, ["flu/person3_virus_3.png"])
    xrays = load_chest_xray(tmp_path)
    assert (xrays.target_names, xrays.positive) == (["COVID", "TB", "flu"], [])
    xrays = load_chest_xray(tmp_path, positive=["TB", "flu"])
    assert xrays.target_names == ["COVID", "TB or flu"]
    assert [*xrays.target] == [0, 1, 1]
    with pytest.raises(ValueError, match="none of the classes"):
        load_chest_xray(tmp_path, positive="cold")


@pytest.mark.parametrize("pair", [("Covid", "Non-Covid"), ("lung opacity", "no lung opacity")])
def test_negations_are_healthy(tmp_path, pair):
    touch(tmp_path, [f"{name}/person{i}_virus_{i}.png" for i, name in enumerate(pair)])
    assert load_chest_xray(tmp_path).target_names == [*pair[::-1]]


def test_x_has_the_patients_and_the_order_of_the_bunch(tmp_path):
    xrays = load_chest_xray(touch(tmp_path, KAGGLE))
    assert xrays.X["path"].tolist() == [*xrays.filenames]
    assert xrays.X["patient"].tolist() == [*xrays.groups]
    with pytest.warns(UnknownPatientsWarning):
        xrays = load_chest_xray(touch(tmp_path / "other", ["NORMAL/a.png", "PNEUMONIA/b.png"]))
    assert xrays.X.columns.tolist() == ["path"]
    xrays = load_chest_xray(tmp_path / "other", patient_pattern=r"(\w)\.png")
    assert xrays.X["patient"].tolist() == ["a", "b"]


def test_a_link_gives_no_image_the_label_of_another_class(tmp_path):
    touch(tmp_path, KAGGLE)
    for target in ("train", "train/PNEUMONIA", "."):
        (tmp_path / "train/NORMAL" / f"to_{len(target)}").symlink_to(tmp_path / target)
    with pytest.warns(SkippedFilesWarning, match="3 are each a link to a folder that is read"):
        xrays = load_chest_xray(tmp_path)
    assert len(xrays.filenames) == len(KAGGLE)
    names = [os.path.relpath(path, tmp_path) for path in xrays.filenames]
    assert [*xrays.target] == [int("PNEUMONIA" in name) for name in names]


def test_two_classes_or_splits_that_are_one_folder_are_refused(tmp_path):
    touch(tmp_path, ["train/NORMAL/a.png"])
    (tmp_path / "train/PNEUMONIA").symlink_to("NORMAL")
    with pytest.raises(ValueError, match=r"PNEUMONIA' and '.*NORMAL' are one .* of two classes"):
        load_chest_xray(tmp_path)
    (tmp_path / "test").symlink_to("train")
    with pytest.raises(ValueError, match=r"train' and '.*test' are one .* of two splits"):
        load_chest_xray(tmp_path)


def test_other_names_of_splits_are_read_beside_the_usual_ones(tmp_path):
    touch(tmp_path, [path.replace("val/", "valid/").replace("test/", "Test /") for path in KAGGLE])
    assert [*load_chest_xray(tmp_path).split] == [path.split("/")[0] for path in KAGGLE]


@pytest.mark.parametrize("other", ["dev/figures/a.png", "validation/NORMAL/a.png"])
def test_a_folder_with_another_name_of_a_split_may_be_something_else(tmp_path, other):
    touch(tmp_path, [*KAGGLE, other])
    with pytest.warns(CollectionWarning, match=r"\(1\) belong to no class"):
        xrays = load_chest_xray(tmp_path)
    assert len(xrays.target) == len(KAGGLE)
    assert xrays.target_names == ["NORMAL", "PNEUMONIA"]


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(touch(tmp_path, KAGGLE))
    for function in (load_chest_xray, make_chest_xray):
        with pytest.raises(ValueError, match=r"root is empty, as from a variable that is not set"):
            function("")
    assert len(load_chest_xray(".").target) == len(KAGGLE)


@pytest.mark.parametrize(
    ("link", "target", "what"),
    [
        ("test/NORMAL/z.jpeg", "train/NORMAL/IM-0115-0001.jpeg", "splits, '.*' and '.*'"),
        ("test/NORMAL/more", "train/NORMAL", "splits"),
        ("train/PNEUMONIA/z.jpeg", "train/NORMAL/IM-0115-0001.jpeg", "classes, '.*' and '.*'"),
        ("train/PNEUMONIA/more", "train/NORMAL/sub", "classes"),
    ],
)
@pytest.mark.parametrize("split", [None, "train"])
def test_a_file_that_links_put_in_two_classes_or_splits_is_refused(
    tmp_path, link, target, what, split
):
    touch(tmp_path, [*KAGGLE, "train/NORMAL/sub/IM-0117-0001.jpeg"])
    (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match=rf"are one file, because of a link, .* two {what}"):
        load_chest_xray(tmp_path, split=split)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_an_image_of_the_same_class_is_skipped_and_counted(tmp_path, link):
    touch(tmp_path, KAGGLE)
    link(tmp_path / KAGGLE[0], tmp_path / "train/NORMAL/IM-0999-0001.jpeg")
    with pytest.warns(SkippedFilesWarning, match=r"1 is the same file .*\(IM-0999-0001.jpeg\)"):
        xrays = load_chest_xray(tmp_path)
    assert len(xrays.filenames) == len(KAGGLE)


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_folders_whose_names_mean_one_class_are_one_and_are_said(tmp_path):
    touch(tmp_path, [f"train/{name}.png" for name in ("No Finding/a", "No Finding/f")])
    touch(tmp_path, [f"train/{name}.png" for name in ("Covid-19/b", "Covid-19/c")])
    touch(tmp_path, ["test/No_finding/d.png", "test/COVID 19/e.png"])
    with pytest.warns(CollectionWarning) as caught:
        xrays = load_chest_xray(tmp_path)
    assert xrays.target_names == ["No Finding", "Covid-19"]
    assert [*xrays.target] == [1, 1, 0, 0, 1, 0]
    said = [each.message for each in caught if each.category is CollectionWarning]
    assert sorted(map(str, said)) == [
        "The class 'Covid-19' has folders of 2 names, 'Covid-19' (2 images), 'COVID 19' "
        "(1 image); they are treated as one.",
        "The class 'No Finding' has folders of 2 names, 'No Finding' (2 images), 'No_finding' "
        "(1 image); they are treated as one.",
    ]


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_positive_finds_a_class_by_the_name_of_any_of_its_folders(tmp_path):
    touch(tmp_path, ["Y/a.png", "Y/b.png", "yes/c.png", "N/d.png", "N/e.png", "no/f.png"])
    for positive in ("yes", ["Y"]):
        with pytest.warns(CollectionWarning, match="folders of 2 names"):
            xrays = load_chest_xray(tmp_path, positive=positive)
        assert (xrays.target_names, [*xrays.target]) == (["N", "Y"], [0, 0, 0, 1, 1, 1])
