"""Commands warn in red of useless models, and of results on training images."""

import re
import shutil
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.utils import Bunch

from skpneumo import ImageLoader, Pipeline, make_chest_xray
from skpneumo.cli import _default_pipeline, _search, _worth, main
from skpneumo.cli._collections import CollectionOptions, read_training_data, rows_of
from skpneumo.cli._model_files import save_model
from skpneumo.cli._training_record import TrainingRecord, provenance_of
from skpneumo.cli._worth import in_words
from skpneumo.evaluation import evaluate_predictions

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")

RED = "\x1b[1;31m"


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """Use colours as on a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)


def constant(label, size=16):
    classifier = DummyClassifier(strategy="constant", constant=label)
    return Pipeline([("load", ImageLoader(size=size)), ("cnn", classifier)])


@pytest.fixture(scope="module")
def useless_file(xrays, tmp_path_factory):
    """A model that predicts NORMAL for every image, and was trained on the training split."""
    train = rows_of(xrays, xrays.split == "train")
    model = constant(0).fit(train.filenames, train.target)
    path = tmp_path_factory.mktemp("useless") / "model.joblib"
    record = TrainingRecord.of(
        train, n_updates=9, hold_out=0, useless="It predicts NORMAL for every image."
    )
    save_model(model, path, train.target_names, provenance=record.as_dict())
    return path


def red_lines(text):
    return [line for line in text.splitlines() if line.startswith(RED)]


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_evaluating_a_useless_model_says_so_in_red(command, useless_file, xrays, tmp_path, capsys):
    out = ["--out", str(tmp_path / "page")]
    assert main([command, str(useless_file), xrays.root, *out]) == 0
    printed = capsys.readouterr().out
    [line] = red_lines(printed)
    assert "This model is useless. It predicts NORMAL for every image." in line
    assert "trained on none of these" in printed
    if command == "report":
        page = (tmp_path / "page").read_text("utf-8")
        assert (
            '<strong class="error">Useless model</strong> It predicts NORMAL for every image.'
            in page
        )
        assert "0 were among those that the model was fitted on" in page


@pytest.mark.parametrize("command", ["evaluate", "report", "explain"])
def test_training_images_are_counted_in_red(command, useless_file, xrays, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    where = [xrays.root, "--part", "train"]
    if command == "explain":
        where = [*xrays.filenames[xrays.split == "train"][:2], xrays.filenames[0]]
    assert main([command, str(useless_file), *where, *out]) in (0, 1)
    lines = red_lines(capsys.readouterr().out)
    n = np.count_nonzero(xrays.split == "train") if command != "explain" else None
    [line] = [line for line in lines if "was trained on" in line]
    assert "--hold-out" not in line  # no patients were held out
    if n:
        assert f"trained on {n} of these {n} images" in line
    if command == "report":
        page = (tmp_path / "out").read_text("utf-8")
        assert '<strong class="error">Seen in training</strong>' in page


@pytest.mark.parametrize(
    ("part", "arguments", "advice"),
    [
        ("train", ["--part", "train"], ["--hold-out", "0.2"]),
        ("all", [], ["--part", "all", "--hold-out", "0.2"]),
    ],
)
def test_the_advice_selects_patients_that_the_model_was_not_trained_on(
    part, arguments, advice, xrays, tmp_path, capsys
):
    options = CollectionOptions(part=part, hold_out=0.2)
    train = read_training_data(Path(xrays.root), options).train
    path = tmp_path / "model.joblib"
    record = TrainingRecord.of(train, n_updates=9, hold_out=0.2, useless="")
    model = constant(0).fit(train.filenames, train.target)
    save_model(model, path, train.target_names, provenance=record.as_dict())
    command = ["evaluate", str(path), xrays.root, *arguments]
    assert main(command) == 0
    [line] = [line for line in red_lines(capsys.readouterr().out) if "was trained on" in line]
    assert f"Add {' '.join(advice)} to use only patients that it was not trained on." in line
    assert main([*command, *advice]) == 0
    assert "trained on none of these" in capsys.readouterr().out


def test_others_of_the_same_patients_are_counted(useless_file, xrays, tmp_path, capsys):
    """Another image of a patient of the training split; here a changed copy."""
    folder = tmp_path / "other"
    for label, name in enumerate(xrays.target_names):
        (folder / name).mkdir(parents=True)
        rows = np.flatnonzero((xrays.split == "train") & (xrays.target == label))[:3]
        for path in xrays.filenames[rows]:
            content = Path(path).read_bytes() + b"\0"
            (folder / name / Path(path).name).write_bytes(content)
    assert main(["evaluate", str(useless_file), str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "trained on 0 of these 6 images, and on other images of the patients of 6" in printed


@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_the_patients_of_a_table_are_looked_up(command, useless_file, xrays, tmp_path, capsys):
    test = np.flatnonzero(xrays.split == "test")[[0, -1]]
    patients = [xrays.groups[xrays.split == "train"][0].upper(), "somebody"]
    table = tmp_path / "list.csv"
    pd.DataFrame(
        {
            "path": xrays.filenames[test],
            "label": np.array(xrays.target_names)[xrays.target[test]],
            "case": patients,
        }
    ).to_csv(table, index=False)
    options = ["--table", str(table), "--patient", "case", "--out", str(tmp_path / "out")]
    assert main([command, str(useless_file), *options]) == 0
    printed = capsys.readouterr().out
    assert "on 0 of these 2 images, and on other images of the patients of 1 more" in printed


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_unknown_patients_are_not_said_to_be_new(command, useless_file, xrays, tmp_path, capsys):
    folder = tmp_path / "scans"
    for label, name in enumerate(xrays.target_names):
        (folder / name).mkdir(parents=True)
        test = (xrays.split == "test") & (xrays.target == label)
        for i, path in enumerate(xrays.filenames[test][:2]):
            shutil.copy(path, folder / name / f"scan{label}{i}.jpeg")
    options = ["--out", str(tmp_path / "out")]
    assert main([command, str(useless_file), str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert "nor on others of their patients" not in printed
    assert "none of these 4 images. It is not known for 4 of them whether" in printed


def test_a_model_without_a_record_is_not_called_unseen(model_file, xrays, capsys):
    assert main(["evaluate", str(model_file), xrays.root]) == 0
    assert "does not record which patients it was trained on" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_commands_without_labels_repeat_the_verdict(
    command, useless_file, xrays, tmp_path, capsys
):
    options = ["--out", str(tmp_path / "out")] if command == "explain" else []
    files = xrays.filenames[xrays.split == "test"][:1]
    assert main([command, str(useless_file), *files, *options]) == 0
    assert any(
        "found useless when trained" in each for each in red_lines("\n".join(capsys.readouterr()))
    )


def test_predict_describes_a_folder_and_warns_of_one_prediction_for_all(
    useless_file, xrays, tmp_path, capsys
):
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for path in xrays.filenames[:12]:
            shutil.copy(path, folder / name)
    (folder / "notes.txt").write_text("no image")
    assert main(["predict", str(useless_file), str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out.count("NORMAL") >= 24
    assert f"{folder} contains 24 images (12 in a, 12 in b) and 1 file that is not an" in err
    assert any("predicts NORMAL for all 24 X-rays" in line for line in red_lines(err))
    assert "1 of 25 files could not be read; its row says why." in err


@pytest.mark.parametrize(
    ("repeats", "tail"),
    [
        (
            1,
            " These numbers are imprecise: there were only 10 patients with PNEUMONIA and 20 "
            "with NORMAL images.",
        ),
        (50, ""),
    ],
)
def test_results_are_put_in_words_with_their_precision(repeats, tail):
    y = np.repeat([0] * 20 + [1] * 10, repeats)
    y_pred = np.repeat([0] * 19 + [1] + [1] * 8 + [0] * 2, repeats)
    frame = evaluate_predictions(y, y_pred=y_pred, groups=range(len(y)))
    words = in_words(frame, ("NORMAL", "PNEUMONIA"))
    assert words.startswith("In words: of 100 PNEUMONIA images it misses about 20 (")
    assert "), and of 100 NORMAL images it classifies about 5 (" in words
    low, high = map(int, re.search(r"about 20 \((\d+) to (\d+)\)", words).groups())
    assert low < 20 < high
    assert words.endswith(f") as PNEUMONIA.{tail}")


def test_one_class_has_no_words():
    frame = evaluate_predictions([1, 1], y_pred=[1, 0], groups=[0, 1], pos_label=1)
    assert in_words(frame, ("NORMAL", "PNEUMONIA")) == ""


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_model_that_is_not_useless_is_described_in_words(
    command, model_file, xrays, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("skpneumo.cli._worth.why_useless", lambda *_, **__: "")
    assert main([command, str(model_file), xrays.root, "--out", str(tmp_path / "out")]) == 0
    assert "In words: of 100 PNEUMONIA images it misses about" in capsys.readouterr().out


@pytest.fixture(scope="module")
def unsplit(tmp_path_factory):
    root = tmp_path_factory.mktemp("unsplit") / "x"
    make_chest_xray(root, n_patients=60, val_fraction=0, test_fraction=0, random_state=0)
    return root / "train"


@pytest.mark.parametrize("hold_out", [None, "0"])
def test_fit_prints_what_its_model_is_worth(hold_out, unsplit, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_default_pipeline, "recipe_pipeline", lambda *_: constant(1))
    monkeypatch.setattr("skpneumo.cli._finished.epochs_of", lambda _: " for 1 epoch")
    out = tmp_path / "model.joblib"
    options = [] if hold_out is None else ["--hold-out", hold_out]
    assert main(["fit", str(unsplit), "--out", str(out), "--no-gate", *options]) == 0
    printed = capsys.readouterr().out
    [line] = red_lines(printed)
    assert "It predicts PNEUMONIA for every image." in line
    provenance = provenance_of(joblib.load(out))["training record"]
    assert "predicts PNEUMONIA for every image" in provenance["useless"]
    if hold_out is None:
        assert "; held out: " in printed
        assert re.search(r"recall of PNEUMONIA +1\.000", printed)
        assert provenance["hold_out"] == 0.2
    else:
        assert "Even on the images that it was trained on" in line
        assert provenance["hold_out"] == 0


def test_tune_and_demo_print_it_too(unsplit, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_default_pipeline, "recipe_pipeline", lambda *_, **__: constant(0))
    monkeypatch.setattr("skpneumo.cli.demo._small_pipeline", lambda *_: constant(0))
    monkeypatch.setattr("skpneumo.cli.demo._save_figures", lambda *_: [])
    grid = {"cnn__constant": [0]}
    monkeypatch.setattr(_search, "GRID", grid)
    monkeypatch.setattr("skpneumo.cli.demo.GRID", grid)
    out = tmp_path / "model.joblib"
    assert main(["tune", str(unsplit), "--out", str(out), "--hold-out", "0.3"]) == 0
    printed = capsys.readouterr().out
    assert len(red_lines(printed)) == 2  # out of fold, and on those held out
    assert provenance_of(joblib.load(out))["training record"]["useless"]
    assert main(["demo", "--data", str(unsplit), "--out", str(tmp_path / "demo")]) == 0
    assert "It predicts NORMAL for every image" in red_lines(capsys.readouterr().out)[0]


@pytest.mark.parametrize("command", ["fit", "tune"])
def test_a_recall_floor_is_kept_out_of_fold(command, tmp_path, capsys, monkeypatch):
    root = tmp_path / "x"
    make_chest_xray(
        root, n_patients=160, difficulty=0.0, val_fraction=0, test_fraction=0, random_state=0
    )
    monkeypatch.setattr(_default_pipeline, "recipe_pipeline", lambda *_, **__: brightness())
    monkeypatch.setattr("skpneumo.cli._finished.epochs_of", lambda _: " for 1 epoch")
    monkeypatch.setattr(_search, "GRID", {"cnn__C": [1.0]})
    out = tmp_path / "model.joblib"
    arguments = [command, str(root / "train"), "--out", str(out), "--recall", "0.8"]
    if command == "fit":
        arguments.append("--no-gate")
    assert main([*arguments, "--hold-out", "0.2"]) == 0
    printed = capsys.readouterr().out
    assert "At the threshold for a recall of 0.8, on patients not trained on:" in printed
    model = joblib.load(out)
    assert (type(model).__name__, model.recall) == ("RecallFloorClassifier", 0.8)
    assert f"recall of PNEUMONIA {model.recall_:.3f} [" in printed
    assert f"({model.n_positive_} patients)" in printed


def brightness():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    return Pipeline(
        [
            ("load", ImageLoader(size=8)),
            ("flat", FunctionTransformer(flattened)),
            ("cnn", LogisticRegression()),
        ]
    )


def flattened(images):
    return np.asarray(images).reshape(len(images), -1) / 255


@pytest.mark.parametrize(
    ("classes", "positive", "expected"),
    [
        (["normal", "COVID or TB"], ["COVID or TB"], ("normal", "COVID or TB")),
        (["normal", "COVID", "TB"], ["COVID", "TB"], ("normal", "COVID or TB")),
        (["normal", "old scar", "TB"], ["TB"], ("normal or old scar", "TB")),
    ],
)
def test_the_negative_class_is_all_that_is_not_positive(classes, positive, expected):
    assert _worth._names(Bunch(target_names=classes, positive=positive)) == expected


def test_a_floor_needs_two_classes(xrays, tmp_path, capsys):
    arguments = ["fit", xrays.root, "--labels", "etiology", "--recall", "0.9"]
    assert main([*arguments, "--out", str(tmp_path / "m.joblib")]) == 1
    assert "A recall floor needs two classes" in capsys.readouterr().err
