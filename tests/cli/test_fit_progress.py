"""The progress of a fit in words."""

import re
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skpneumo import CNNClassifier, Pipeline, RecallFloorClassifier
from skpneumo._progress import ProgressLine, lines_in_pipes
from skpneumo.cli._fit_progress import fit_progress


@pytest.fixture
def said(monkeypatch):
    """Collect all messages, without waiting for a minute."""
    lines = []
    monkeypatch.setattr(ProgressLine, "update", lambda self, text: lines.append(text))
    return lines


def network():
    return CNNClassifier(filters=(), dense_units=(), epochs=3, random_state=0)


X = np.zeros((40, 4, 4, 1), np.uint8)
X[20:] += 99
Y = np.repeat([0, 1], 20)


def fitted(model, **fit_params):
    with lines_in_pipes(), fit_progress(model, "Training it"):
        model.fit(X, Y, **fit_params)
    assert not hasattr(model, "_skl_callbacks")


def test_epochs_with_the_loss_and_the_time_left(said):
    fitted(Pipeline([("cnn", network())]))
    assert len(said) == 3
    for number, line in enumerate(said, start=1):
        epoch = rf"Training it: epoch {number} of 3, loss \d*\.\d\d, "
        assert re.fullmatch(epoch + "(about .*|less than a minute) left", line)


def test_models_of_folds_are_counted(said):
    fitted(RecallFloorClassifier(network(), recall=0.5, cv=2), groups=range(40))
    assert [re.search(r"model \d of 2, epoch \d of 3", line)[0] for line in said] == [
        f"model {model} of 2, epoch {epoch} of 3" for model in (1, 2) for epoch in (1, 2, 3)
    ]


def test_fits_of_a_search_are_counted(said):
    flat = GridSearchCV(LogisticRegression(), {"C": [1, 2, 3]}, cv=2)
    with lines_in_pipes(), fit_progress(flat, "Searching"):
        flat.fit(X.reshape(40, -1), Y)
    assert [re.match(r"Searching: fit \d of 6", line)[0] for line in said] == [
        f"Searching: fit {number} of 6" for number in range(1, 7)
    ]


def test_outside_commands_a_pipe_gets_nothing(said):
    model = network()
    with fit_progress(model, "Training it"):
        model.fit(X, Y)
    assert said == []


def test_in_a_pipe_a_line_comes_each_minute(monkeypatch, capsys):
    monkeypatch.setattr("skpneumo._progress.SECONDS_BETWEEN_LINES", 0.01)
    assert not sys.stderr.isatty()
    with lines_in_pipes(), ProgressLine("Training it") as line:
        line.update("Training it: epoch 1 of 2")
        line._ended.wait(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert set(lines) <= {"Training it", "Training it: epoch 1 of 2"}
