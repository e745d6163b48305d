"""Killed at any moment, no process leaves an incomplete file that the next run does not remove."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[1] / "benchmarks" / "kills.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(
    ("options", "n_writers"),
    [
        pytest.param(["--kills", "2", "--light"], 3, id="light"),
        pytest.param(["--kills", "2", "--heavy"], 4, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_half_written_and_nothing_unfinished_stays(options, n_writers):
    command = [sys.executable, KILLS, *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(f"kills: {options[1]}") == n_writers
