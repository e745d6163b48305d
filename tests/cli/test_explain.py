"""The command explain: figures and rows of explained images."""

import csv
import io
import shutil
import sys

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from skpneumo import ImageLoader, load_model, make_pipeline
from skpneumo.cli import main
from skpneumo.cli.explain import TABLE, explain

SHARES = ["text", "lungs", "corners", "border", "body"]


def rows_of(folder):
    with open(folder / TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_rows(images):
    return np.asarray(images).reshape(len(images), -1) / 255


@pytest.fixture(scope="module")
def other_model_file(xrays, tmp_path_factory):
    """A model without a network."""
    model = make_pipeline(ImageLoader(size=16), FunctionTransformer(as_rows), LogisticRegression())
    path = tmp_path_factory.mktemp("other") / "model.joblib"
    joblib.dump(model.fit(xrays.filenames, xrays.target), path)
    return path


def test_every_x_ray_has_a_row_and_a_figure(model_file, xrays, tmp_path, capsys):
    paths = xrays.filenames[:3].tolist()
    assert main(["explain", str(model_file), *paths, "--out", str(tmp_path / "out")]) == 0
    assert "3 figures" in capsys.readouterr().out
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["path", "probability", "label", *SHARES, "figure", "error"]
    assert [row["path"] for row in rows] == paths
    expected = load_model(model_file).predict_proba(paths)[:, 1]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=2e-6)
    for row in rows:
        assert sum(float(row[share]) for share in SHARES) == pytest.approx(1, abs=1e-3)
        with Image.open(tmp_path / "out" / row["figure"]) as figure:
            assert np.ptp(np.asarray(figure)) > 0


def test_methods_stand_side_by_side(model_file, xrays, tmp_path):
    widths = []
    for methods in (["hires_cam"], ["hires_cam", "integrated_gradients", "occlusion"]):
        named = [word for method in methods for word in ("--method", method)]
        out = tmp_path / str(len(methods))
        arguments = ["explain", str(model_file), xrays.filenames[0], *named, "--out", str(out)]
        assert main(arguments) == 0
        with Image.open(out / rows_of(out)[0]["figure"]) as figure:
            widths.append(figure.width)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.1)


def test_strange_files_are_rows_with_their_error(model_file, xrays, tmp_path, capsys):
    text = tmp_path / "text.jpeg"
    text.write_text("not an image")
    files = [str(text), xrays.filenames[0], "missing.jpeg", xrays.filenames[1]]
    assert explain(model_file, *files, out=tmp_path / "out", batch_size=2) == 1
    rows = rows_of(tmp_path / "out")
    assert [row["path"] for row in rows] == files
    assert [bool(row["error"]) for row in rows] == [True, False, True, False]
    assert [bool(row["figure"]) for row in rows] == [False, True, False, True]
    assert "2 of 4 files" in capsys.readouterr().err


def test_withheld_images_have_no_figure(gated_model_file, xrays, upside_down, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["explain", str(gated_model_file), upside_down, xrays.filenames[0]]
    assert main([*arguments, "--out", str(out), "--method", "hires_cam"]) == 1
    printed, err = capsys.readouterr()
    assert "1 figure." in printed
    assert "1 of 2 images are unlike the training images" in err
    strange, usual = rows_of(out)
    assert "upside down" in strange["withheld"]
    assert [strange[name] for name in ("probability", "label", "figure", "lungs")] == [""] * 4
    assert usual["withheld"] == ""
    assert (out / usual["figure"]).exists()
    assert len(list(out.glob("*.png"))) == 1


def test_every_model_is_explained(other_model_file, three_class_model_file, xrays, tmp_path):
    for number, model in enumerate([other_model_file, three_class_model_file]):
        out = tmp_path / str(number)
        assert explain(model, *xrays.filenames[:2], out=out) == 0
        assert all(row["figure"] for row in rows_of(out))
    columns = list(rows_of(tmp_path / "1")[0])
    assert columns[1:4] == ["probability_NORMAL", "probability_BACTERIA", "probability_VIRUS"]


def test_models_that_cannot_be_explained_leave_no_table(other_model_file, xrays, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["explain", str(other_model_file), xrays.filenames[0], "--out", str(out)]
    assert main([*arguments, "--method", "grad_cam"]) == 1
    assert "Use --method occlusion or --method lime" in capsys.readouterr().err
    assert not (out / TABLE).exists()
    assert main(arguments) == 0


def test_the_class_is_chosen_by_name(model_file, xrays, tmp_path, capsys):
    arguments = ["explain", str(model_file), xrays.filenames[0], "--out", str(tmp_path / "out")]
    assert main([*arguments, "--target", "COVID"]) == 1
    assert "is not a class of the model. Name one of NORMAL, PNEUMONIA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--target", "NORMAL"]) == 0


