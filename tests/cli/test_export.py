import csv
import io
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skpneumo import load_model, save_model
from skpneumo.cli import main
from skpneumo.cli.evaluate import evaluate
from skpneumo.cli.export import export
from skpneumo.cli.predict import predict
from skpneumo.persistence import OnnxClassifier


@pytest.fixture(scope="module")
def onnx_file(model_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export(model_file, path)
    return path


def test_it_prints_the_difference_from_the_model(model_file, xrays, tmp_path, capsys):
    card = tmp_path / "card.md"
    card.write_text("# Card")
    out = tmp_path / "model.onnx"
    export(model_file, out, *xrays.filenames[:3], card=card)
    assert "On 3 images its probabilities differ" in capsys.readouterr().out
    model = OnnxClassifier(out)
    assert model.card_ == "# Card"
    assert model.target_names_ == ["NORMAL", "PNEUMONIA"]


def test_predict_gives_the_rows_of_the_model(onnx_file, model_file, xrays, capsys):
    assert predict(onnx_file, *xrays.filenames[:5]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    model = load_model(model_file)
    expected = model.predict_proba(xrays.filenames[:5])[:, 1]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=1e-4)
    assert {row["label"] for row in rows} <= {"NORMAL", "PNEUMONIA"}
    assert predict(onnx_file, xrays.filenames[0], "missing.png") == 1


def test_predict_imports_neither_keras_nor_tensorflow(onnx_file, xrays):
    source = (
        "import sys; from skpneumo.cli import main\n"
        f"status = main(['predict', {str(onnx_file)!r}, {xrays.filenames[0]!r}])\n"
        "print(status, sorted({'keras', 'tensorflow', 'scikeras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"


def test_evaluate_accepts_the_file(onnx_file, xrays, capsys):
    evaluate(onnx_file, xrays.root, threshold=0.2)
    assert "recall" in capsys.readouterr().out


def test_what_is_refused(model_file, onnx_file, tmp_path):
    with pytest.raises(ValueError, match=r"does not end in \.onnx"):
        export(model_file, tmp_path / "model.pb")
    with pytest.raises(FileExistsError, match="--force"):
        export(model_file, onnx_file)
    with pytest.raises(ValueError, match="is already an ONNX file"):
        export(onnx_file, tmp_path / "again.onnx")
    other = tmp_path / "text.onnx"
    other.write_text("no model")
    with pytest.raises(ValueError, match="cannot be used as a model"):
        predict(other, "x.png")


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "{onnx}", "{file}", "--out", "{out}"],
        ["report", "{onnx}", "{root}", "--explain", "--out", "{out}"],
        ["card", "{onnx}", "{root}", "--shortcuts", "--out", "{out}"],
        ["audit", "{root}", "--model", "{onnx}", "--out", "{out}"],
    ],
)
def test_what_needs_more_than_predictions_is_refused_at_once(
    arguments, onnx_file, xrays, tmp_path, capsys
):
    places = {"onnx": onnx_file, "root": xrays.root, "file": xrays.filenames[0]}
    out = tmp_path / "out"
    assert main([each.format(**places, out=out) for each in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search("can only predict; .* Name that .skpneumo file|Name a model", captured.err)
    assert not out.exists()


def test_models_that_cannot_be_exported_are_told_what_can_use_them(xrays, tmp_path, capsys):
    file, out = tmp_path / "model.skpneumo", tmp_path / "model.onnx"
    save_model(DummyClassifier().fit(xrays.X, xrays.target), file)
    assert main(["export", str(file), str(out)]) == 1
    said = capsys.readouterr().err
    assert "cannot be exported to ONNX" in said
    assert said.endswith("`skpneumo predict` and `skpneumo serve` can use the model as it is.\n")
    assert not out.exists()


def test_other_sizes_and_three_classes(three_class_model_file, tmp_path, xrays):
    out = tmp_path / "three.onnx"
    export(three_class_model_file, out)
    proba = OnnxClassifier(out).predict_proba(xrays.filenames[:2])
    assert proba.shape == (2, 3)
    assert np.allclose(proba.sum(axis=1), 1)


def test_what_the_guide_says_to_install_is_enough(onnx_file, xrays):
    root = Path(__file__).parents[2]
    guide = (root / "docs" / "guide" / "onnx.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^pip install (numpy .*)$", guide, re.MULTILINE)
    installed = set(re.findall(r"(?<!\S)\"?([a-z][a-z-]*)", line))
    installed |= {"rich", "typing-extensions"}  # by cyclopts and onnx
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[a-z0-9-]+", each)[0] for each in project["dependencies"]}
    missing = declared - installed
    assert {"tensorflow", "keras"} <= missing
    modules = {"imbalanced-learn": "imblearn"}
    absent = [modules.get(name, name.replace("-", "_")) for name in missing]
    source = (
        "import sys\n"
        f"for name in {absent!r}: sys.modules[name] = None\n"
        "from skpneumo.cli import main\n"
        f"raise SystemExit(main(['predict', {str(onnx_file)!r}, {xrays.filenames[0]!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0." in done.stdout
