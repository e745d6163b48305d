"""Randomly changed files only raise errors: they run nothing and need little memory."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "hostile_models.py"


@pytest.mark.slow
def test_changed_files_do_no_harm(tmp_path):
    # The script trains its models in another process than the one that loads them: here, this one.
    spec = importlib.util.spec_from_file_location("hostile_models", SCRIPT)
    hostile_models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hostile_models)
    hostile_models.make_models(tmp_path)
    run = subprocess.run(
        [sys.executable, SCRIPT, "--files", "60", "--seed", "1", "--models", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "60 files, seed 1" in run.stdout
