import re
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image

from skpneumo import load_model
from skpneumo.cli import _finished, main
from skpneumo.cli.fit import fit
from skpneumo.fitted import gate_of, transformers_of, unwrap

# The default recipe takes long to compile; what is not about it takes another one.
SMALL = {"recipe": "dense-baseline", "size": 16, "epochs": 1}
TINY = ["--size", "16", "--epochs", "1"]


@pytest.mark.slow
def test_model_is_kept_and_predicts(xrays, tmp_path, capsys):
    out = tmp_path / "model.joblib"
    assert main(["fit", xrays.root, "-o", str(out), "--size", "16", "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    n_train = np.count_nonzero(xrays.split == "train")
    assert f"Training robust on {n_train} X-rays" in printed
    assert re.search(r"Trained for 1 epoch in \d+ s\.", printed)
    assert str(out) in printed
    probabilities = joblib.load(out).predict_proba(xrays.filenames[:3])
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_same_seed_same_model(xrays, tmp_path):
    for name in ("a.joblib", "b.joblib"):
        fit(xrays.root, out=tmp_path / name, **SMALL, random_state=3)
    a, b = (joblib.load(tmp_path / name) for name in ("a.joblib", "b.joblib"))
    np.testing.assert_array_equal(
        a.predict_proba(xrays.filenames), b.predict_proba(xrays.filenames)
    )


def test_model_has_a_gate_at_the_stated_rate_unless_not_wanted(xrays, tmp_path, capsys):
    out = tmp_path / "model.skpneumo"
    assert main(["fit", xrays.root, "-o", str(out), *TINY, "--recipe", "dense-baseline",
                 "--gate-false-alarms", "0.5"]) == 0  # fmt: skip
    assert (
        "Input gate: of new patients like those of the training data, a share of about 0.5 or less"
        in (capsys.readouterr().out)
    )
    gate = gate_of(load_model(out)).gate
    assert (gate.on_outlier, gate.false_alarm_rate, gate.calibration_) == ("nan", 0.5, "fitted")
    fit(xrays.root, out=out, **SMALL, gate=False, force=True)
    assert gate_of(load_model(out)) is None
    assert "Input gate" not in capsys.readouterr().out


def test_the_model_remembers_the_value_of_white(tmp_path):
    rng = np.random.default_rng(0)
    for path in ("NORMAL/IM-{:04}-0001.png", "PNEUMONIA/person{}_virus_1.png"):
        (tmp_path / "xrays" / path).parent.mkdir(parents=True)
        for patient in range(8):
            twelve_bits = rng.integers(0, 4096, (24, 24), dtype=np.uint16)
            Image.fromarray(twelve_bits).save(tmp_path / "xrays" / path.format(patient))
    out = tmp_path / "model.skpneumo"
    with pytest.raises(ValueError, match=r"exceeds 1\d: white is 255.*white=4095"):
        fit(tmp_path / "xrays", out=out, **SMALL, gate=False)
    fit(tmp_path / "xrays", out=out, **SMALL, gate=False, white=4095)
    (loader, *_) = transformers_of(load_model(out))
    assert loader.white == 4095


def test_three_classes(xrays, tmp_path):
    fit(xrays.root, out=tmp_path / "model.joblib", labels="etiology", **SMALL)
    assert joblib.load(tmp_path / "model.joblib").classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("out", "said"),
    [("model.joblib", "--force"), (".", "folder"), ("nowhere/model.joblib", "nowhere")],
)
def test_an_output_that_cannot_be_written_is_refused_before_training(
    out, said, xrays, tmp_path, capsys
):
    (tmp_path / "model.joblib").write_text("precious")
    assert main(["fit", xrays.root, "--out", str(tmp_path / out)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert (tmp_path / "model.joblib").read_text() == "precious"


def test_force_overwrites_and_leaves_no_other_file(xrays, tmp_path):
    (tmp_path / "model.joblib").write_text("worthless")
    fit(xrays.root, out=tmp_path / "model.joblib", **SMALL, force=True)
    assert joblib.load(tmp_path / "model.joblib").classes_.tolist() == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["model.joblib"]


@pytest.mark.parametrize(
    ("place", "error"),
    [("worth_of", ValueError), ("worth_of", KeyboardInterrupt), ("epochs_of", BrokenPipeError)],
)
def test_what_fails_after_training_does_not_lose_the_model(
    place, error, xrays, tmp_path, monkeypatch
):
    """Such as a held-out file that cannot be read, after hours, or ``| head``."""

    def fail(*_):
        raise error

    monkeypatch.setattr(_finished, place, fail)
    with pytest.raises(error):
        fit(xrays.root, out=tmp_path / "model.joblib", **SMALL)
    assert joblib.load(tmp_path / "model.joblib").classes_.tolist() == [0, 1]


def test_folder_without_such_a_split_is_named(xrays, tmp_path, capsys):
    out = str(tmp_path / "model.joblib")
    assert main(["fit", xrays.root, "--out", out, "--split", "holdout"]) == 1
    assert "holdout" in capsys.readouterr().err


def test_model_that_is_kept_shows_no_progress_bars_later(xrays, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fit(xrays.root, out=tmp_path / "model.joblib", **SMALL)
    model = joblib.load(tmp_path / "model.joblib")
    for each in (model, model.estimator, model.estimator_, unwrap(model)):
        assert not hasattr(each, "_skl_callbacks")


def test_progress_counts_the_epochs_of_the_network(xrays, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fit(xrays.root, out=tmp_path / "model.joblib", recipe="dense-baseline", size=16, epochs=2)
    assert "Training dense-baseline: epoch 2 of 2, loss " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "options", "trained"),
    [
        ("cnn-undersampled", TINY, r"Trained for 1 epoch in \d+ s\."),
        ("hog-svm", ["--size", "16"], r"Trained in \d+ s\."),
    ],
)
def test_recipe_by_name(recipe, options, trained, xrays, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)  # with progress, and no warning of it
    out = tmp_path / "model.joblib"
    assert main(["fit", xrays.root, "-o", str(out), *options, "--recipe", recipe]) == 0
    printed = capsys.readouterr().out
    assert f"Training {recipe} on" in printed
    assert re.search(trained, printed)
    proba = joblib.load(out).predict_proba(xrays.filenames[:3])
    assert proba.sum(axis=1) == pytest.approx(1)


@pytest.mark.slow
def test_backbone_by_name_from_a_random_start(xrays, tmp_path):
    out = tmp_path / "model.joblib"
    assert (
        main(
            [
                "fit",
                xrays.root,
                "-o",
                str(out),
                *TINY,
                "--recipe",
                "MobileNet",
                "--weights",
                "none",
            ]
        )
        == 0
    )
    assert unwrap(joblib.load(out)).backbone == "MobileNet"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recipe", "robst"], "'robust'"),
        (["--weights", "somewhere.h5"], "trains from scratch"),
        (["--recipe", "hog-svm", "--epochs", "3"], "--epochs 3 is for recipes with a network"),
    ],
)
def test_a_wrong_recipe_is_refused_before_training(options, said, xrays, tmp_path, capsys):
    assert main(["fit", xrays.root, "-o", str(tmp_path / "model.joblib"), *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_help_names_every_recipe(capsys):
    from skpneumo import list_recipes

    assert main(["fit", "--help"]) == 0
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").replace(":", " ").split()
    assert set(list_recipes().index) <= set(words)


def test_folder_without_splits_is_read_whole(xrays, tmp_path, capsys):
    folder = Path(xrays.root) / "train"
    fit(folder, out=tmp_path / "model.joblib", **SMALL)
    n_train = np.count_nonzero(xrays.split == "train")
    assert f"on {n_train} X-rays" in capsys.readouterr().out
