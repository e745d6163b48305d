import csv
import io
import json
import os
import subprocess
import sys
from io import StringIO
from types import SimpleNamespace

import joblib
import numpy as np
import pytest

from skpneumo.cli import main
from skpneumo.cli._labels import class_names, labels_of
from skpneumo.cli.predict import predict


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def damaged(tmp_path, xrays):
    """Two good files with three bad ones between them."""
    text = tmp_path / "text.jpeg"
    text.write_text("not an image")
    cut = tmp_path / "cut.jpeg"
    with open(xrays.filenames[0], "rb") as file:
        cut.write_bytes(file.read()[:400])
    return [xrays.filenames[0], str(text), "missing.jpeg", str(cut), xrays.filenames[1]]


def test_rows_are_what_the_model_says(model_file, xrays, capsys):
    assert predict(model_file, *xrays.filenames, batch_size=7) == 0
    rows = rows_of(capsys.readouterr().out)
    assert list(rows[0]) == ["path", "probability", "label", "error"]
    assert [row["path"] for row in rows] == xrays.filenames.tolist()
    model = joblib.load(model_file)
    expected = model.predict_proba(xrays.filenames)[:, 1]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=2e-6)
    names = [xrays.target_names[label] for label in model.predict(xrays.filenames)]
    assert [row["label"] for row in rows] == names
    assert {row["error"] for row in rows} == {""}


def test_json_lines_hold_the_same(model_file, xrays, capsys):
    paths = xrays.filenames[:3]
    predict(model_file, *paths)
    table = rows_of(capsys.readouterr().out)
    predict(model_file, *paths, format="jsonl")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == list(paths)
    assert [line["probability"] for line in lines] == [float(row["probability"]) for row in table]
    assert {line["error"] for line in lines} == {None}


def test_bad_files_are_rows_with_their_error_and_status_1(model_file, damaged, capsys):
    assert predict(model_file, *damaged) == 1
    out, err = capsys.readouterr()
    rows = rows_of(out)
    assert [row["path"] for row in rows] == damaged
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, False]
    assert [bool(row["label"]) for row in rows] == [True, False, False, False, True]
    assert "3 of 5 files" in err


def test_bad_files_change_nothing_for_the_good_ones(model_file, damaged, capsys):
    predict(model_file, damaged[0], damaged[-1], format="jsonl")
    alone = capsys.readouterr().out.splitlines()
    predict(model_file, *damaged, format="jsonl")
    among_bad_ones = capsys.readouterr().out.splitlines()
    assert [among_bad_ones[0], among_bad_ones[4]] == alone


