"""The README's Python as a newcomer runs it: pasted into a script whose output is piped, or into a
notebook. It prints what the README shows and nothing else, and nothing on standard error.

The script is the one run of the whole search; the notebook tries a single candidate.
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
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHOWN = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
PRINTED = "".join(reversed(SHOWN))  # the table at the top is printed last
# The candidate that the search finds best.
ONE_CANDIDATE = {"[0, 1e-4]": "[0]", "[0, 15]": "[0]"}
# What the README does not do.
REPORT_EPOCHS = "_ = pipe.set_params(cnn__verbose=1, cnn__epochs=2).fit(train, y_train)"
SHOW_TABLE = "figures"


def test_the_data_that_are_cited_are_those_that_are_fetched():
    cited = re.findall(r"rscbjbr9sj\.\d", README + (ROOT / "CITATION.cff").read_text("utf-8"))
    assert set(cited) == set(re.findall(r"rscbjbr9sj\.\d", fetch_chest_xray.__doc__))


def without_figures(text):
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [re.sub(r"\[?[\d.]+[\],]?", "0", line) for line in lines if line]


def check_epochs(printed):
    assert "Epoch 2/2" in printed
    assert not set(printed) & set("\b\r\x1b")  # of a progress bar


@pytest.fixture
def as_the_user_is(monkeypatch):
    """Without the settings by which the tests quiet TensorFlow and have fewer threads."""
    for name in ("TF_CPP_MIN_LOG_LEVEL", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def test_the_search_is_the_one_that_is_shortened():
    assert all(README.count(several) == 1 for several in ONE_CANDIDATE)
    assert len(SHOWN) == 2


# Not marked as slow, so that the oldest versions run the README, too.
def test_a_script_prints_what_is_shown_and_nothing_on_stderr(tmp_path, as_the_user_is):
    script = tmp_path / "script.py"
    script.write_text("\n".join([*BLOCKS, REPORT_EPOCHS]), encoding="utf-8")
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
    printed, epochs = run.stdout.split("Epoch 1/2", 1)
    assert without_figures(printed) == without_figures(PRINTED)
    check_epochs(epochs)


@pytest.mark.slow
def test_a_notebook_has_no_stderr(tmp_path, as_the_user_is, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with which a kernel misses what C code writes
    blocks = BLOCKS
    for several, one in ONE_CANDIDATE.items():
        blocks = [block.replace(several, one) for block in blocks]
    cells = [nbformat.v4.new_code_cell(code) for code in (*blocks, REPORT_EPOCHS, SHOW_TABLE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    streams = [each for each in outputs if each.output_type == "stream"]
    assert not [each.text for each in streams if each.name == "stderr"]
    *of_readme, epochs, (table,) = (cell.outputs for cell in notebook.cells)
    of_readme = [each for cell in of_readme for each in cell]
    printed = [each.text for each in of_readme if each.output_type == "stream"]
    assert without_figures("".join(printed)) == without_figures(PRINTED)
    # A fit shows itself as scikit-learn draws it, which is no text.
    assert all("text/html" in each.data for each in of_readme if each.output_type != "stream")
    check_epochs("".join(each.text for each in epochs))
    assert "95% interval" in table.data["text/html"]
