"""Reading collections from tables. No image is opened, so the files are empty."""

import ast
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skpneumo
from skpneumo._messages import command_line_messages
from skpneumo.datasets import (
    CollectionWarning,
    SharedPatientsWarning,
    UnknownPatientsWarning,
    load_image_table,
)
from skpneumo.datasets._table import text_of
from skpneumo.datasets._table_columns import splits_in
from skpneumo.splitting import patient_train_test_split

FILES = ["a/1.png", "a/2.png", "b/3.jpeg", "b/4"]
TABLE = pd.DataFrame(
    {
        "path": FILES,
        "label": ["normal", " pneumonia", "pneumonia ", "normal"],
        "patient": ["007", "007", "8", "9"],
        "split": ["Training", "Training", "test", "Validation"],
        "age": [3, 4, 5, 6],
    }
)


@pytest.fixture
def root(tmp_path):
    for file in FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


def quietly(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_image_table(*arguments, **options)


def test_a_frame_is_read_like_a_folder(root):
    xrays = load_image_table(TABLE, root=root)
    assert [*xrays.filenames] == [str(root / file) for file in FILES]
    assert [*xrays.target] == [0, 1, 1, 0]
    assert xrays.target.dtype == np.int64
    assert xrays.target_names == ["normal", "pneumonia"]
    assert xrays.positive == ["pneumonia"]
    assert [*xrays.groups] == ["007", "007", "8", "9"]
    assert [*xrays.split] == ["train", "train", "test", "val"]
    assert [*xrays.etiology] == ["normal", "unknown", "unknown", "normal"]
    assert xrays.X.columns.tolist() == ["path", "patient"]
    assert [*map(str, xrays.X.dtypes)] == ["object", "object"]
    assert xrays.frame["age"].tolist() == [3, 4, 5, 6]
    assert "4 images of 3 patients" in xrays.DESCR
    assert "| train | pneumonia | 1 | 1 |" in xrays.DESCR


def written(table, file, form):
    if form == "csv":
        table.to_csv(file, index=False)
    elif form == "semicolons":
        table.to_csv(file, index=False, sep=";", encoding="utf-8-sig")
    elif form == "tsv":
        table.to_csv(file, index=False, sep="\t")
    elif form == "unicode text":
        table.to_csv(file, index=False, sep="\t", encoding="utf-16")
    elif form == "excel":
        table.to_excel(file, index=False, engine="openpyxl")
    else:
        table.to_parquet(file)
    return file


@pytest.mark.parametrize("form", ["csv", "semicolons", "tsv", "unicode text", "excel", "parquet"])
def test_every_kind_of_file_gives_the_same_rows(root, form):
    expected = load_image_table(TABLE, root=root)
    # The content decides, so that the suffix may be anything.
    file = written(TABLE, root / "table.xlsx", form)
    xrays = load_image_table(file)
    assert [*xrays.filenames] == [*expected.filenames]
    assert [*xrays.target] == [*expected.target]
    assert [*xrays.groups] == ["007", "007", "8", "9"]
    assert [*xrays.split] == [*expected.split]


def test_numbers_of_patients_are_text_whatever_the_format(root):
    with_a_gap = TABLE.assign(patient=[7.0, 7.0, np.nan, 9.0])
    with pytest.warns(UnknownPatientsWarning, match="1 of 4 rows have no patient"):
        xrays = load_image_table(with_a_gap, root=root)
    assert xrays.X["patient"].tolist() == ["7", "7", None, "9"]
    assert [*xrays.groups] == ["7", "7", f"unknown-{root / 'b/3.jpeg'}", "9"]


def test_ids_above_empty_cells_are_asked_about_as_merged_cells_are_read(root):
    for patients, asked in (["007", "", "8", ""], True), (["", "7", "8", "9"], False):
        with pytest.warns(UnknownPatientsWarning, match="rows have no patient") as caught:
            load_image_table(TABLE.assign(patient=patients), root=root)
        said = str(caught.pop(UnknownPatientsWarning).message)
        assert ("as in merged cells, write it into each of them" in said) == asked


def test_missing_optional_packages_name_the_pip_line(root, monkeypatch):
    excel, parquet = root / "t.xlsx", root / "t.parquet"
    written(TABLE, excel, "excel"), written(TABLE, parquet, "parquet")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=re.escape('pip install "skpneumo[tables]"')):
        load_image_table(excel)
    monkeypatch.setattr(pd, "read_parquet", _without_pyarrow)
    with pytest.raises(ImportError, match=re.escape('pip install "skpneumo[parquet]"')):
        load_image_table(parquet)


