"""A notebook that is executed and exported has no log lines and no control characters."""

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    "from skpneumo import CNNClassifier, ImageLoader, Pipeline, evaluate, make_chest_xray\n"
    "xrays = make_chest_xray('x', n_patients=24, random_state=0)",
    "cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=2, verbose=1, random_state=0)\n"
    "pipe = Pipeline([('load', ImageLoader(size=16)), ('cnn', cnn)])\n"
    "_ = pipe.fit(xrays.X, xrays.target)",
    "import warnings\nwarnings.simplefilter('ignore')\n"
    "result = evaluate(pipe, xrays.X, xrays.target)\nprint(result)\nresult",
]


@pytest.mark.slow
def test_no_log_lines_and_no_control_characters(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    texts = [output.text for output in outputs if output.output_type == "stream"]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    assert "Epoch 2/2" in "".join(texts)
    assert not set("".join(texts)) & set("\b\r\x1b")
    assert "95% interval" in outputs[-1].data["text/html"]