def test_folders_are_searched(model_file, xrays, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    folder = os.path.commonpath(xrays.filenames.tolist())
    assert predict(model_file, folder) == 0
    assert {row["path"] for row in rows_of(capsys.readouterr().out)} == set(xrays.filenames)
    assert predict(model_file, str(tmp_path / "empty")) == 1
    (row,) = rows_of(capsys.readouterr().out)
    assert "folder" in row["error"]


def test_paths_come_from_standard_input(model_file, xrays, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(xrays.filenames[:3]) + "\n\n"))
    assert main(["predict", str(model_file), "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["path"] for row in rows] == xrays.filenames[:3].tolist()


def test_output_goes_to_a_file(model_file, xrays, tmp_path, capsys):
    predict(model_file, xrays.filenames[0])
    printed = capsys.readouterr().out
    out = tmp_path / "out.csv"
    assert main(["predict", str(model_file), xrays.filenames[0], "-o", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert out.read_text() == printed


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "PNEUMONIA"), (1.0, "NORMAL")])
def test_threshold_decides_the_label(model_file, xrays, threshold, label, capsys):
    predict(model_file, *xrays.filenames, threshold=threshold)
    assert {row["label"] for row in rows_of(capsys.readouterr().out)} == {label}


def test_threshold_of_the_model_is_kept(model_file, xrays, tmp_path, capsys):
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import FixedThresholdClassifier

    model = FixedThresholdClassifier(FrozenEstimator(joblib.load(model_file)), threshold=0.999)
    model.fit(xrays.filenames, xrays.target)
    joblib.dump(model, tmp_path / "strict.joblib")
    predict(tmp_path / "strict.joblib", *xrays.filenames)
    names = [xrays.target_names[label] for label in model.predict(xrays.filenames)]
    assert [row["label"] for row in rows_of(capsys.readouterr().out)] == names


def test_three_classes_have_a_column_each(three_class_model_file, xrays, capsys):
    predict(three_class_model_file, *xrays.filenames[:4])
    rows = rows_of(capsys.readouterr().out)
    columns = [f"probability_{name}" for name in ("NORMAL", "BACTERIA", "VIRUS")]
    assert list(rows[0]) == ["path", *columns, "label", "error"]
    for row in rows:
        assert sum(float(row[column]) for column in columns) == pytest.approx(1, abs=1e-5)
        assert row["label"] in ("NORMAL", "BACTERIA", "VIRUS")
    with pytest.raises(ValueError, match="two classes"):
        predict(three_class_model_file, xrays.filenames[0], threshold=0.5)


def test_odd_file_names_survive(model_file, xrays, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b'a "b", \xff.jpeg')
    try:
        with open(xrays.filenames[0], "rb") as source, open(odd, "wb") as target:
            target.write(source.read())
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    out = tmp_path / "out.csv"
    assert predict(model_file, os.fsdecode(odd), out=out) == 0
    with open(out, encoding="utf-8", errors="surrogateescape", newline="") as file:
        (row,) = csv.DictReader(file)
    assert os.fsencode(row["path"]) == odd


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(model_file, xrays):
    program = "import sys; from skpneumo.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, "predict", str(model_file), "-", "--batch-size", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        run.stdin.write(f"{xrays.filenames[0]}\n" * 3)
        run.stdin.flush()
        assert run.stdout.readline() == "path,probability,label,error\n"
        run.stdout.close()
        run.stdin.write(f"{xrays.filenames[0]}\n" * 3)
        run.stdin.close()
        assert run.stderr.read() == ""
        assert run.wait() == 141


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a model file"),
        (b"path,label\n", "not a model file"),
        ({"weights": [1, 2]}, "holds a dict"),
        ("unfitted", "not been fitted"),
        ("regressor", "holds a LinearRegression"),
    ],
)
def test_what_is_no_model_is_named(content, said, xrays, tmp_path, capsys):
    from sklearn.linear_model import LinearRegression, LogisticRegression

    path = tmp_path / "model.joblib"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        others = {"unfitted": LogisticRegression(), "regressor": LinearRegression()}
        joblib.dump(others[content] if isinstance(content, str) else content, path)
    assert main(["predict", str(path), xrays.filenames[0]]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert str(path) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["missing.joblib", ""])
def test_a_model_that_is_not_there_is_named(name, xrays, tmp_path, capsys):
    assert main(["predict", str(tmp_path / name), xrays.filenames[0]]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_nothing_is_overwritten_unless_forced(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "mine.jpeg"
    out.write_bytes(b"precious")
    arguments = ["predict", str(model_file), str(xrays.filenames[0]), "-o", str(out)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert main([*arguments, "--force"]) == 0
    assert out.read_text().startswith("path,")


def test_no_paths_on_standard_input(model_file, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert main(["predict", str(model_file), "-"]) == 1
    assert "no paths on standard input" in capsys.readouterr().err


def test_classes_are_called_what_they_were_called_in_training():
    model = SimpleNamespace(classes_=np.array([0, 1]))
    assert class_names(model) == ["NORMAL", "PNEUMONIA"]
    model.target_names_ = ["healthy", "COVID"]
    assert labels_of(np.array([[0.9, 0.1], [0.1, 0.9]]), model, 0.5).tolist() == [
        "healthy",
        "COVID",
    ]
