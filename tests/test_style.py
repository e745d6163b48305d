"""The checks that are not about behaviour: lint, format, types, and one set of commands."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPELLED = (
    "skpneumo",
    "docs",
    "tests",
    "examples",
    "benchmarks",
    *(p.name for p in ROOT.glob("*.md")),
)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        pytest.param(("mypy",), marks=pytest.mark.slow),
        ("codespell_lib", *SPELLED),
    ],
    ids=["ruff check", "ruff format", "mypy", "codespell"],
)
def test_the_sources_are_clean(command):
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_ci_runs_exactly_the_commands_that_the_readme_gives():
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert command.endswith("pytest -n 2")
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
