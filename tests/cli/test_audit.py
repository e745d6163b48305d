import os
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression

from skpneumo import ImageLoader, make_chest_xray, make_pipeline
from skpneumo.audit import audit_images
from skpneumo.cli import main
from skpneumo.cli.audit import FAULTS_FOUND, _write_by_file


@pytest.fixture
def faulty(tmp_path):
    """A collection with a damaged file and a patient in two splits."""
    xrays = make_chest_xray(tmp_path / "chest_xray", n_patients=16, random_state=0)
    damaged, leaked = xrays.filenames[xrays.split == "train"][[0, -1]]
    with open(damaged, "r+b") as file:
        file.truncate(500)
    shutil.copy(leaked, leaked.replace("train", "test"))
    return xrays.root, damaged, leaked


def test_sound_collection_is_status_0_and_a_summary(xrays, capsys):
    assert main(["audit", xrays.root]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{len(xrays.target)} images (")
    assert "PNEUMONIA" in out
    assert "ERROR" not in out
    assert err == ""


def test_faults_are_status_3_and_are_named(faulty, tmp_path, capsys):
    root, damaged, leaked = faulty
    page, table = tmp_path / "audit.html", tmp_path / "findings.csv"
    assert main(["audit", root, "--out", str(page), "--csv", str(table)]) == FAULTS_FOUND == 3
    out = capsys.readouterr().out
    assert "ERROR truncated" in out
    assert "ERROR patient_across_splits" in out
    assert f"Saved {page} and {table}." in out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    frame = pd.read_csv(table)
    assert frame.columns.tolist() == ["finding", "kind", "severity", "path", "detail"]
    assert frame.query("kind == 'truncated'")["path"].tolist() == [damaged]
    across = frame.query("kind == 'duplicate_across_splits'")
    assert set(across["path"]) == {leaked, leaked.replace("train", "test")}
    assert across["finding"].nunique() == 1


def test_views_and_devices_of_a_table_are_looked_at(xrays, tmp_path, capsys):
    table = pd.DataFrame({"path": xrays.filenames, "label": xrays.target, "patient": xrays.groups})
    table["view_position"] = np.where(xrays.target == 1, "AP", "PA")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["audit", "--table", str(tmp_path / "t.csv"), "--names-only"]) == 0
    assert "view AP in 100%" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--out", "--csv"])
def test_files_are_not_overwritten_unless_asked_for(option, xrays, tmp_path, capsys):
    there = tmp_path / "there"
    there.write_text("mine")
    assert main(["audit", xrays.root, option, str(there)]) == 1
    assert there.read_text() == "mine"
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"skpneumo: {there} exists already. Name another file, or add --force.\n"
    assert main(["audit", xrays.root, option, str(there), "--force"]) == 0
    assert there.read_text("utf-8") != "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "{there}", "--csv", "{there}"], "--out and --csv are the same file"),
        (["--model", "{there}", "--csv", "{there}"], "--model and --csv are the same file"),
    ],
)
def test_one_file_cannot_be_two_outputs(options, said, xrays, tmp_path, capsys):
    there = tmp_path / "there"
    there.write_text("mine")
    options = [option.format(there=there) for option in options]
    assert main(["audit", xrays.root, *options, "--force"]) == 1
    assert said in capsys.readouterr().err
    assert there.read_text() == "mine"


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.CollectionWarning")
def test_clones_of_the_model_are_fitted_to_find_suspect_labels(tmp_path, capsys):
    xrays = make_chest_xray(tmp_path / "chest_xray", n_patients=30, size=32, random_state=0)
    for path, target in zip(xrays.filenames, xrays.target, strict=True):
        with Image.open(path) as image:
            image.convert("L").point(lambda v, light=target: v // 3 + 120 * light).save(path)
    pipe = make_pipeline(ImageLoader(size=(8, 8)), FlatPixels(), LogisticRegression())
    model = tmp_path / "model.joblib"
    joblib.dump(pipe.fit(xrays.filenames, xrays.target), model)
    swapped = xrays.filenames[-1].replace("PNEUMONIA", "NORMAL")
    shutil.move(xrays.filenames[-1], swapped)
    table = tmp_path / "findings.csv"
    main(["audit", xrays.root, "--csv", str(table), "--model", str(model)])
    captured = capsys.readouterr()
    assert "suspect labels: no estimator" not in captured.out
    assert "WARNING suspect_label" in captured.out
    suspects = pd.read_csv(table).query("kind == 'suspect_label'")
    assert suspects["path"].tolist() == [swapped]
    assert main(["audit", xrays.root, "--model", str(tmp_path / "nothing.joblib")]) == 1
    assert "no model file" in capsys.readouterr().err


class FlatPixels(BaseEstimator, TransformerMixin):
    """A row of pixels for each image; not a lambda, which cannot be pickled with the model."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1) / 255

    def __sklearn_is_fitted__(self):
        return True


def test_table_of_file_names_that_are_not_utf_8(tmp_path):
    name = os.fsdecode(b"person1_virus_\xe9.png")
    findings = audit_images([tmp_path / name], y=[0], near_duplicates=False).findings
    _write_by_file(findings, tmp_path / "findings.csv")
    assert b"person1_virus_\xe9.png," in (tmp_path / "findings.csv").read_bytes()


def test_a_missing_folder_is_named(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "nowhere")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "nowhere" in err
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_control_characters_in_names_are_escaped(tmp_path, capsys):
    """Names of folders, files and classes can contain control codes of terminals."""
    codes = "\x1b]0;title\x07\x1b[2J\x9b31m"
    for label in ("normal", "pneumonia"):
        folder = tmp_path / f"{label}{codes}"
        folder.mkdir()
        for i in range(3):
            name = f"{codes}{label}{i}.png"
            Image.new("L", (9, 9), 10 * i).save(folder / name)
        (folder / f"{codes}.bmp").write_bytes(b"BM is skipped")
    main(["audit", str(tmp_path)])
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert r"\x1b[2J\x9b31m" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    main(["audit", str(tmp_path / f"none{codes}")])
    shown = capsys.readouterr().err
    assert shown.startswith("skpneumo: ")
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
