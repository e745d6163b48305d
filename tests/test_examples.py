"""Every example runs as it is, in an empty folder: cell by cell, as the gallery shows it."""

import os
import subprocess
import sys
from pathlib import Path

import _run
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
(QUICKEST,) = (path for path in EXAMPLES if path.stem == "train_a_recipe")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_prints_and_draws_something_without_a_warning(example):
    shown = "".join(block.html for block in _run.record_example(example))
    assert "<pre" in shown
    assert "<figure" in shown


@pytest.mark.slow
def test_an_example_is_a_script(tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error", QUICKEST],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_there_are_examples():
    assert EXAMPLES
