"""Every accepted form of paths, and invalid ones."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from skpneumo._paths import (
    carried_patients,
    check_paths,
    collection_and_split,
    filenames_of,
    text_frame,
)

NAMES = ["a.jpeg", "b.jpeg", "c.jpeg"]
FORMS = {
    "list of str": NAMES,
    "tuple of str": tuple(NAMES),
    "list of Path": [Path(name) for name in NAMES],
    "mixed": ["a.jpeg", Path("b.jpeg"), "c.jpeg"],
    "generator": (name for name in NAMES),
    "array of str": np.array(NAMES),
    "array of objects": np.array([Path(name) for name in NAMES], dtype=object),
    "column of an array": np.array(NAMES)[:, None],
    "column of lists": [[name] for name in NAMES],
    "Series": pd.Series(NAMES, index=[7, 8, 9]),
    "DataFrame": pd.DataFrame({"path": NAMES}),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_gives_one_array_of_str(form):
    paths = check_paths(form)
    assert paths.dtype == object
    assert paths.tolist() == NAMES
    assert {type(path) for path in paths} == {str}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("a.jpeg", TypeError, r"single path 'a\.jpeg'\. Use \['a\.jpeg'\]"),
        (Path("a.jpeg"), TypeError, "single path"),
        (os.curdir, TypeError, r"single path '\.'\. Use load_chest_xray\('\.'\)\.X"),
        ([bytes(10**6)], TypeError, r"Entry 0 of the paths is b'.{1,60} \(bytes\)"),
        (
            pd.DataFrame({"filenames": NAMES, "target": 1}),
            ValueError,
            r"Pass its X instead, such as xrays\.X",
        ),
        (3, TypeError, "got int: 3"),
        ({"path": NAMES}, TypeError, r"got a dict\. Pass a frame of it: pandas\.DataFrame"),
        (Bunch(X=NAMES, target=[0, 1, 1]), TypeError, r"got a Bunch\. Pass the X of this Bunch"),
        (set(NAMES), TypeError, r"got a set\. Pass a list, in the order of the labels"),
        ([], ValueError, "empty list of paths"),
        (np.empty((0, 1), dtype=object), ValueError, "empty list of paths"),
        (["a.jpeg", float("nan")], TypeError, r"Entry 1 of the paths is nan \(float\)"),
        (pd.Series(["a.jpeg", None]), TypeError, "Entry 1 of the paths is"),
        ([["a", "b"], ["c", "d"]], ValueError, "rows with"),
        (np.array([["a", "b"]]), ValueError, r"shape \(1, 2\)"),
        (np.zeros((2, 4, 4, 1)), ValueError, r"shape \(2, 4, 4, 1\)"),
    ],
)
def test_other_input_than_paths_is_named(wrong, error, message):
    with pytest.raises(error, match=message):
        check_paths(wrong)


def test_file_names_are_carried_or_are_the_rows_or_are_unknown():
    class Images(np.ndarray):
        filenames = NAMES

    assert filenames_of(np.zeros((3, 4, 4, 1)).view(Images)).tolist() == NAMES
    assert filenames_of(pd.Series(NAMES)).tolist() == NAMES
    assert filenames_of(np.zeros((3, 4, 4, 1))) is None
    assert filenames_of([[1.0, 2.0], [3.0, 4.0]]) is None
    assert filenames_of(pd.DataFrame({"age": [1, 2], "weight": [3, 4]})) is None


@pytest.mark.parametrize(("name", "read"), [("path", check_paths), ("patient", carried_patients)])
def test_two_columns_of_one_name_are_refused_with_the_remedy(name, read):
    frame = pd.DataFrame({"path": NAMES, "patient": NAMES})
    joined = pd.concat([frame, frame[[name]]], axis=1)
    with pytest.raises(ValueError, match=f"X has 2 columns '{name}'") as caught:
        read(joined)
    line = str(caught.value).split("X = ")[1].removesuffix(".")
    assert read(eval(line, {"X": joined})).tolist() == NAMES


def test_a_frame_gives_its_column_of_paths():
    frame = pd.DataFrame({"patient": [1, 1, 2], "path": NAMES, "age": [3, 4, 5]}, index=[7, 8, 9])
    assert check_paths(frame).tolist() == NAMES
    assert filenames_of(frame).tolist() == NAMES
    with pytest.raises(ValueError, match="a frame with the columns 'patient', 'age'"):
        check_paths(frame[["patient", "age"]])
    assert check_paths(frame[["path"]].rename(columns={"path": "file"})).tolist() == NAMES


def test_frames_of_text_take_any_name():
    frame = text_frame({"path": ["\udcff.png"], "target": np.array([1])})
    assert frame["path"].tolist() == ["\udcff.png"]
    assert [*map(str, frame.dtypes)] == ["object", "int64"]


@pytest.mark.parametrize(
    ("folder", "known", "one_class", "expected"),
    [
        ("xrays", (), False, ("xrays", "")),
        ("xrays/test", (), False, ("xrays", "test")),
        ("xrays/Validation", (), False, ("xrays", "val")),
        ("xrays/test/NORMAL", (), True, ("xrays", "test")),
        ("xrays/NORMAL/test", (), True, ("xrays", "test")),
        ("pneumonia", (), False, ("pneumonia", "")),
        ("pneumonia/test/NORMAL", (), True, ("pneumonia", "test")),
        ("pneumonia/NORMAL", ("NORMAL",), True, ("pneumonia", "")),
        ("xrays/fold-1/sick", ("fold-1", "sick"), False, ("xrays", "")),
        (".hidden/test", (), False, ("", "test")),
        ("", (), False, ("", "")),
    ],
)
def test_a_collection_is_named_by_the_folder_above_splits_and_classes(
    folder, known, one_class, expected
):
    files = [f"/{folder}/{name}.png" for name in "ab"]
    assert collection_and_split(files, known, one_class) == expected


def test_files_of_several_splits_are_of_none():
    assert collection_and_split(["/xrays/train/a.png", "/xrays/test/b.png"]) == ("xrays", "")
