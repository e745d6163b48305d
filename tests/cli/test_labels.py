"""Which class of a model the commands are about, where the illness is the first or is unclear."""

import csv
import re
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.preprocessing import FunctionTransformer

from skpneumo import ImageLoader, evaluate, make_pipeline
from skpneumo._responses import positive_column
from skpneumo.cli import main
from skpneumo.cli._collections_for_models import read_for
from skpneumo.cli._labels import labels_at
from skpneumo.cli._options import CollectionOptions
from skpneumo.datasets import CollectionWarning

NAMES = {"illness first": ("normal", "abnormal"), "unclear": ("TB", "COVID")}


def as_rows(images):
    return np.asarray(images).reshape(len(images), -1) / 255


@pytest.fixture(scope="module")
def cases(xrays, tmp_path_factory):
    """A fitted model, its file and a folder of its classes, by how clear its labels are."""
    found = {}
    for kind, names in NAMES.items():
        place = tmp_path_factory.mktemp("labels")
        labels = np.array(names)[xrays.target]
        for path, label, split in zip(xrays.filenames, labels, xrays.split, strict=True):
            folder = place / "xrays" / split / label
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
        model = make_pipeline(
            ImageLoader(size=16), FunctionTransformer(as_rows), LogisticRegression()
        ).fit(xrays.filenames, labels)
        joblib.dump(model, place / "model.joblib")
        found[kind] = model, place / "model.joblib", place / "xrays"
    return found


def run(command, case, options, out):
    """Run a command on the test images of a case; return its status."""
    _, file, folder = case
    files = sorted(map(str, folder.glob("test/*/*")))
    given = [str(folder)] if command in ("evaluate", "report", "card") else files[:2]
    return main([command, str(file), *given, "--out", str(out), *options])


def rows_of(table):
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("command", "options"),
    [("evaluate", []), ("evaluate", ["--positive", "abnormal"]), ("report", [])],
)
def test_recall_is_of_the_illness(command, options, cases, tmp_path, capsys):
    out = tmp_path / ("out.csv" if command == "evaluate" else "out.html")
    assert run(command, cases["illness first"], options, out) == 0
    [found] = re.findall(r"recall of abnormal +(\S+).*\n", capsys.readouterr().out)[:1]
    model, _, folder = cases["illness first"]
    files = sorted(map(str, folder.glob("test/*/*")))
    frame = evaluate(model, files, [Path(file).parent.name for file in files])
    expected = frame.query("subgroup == 'all'").set_index("metric").value["recall"]
    assert float(found) == pytest.approx(expected, abs=6e-4)
    if command == "report":
        assert "distinguishes abnormal (positive) from normal" in out.read_text()


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_the_probability_is_of_the_illness(command, cases, tmp_path):
    out = tmp_path / ("out.csv" if command == "predict" else "out")
    assert run(command, cases["illness first"], [], out) == 0
    rows = rows_of(out if command == "predict" else out / "explanations.csv")
    assert list(rows[0])[:3] == ["path", "probability_abnormal", "label"]
    expected = cases["illness first"][0].predict_proba([row["path"] for row in rows])[:, 0]
    assert [float(row["probability_abnormal"]) for row in rows] == pytest.approx(
        expected, abs=2e-6
    )


def test_heat_maps_are_of_the_illness(cases, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "skpneumo.explanation._batches.explain_batch",
        lambda _, paths, labels, probabilities, *others: (
            asked.extend(zip(labels, probabilities, strict=True))
            or [([None] * 5, None)] * len(paths)
        ),
    )
    for number, target in enumerate([[], ["--target", "normal"]]):
        assert run("explain", cases["illness first"], target, tmp_path / str(number)) == 0
    labels, probabilities = zip(*asked, strict=True)
    assert labels == ("abnormal", "abnormal", "normal", "normal")
    assert np.add(probabilities[:2], probabilities[2:]) == pytest.approx(1)


@pytest.mark.parametrize("threshold", ["0", "1"])
def test_the_threshold_is_on_the_probability_of_the_illness(threshold, cases, tmp_path):
    called = "abnormal" if threshold == "0" else "normal"
    options = ["--threshold", threshold]
    assert run("predict", cases["illness first"], options, tmp_path / "out.csv") == 0
    assert {row["label"] for row in rows_of(tmp_path / "out.csv")} == {called}
    assert run("evaluate", cases["illness first"], options, tmp_path / "metrics.csv") == 0
    [recall, *_] = [
        row["value"] for row in rows_of(tmp_path / "metrics.csv") if row["metric"] == "recall"
    ]
    assert float(recall) == (called == "abnormal")


