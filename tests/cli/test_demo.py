import re

import pandas as pd
import pytest
from PIL import Image

from skpneumo import load_model
from skpneumo.cli import main
from skpneumo.cli.demo import demo

# Models this small may predict the same class for every image.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")

TINY = {"size": 16, "epochs": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    demo(out=out, patients=30, **TINY)
    return out


@pytest.mark.slow
def test_model_metrics_and_figures_are_saved(finished):
    model = load_model(finished / "model.skpneumo")
    frame = pd.read_csv(finished / "metrics.csv").query("subgroup == 'all'").set_index("metric")
    assert frame.n["accuracy"] < frame.n["recall"] * 3
    candidates = pd.read_csv(finished / "candidates.csv")
    assert len(candidates) == 4
    assert {"recall_low", "recall_high", "recall_n", "recall_n_patients"} <= set(candidates)
    assert model.classes_.tolist() == [0, 1]
    figures = sorted(finished.glob("*.png"))
    assert len(figures) == 5
    for figure in figures:
        with Image.open(figure) as image:
            assert min(image.size) > 300


@pytest.mark.slow
def test_second_demo_does_not_mix_with_the_first(finished, capsys):
    before = (finished / "model.skpneumo").read_bytes()
    assert main(["demo", "--out", str(finished)]) == 1
    assert "--force" in capsys.readouterr().err
    assert (finished / "model.skpneumo").read_bytes() == before


@pytest.mark.slow
def test_demo_on_a_folder_leaves_its_test_split_alone(xrays, tmp_path, capsys):
    demo(data=xrays.root, out=tmp_path / "out", **TINY)
    printed = capsys.readouterr().out
    assert f"{(xrays.split != 'test').sum()} X-rays" in printed
    assert "patients in both: 0" in printed
    size = r" \(\d+ images"
    heading = re.search(rf"recall[\w ]*{size}, \d+ patients\) +specificity{size}", printed)
    rows = printed[heading.end() :].splitlines()[1:5]
    assert all(len(re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", row)) == 2 for row in rows)
    assert not (tmp_path / "out" / "chest_xray").exists()


@pytest.mark.slow
@pytest.mark.real
def test_demo_on_real_xrays(real_data, tmp_path, capsys):
    demo(data=real_data / "chest_xray", out=tmp_path / "out", patients=120, **TINY)
    assert "120 patients" in capsys.readouterr().out


def test_demo_says_when_there_is_nothing_at_the_folder(tmp_path, capsys):
    assert main(["demo", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "o")]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_demo_names_a_folder_that_is_not_writable(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert main(["demo", "--out", str(tmp_path / "new" / "demo")]) == 1
    assert f"{tmp_path} is not writable, so the demo cannot" in capsys.readouterr().err
