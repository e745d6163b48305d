"""Printed results: each value with its interval, within 80 columns, also in a pipe."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo.evaluation import (
    compare_predictions,
    decision_curve_predictions,
    evaluate_predictions,
)
from skpneumo.evaluation._table import StressFrame, _name


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


def test_it_is_a_data_frame_and_its_selections_are_data_frames(frame):
    assert isinstance(frame, pd.DataFrame)
    for made in (frame.set_index("metric"), frame.query("metric == 'recall'"), frame.round(2)):
        assert type(made) is pd.DataFrame
    assert str(pd.DataFrame(frame)) != str(frame)
    again = pickle.loads(pickle.dumps(frame))
    assert str(again) == str(frame)
    assert again.attrs["notes"] == frame.attrs["notes"]


def test_a_frame_without_some_columns_prints_the_others(frame):
    part = pickle.loads(pickle.dumps(frame))
    del part["low"], part["high"]
    assert str(part) == str(pd.DataFrame(part))
    assert part._repr_html_() == pd.DataFrame(part)._repr_html_()


def test_undefined_values_have_a_reason():
    with pytest.warns(UndefinedMetricWarning):
        frame = evaluate_predictions([1, 1, 1], y_pred=[1, 1, 1], pos_label=1)
    text = str(frame)
    assert "nan" not in text
    assert re.search(r"^specificity +undefined .*\n  all of the 3 images are positive", text, re.M)


def test_chosen_metrics_and_another_name(frame):
    lines = frame.formatted(["recall"], "PNEUMONIA").splitlines()
    assert lines[1].startswith("recall of PNEUMONIA")
    assert all(line.startswith(("recall", "bacteria", "virus")) for line in lines[1:])


def test_a_comparison_prints_its_difference_with_the_interval():
    y = np.repeat([0, 1], 20)
    frame = compare_predictions(y, y_pred_a=y, y_pred_b=np.tile([0, 1], 20))
    lines = str(frame).splitlines()
    assert max(map(len, lines)) <= 90
    assert "difference [95% interval]" in lines[0]
    assert any(re.search(r"recall .*\d\.\d{3} \[\S+, \S+\]", line) for line in lines)


def test_a_decision_curve_prints_its_net_benefit_with_the_interval():
    y, score = np.repeat([0, 1], 20), np.linspace(0.05, 0.95, 40)
    curve = decision_curve_predictions(y, score, prevalence=0.1)
    lines = str(curve).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:2] == ["threshold", "net_benefit"]
    assert all(re.search(r"-?\d\.\d{3} \[\S+, \S+\]", line) for line in lines[1:])
    assert len(lines) == len(curve) + 1
    assert "net_benefit [95% interval]" in curve._repr_html_()
    assert type(pd.DataFrame(curve)) is pd.DataFrame


def test_a_stress_test_prints_a_part_for_each_metric():
    rows = [
        {"corruption": name, "metric": metric, "value": value, "low": 0.4, "high": 0.9}
        | {"n": 60, "n_patients": 20, "interval": "Wilson"}
        | {"drop": 0.7 - value, "drop_low": -0.1, "drop_high": 0.2, "where": where}
        for metric in ("roc_auc", "recall")
        for name, value, where in (
            ("darker and flatter x 0.65", 0.5, np.nan),
            ("worst", 0.4, "darker and flatter x 0.65"),
        )
    ]
    undefined = {"value": np.nan, "interval": "undefined: all images are positive"}
    unaltered = {"drop": np.nan, "drop_low": np.nan, "drop_high": np.nan}
    rows += [
        rows[0] | {"metric": "specificity"} | undefined,
        rows[0] | {"metric": "specificity", "corruption": "unaltered"} | unaltered,
    ]
    frame = StressFrame(rows)
    text = str(frame)
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"ROC AUC of 60 images, 20 patients\n +value +95% interval +drop", text)
    assert re.search(r"x 0\.65 +0\.500  \[0\.400, 0\.900\] +\+0\.200  \[-0\.100, 0\.200\]", text)
    assert re.search(r"^worst .*\n  darker and flatter x 0\.65$", text, re.M)
    assert re.search(r"x 0\.65 +undefined: all images are positive$", text, re.M)
    assert "nan" not in text
    html = frame._repr_html_()
    assert "undefined: all images are positive" in html
    assert "0.500 [0.400, 0.900]" in html
    assert "+0.200" not in html
    assert "nan" not in html.lower()
    assert type(frame.query("metric == 'recall'")) is pd.DataFrame
    assert str(pickle.loads(pickle.dumps(frame))) == text


def test_the_output_in_a_pipe_is_the_same_and_the_import_is_light():
    script = (
        "import sys\nfrom skpneumo.evaluation import ThresholdDisplay, evaluate_predictions\n"
        "assert not {'matplotlib', 'keras', 'tensorflow'} & set(sys.modules)\n"
        "print(evaluate_predictions([0, 0, 1, 1] * 5, y_pred=[0, 1, 1, 1] * 5))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert re.search(r"specificity +0\.500  \[0\.\d{3}, 0\.\d{3}\]", run.stdout)
    assert run.stderr == ""
