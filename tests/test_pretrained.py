"""The pretrained model: found by its name, checked by its digest, made by the script."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skpneumo import load_pretrained, read_provenance
from skpneumo.recipes import _pretrained, pretrained_file
from skpneumo.report import model_card

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "train_pretrained.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, xrays):
    """Run the script on a tiny collection, and return its files and output."""
    folder = tmp_path_factory.mktemp("weights")
    page = folder / "page.md"
    page.write_text(
        "before\n<!-- pretrained: start -->\nEARLIER\n<!-- pretrained: end -->\nafter\n"
    )
    before = {"kermany": {"version": 2, "file": "kermany-2.skpneumo", "sha256": "0"}}
    (folder / "index.json").write_text(json.dumps(before))
    (folder / "kermany-2.skpneumo").touch()
    run = subprocess.run(
        [
            sys.executable, SCRIPT, xrays.root, "--version", "3", "--out", folder,
            "--recipe", "dense-baseline", "--size", "16", "--epochs", "2", "--folds", "2",
            "--recall", "0.5", "--confidence", "0.5", "--false-alarms", "0.3",
            "--stress-patients", "12", "--work", tmp_path_factory.mktemp("fits"), "--write", page,
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


@pytest.fixture
def weights(trained, monkeypatch):
    monkeypatch.setattr(_pretrained, "WEIGHTS", trained[0])
    return trained[0]


@pytest.mark.slow
def test_the_script_makes_what_is_loaded(weights, trained, xrays):
    model = load_pretrained()
    assert model.predict_proba(xrays.filenames).shape == (len(xrays.filenames), 2)
    assert model.target_names_ == xrays.target_names
    assert "no medical device" in model.provenance_["notice"]
    card = model.provenance_["card"]
    assert card["images"] == len(xrays.filenames)
    assert card["patients"] == len(np.unique(xrays.groups))
    assert model.provenance_ == read_provenance(pretrained_file())
    assert str(xrays.root).encode() not in pretrained_file().read_bytes()


@pytest.mark.slow
def test_the_script_prints_its_steps(trained):
    folder, printed = trained
    path = folder / "kermany-3.skpneumo"
    assert (folder / "kermany-3.txt").read_text() == printed
    for said in ("Out of fold, by patient: recall", "specificity", "bit for bit", "16"):
        assert said in printed
    assert hashlib.sha256(path.read_bytes()).hexdigest() in printed
    assert not (folder / "kermany-2.skpneumo").exists()


@pytest.mark.slow
def test_the_card_has_stress_tests_and_shortcuts(weights, trained):
    model = load_pretrained()
    card = model.provenance_["card"]
    assert "of 12 patients" in card["stress tests"]["of"]
    for name in ("balanced accuracy", "specificity", "recall"):
        assert {f"{name}, mean of stress tests", f"{name}, worst"} <= card["stress tests"].keys()
    assert card["stress tests"]["balanced accuracy, held back"].count(";") == 2
    assert {"AUC, frame alone", "AUC, lungs blacked out"} <= card["shortcuts"].keys()
    page = (trained[0] / "page.md").read_text()
    assert page.startswith("before")
    assert page.endswith("after\n")
    assert "EARLIER" not in page
    written = model_card(model)
    for shown in (page, written):
        for said in ("lungs blacked out", "worst", "held back"):
            assert said in shown
    assert "may often be called PNEUMONIA" in written
    assert "it was not tested" not in written


def test_a_file_that_was_changed_is_refused(monkeypatch, tmp_path):
    index = {"kermany": {"version": 1, "file": "a.skpneumo", "sha256": "0" * 64}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(_pretrained, "WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        load_pretrained()
    (tmp_path / "a.skpneumo").write_bytes(b"something else")
    with pytest.raises(ValueError, match="differs from the released file"):
        load_pretrained()


def test_the_shipped_files_are_those_of_the_index():
    """Valid for all shipped weights, which have the script's output beside them."""
    index = json.loads((_pretrained.WEIGHTS / "index.json").read_text())
    for name, entry in index.items():
        path = pretrained_file(name)
        assert path.with_suffix(".txt").is_file()
        known = read_provenance(path)
        assert (known["name"], known["version"]) == (name, entry["version"])
        assert "medical device" in known["notice"]
