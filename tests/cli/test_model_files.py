"""Model files of the commands: data only, pickles with a warning, the pretrained model."""

import hashlib
import json
import os
import pickle
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer

from skpneumo import ImageLoader, load_model, make_pipeline, save_model
from skpneumo.cli import main
from skpneumo.cli._model_files import _is_of_numbers, _load_pickle, refuse_other_formats
from skpneumo.recipes import _pretrained

# Models this small may predict the same class for every image.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")

SMALL = ["--recipe", "dense-baseline", "--size", "16", "--epochs", "1"]


class MakesFolder:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return self.folder.mkdir, ()


def test_fit_writes_data_alone_by_default(xrays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", xrays.root, *SMALL]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.skpneumo"]
    assert zipfile.is_zipfile("model.skpneumo")
    assert load_model("model.skpneumo").target_names_ == xrays.target_names
    capsys.readouterr()
    assert main(["predict", "model.skpneumo", xrays.filenames[0]]) == 0
    assert "pickle" not in capsys.readouterr().err


def flat(images):
    return images.reshape(len(images), -1)


@pytest.mark.parametrize("inside", [False, True])
def test_models_that_choose_columns_are_refused(inside, xrays, tmp_path, capsys):
    pixels = make_pipeline(ImageLoader(size=4), FunctionTransformer(flat))
    model = make_pipeline(ColumnTransformer([("pixels", pixels, "path")]), GaussianNB())
    model = VotingClassifier([("one", model)], voting="soft") if inside else model
    joblib.dump(model.fit(xrays.X, xrays.target), tmp_path / "model.joblib")
    assert main(["predict", str(tmp_path / "model.joblib"), str(xrays.filenames[0])]) == 1
    assert "begins with a ColumnTransformer, which takes columns" in capsys.readouterr().err


def test_devices_are_written_to_without_force(model_file, xrays, monkeypatch, capsys):
    monkeypatch.setattr("skpneumo.cli.predict.Journal", None)  # there is no FILE.part
    predict = ["predict", str(model_file), str(xrays.filenames[0])]
    assert main([*predict, "--out", os.devnull]) == 0
    assert "exists already" not in capsys.readouterr().err
    reading, writing = os.pipe()
    with open(reading) as pipe:
        status = main([*predict, "--format", "csv", "--out", f"/dev/fd/{writing}"])
        os.close(writing)
        assert status == 0
        assert pipe.read().startswith("path,probability,label")
    assert main([*predict, "--format", "parquet", "--out", os.devnull]) == 1
    assert f"Parquet cannot be written to {os.devnull}" in capsys.readouterr().err


def test_pickles_are_warned_of_before_they_are_opened(model_file, xrays, tmp_path, capsys):
    assert main(["predict", str(model_file), xrays.filenames[0]]) == 0
    rows = capsys.readouterr().out
    joblib.dump(load_model(model_file), tmp_path / "model.joblib")
    assert main(["predict", str(tmp_path / "model.joblib"), xrays.filenames[0]]) == 0
    captured = capsys.readouterr()
    assert captured.out == rows
    assert "is a pickle" in captured.err
    (tmp_path / "broken.joblib").write_bytes(b"\x80no pickle")
    assert main(["predict", str(tmp_path / "broken.joblib"), xrays.filenames[0]]) == 1
    assert capsys.readouterr().err.index("is a pickle") < 100


def test_a_classifier_without_probabilities_is_told_how_to_get_them(tmp_path, capsys):
    voting = VotingClassifier([("a", GaussianNB())]).fit([[0.0], [1.0]], [0, 1])
    save_model(voting, tmp_path / "m.skpneumo")
    assert main(["predict", str(tmp_path / "m.skpneumo"), "x.png"]) == 1
    err = capsys.readouterr().err
    assert "has no predict_proba, but the commands need probabilities. Use voting='soft'" in err


def test_a_classifier_of_numbers_is_told_from_one_of_files(tmp_path, capsys):
    save_model(GaussianNB().fit([[0.0, 1.0], [1.0, 0.0]], [0, 1]), tmp_path / "m.skpneumo")
    assert main(["predict", str(tmp_path / "m.skpneumo"), "x.png"]) == 1
    captured = capsys.readouterr()
    assert "a GaussianNB that was fitted on arrays or images" in captured.err
    assert captured.out == ""
    files = pd.DataFrame({"path": ["a.png", "b.png"], "patient": ["1", "2"]})
    save_model(DummyClassifier().fit(files, [0, 1]), tmp_path / "dummy.skpneumo")
    assert main(["predict", str(tmp_path / "dummy.skpneumo"), "x.png"]) == 0


