import shutil

import pandas as pd
import pytest

from skpneumo import make_chest_xray
from skpneumo.cli import main
from skpneumo.cli.audit import FAULTS_FOUND


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
    assert f"Kept {page} and {table}." in out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    frame = pd.read_csv(table)
    assert frame.columns.tolist() == ["finding", "kind", "severity", "path", "detail"]
    assert frame.query("kind == 'truncated'")["path"].tolist() == [damaged]
    across = frame.query("kind == 'duplicate_across_splits'")
    assert set(across["path"]) == {leaked, leaked.replace("train", "test")}
    assert across["finding"].nunique() == 1


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


def test_folder_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "nowhere")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "nowhere" in err
    assert err.count("\n") == 1
