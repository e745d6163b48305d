import hashlib
from pathlib import Path

from skpneumo.cli import main


def test_card_of_a_model_alone(model_file, tmp_path, capsys):
    out = tmp_path / "card.md"
    assert main(["card", str(model_file), "--out", str(out)]) == 0
    assert "left for a person to fill in" in capsys.readouterr().out
    text = out.read_text("utf-8")
    assert text.startswith("# Model card: model\n")
    assert hashlib.sha256(Path(model_file).read_bytes()).hexdigest() in text
    assert "No metrics are given" in text
    assert main(["card", str(model_file), "--out", str(out)]) == 1
    assert "--force" in capsys.readouterr().err


def test_card_with_a_folder_has_figures_of_its_test_split(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "card.md"
    assert main(["card", str(model_file), xrays.root, "--out", str(out)]) == 0
    test = xrays.split == "test"
    assert f"{test.sum()} X-rays of {len(set(xrays.groups[test]))} patients" in (
        capsys.readouterr().out
    )
    text = out.read_text("utf-8")
    assert "| recall (sensitivity) | " in text
    assert "Findings of the audit" in text


def test_options_that_need_x_rays_ask_for_a_folder(model_file, tmp_path, capsys):
    out = tmp_path / "card.md"
    assert main(["card", str(model_file), "--stress", "--out", str(out)]) == 1
    assert "FOLDER" in capsys.readouterr().err
    assert not out.exists()
