"""What a result prints: each figure with its interval, within 80 columns, in a pipe as well."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo.evaluation import compare_predictions, evaluate_predictions
from skpneumo.evaluation._table import _name, formatted


@pytest.fixture(scope="module")
def frame():
    y = np.repeat([0, 1], 30)
    score = np.linspace(0.2, 0.8, 60)
    names = [f"IM-{i:04}-0001.jpeg" for i in range(30)]
    names += [f"person{i}_{['virus', 'bacteria'][i % 2]}_1.jpeg" for i in range(30)]
    return evaluate_predictions(y, score, filenames=names)


def test_it_prints_values_and_intervals_within_80_columns(frame):
    for text in (str(frame), repr(frame)):
        lines = text.splitlines()
        assert max(map(len, lines)) <= 80
        assert re.search(r"^recall of class 1 +1\.000  \[0\.\d{3}, 1\.000\] +30 +30$", text, re.M)
        for metric in frame["metric"].unique():
            assert any(line.startswith(_name(metric, "class 1")) for line in lines)


def test_a_notebook_shows_the_same_figures(frame):
    html = frame._repr_html_()
    assert "recall of class 1" in html
    assert re.search(r"1\.000 \[0\.\d{3}, 1\.000\]", html)
    assert "95% interval" in html


def test_it_is_a_data_frame_and_so_is_all_that_is_made_of_it(frame):
    assert isinstance(frame, pd.DataFrame)
    for made in (frame.set_index("metric"), frame.query("metric == 'recall'"), frame.round(2)):
        assert type(made) is pd.DataFrame
    assert str(pd.DataFrame(frame)) != str(frame)
    again = pickle.loads(pickle.dumps(frame))
    assert str(again) == str(frame)
    assert again.attrs["notes"] == frame.attrs["notes"]


def test_a_frame_that_has_lost_its_columns_prints_as_what_is_left(frame):
    part = pickle.loads(pickle.dumps(frame))
    del part["low"], part["high"]
    assert str(part) == str(pd.DataFrame(part))
    assert part._repr_html_() == pd.DataFrame(part)._repr_html_()


def test_what_is_undefined_is_said_with_its_reason():
    with pytest.warns(UndefinedMetricWarning):
        frame = evaluate_predictions([1, 1, 1], y_pred=[1, 1, 1], pos_label=1)
    text = str(frame)
    assert "nan" not in text
    assert re.search(r"^specificity +undefined .*\n  all of the 3 images are positive", text, re.M)


def test_chosen_metrics_and_another_name(frame):
    lines = formatted(frame, ["recall"], "PNEUMONIA").splitlines()
    assert lines[1].startswith("recall of PNEUMONIA")
    assert all(line.startswith(("recall", "bacteria", "virus")) for line in lines[1:])


def test_a_comparison_prints_its_difference_with_the_interval():
    y = np.repeat([0, 1], 20)
    frame = compare_predictions(y, y_pred_a=y, y_pred_b=np.tile([0, 1], 20))
    lines = str(frame).splitlines()
    assert max(map(len, lines)) <= 90
    assert "difference [95% interval]" in lines[0]
    assert any(re.search(r"recall .*\d\.\d{3} \[\S+, \S+\]", line) for line in lines)


def test_a_pipe_gets_the_same():
    script = (
        "from skpneumo.evaluation import evaluate_predictions\n"
        "print(evaluate_predictions([0, 0, 1, 1] * 5, y_pred=[0, 1, 1, 1] * 5))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert re.search(r"specificity +0\.500  \[0\.\d{3}, 0\.\d{3}\]", run.stdout)
    assert run.stderr == ""
