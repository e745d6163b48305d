import joblib
import numpy as np
import pandas as pd
import pytest

from skpneumo.cli import _search
from skpneumo.cli._search import best_recall_then_specificity
from skpneumo.cli.tune import tune


@pytest.mark.slow
def test_best_of_the_grid_is_kept_with_the_table_of_all(xrays, tmp_path, capsys, monkeypatch):
    grid = {"cnn__filters": [(4,), (4, 8)], "cnn__learning_rate": [1e-3]}
    monkeypatch.setattr(_search, "GRID", grid)
    out = tmp_path / "model.joblib"
    tune(xrays.root, out=out, size=16, epochs=2, folds=2)
    table = pd.read_csv(tmp_path / "model-candidates.csv")
    assert len(table) == 2
    assert table.chosen.tolist() == [True, False]
    assert {"recall", "specificity", "cnn__filters"} <= set(table.columns)
    chosen = joblib.load(out).get_params()["cnn__filters"]
    assert table["cnn__filters"][0] == str(chosen)
    assert "2 candidates on 2 folds" in capsys.readouterr().out


def test_random_draw_takes_as_many_as_asked_for(tmp_path):
    search = _search.recall_search(None, _search.GRID, folds=2, draw=3, random_state=0)
    assert search.n_iter == 3


@pytest.mark.parametrize(
    ("recall", "specificity", "chosen"),
    [
        ([0.9, 0.8], [0.1, 0.9], 0),
        ([0.95, 0.945], [0.1, 0.9], 1),
        ([1.0, 0.991, 0.98], [0.0, 0.8, 0.99], 1),
        ([0.9, 0.9], [0.7, 0.7], 0),
    ],
)
def test_choice_is_by_recall_then_specificity(recall, specificity, chosen):
    results = {
        "mean_test_recall": np.array(recall),
        "mean_test_specificity": np.array(specificity),
    }
    assert best_recall_then_specificity(results) == chosen
