"""Randomly changed files only raise errors: they run nothing and need little memory."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_changed_files_do_no_harm():
    script = Path(__file__).parents[2] / "benchmarks" / "hostile_models.py"
    run = subprocess.run(
        [sys.executable, script, "--files", "60", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "60 files, seed 1" in run.stdout