def _without_pyarrow(_):
    raise ImportError("no engine")


def test_paths_are_found_from_home_root_or_table_and_without_suffix(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("USERPROFILE", str(root))
    (root / "tables").mkdir()
    paths = ["~/a/1", str(root / "a/2"), "3", r"b\4"]
    file = written(TABLE.assign(path=paths), root / "tables/t.csv", "csv")
    xrays = load_image_table(file, root=root)
    assert [*xrays.filenames] == [
        str(root / "a/1.png"), str(root / "a/2.png"), str(root / "b/3.jpeg"), str(root / "b/4"),
    ]  # fmt: skip
    monkeypatch.chdir(root)
    assert [*load_image_table(TABLE).filenames] == FILES


def test_ambiguous_names_are_refused(root):
    (root / "b/1.png").touch()
    with pytest.raises(ValueError, match=r"'1' of the table may be 2 files: .*a/1.png, .*b/1.png"):
        load_image_table(TABLE.assign(path=["1", *FILES[1:]]), root=root)
    (root / "a/2.jpeg").touch()
    with pytest.raises(ValueError, match=r"'a/2' of the table may be 2 files"):
        load_image_table(TABLE.assign(path=["a/1", "a/2", *FILES[2:]]), root=root)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": ["x.png", *FILES[1:]]}, "1 of 4 files of the table do not exist: 'x.png'"),
        ({"path": ["b/1.png", *FILES[1:]]}, "not exist: 'b/1.png'"),
        ({"label": ["normal", "", "nan", "pneumonia"]}, "2 of 4 rows have no 'label': 'a/2.png'"),
    ],
)
@pytest.mark.filterwarnings("ignore:1 file of the table may be in another folder")
def test_incomplete_rows_are_named_or_dropped_with_a_warning(root, change, said):
    table = TABLE.assign(**change)
    with pytest.raises((FileNotFoundError, ValueError), match=f"{said}.*incomplete="):
        load_image_table(table, root=root)
    with pytest.warns(CollectionWarning, match=said):
        xrays = load_image_table(table, root=root, incomplete="drop")
    n_dropped = 2 if "label" in change else 1
    assert len(xrays.filenames) == 4 - n_dropped
    assert said.split(":")[0] in xrays.DESCR


def test_a_table_without_complete_rows_is_an_error(root):
    with pytest.raises(ValueError, match="No row of the table is left"):
        load_image_table(TABLE.assign(path="x"), root=root, incomplete="drop")


def test_rows_of_one_file_are_joined_or_refused(root):
    boxes = pd.concat([TABLE, TABLE.iloc[[1]]], ignore_index=True)
    with pytest.warns(CollectionWarning, match="1 row joined with an earlier row"):
        assert [*load_image_table(boxes, root=root).target] == [0, 1, 1, 0]
    boxes.loc[4, "label"] = "normal"
    with pytest.raises(
        ValueError, match=r"different values of label: 1 file,.*a/2.png.*positive="
    ):
        load_image_table(boxes, root=root)
    assert [*quietly(boxes, root=root, positive="pneumonia").target] == [0, 1, 1, 0]
    boxes.loc[4, "patient"] = "8"
    with pytest.raises(ValueError, match="different values of patient"):
        load_image_table(boxes, root=root, positive="pneumonia")


def test_patients_are_read_from_the_paths_if_no_column_has_them(root):
    bare = TABLE.drop(columns="patient")
    with pytest.warns(
        SharedPatientsWarning, match="1 patient in several splits, the first of them 'b"
    ):
        xrays = load_image_table(bare, root=root, patient_pattern="folder")
    assert [*xrays.groups] == ["a", "a", "b", "b"]
    with pytest.warns(UnknownPatientsWarning, match="4 of 4 file names"):
        xrays = load_image_table(bare, root=root)
    assert xrays.X.columns.tolist() == ["path"]
    with pytest.raises(ValueError, match="Pass one of them"):
        load_image_table(TABLE, root=root, patient="patient", patient_pattern="folder")