@pytest.mark.parametrize("command", ["evaluate", "report", "card"])
def test_an_unclear_illness_is_asked_for(command, cases, tmp_path, capsys):
    out = tmp_path / {"evaluate": "o.csv", "report": "o.html", "card": "o.md"}[command]
    assert run(command, cases["unclear"], [], out) == 1
    assert "Which of the classes 'COVID', 'TB' is the illness?" in capsys.readouterr().err
    for name in ("COVID", "TB")[: 2 if command == "evaluate" else 1]:
        options = ["--positive", name, "--force"]
        assert run(command, cases["unclear"], options, out) == 0
        assert command == "card" or f"recall of {name} " in capsys.readouterr().out


def test_predictions_of_an_unclear_illness_are_of_the_second_class(cases, tmp_path):
    assert run("predict", cases["unclear"], [], tmp_path / "out.csv") == 0
    rows = rows_of(tmp_path / "out.csv")
    expected = cases["unclear"][0].predict_proba([row["path"] for row in rows])[:, 1]
    assert [float(row["probability_TB"]) for row in rows] == pytest.approx(expected, abs=2e-6)


def test_a_model_trained_with_a_positive_class_knows_it(cases):
    folder = cases["unclear"][2]
    for names in (["COVID", "TB"], ["TB", "COVID"]):
        model = SimpleNamespace(target_names_=names, classes_=np.arange(2))
        read = read_for(model, folder, CollectionOptions(), "test", "held out")
        assert (read.target_names, read.positive) == (names, names[1:])
        assert [Path(file).parent.name for file in read.filenames] == [
            names[label] for label in read.target
        ]


def test_numbers_of_a_table_that_do_not_tell_are_read_as_the_model_knows_them(tmp_path, xrays):
    table = tmp_path / "labels.csv"
    rows = {"path": xrays.filenames, "label": xrays.target + 1}
    pd.DataFrame(rows).to_csv(table, index=False)
    model = SimpleNamespace(target_names_=["1", "2"], classes_=np.arange(2))
    read = read_for(model, None, CollectionOptions(table=table), "all", "held out")
    assert read.positive == ["2"]
    assert read.target.tolist() == xrays.target.tolist()


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ((0, 1), ("TB",), "TB"),
        ((0, 1), ("COVID",), "COVID"),
        ((0, 1), ("1",), "TB"),
        (("well", "sick"), ("sick",), "TB"),
        (("COVID", "TB"), ("COVID",), "COVID"),
    ],
)
def test_a_table_in_other_words_than_an_undecided_model(
    labels, positive, expected, cases, tmp_path, xrays
):
    table = tmp_path / "labels.csv"
    listed = [labels[each] for each in xrays.target]
    pd.DataFrame({"path": xrays.filenames, "label": listed}).to_csv(table, index=False)
    options = CollectionOptions(table=table, positive=positive)
    read = read_for(cases["unclear"][0], None, options, "all", "held out")
    assert read.positive == [expected]
    assert read.target_names == ["COVID", "TB"]
    called = np.array(["COVID", "TB"])[read.target] == expected
    assert called.tolist() == ((xrays.target == 1) ^ (labels[0] == expected)).tolist()


@pytest.mark.parametrize("answers", [("no", "yes"), ("FALSE", "TRUE"), ("N", "Y"), ("0", "1")])
@pytest.mark.parametrize("has_answers", [False, True])  # or the name of the column, as classes
@pytest.mark.parametrize("rows", ["all", "negative", "positive"])
def test_answers_of_a_column_are_those_of_the_model(answers, has_answers, rows, tmp_path, xrays):
    table = tmp_path / "answers.csv"
    listed = np.array(answers)[xrays.target]
    chosen = {"all": xrays.target >= 0, "negative": xrays.target == 0}
    chosen = chosen.get(rows, xrays.target == 1)
    frame = pd.DataFrame({"path": xrays.filenames, "Pneumonia": listed})[chosen]
    frame.to_csv(table, index=False)
    names = [*answers] if has_answers else ["not Pneumonia", "Pneumonia"]
    model = SimpleNamespace(target_names_=names, classes_=np.arange(2))
    for positive in [(), (answers[1],)] if rows == "all" else [()]:
        options = CollectionOptions(table=table, label="Pneumonia", positive=positive)
        with nullcontext() if rows == "all" else pytest.warns(CollectionWarning, match="one cl"):
            read = read_for(model, None, options, "all", "held out")
        assert read.target_names == names
        assert read.positive == [names[1]]
        assert read.target.tolist() == xrays.target[chosen].tolist()


