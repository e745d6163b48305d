"""The model that ships: found by its name, checked by its digest, made by the script."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skpneumo import load_pretrained, read_provenance
from skpneumo.recipes import _pretrained, pretrained_file

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "train_pretrained.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, xrays):
    """What the script makes of a tiny collection, and what it prints."""
    folder = tmp_path_factory.mktemp("weights")
    run = subprocess.run(
        [
            sys.executable, SCRIPT, xrays.root, "--version", "3", "--out", folder,
            "--recipe", "dense-baseline", "--size", "16", "--epochs", "2", "--folds", "2",
            "--recall", "0.5", "--confidence", "0.5", "--false-alarms", "0.3",
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
def test_the_script_says_what_it_did(trained):
    folder, printed = trained
    path = folder / "kermany-3.skpneumo"
    assert (folder / "kermany-3.txt").read_text() == printed
    for said in ("Out of fold, by patient: recall", "specificity", "bit for bit", "16"):
        assert said in printed
    assert hashlib.sha256(path.read_bytes()).hexdigest() in printed


def test_a_file_that_was_changed_is_refused(monkeypatch, tmp_path):
    index = {"kermany": {"version": 1, "file": "a.skpneumo", "sha256": "0" * 64}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(_pretrained, "WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        load_pretrained()
    (tmp_path / "a.skpneumo").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not the file that skpneumo was released with"):
        load_pretrained()


def test_what_ships_is_what_the_index_says():
    """Holds for whatever weights there are; each has its script's output beside it."""
    index = json.loads((_pretrained.WEIGHTS / "index.json").read_text())
    for name, entry in index.items():
        path = pretrained_file(name)
        assert path.with_suffix(".txt").is_file()
        known = read_provenance(path)
        assert (known["name"], known["version"]) == (name, entry["version"])
        assert "medical device" in known["notice"]
