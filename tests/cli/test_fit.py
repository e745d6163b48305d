import joblib
import numpy as np
import pytest

from skpneumo.cli import main
from skpneumo.cli.fit import fit


def test_model_is_kept_and_predicts(xrays, tmp_path, capsys):
    out = tmp_path / "model.joblib"
    assert main(["fit", xrays.root, "-o", str(out), "--size", "16", "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    n_train = np.count_nonzero(xrays.split == "train")
    assert f"{n_train} X-rays" in printed
    assert str(out) in printed
    probabilities = joblib.load(out).predict_proba(xrays.filenames[:3])
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_same_seed_same_model(xrays, tmp_path):
    for name in ("a.joblib", "b.joblib"):
        fit(xrays.root, out=tmp_path / name, size=16, epochs=1, random_state=3)
    a, b = (joblib.load(tmp_path / name) for name in ("a.joblib", "b.joblib"))
    np.testing.assert_array_equal(
        a.predict_proba(xrays.filenames), b.predict_proba(xrays.filenames)
    )


def test_three_classes(xrays, tmp_path):
    fit(xrays.root, out=tmp_path / "model.joblib", labels="etiology", size=16, epochs=1)
    assert joblib.load(tmp_path / "model.joblib").classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("out", "said"),
    [("model.joblib", "--force"), (".", "folder"), ("nowhere/model.joblib", "nowhere")],
)
def test_a_place_that_will_not_do_is_refused_before_training(out, said, xrays, tmp_path, capsys):
    (tmp_path / "model.joblib").write_text("precious")
    assert main(["fit", xrays.root, "--out", str(tmp_path / out)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert (tmp_path / "model.joblib").read_text() == "precious"


def test_force_overwrites_and_leaves_nothing_beside(xrays, tmp_path):
    (tmp_path / "model.joblib").write_text("worthless")
    fit(xrays.root, out=tmp_path / "model.joblib", size=16, epochs=1, force=True)
    assert joblib.load(tmp_path / "model.joblib").classes_.tolist() == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["model.joblib"]


def test_folder_without_such_a_split_is_named(xrays, tmp_path, capsys):
    out = str(tmp_path / "model.joblib")
    assert main(["fit", xrays.root, "--out", out, "--split", "holdout"]) == 1
    assert "holdout" in capsys.readouterr().err


def test_model_that_is_kept_shows_no_progress_bars_later(xrays, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fit(xrays.root, out=tmp_path / "model.joblib", size=16, epochs=1)
    assert not hasattr(joblib.load(tmp_path / "model.joblib")[-1], "_skl_callbacks")