def test_columns_that_are_not_there_are_named(root):
    for parameter in ("path", "label", "patient", "split"):
        with pytest.raises(
            ValueError, match=rf"no column 'x'; its columns are 'path'.*{parameter}="
        ):
            load_image_table(TABLE, root=root, **{parameter: "x"})
    with pytest.raises(ValueError, match="2 columns 'label'"):
        load_image_table(pd.concat([TABLE, TABLE["label"]], axis=1), root=root)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patient": "label"}, "'label' of the table cannot be both the label and the patient"),
        ({"path": "label"}, "'label' of the table cannot be both the path and the label"),
        ({"split": "label"}, "'label' of the table cannot be both the label and the split"),
        ({"split": "path"}, "'path' of the table cannot be both the path and the split"),
        ({"label": "split"}, "both the label and the split of an image.*--label or --split"),
        ({"label": "patient"}, "'patient' of the table cannot be both the label and the patient"),
    ],
)
def test_one_column_is_not_read_as_two_things(root, options, said):
    with command_line_messages(), pytest.raises(ValueError, match=said):
        load_image_table(TABLE, root=root, **options)


def test_a_column_that_a_table_lacks_is_not_said_to_be_one_of_two(root):
    with pytest.raises(ValueError, match="The table has no column 'findings'"):
        load_image_table(TABLE, root=root, label="findings", split="findings")


def test_paths_may_be_the_patients_and_contain_what_decides_the_label(root):
    xrays = quietly(
        TABLE,
        path="path",
        label="path",
        patient="path",
        root=root,
        positive=lambda found: "b" in found[0],
    )
    assert [*xrays.target] == [0, 0, 1, 1]
    assert [*xrays.groups] == FILES


def test_files_that_are_not_tables_are_named(root):
    with pytest.raises(FileNotFoundError, match="no table"):
        load_image_table(root / "nowhere.csv")
    with pytest.raises(IsADirectoryError, match="load_chest_xray"):
        load_image_table(root)
    (root / "t").write_bytes(b"\0\1\2")
    with pytest.raises(ValueError, match="cannot be read as a table"):
        load_image_table(root / "t")
    (root / "t").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(ValueError, match="before 2007"):
        load_image_table(root / "t")
    with pytest.raises(ValueError, match="no rows"):
        load_image_table(TABLE.iloc[:0])
    with pytest.raises(FileNotFoundError, match="Check root"):
        load_image_table(TABLE, root=root / "nowhere")


def test_older_spreadsheets_write_latin_1(root):
    table = TABLE.assign(label=["gesund", "Lungenentzündung", "Lungenentzündung", "gesund"])
    table.to_csv(root / "t.csv", index=False, sep=";", encoding="latin-1")
    assert load_image_table(root / "t.csv").target_names == ["gesund", "Lungenentzündung"]


def test_file_names_that_are_not_valid_text(root):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (root / name).touch()
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    table = TABLE.assign(path=pd.Series([name, *FILES[1:]], dtype=object))
    in_memory = load_image_table(table, root=root)
    with open(root / "t.csv", "w", encoding="utf-8", errors="surrogateescape") as stream:
        table.to_csv(stream, index=False)
    for xrays in (in_memory, load_image_table(root / "t.csv")):
        assert xrays.filenames[0] == str(root / name)
        assert xrays.X["path"][0] == str(root / name)


def test_names_are_found_in_a_locale_without_their_letters(root):
    (root / "Röntgen").mkdir()
    (root / "Röntgen" / "Müller.png").touch()
    rows = "Röntgen/Müller.png;normal\nRöntgen/Müller 2.png;pneumonia\na/1.png;pneumonia\n"
    (root / "t.csv").write_text(f"path;label\n{rows}", encoding="utf-8")
    read = "load_image_table('t.csv', incomplete='drop').filenames"
    script = f"from skpneumo.datasets import load_image_table; print(ascii([*{read}]))"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])} | locale,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert ast.literal_eval(run.stdout)[1] == "a/1.png"
    assert [*map(len, ast.literal_eval(run.stdout))] in ([20, 7], [18, 7])  # as bytes, or text