def test_a_pipeline_that_loads_files_may_be_fitted_on_several_columns(xrays):
    files = pd.DataFrame({"file": xrays.filenames[:4], "ward": "A"})
    first_column = FunctionTransformer(lambda X: X["file"])
    model = make_pipeline(first_column, ImageLoader(size=8), DummyClassifier())
    assert model.fit(files, [0, 1, 0, 1]).n_features_in_ == 2
    assert not _is_of_numbers(model)


def test_an_image_in_place_of_the_model_is_said_to_be_one(xrays, capsys):
    assert main(["predict", xrays.filenames[0], "pretrained"]) == 1
    said = capsys.readouterr().err
    assert f"{xrays.filenames[0]} is an image, not a model. Name a model file, or create" in said
    assert "pickle" not in said


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"path,label\n", "text"),
        (b"x,y\n1,2\n", "text"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!doctype html>", "a web page"),
    ],
)
def test_other_files_are_not_opened_as_pickles(content, kind, tmp_path, capsys):
    (tmp_path / "model").write_bytes(content)
    assert main(["card", str(tmp_path / "model"), "--out", str(tmp_path / "card.md")]) == 1
    said = capsys.readouterr().err
    assert f"model is {kind}, not a model. Name a model file, or create one with" in said
    assert "pickle" not in said


@pytest.mark.parametrize("compress", [0, *range(1, 10), "gzip", "bz2", "lzma", "xz"])
def test_pickles_are_recognised_however_they_are_compressed(compress, tmp_path):
    joblib.dump([1], tmp_path / "model.joblib", compress=compress)
    assert _load_pickle(tmp_path / "model.joblib") == [1]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_all_protocols_are_recognised(protocol, tmp_path):
    for model in (GaussianNB(var_smoothing=0.25), ["no model"]):
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(model, protocol))
        assert str(_load_pickle(tmp_path / "model.pkl")) == str(model)


def test_files_of_an_unknown_beginning_may_be_pickles(tmp_path, monkeypatch, capsys):
    (tmp_path / "model.joblib").write_bytes(b"ZF0x3e\0\xff")
    monkeypatch.setattr(joblib, "load", lambda path: path.name)
    assert _load_pickle(tmp_path / "model.joblib") == "model.joblib"
    assert "is a pickle" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.skpneumo", "MODEL.SKPNEUMO"])
def test_files_with_our_suffix_are_never_unpickled(name, xrays, tmp_path, capsys):
    joblib.dump(MakesFolder(tmp_path / "made"), tmp_path / name)
    assert main(["predict", str(tmp_path / name), xrays.filenames[0]]) == 1
    assert "not a .skpneumo file" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_our_files_with_another_suffix_are_not_unpickled(model_file, xrays, tmp_path, capsys):
    shutil.copy(model_file, tmp_path / "model.joblib")
    assert main(["predict", str(tmp_path / "model.joblib"), xrays.filenames[0]]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".skpneumo", ".joblib"])
def test_where_a_model_comes_from_is_saved_with_it(model_file, tmp_path, suffix):
    from skpneumo.cli._model_files import load_model, save_model
    from skpneumo.cli._training_record import provenance_of

    known = {"training": {"images": ["a"]}}
    path = tmp_path / f"model{suffix}"
    save_model(load_model(model_file), path, ["NORMAL", "PNEUMONIA"], provenance=known)
    assert provenance_of(load_model(path)) == known


@pytest.mark.parametrize("suffix", [".skpneumo", ".joblib"])
def test_a_model_that_cannot_be_written_is_saved_elsewhere(
    suffix, model_file, tmp_path, monkeypatch
):
    """Its training may have taken hours, and its folder may be full or gone since."""
    from skpneumo.cli._model_files import load_model, save_model

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model, gone = load_model(model_file), tmp_path / "gone" / f"model{suffix}"
    with pytest.raises(FileNotFoundError, match=r"No such.*gone.*saved as .* instead"):
        save_model(model, gone, ["NORMAL", "PNEUMONIA"])
    (place,) = tmp_path.glob(f"skpneumo-*/model{suffix}")
    assert load_model(place).target_names_ == ["NORMAL", "PNEUMONIA"]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"gone"):
        save_model(model, gone, ["NORMAL", "PNEUMONIA"])


# The model that ships


NOTICE = "This is no medical device <>."


