"""The commands of the guide's page on one's own files, as they are written there."""

import re
import shlex
from pathlib import Path

import pytest

from skpneumo.cli import main

PAGE = Path(__file__).parents[1] / "docs/guide/your-own-files.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_commands_run_as_written(tmp_path, monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    first_block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    commands = re.findall(r"^skpneumo (.*)$", text, re.MULTILINE)
    assert {command.split()[0] for command in commands} >= {
        "audit", "fit", "evaluate", "predict", "report",
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    exec(first_block[1], {})
    for command in commands:
        assert main(shlex.split(command)) == 0, (command, capsys.readouterr().err)
    assert "recall of Pneumonia" in capsys.readouterr().out
    assert (tmp_path / "page.html").exists()
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 81
