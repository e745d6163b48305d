import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

import skpneumo
from skpneumo import Pipeline, RecallFloorClassifier, load_model
from skpneumo.cli import _search, main
from skpneumo.cli.tune import tune
from skpneumo.evaluation import evaluate_predictions


@pytest.mark.slow
def test_best_of_the_grid_is_saved_with_the_table_of_all(xrays, tmp_path, capsys, monkeypatch):
    grid = {"cnn__filters": [(4,)], "cnn__learning_rate": [1e-3, 3e-3]}  # one program
    monkeypatch.setattr(_search, "GRID", grid)
    out = tmp_path / "model.joblib"
    tune(xrays.root, out=out, size=16, epochs=2, folds=2)
    table = pd.read_csv(tmp_path / "model-candidates.csv")
    assert len(table) == 2
    assert table.chosen.tolist() == [True, False]
    train = xrays.split == "train"
    for metric, label in (("recall", 1), ("specificity", 0)):
        low, value, high = (table[f"{metric}{which}"] for which in ("_low", "", "_high"))
        assert ((low <= value) & (value <= high) & (low < high)).all()
        rows = train & (xrays.target == label)
        assert table[f"{metric}_n"].tolist() == [rows.sum()] * 2
        assert table[f"{metric}_n_patients"].tolist() == [len(set(xrays.groups[rows]))] * 2
    chosen = joblib.load(out).get_params()
    assert table["cnn__filters"][0] == str(chosen["cnn__filters"])
    assert table["cnn__learning_rate"][0] == chosen["cnn__learning_rate"]
    printed = capsys.readouterr().out
    assert "2 candidates on 2 folds" in printed
    best = table.iloc[0]
    assert (
        f"recall of PNEUMONIA {best.recall:.3f} [{best.recall_low:.3f}, {best.recall_high:.3f}] "
        f"({best.recall_n} images, {best.recall_n_patients} patients)\n"
    ) in printed
    assert "deviation" not in printed


def test_a_table_that_cannot_be_written_does_not_lose_the_model(
    xrays, tmp_path, monkeypatch, capsys
):
    """The disk may be full after a search of days."""
    monkeypatch.setattr(_search, "GRID", {"cnn__filters": [(4,)]})
    folder, out = tmp_path / "tables", tmp_path / "model.skpneumo"
    folder.mkdir()
    table_of = _search.table_of

    def without_folder(*arguments):
        folder.rmdir()
        return table_of(*arguments)

    monkeypatch.setattr(_search, "table_of", without_folder)
    options = ["--folds", "2", "--size", "8", "--epochs", "1", "--out", str(out)]
    assert main(["tune", str(xrays.root), "--results", str(folder / "all.csv"), *options]) == 1
    assert "all.csv" in capsys.readouterr().err
    assert out.exists()


def test_an_interrupt_after_a_search_does_not_lose_the_model(xrays, tmp_path, monkeypatch):
    monkeypatch.setattr(_search, "GRID", {"cnn__filters": [(4,)]})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_search, "table_of", interrupted)
    out = tmp_path / "model.skpneumo"
    options = ["--folds", "2", "--size", "8", "--epochs", "1", "--out", str(out)]
    assert main(["tune", str(xrays.root), *options]) == 130
    assert out.exists()


