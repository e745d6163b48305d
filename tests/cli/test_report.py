import hashlib
import re
import shutil
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from skpneumo import load_model, save_model
from skpneumo._progress import working
from skpneumo.cli import main


def test_page_is_about_the_model_and_the_split(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "report.html"
    assert main(["report", str(model_file), xrays.root, "--out", str(out)]) == 0
    printed, err = capsys.readouterr()
    test = xrays.split == "test"
    assert f"{test.sum()} X-rays of {len(set(xrays.groups[test]))} patients" in printed
    assert "recall of PNEUMONIA" in printed
    assert "Nobody chose the threshold" in printed
    assert printed.endswith(f"Saved {out}.\n")
    assert err == ""
    html = out.read_text("utf-8")
    checksum = hashlib.sha256(Path(model_file).read_bytes()).hexdigest()
    for said in (checksum, "CNNClassifier", "Course of the training", "Synthetic chest X-rays"):
        assert said in html


def test_recall_is_of_the_class_that_is_named(model_file, xrays, tmp_path, capsys):
    # The threshold is for the other class than the illness.
    model = FixedThresholdClassifier(
        FrozenEstimator(load_model(model_file)), threshold=0.9, pos_label=0
    )
    save_model(model.fit(xrays.filenames, xrays.target), tmp_path / "other.skpneumo")
    arguments = [str(tmp_path / "other.skpneumo"), xrays.root]
    found = []
    for command in (["evaluate"], ["report", "--out", str(tmp_path / "report.html")]):
        assert main([*command, *arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        found.append([line.split() for line in lines if line.startswith("recall of PNEUMONIA")])
    assert found[0] == found[1] != []


def test_three_classes_are_pneumonia_against_normal(
    three_class_model_file, xrays, tmp_path, capsys
):
    out = tmp_path / "report.html"
    arguments = ["report", str(three_class_model_file), xrays.root, "-o", str(out)]
    assert main([*arguments, "--split", "all"]) == 0
    assert f"{len(xrays.target)} X-rays" in capsys.readouterr().out
    html = out.read_text("utf-8")
    assert "BACTERIA or VIRUS (positive)" in html
    assert "Training unknown" in html


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.CollectionWarning")
@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_what_is_missing_in_a_table_is_not_reported_as_complete(model_file, xrays, tmp_path):
    rows = [*range(4), *range(-4, 0)]
    for number, row in enumerate(rows):
        shutil.copy(xrays.filenames[row], tmp_path / f"{number}.jpeg")
    names = np.array(["NORMAL", "PNEUMONIA"], dtype=object)[xrays.target[rows]]
    names[0] = None
    table = tmp_path / "table.csv"
    pd.DataFrame({"path": [f"{n}.jpeg" for n in range(8)], "label": names}).to_csv(table)
    out = tmp_path / "report.html"
    arguments = ["report", str(model_file), "--table", str(table), "--drop-incomplete"]
    assert main([*arguments, "--out", str(out)]) == 0
    flow = re.search(r'id="flow".*?id="protocol"', out.read_text("utf-8"), re.DOTALL)[0]
    text = " ".join(re.sub("<[^>]+>", " ", flow).split())
    assert "dropped rows of a table" in text
    assert "with those left out" not in text
    assert "patient 7 counted as one patient each" in text


def test_page_is_not_overwritten_unless_asked_for(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "report.html"
    out.write_text("mine")
    arguments = ["report", str(model_file), xrays.root, "--out", str(out)]
    assert main(arguments) == 1
    assert out.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert out.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.slow
def test_explain_adds_heat_maps(model_file, xrays, tmp_path):
    out = tmp_path / "report.html"
    assert main(["report", str(model_file), xrays.root, "--explain", "--out", str(out)]) == 0
    page = out.read_text("utf-8")
    heading, limits = (page.index(f'id="{name}"') for name in ("explanation", "limits"))
    assert heading < limits
    assert "share from outside the chest" in page[heading:limits]
    assert "data:image/png;base64" in page[heading:limits]


def test_page_does_not_replace_the_model(model_file, xrays, capsys):
    before = Path(model_file).read_bytes()
    assert main(["report", str(model_file), xrays.root, "-o", str(model_file), "--force"]) == 1
    assert "the model and --out are the same file" in capsys.readouterr().err
    assert Path(model_file).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["nowhere.joblib", "{root}"], "nowhere.joblib"),
        (["{model}", "nowhere"], "nowhere"),
        (["{model}", "{root}", "--split", "holdout"], "holdout"),
        (["{model}", "{root}", "--out", "nowhere/report.html"], "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_file(
    arguments, culprit, model_file, xrays, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    arguments = [each.format(model=model_file, root=xrays.root) for each in arguments]
    assert main(["report", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert culprit in err
    assert list(tmp_path.iterdir()) == []


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (StringIO(), False)])
def test_progress_is_shown_on_terminals(monkeypatch, stream, shown):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with working("Opening files"):
        pass
    assert ("Opening files" in stream.getvalue()) == shown
    assert shown or stream.getvalue() == ""


def test_folder_without_splits_is_read_whole(model_file, xrays, tmp_path, capsys):
    folder = str(Path(xrays.root) / "val")
    assert main(["report", str(model_file), folder, "--out", str(tmp_path / "report.html")]) == 0
    assert f"{(xrays.split == 'val').sum()} X-rays" in capsys.readouterr().out
