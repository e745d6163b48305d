import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from skpneumo.cli import _search, main
from skpneumo.cli._search import best_recall_then_specificity
from skpneumo.cli.tune import tune
from skpneumo.evaluation import evaluate_predictions


@pytest.mark.slow
def test_best_of_the_grid_is_kept_with_the_table_of_all(xrays, tmp_path, capsys, monkeypatch):
    grid = {"cnn__filters": [(4,), (4, 8)], "cnn__learning_rate": [1e-3]}
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
    chosen = joblib.load(out).get_params()["cnn__filters"]
    assert table["cnn__filters"][0] == str(chosen)
    printed = capsys.readouterr().out
    assert "2 candidates on 2 folds" in printed
    best = table.iloc[0]
    assert (
        f"recall {best.recall:.3f} [{best.recall_low:.3f}, {best.recall_high:.3f}] "
        f"({best.recall_n} images, {best.recall_n_patients} patients)\n"
    ) in printed
    assert "deviation" not in printed


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_table_is_of_predictions_out_of_fold(xrays):
    """Of each candidate's own, not of those of another."""
    grid = {"constant": [0, 1]}
    search = _search.recall_search(DummyClassifier(strategy="constant"), grid, 3, None, 0)
    search.fit(xrays.filenames, xrays.target)
    table = _search.table_of(search)
    frames = {
        constant: evaluate_predictions(
            xrays.target,
            y_pred=np.full(len(xrays.target), constant),
            filenames=xrays.filenames,
            subgroups=None,
        ).set_index("metric")
        for constant in (0, 1)
    }
    assert table["constant"].tolist() == [1, 0]
    for _, row in table.iterrows():
        for metric in ("recall", "specificity"):
            expected = frames[row["constant"]].loc[metric, ["value", "low", "high"]]
            shown = [row[f"{metric}{which}"] for which in ("", "_low", "_high")]
            assert shown == pytest.approx(expected.tolist())


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


def test_a_single_fold_is_refused_in_the_words_of_the_command(xrays, tmp_path, capsys):
    out = str(tmp_path / "model.joblib")
    assert main(["tune", xrays.root, "--out", out, "--folds", "1"]) != 0
    assert "--folds" in capsys.readouterr().err