@pytest.mark.parametrize("names", [("NORMAL", "PNEUMONIA"), ("No Finding", "Mass"), ("1", "0")])
def test_a_column_called_as_the_healthy_class(names, tmp_path, xrays):
    table = tmp_path / "answers.csv"
    column = "No Finding" if "No Finding" in names else "normal"
    frame = pd.DataFrame({"path": xrays.filenames, column: 1 - xrays.target})
    frame.to_csv(table, index=False)
    model = SimpleNamespace(target_names_=[*names], classes_=np.arange(2))
    options = CollectionOptions(table=table, label=column, positive=("0",))
    read = read_for(model, None, options, "all", "held out")
    assert (read.positive, read.target.tolist()) == ([names[1]], xrays.target.tolist())
    if names != ("1", "0"):
        with pytest.raises(ValueError, match=r"The classes of the model are|contradicts"):
            read_for(model, None, replace(options, positive=("1",)), "all", "held out")


def test_words_do_not_overrule_the_positive_class_that_a_model_was_trained_with():
    inner = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for names, label, given, column in (
        (["other disease", "pneumonia"], None, None, 1),
        (["other disease", "pneumonia"], 1, None, 1),
        (["NORMAL", "PNEUMONIA"], 0, None, 1),
        # Labels that are numbered the other way round, as a threshold or other names tell.
        (["PNEUMONIA", "NORMAL"], 0, None, 0),
        (["NORMAL", "PNEUMONIA"], None, ["PNEUMONIA", "NORMAL"], 0),
    ):
        model = FixedThresholdClassifier(FrozenEstimator(inner), pos_label=label)
        model.fit([[0.0], [1.0]], [0, 1]).target_names_ = names
        assert positive_column(model, given) == column


def test_findings_that_a_model_does_not_know_are_asked_about(tmp_path, xrays):
    table = tmp_path / "findings.csv"
    labels = np.resize(["No Finding", "Mass", "Mass|Hernia"], len(xrays.filenames))
    rows = {"path": xrays.filenames, "label": labels}
    pd.DataFrame(rows).to_csv(table, index=False)
    model = SimpleNamespace(target_names_=["NORMAL", "PNEUMONIA"], classes_=np.arange(2))
    with pytest.raises(ValueError, match="'Hernia', 'Mass'"):
        read_for(model, None, CollectionOptions(table=table), "all", "held out")


@pytest.mark.parametrize(("label", "said"), [("normal", True), ("abnormal", False), (None, False)])
def test_a_threshold_on_the_healthy_class_is_said_aloud(label, said, cases, tmp_path, capsys):
    inner, _, folder = cases["illness first"]
    model = FixedThresholdClassifier(FrozenEstimator(inner), pos_label=label)
    joblib.dump(model.fit([str(next(folder.glob("*/*/*")))], ["normal"]), tmp_path / "m.joblib")
    assert run("predict", (model, tmp_path / "m.joblib", folder), [], tmp_path / "o.csv") == 0
    errors = capsys.readouterr().err
    assert ("the threshold of this model is on the probability of normal" in errors) == said


def test_positive_class_of_a_threshold_if_labels_do_not_tell(cases):
    for kind, label, column in (
        ("unclear", "COVID", 0),
        ("unclear", "TB", 1),
        ("unclear", None, None),
        ("illness first", "normal", 0),
    ):
        model = FixedThresholdClassifier(FrozenEstimator(cases[kind][0]), pos_label=label)
        assert positive_column(model) == column
    model = SimpleNamespace(classes_=np.array(["abnormal", "normal"]))
    assert labels_at(0.6, np.array([[0.6, 0.4], [0.5, 0.5]]), model).tolist() == [
        "abnormal",
        "normal",
    ]