@pytest.fixture
def shipped(model_file, tmp_path, monkeypatch):
    """Replace the pretrained model by the small one."""
    folder = tmp_path / "weights"
    folder.mkdir()
    path = folder / "kermany-1.skpneumo"
    save_model(load_model(model_file), path, provenance={"notice": NOTICE})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    index = {"kermany": {"version": 1, "file": path.name, "sha256": digest}}
    (folder / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(_pretrained, "WEIGHTS", folder)
    return path


def test_every_output_of_the_pretrained_model_contains_its_notice(
    shipped, model_file, xrays, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(model_file), xrays.filenames[0]]) == 0
    rows = capsys.readouterr().out
    assert main(["predict", "pretrained", xrays.filenames[0]]) == 0
    captured = capsys.readouterr()
    assert captured.out == rows
    assert f"kermany-1.skpneumo: {NOTICE}" in captured.err
    assert main(["evaluate", "pretrained", xrays.root]) == 0
    assert NOTICE in capsys.readouterr().err
    assert main(["report", "pretrained", xrays.root, "--out", "page.html"]) == 0
    assert NOTICE in capsys.readouterr().err
    page = (tmp_path / "page.html").read_text()
    assert "This is no medical device &lt;&gt;." in page
    assert hashlib.sha256(shipped.read_bytes()).hexdigest() in page
    assert main(["explain", "pretrained", xrays.filenames[0], "--out", "maps"]) == 0
    assert NOTICE in capsys.readouterr().err


@pytest.mark.slow
def test_an_exported_file_contains_the_notice(shipped, xrays, tmp_path, capsys, monkeypatch):
    pytest.importorskip("onnxruntime")
    from skpneumo.persistence import OnnxClassifier

    monkeypatch.chdir(tmp_path)
    assert main(["export", "pretrained", "model.onnx", *xrays.filenames[:2]]) == 0
    capsys.readouterr()
    exported = OnnxClassifier("model.onnx")
    assert exported.provenance_ == {"notice": NOTICE}
    assert exported.card_.startswith("# Model card: kermany-1")
    assert main(["predict", "model.onnx", xrays.filenames[0]]) == 0
    assert f"model.onnx: {NOTICE}" in capsys.readouterr().err


def test_output_does_not_replace_the_pretrained_model(shipped, xrays, capsys):
    before = shipped.read_bytes()
    arguments = ["predict", "pretrained", xrays.filenames[0], "--out", str(shipped), "--force"]
    assert main(arguments) == 1
    assert "same file" in capsys.readouterr().err
    assert shipped.read_bytes() == before


def test_a_file_of_that_name_comes_first(
    shipped, model_file, xrays, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(model_file, "pretrained")
    assert main(["predict", "pretrained", xrays.filenames[0]]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["fit", "tune"])
def test_output_that_cannot_be_used_is_refused_before_training(
    command, xrays, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name, said in (
        (
            "model.onnx",
            "a .onnx file: this command writes .skpneumo, .joblib, .pickle or .pkl. Name",
        ),
        ("-", "does not write to standard output. Name a file."),
    ):
        assert main([command, xrays.root, f"--out={name}"]) == 1
        assert said in capsys.readouterr().err
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert main([command, xrays.root, "--out", "model.skpneumo"]) == 1
    assert "The folder . is not writable, so model.skpneumo cannot" in capsys.readouterr().err


def test_two_outputs_of_a_search_are_two_files(xrays, tmp_path, capsys):
    both = str(tmp_path / "x.skpneumo")
    assert main(["tune", xrays.root, "--out", both, "--results", both]) == 1
    assert "--out and --results are the same file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("own", "remedy", "said"),
    [
        ([".md"], "", ".md. Name a file with that suffix."),
        ([".html", ".htm"], "", ".html or .htm. Name a file with one of these suffixes."),
        (
            [".csv", ".jsonl", ".parquet"],
            "choose the format with --format",
            ".csv, .jsonl or .parquet. Name a file with one of these suffixes, or choose the "
            "format with --format.",
        ),
    ],
)
def test_a_suffix_is_refused_with_those_that_can_be_written(own, remedy, said):
    with pytest.raises(ValueError, match=re.escape(f"this command writes {said}") + "$"):
        refuse_other_formats(Path("a.xlsx"), *own, remedy=remedy)


@pytest.mark.parametrize(
    ("command", "name", "written"),
    [
        ("evaluate", "x.xlsx", ".csv"),
        ("report", "x.pdf", ".html"),
        ("card", "x.docx", ".md"),
        ("audit", "x.csv", ".html"),
    ],
)
def test_no_output_has_the_suffix_of_another_format(
    command, name, written, model_file, xrays, tmp_path, capsys
):
    words = [xrays.root] if command == "audit" else [str(model_file), xrays.root]
    assert main([command, *words, "--out", str(tmp_path / name)]) == 1
    assert f"this command writes {written}" in capsys.readouterr().err
