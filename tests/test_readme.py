"""The README's Python as a newcomer runs it: pasted into a script whose output is piped, or into a
notebook. It prints what the README shows and nothing else, and nothing on standard error.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from skpneumo import fetch_chest_xray

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The search tries one candidate, which is the one that it finds best, so that this is quick.
ONE_CANDIDATE = {"[0, 1e-4]": "[0]", "[0, 15]": "[0]"}
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
for several, one in ONE_CANDIDATE.items():
    BLOCKS = [block.replace(several, one) for block in BLOCKS]
SHOWN = re.findall(r"```text\n(.*?)```", README, re.DOTALL)


def test_the_data_that_are_cited_are_those_that_are_fetched():
    cited = re.findall(r"rscbjbr9sj\.\d", README + (ROOT / "CITATION.cff").read_text("utf-8"))
    assert set(cited) == set(re.findall(r"rscbjbr9sj\.\d", fetch_chest_xray.__doc__))


def without_figures(texts):
    """The lines in any order: the README shows the table at the top, above the code."""
    lines = [" ".join(line.split()) for line in "\n".join(texts).splitlines()]
    return sorted(re.sub(r"\[?[\d.]+[\],]?", "0", line) for line in lines if line)


@pytest.fixture
def as_the_user_is(monkeypatch):
    """Without the settings by which the tests quiet TensorFlow."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


def test_the_search_is_the_one_that_is_shortened():
    assert all(README.count(several) == 1 for several in ONE_CANDIDATE)
    assert len(SHOWN) == 2


@pytest.mark.slow
def test_a_script_prints_what_is_shown_and_nothing_on_stderr(tmp_path, as_the_user_is):
    script = tmp_path / "script.py"
    script.write_text("\n".join(BLOCKS), encoding="utf-8")
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    assert without_figures([run.stdout]) == without_figures(SHOWN)


@pytest.mark.slow
def test_a_notebook_has_no_stderr(tmp_path, as_the_user_is):
    cells = [nbformat.v4.new_code_cell(block) for block in BLOCKS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    streams = [each for each in outputs if each.output_type == "stream"]
    assert not [each.text for each in streams if each.name == "stderr"]
    assert without_figures(each.text for each in streams) == without_figures(SHOWN)
    # A fit shows itself as scikit-learn draws it, which is no text.
    assert all("text/html" in each.data for each in outputs if each.output_type != "stream")
