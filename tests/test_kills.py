"""Killed at any moment, no writer leaves half a file, or anything that the next run does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_nothing_is_half_written_and_nothing_unfinished_stays():
    script = Path(__file__).parents[1] / "benchmarks" / "kills.py"
    run = subprocess.run(
        [sys.executable, script, "--kills", "3"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("kills: 3") == 5