@pytest.mark.filterwarnings("ignore::skpneumo.decision.FewPatientsWarning")
@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (OSError("gone"), 1)])
def test_without_its_recall_floor_the_best_model_is_saved(
    error, status, xrays, tmp_path, monkeypatch, capsys
):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(_search, "GRID", {"cnn__filters": [(4,)]})
    monkeypatch.setattr(RecallFloorClassifier, "fit", failing)
    out = tmp_path / "model.skpneumo"
    options = ["--folds", "2", "--size", "8", "--epochs", "1", "--out", str(out)]
    assert main(["tune", str(xrays.root), "--recall", "0.5", *options]) == status
    assert isinstance(load_model(out), Pipeline)
    said = f"Saved {out}, the best model of the search, without the recall floor."
    assert said in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_table_is_of_predictions_out_of_fold(xrays):
    """The table has the predictions of each candidate, not those of another."""
    grid = {"constant": [0, 1]}
    search = _search.recall_search(DummyClassifier(strategy="constant"), grid, 3, None, 0)
    search.fit(xrays.filenames, xrays.target)
    table = _search.table_of(search, xrays)
    frames = {
        constant: evaluate_predictions(
            xrays.target,
            y_pred=np.full(len(xrays.target), constant),
            filenames=xrays.filenames,
            subgroups=None,
        ).set_index("metric")
        for constant in (0, 1)
    }
    assert table["constant"].tolist() == [1, 0]  # of equal balanced accuracy, by recall
    for _, row in table.iterrows():
        for metric in ("recall", "specificity"):
            expected = frames[row["constant"]].loc[metric, ["value", "low", "high"]]
            shown = [row[f"{metric}{which}"] for which in ("", "_low", "_high")]
            assert shown == pytest.approx(expected.tolist())


def test_the_given_number_of_random_candidates_is_tried():
    search = _search.recall_search(None, _search.GRID, folds=2, n_candidates=3, random_state=0)
    assert search.n_iter == 3


def test_a_single_fold_is_refused_in_the_words_of_the_command(xrays, tmp_path, capsys):
    out = str(tmp_path / "model.joblib")
    assert main(["tune", xrays.root, "--out", out, "--folds", "1"]) != 0
    assert "--folds" in capsys.readouterr().err


# The command, over a model that needs no Keras, and a moment to train on any machine.
SCRIPT = """
import sys, time
from sklearn.linear_model import LogisticRegression
from skpneumo import ImageLoader, Pipeline
from skpneumo.cli import _default_pipeline, _search, main

class Slow(LogisticRegression):
    def fit(self, X, y):
        with open("log", "a") as log:
            print(self.C, file=log)
        time.sleep(float(sys.argv[1]))
        return super().fit(X.reshape(len(X), -1) / 255, y)
    def predict_proba(self, X):
        return super().predict_proba(X.reshape(len(X), -1) / 255)
    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)

def slow_pipeline(recipe, size, *args, **kwargs):
    return Pipeline([("load", ImageLoader(size=size)), ("cnn", Slow())])

_default_pipeline.recipe_pipeline = slow_pipeline
_search.GRID = {"cnn__C": [1.0, 0.01]}
status = main(sys.argv[2:])
assert "keras" not in sys.modules
sys.exit(status)
"""


def test_a_killed_search_continues_from_its_store(xrays, tmp_path):
    script, store, log = (tmp_path / name for name in ("search.py", "store", "log"))
    script.write_text(SCRIPT)

    def command(seconds):
        options = ["--out", "model.joblib", "--store", "store", "--size", "8"]
        return [sys.executable, script, str(seconds), "tune", xrays.root, *options]

    env = os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])}
    with subprocess.Popen(command(0.3), env=env, cwd=tmp_path) as process:
        while len(list(store.glob("*.json"))) < 2 and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "model.joblib").exists()
    saved, begun = len(list(store.glob("*.json"))), len(log.read_text().split())
    assert 2 <= saved < 6
    run = subprocess.run(
        command(0), env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"{saved} of 6 fits were already in store." in run.stdout
    assert len(log.read_text().split()) == begun + 6 - saved + 1  # the last is the best, refitted
    table = pd.read_csv(tmp_path / "model-candidates.csv")
    assert sorted(table["cnn__C"]) == [0.01, 1.0]
    train = xrays.split == "train"
    for metric, label in (("recall", 1), ("specificity", 0)):
        assert table[f"{metric}_n"].tolist() == [(train & (xrays.target == label)).sum()] * 2