# Names made up in the schemes of five collections: the table, how to read it, the patients.
LAYOUTS = {
    "nih": (
        ["images_001/images/00000001_000.png", "images_001/images/00000001_001.png",
         "images_012/images/00030805_000.png"],
        {"Image Index": ["00000001_000.png", "00000001_001.png", "00030805_000.png"],
         "Finding Labels": ["Cardiomegaly|Pneumonia", "No Finding", "Effusion"]},
        {"path": "Image Index", "label": "Finding Labels", "positive": "Pneumonia"},
        ["00000001", "00000001", "00030805"],
        [1, 0, 0],
    ),
    "chexpert": (
        ["CheXpert-v9/train/patient00001/study1/view1_frontal.jpg",
         "CheXpert-v9/train/patient00001/study2/view1_frontal.jpg",
         "CheXpert-v9/valid/patient64541/study1/view1_frontal.jpg"],
        {"Path": ["CheXpert-v9/train/patient00001/study1/view1_frontal.jpg",
                  "CheXpert-v9/train/patient00001/study2/view1_frontal.jpg",
                  "CheXpert-v9/valid/patient64541/study1/view1_frontal.jpg"],
         "Pneumonia": ["", "1.0", "-1.0"]},
        {"path": "Path", "label": "Pneumonia", "positive": lambda found: found == ["1.0"],
         "root": "CheXpert-v9"},
        ["patient00001", "patient00001", "patient64541"],
        [0, 1, 0],
    ),
    "mimic": (
        ["files/p10/p10000032/s50414267/02aa804e-0.jpg",
         "files/p10/p10000032/s53189527/2a2277a9-0.jpg",
         "files/p11/p11000001/s50000001/f0000000-0.jpg"],
        {"dicom_id": ["02aa804e-0", "2a2277a9-0", "f0000000-0"],
         "Pneumonia": ["1", "0", "0"]},
        {"path": "dicom_id", "label": "Pneumonia"},
        ["p10000032", "p10000032", "p11000001"],
        [1, 0, 0],
    ),
    "rsna": (
        ["stage/0004cfab-14fd-4e49-80ba-63a80b6bddd6.dcm",
         "stage/000924cf-0f8d-42bd-9158-1af53881a557.dcm"],
        {"patientId": ["0004cfab-14fd-4e49-80ba-63a80b6bddd6",
                       "000924cf-0f8d-42bd-9158-1af53881a557"],
         "Target": ["0", "1"]},
        {"path": "patientId", "label": "Target"},
        ["0004cfab-14fd-4e49-80ba-63a80b6bddd6", "000924cf-0f8d-42bd-9158-1af53881a557"],
        [0, 1],
    ),
    "padchest": (
        ["0/20536686640136348236148679891455886468_k6ga29.png",
         "0/20536686640136348236148679891455886468_abcdef.png",
         "54/216840111366964012283393834152009027160348352_00-102-112.png"],
        {"ImageID": ["20536686640136348236148679891455886468_k6ga29.png",
                     "20536686640136348236148679891455886468_abcdef.png",
                     "216840111366964012283393834152009027160348352_00-102-112.png"],
         "Labels": ["['pneumonia', 'infiltrates']", "['normal']", "[' normal']"]},
        {"path": "ImageID", "label": "Labels", "positive": "pneumonia"},
        ["20536686640136348236148679891455886468", "20536686640136348236148679891455886468",
         "216840111366964012283393834152009027160348352"],
        [1, 0, 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_known_collections(tmp_path, layout):
    files, columns, options, patients, target = LAYOUTS[layout]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    options = {**options, "root": tmp_path / options.get("root", ".")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        xrays = load_image_table(pd.DataFrame(columns), patient_pattern=layout, **options)
    assert [*xrays.groups] == patients
    assert [*xrays.target] == target
    assert [os.path.relpath(path, tmp_path) for path in xrays.filenames] == files
    said = [str(each.message) for each in caught]
    assert ["each study is treated as a patient" in text for text in said] == (
        [True] if layout == "padchest" else []
    )


def test_many_rows_are_read_and_split_by_patient(tmp_path):
    """A table like that of NIH, a tenth of its size; the benchmarks use the full size."""
    rng = np.random.default_rng(0)
    patients = np.sort(rng.integers(1, 3000, 11_212))
    names = [f"{patient:08d}_{i:03d}.png" for i, patient in enumerate(patients)]
    (tmp_path / "images").mkdir()
    for name in names:
        (tmp_path / "images" / name).touch()
    table = pd.DataFrame(
        {
            "Image Index": names,
            "Finding Labels": rng.choice(["No Finding", "Effusion|Pneumonia"], len(names)),
            "Patient ID": patients,
        }
    )
    xrays = load_image_table(
        table, path="Image Index", label="Finding Labels", patient="Patient ID",
        positive="Pneumonia", root=tmp_path,
    )  # fmt: skip
    _, _, _, _, train, test = patient_train_test_split(
        xrays.X, xrays.target, xrays.groups, groups=xrays.groups, random_state=0
    )
    assert not set(train) & set(test)


# What typists and spreadsheets do to a column


@pytest.mark.parametrize(
    ("patients", "n", "said"),
    [
        (["007", "7", "8", "9"], 3, "1 patient in several ways, '007' and '7'"),
        (["P1", "p1", "P 2", "P  2"], 2, "2 patients in several ways, 'P1' and 'p1'; 'P 2' and"),
        (["1.0", "1", "1", "2"], 2, "'1' and '1.0'"),
        (["1.2E+11", "1.2E+11", "8", "9"], 3, "'1.2E[+]11' are long numbers that have been"),
        (["-", "?", "8", "9"], 4, "2 of 4 rows have no patient"),
        (["#REF!", "#NAME?", "8", "9"], 4, "2 of 4 rows have no patient"),
        (["7", "7,0", "8", "9"], 3, "'7' and '7,0'"),
        (["'007", "007", "8", "9"], 3, "and '007': ids that differ only"),
        (["2020-01-01", "2020-01-01 00:00:00", "8", "9"], 3, "'2020-01-01' and '2020-01-01 00"),
        ([2.0**53, 2.0**53 + 2, 1.0, 2.0], 4, "'9007199254740992' are .* or as floats, so"),
    ],
)
def test_one_patient_written_in_several_ways_never_becomes_several(root, patients, n, said):
    with pytest.warns((CollectionWarning, UnknownPatientsWarning), match=said):
        xrays = load_image_table(TABLE.assign(patient=patients, split=""), root=root)
    assert len(set(xrays.groups)) == n


def test_ids_that_differ_otherwise_are_several_patients(root):
    ids = ["1,000", "1", "P-1", "P-11"]
    assert [*load_image_table(TABLE.assign(patient=ids), root=root).groups] == ids


def test_a_mark_for_nothing_is_no_class(root):
    with pytest.raises(ValueError, match=r"1 of 4 rows have no 'label': 'b/3.jpeg'"):
        load_image_table(TABLE.assign(label=["normal", "pneumonia", "?", "normal"]), root=root)
    for pair in (["+", "-", "-", "+"], ["x", "-", "-", "x"]):
        xrays = load_image_table(TABLE.assign(label=pair), root=root, positive=pair[0])
        assert [*xrays.target] == [1, 0, 0, 1]


def test_one_file_written_in_two_ways_is_one(root):
    twice = TABLE.assign(path=["a/1.png", "./a/1.png", "b/../a/1.png", "b/4"])
    with pytest.raises(ValueError, match="same file have different values of split: 1 file"):
        load_image_table(twice, root=root)
    same = twice.assign(split="test", patient="7", label=["ill", "ill", "ill", "normal"])
    with pytest.warns(
        CollectionWarning, match="2 rows joined with an earlier row of the same file"
    ):
        xrays = load_image_table(same, root=root)
    assert [*xrays.filenames] == [str(root / "a/1.png"), str(root / "b/4")]


def test_dates_are_one_patient_as_date_and_as_text(root):
    days = [pd.Timestamp("2020-01-01"), "2020-01-01", pd.Timestamp("2020-01-01 08:30"), "x"]
    assert [*load_image_table(TABLE.assign(patient=days), root=root).groups] == [
        "2020-01-01", "2020-01-01", "2020-01-01 08:30:00", "x",
    ]  # fmt: skip


def test_spellings_of_a_split_are_one_and_marks_are_none(root):
    splits = ["fold 1", "Fold-1", "?", "fold 2"]
    with pytest.warns(CollectionWarning) as caught:
        xrays = load_image_table(TABLE.assign(split=splits), root=root)
    assert [*xrays.split] == ["fold 1", "fold 1", "", "fold 2"]
    said = " ".join(str(each.message) for each in caught)
    assert "The split 'fold 1' is spelled in 2 ways" in said
    assert "1 of 4 rows name no split" in said


def test_columns_of_patients_and_splits_are_found_in_another_case_or_hinted_at(root):
    alike = TABLE.rename(columns={"patient": "Patient", "split": " SPLIT"})
    xrays = load_image_table(alike, root=root)
    assert [*xrays.groups] == [*TABLE["patient"]]
    assert [*xrays.split] == ["train", "train", "test", "val"]
    other = TABLE.rename(columns={"patient": "Patient ID", "split": "subset"})
    with (
        pytest.warns(UnknownPatientsWarning, match=r"'Patient ID' .* pass patient='Patient ID'"),
        pytest.warns(CollectionWarning, match=r"'subset' .* test, train, val.* pass split='subs"),
    ):
        xrays = load_image_table(other, root=root)
    with command_line_messages(), pytest.warns(match="add --patient 'Patient ID'"):
        load_image_table(other, root=root, split="subset")
    with pytest.warns(UnknownPatientsWarning, match="have no patient that") as caught:
        load_image_table(other, root=root, split="subset", patient_pattern="nih")
    assert "Patient ID" not in str(caught[0].message)  # one of the two has been chosen


def test_a_column_that_begins_with_many_empty_cells_is_not_read_for_splits(monkeypatch):
    read = []

    def counting(column):
        read.append(len(column))
        return text_of(column)

    monkeypatch.setattr("skpneumo.datasets._table_columns.text_of", counting)
    frame = pd.DataFrame({"note": [""] * 500, "part": ["train", "test"] * 250})
    _, [remark] = splits_in(frame, None)
    assert "'part' of the table contains test, train" in remark
    assert sum(read) < 700  # one column of two


@pytest.mark.parametrize("options", [{"root": ""}, {"table": ""}])
def test_an_empty_path_is_not_the_current_folder(root, monkeypatch, options):
    monkeypatch.chdir(root)
    with pytest.raises(ValueError, match=rf"{next(iter(options))} is empty, as from a variable"):
        load_image_table(**{"table": TABLE, **options})


@pytest.mark.parametrize("link", [("a/1.png", "z.png"), ("a", "z")])
def test_one_file_reached_through_a_link_is_one(root, link):
    (root / link[1]).symlink_to(link[0])
    path = "z.png" if link[1] == "z.png" else "z/1.png"
    twice = TABLE.assign(path=["a/1.png", "a/2.png", path, "b/4"])
    with pytest.raises(
        ValueError, match=rf"split: 1 file, .*a/1.png' and .*{path}', one file beca"
    ):
        load_image_table(twice, root=root)


def test_rows_without_a_split_beside_others_are_counted(root):
    with pytest.warns(CollectionWarning, match="1 of 4 rows name no split, .*b/4"):
        xrays = load_image_table(TABLE.assign(split=["train", "train", "test", ""]), root=root)
    assert [*xrays.split] == ["train", "train", "test", ""]


def test_paths_may_be_urls_of_files(root):
    paths = [(root / file).as_uri() for file in FILES]
    assert [*load_image_table(TABLE.assign(path=paths)).filenames] == [
        str(root / file) for file in FILES
    ]


def test_a_line_above_the_names_of_the_columns_is_told_from_a_cell_too_many(root):
    (root / "t.csv").write_text("# an export\npath,label\na/1.png,normal\n")
    with pytest.raises(ValueError, match=r"'# an export', has fewer cells .* remove what stands"):
        load_image_table(root / "t.csv")


def test_uncertain_labels_are_asked_about(root):
    table = TABLE.assign(Pneumonia=["1.0", "0.0", "-1.0", "0.0"])
    options = {"label": "Pneumonia", "root": root}
    with pytest.raises(ValueError, match=r"1 of 4 rows have an uncertain 'Pneumonia', '-1.0'"):
        load_image_table(table, **options)
    with pytest.warns(CollectionWarning, match=r"'b/3.jpeg'. These rows were left out"):
        xrays = load_image_table(table, incomplete="drop", **options)
    assert xrays.target.tolist() == [1, 0, 0]
    assert xrays.target_names == ["not Pneumonia", "Pneumonia"]
    with pytest.warns(CollectionWarning, match=r"label '-1.0' \(1 row\) counts as 'not Pne"):
        xrays = load_image_table(table, positive=1, **options)
    assert xrays.target.tolist() == [1, 0, 0, 0]
    assert load_image_table(table, positive=[1, -1], **options).target.tolist() == [1, 0, 1, 0]


def test_drop_leaves_out_uncertain_rows_that_positive_does_not_name(root):
    table = TABLE.assign(label=["normal", "bacterial", "unknown", "viral"])
    options = {"root": root, "incomplete": "drop"}
    with pytest.warns(CollectionWarning, match=r"'unknown': 'b/3.jpeg'. These rows were left out"):
        xrays = load_image_table(table, positive=["bacterial", "viral"], **options)
    assert xrays.target.tolist() == [0, 1, 1]
    xrays = load_image_table(table, positive=["bacterial", "Unknown"], **options)
    assert xrays.target.tolist() == [0, 1, 1, 0]
    sick = load_image_table(table, positive=lambda found: found != ["normal"], **options)
    assert sick.target.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("patients", "unknown"),
    [
        (["Unknown", "unknown", "8", "9"], [0, 1]),
        (["ANONYMOUS", "a", "b", "None"], [0, 3]),
        ([-1, 7, -1, 9], [0, 2]),
        (["-1.0", "7.0", "8.0", "-1.0"], [0, 3]),
        (["-1", "A", "B", "C"], []),
    ],
)
def test_a_patient_who_is_called_unknown_is_not_one_patient(root, patients, unknown):
    table = TABLE.assign(patient=patients, split="")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        xrays = load_image_table(table, root=root)
    assert len(set(xrays.groups)) == 4
    assert np.flatnonzero(xrays.X["patient"].isna()).tolist() == unknown
    said = " ".join(str(each.message) for each in caught)
    assert (f"{len(unknown)} rows with a patient called" in said) == bool(unknown)
    assert (f"{len(unknown)} of 4 rows have no patient" in said) == bool(unknown)


def test_lists_of_findings_as_parquet_has_them(root):
    findings = [["normal"], ["pneumonia", "effusion"], ["pneumonia"], ["normal"]]
    for lists in (findings, [np.array(each, dtype=object) for each in findings]):
        table = TABLE.assign(label=lists)
        xrays = load_image_table(table, root=root, positive="pneumonia")
        assert [*xrays.target] == [0, 1, 1, 0]
    TABLE.assign(label=findings).to_parquet(root / "lists.parquet")
    xrays = load_image_table(root / "lists.parquet", positive="pneumonia")
    assert [*xrays.target] == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="1 of 4 rows have no 'label'"):
        load_image_table(TABLE.assign(label=[[], *findings[1:]]), root=root, positive="normal")
    for empty in ("[]", " | ", np.array([])):
        with pytest.raises(ValueError, match="1 of 4 rows have no 'label'"):
            load_image_table(TABLE.assign(label=["a", "a", "normal", empty]), root=root)


def test_a_single_class_is_reported(root):
    with pytest.warns(CollectionWarning, match="All images are of one class, 'normal'; a classif"):
        load_image_table(TABLE.assign(label="normal"), root=root)
