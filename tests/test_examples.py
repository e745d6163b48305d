"""Every example runs as it is, in an empty folder, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def run(example, *arguments, folder):
    return subprocess.run(
        [sys.executable, "-W", "error", example, *arguments],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_without_a_warning(example, tmp_path):
    result = run(example, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_there_are_examples():
    assert EXAMPLES
