import re
import shutil
from pathlib import Path
from zlib import crc32

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import FixedThresholdClassifier

from skpneumo import load_model, save_model
from skpneumo.cli import main
from skpneumo.evaluation import evaluate

# Models this small may predict the same class for every image.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")


def test_table_has_every_figure_with_its_interval(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "metrics.csv"
    assert main(["evaluate", str(model_file), xrays.root, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    test = xrays.split == "test"
    assert f"{test.sum()} X-rays of {len(set(xrays.groups[test]))} patients" in printed
    assert re.search(r"recall of PNEUMONIA +\d\.\d{3}  \[\d\.\d{3}, \d\.\d{3}\]", printed)
    frame = pd.read_csv(out).query("subgroup == 'all'").set_index("metric")
    predicted = load_model(model_file).predict(xrays.filenames[test])
    expected = np.mean(predicted[xrays.target[test] == 1] == 1)
    assert frame.value["recall"] == pytest.approx(expected)
    assert (frame.low <= frame.value + 1e-12)[["recall", "specificity", "accuracy"]].all()


def test_threshold_trades_specificity_for_recall(model_file, xrays, tmp_path, capsys):
    recall, specificity = [], []
    for threshold in ("0", "1"):
        out = str(tmp_path / f"{threshold}.csv")
        arguments = ["evaluate", str(model_file), xrays.root, "--threshold", threshold, "-o", out]
        assert main(arguments) == 0
        frame = pd.read_csv(out).query("subgroup == 'all'").set_index("metric")
        recall.append(frame.value["recall"])
        specificity.append(frame.value["specificity"])
    assert recall == [1, 0]
    assert specificity == [0, 1]


def saved(model, xrays, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(model.fit(xrays.filenames, xrays.target), path)
    return path


def figures_of(path, root, tmp_path):
    out = tmp_path / "metrics.csv"
    arguments = ["evaluate", str(path), root, "--split", "all", "-o", str(out), "--force"]
    assert main(arguments) == 0
    frame = pd.read_csv(out).query("subgroup == 'all'").set_index("metric")["value"]
    return frame[["recall", "specificity"]].tolist()


def predicted_figures(model, xrays):
    called, positive = model.predict(xrays.filenames) == 1, xrays.target == 1
    return pytest.approx([called[positive].mean(), 1 - called[~positive].mean()])


def test_threshold_that_is_a_score_decides_as_predict_does(xrays, tmp_path):
    probabilities = [0.3, 0.1 + 0.2, 0.7, 0.1, 0.05]
    assert any(1 - (1 - p) < p for p in probabilities)
    for threshold in probabilities:
        model = FixedThresholdClassifier(Known(probabilities), threshold=threshold)
        path = saved(model, xrays, tmp_path)
        assert figures_of(path, xrays.root, tmp_path) == predicted_figures(model, xrays)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0, "response_method": "decision_function"},
        {"threshold": 0.3, "pos_label": 0},
        {"threshold": 0.3},
    ],
)
def test_metrics_are_of_the_decisions_of_predict(options, xrays, tmp_path):
    model = FixedThresholdClassifier(Known([0.1, 0.3, 0.6, 0.75, 0.9]), **options)
    path = saved(model, xrays, tmp_path)
    assert figures_of(path, xrays.root, tmp_path) == predicted_figures(model, xrays)


class Known(ClassifierMixin, BaseEstimator):
    """Classifier that returns the given probabilities in turn, whatever the files."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        of_files = [
            self.probabilities[crc32(path.encode()) % len(self.probabilities)] for path in X
        ]
        return np.column_stack([1 - np.array(of_files), of_files])

    def decision_function(self, X):
        return self.predict_proba(X)[:, 1] - 0.7

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]


@pytest.mark.parametrize("name", ["model.joblib", "link.joblib"])
def test_table_does_not_replace_the_model(name, xrays, tmp_path, capsys):
    path = saved(Known([0.2, 0.8]), xrays, tmp_path)
    (tmp_path / "link.joblib").symlink_to(path)
    before = path.read_bytes()
    assert main(["evaluate", str(path), xrays.root, "-o", str(tmp_path / name), "--force"]) == 1
    assert "the model and --out are the same file" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_three_classes_are_pneumonia_against_normal(three_class_model_file, xrays, capsys):
    assert main(["evaluate", str(three_class_model_file), xrays.root, "--split", "all"]) == 0
    assert "recall of BACTERIA or VIRUS" in capsys.readouterr().out


class Certain(Known):
    """Classifier of three classes whose probabilities are rounded, with a sum above 1."""

    def predict_proba(self, X):
        rows = np.array([[0.6, 0.40000004, 1e-9], [0.6, 0.40000004, 1e-8], [0.1, 0.2, 0.7]])
        return rows[[crc32(Path(path).name.encode()) % 3 for path in X]].astype(np.float32)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_scores_of_one_of_three_classes_are_its_probabilities(xrays, tmp_path):
    order = {"normal": 0, "bacteria": 1, "virus": 2}
    target = np.array([order[each] for each in xrays.etiology])
    model = Certain([]).fit(xrays.filenames, target)
    path, out = tmp_path / "model.joblib", tmp_path / "metrics.csv"
    joblib.dump(model, path)
    arguments = ["evaluate", str(path), xrays.root, "--part", "all", "--positive", "VIRUS"]
    assert main([*arguments, "-o", str(out)]) == 0
    found = pd.read_csv(out).query("subgroup == 'all'").set_index("metric")["value"]
    own = evaluate(model, xrays.filenames, target, pos_label=2, subgroups=None)
    expected = own.set_index("metric")["value"]
    for metric in ("roc_auc", "average_precision", "brier_score", "ece"):
        assert found[metric] == pytest.approx(expected[metric], abs=1e-12), metric


def test_folder_without_the_split_is_named(model_file, xrays, tmp_path, capsys):
    assert main(["evaluate", str(model_file), str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_a_folder_of_other_classes_is_refused(model_file, tmp_path, xrays, capsys):
    for folder, path in (("healthy", xrays.filenames[0]), ("COVID", xrays.filenames[-1])):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    assert main(["evaluate", str(model_file), str(tmp_path), "--split", "all"]) == 1
    assert "classes of the model are NORMAL, PNEUMONIA" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:All images are of one class")
@pytest.mark.parametrize(
    ("name", "defined", "undefined"),
    [("normal", "specificity", "recall of PNEUMONIA"),
     ("Pneumonia", "recall of PNEUMONIA", "specificity")],
)  # fmt: skip
def test_a_table_of_one_class_of_the_model_is_evaluated_as_a_folder_is(
    name, defined, undefined, model_file, xrays, tmp_path, capsys
):
    table = tmp_path / "table.csv"
    paths = xrays.filenames[xrays.target == (defined != "specificity")]
    pd.DataFrame({"path": paths, "label": name}).to_csv(table, index=False)
    assert main(["evaluate", str(model_file), "--table", str(table)]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"{defined} +\d", printed)
    assert re.search(rf"{undefined} +undefined", printed)


@pytest.mark.filterwarnings("ignore:All images are of one class")
@pytest.mark.parametrize("positive", ["PNEUMONIA", "pneumonia"])
@pytest.mark.parametrize("target", [0, 1])
def test_the_positive_class_may_be_named_for_a_table_of_one_class(
    target, positive, model_file, xrays, tmp_path, capsys
):
    table = tmp_path / "table.csv"
    paths = xrays.filenames[xrays.target == target]
    pd.DataFrame({"path": paths, "label": xrays.target_names[target]}).to_csv(table, index=False)
    given = ["--table", str(table), "--positive", positive]
    assert main(["evaluate", str(model_file), *given]) == 0
    assert "recall of PNEUMONIA" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:All images are of one class")
@pytest.mark.parametrize(
    ("labels", "options", "specificity"),
    [
        (["NORMAL", "BACTERIA"], [], "0.000"),
        (["BACTERIA", "VIRUS"], ["--positive", "BACTERIA", "--positive", "VIRUS"], "undefined"),
    ],
)
def test_all_classes_of_a_model_decide_which_are_positive_in_a_table_of_two(
    labels, options, specificity, xrays, tmp_path, capsys
):
    """The model takes every image for VIRUS, of which one table has none."""
    X, y = xrays.X.iloc[:30], np.arange(30) % 3
    file, table = tmp_path / "model.skpneumo", tmp_path / "table.csv"
    save_model(DummyClassifier(strategy="constant", constant=2).fit(X, y), file)
    pd.DataFrame({"path": X["path"], "label": np.array(labels)[y % 2]}).to_csv(table, index=False)
    assert main(["evaluate", str(file), "--table", str(table), *options]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"recall of BACTERIA or VIRUS +1.000", printed)
    assert re.search(rf"specificity +{specificity}", printed)


def test_folder_without_splits_is_read_whole(model_file, xrays, capsys):
    assert main(["evaluate", str(model_file), str(Path(xrays.root) / "val")]) == 0
    n_val = (xrays.split == "val").sum()
    assert f"{n_val} X-rays" in capsys.readouterr().out


def test_images_that_the_gate_would_withhold_are_counted(
    gated_model_file, model_file, xrays, upside_down, tmp_path, capsys
):
    folder = tmp_path / "test"
    shutil.copytree(Path(xrays.root) / "test", folder)
    shutil.copy(upside_down, folder / "PNEUMONIA" / "person900_virus_1.png")
    frames = []
    for model in (gated_model_file, model_file):
        out = tmp_path / f"{len(frames)}.csv"
        assert main(["evaluate", str(model), str(folder), "--out", str(out)]) == 0
        frames.append(pd.read_csv(out))
    printed = capsys.readouterr().out
    assert printed.count("withheld by the gate") == 1
    withheld = frames[0].query("metric == 'withheld'")
    n_images = len(list(folder.rglob("*.*")))
    assert withheld["value"].iloc[0] >= 1 / n_images - 1e-15  # the last digit of a CSV
    others = frames[0].query("metric != 'withheld'").reset_index(drop=True)
    pd.testing.assert_frame_equal(others, frames[1])
    arguments = ["evaluate", str(gated_model_file), str(folder), "--threshold", "0.5"]
    assert main(arguments) == 0
    assert "withheld by the gate" in capsys.readouterr().out