def test_nothing_is_overwritten_unless_forced(model_file, xrays, tmp_path, capsys):
    arguments = ["explain", str(model_file), xrays.filenames[0], "--out", str(tmp_path)]
    (tmp_path / TABLE).write_text("precious")
    assert main(arguments) == 1
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / TABLE).read_text() == "precious"
    assert main([*arguments, "--force"]) == 0
    assert len(rows_of(tmp_path)) == 1


def test_two_files_of_one_name_have_two_figures(model_file, xrays, tmp_path):
    (tmp_path / "a").mkdir()
    copy = tmp_path / "a" / xrays.filenames[0].rpartition("/")[2]
    shutil.copy(xrays.filenames[1], copy)
    assert explain(model_file, xrays.filenames[0], str(copy), out=tmp_path / "out") == 0
    first, second = (row["figure"] for row in rows_of(tmp_path / "out"))
    assert second == f"{first.removesuffix('.png')}-2.png"


def test_paths_come_from_standard_input(model_file, xrays, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{xrays.filenames[0]}\n"))
    assert main(["explain", str(model_file), "-", "--out", str(tmp_path / "out")]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["explain", str(model_file), "-", "--out", str(tmp_path / "none")]) == 1
    assert "no paths on standard input" in capsys.readouterr().err


def test_figures_of_an_earlier_run_are_kept_unless_forced(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "out"
    assert explain(model_file, *xrays.filenames[:2], out=out) == 0
    (out / TABLE).unlink()  # as after an interruption
    figure = next(out.glob("*.png"))
    figure.write_bytes(b"precious")
    arguments = ["explain", str(model_file), *xrays.filenames[:2], "--out", str(out)]
    assert main(arguments) == 1
    assert "1 more already exist. Name another folder" in capsys.readouterr().err
    assert figure.read_bytes() == b"precious"
    assert main([*arguments, "--force"]) == 0


@pytest.mark.parametrize("options", [[], ["--force"]], ids=["plain", "forced"])
def test_no_figure_takes_the_place_of_an_x_ray(options, model_file, xrays, tmp_path, capsys):
    x_ray = tmp_path / "x-ray.png"
    with Image.open(xrays.filenames[0]) as image:
        image.save(x_ray)
    before = x_ray.read_bytes()
    arguments = ["explain", str(model_file), str(x_ray), "--out", str(tmp_path), *options]
    assert main(arguments) == 1
    assert "is one of the X-rays" in capsys.readouterr().err
    assert x_ray.read_bytes() == before
    assert not (tmp_path / TABLE).exists()


def test_out_must_be_a_folder_or_not_exist(model_file, xrays, tmp_path, capsys):
    (tmp_path / "file").write_text("precious")
    arguments = ["explain", str(model_file), xrays.filenames[0], "--out"]
    assert main([*arguments, str(tmp_path / "file")]) == 1
    assert "is a file, but figures need a folder" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "no" / "where")]) == 1
    assert "Create it first" in capsys.readouterr().err


def test_a_failed_run_leaves_no_table_that_looks_complete(
    model_file, xrays, tmp_path, monkeypatch
):
    module = sys.modules["skpneumo.cli.explain"]
    saved = module._save

    def interrupt(display, path):
        if len(list(path.parent.glob("*.png"))) == 2:
            raise KeyboardInterrupt
        saved(display, path)

    monkeypatch.setattr(module, "_save", interrupt)
    arguments = ["explain", str(model_file), *xrays.filenames[:4], "--out", str(tmp_path)]
    assert main(arguments) == 130
    assert not (tmp_path / TABLE).exists()
    assert {path.suffix for path in tmp_path.iterdir()} == {".png"}


def test_a_folder_that_is_not_writable_is_refused_before_the_model_is_loaded(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for out in (tmp_path, tmp_path / "new"):
        assert main(["explain", "no model", "x.png", "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert f"{tmp_path} is not writable, so explanations.csv cannot" in said
