"""Durations in words, and models that are saved whatever happens after training."""

import tempfile
from types import SimpleNamespace

import pytest

from skpneumo import load_model
from skpneumo.cli._finished import duration, saved_at_the_end
from skpneumo.cli._training_record import TrainingRecord


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (4.4, "4 s"),
        (99, "99 s"),
        (121, "2 minutes"),
        (3600, "1 hour"),
        (7500, "2 hours 5 minutes"),
        (3700, "1 hour 2 minutes"),
    ],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_does_not_hide_where_a_model_is(
    error, model_file, tmp_path, monkeypatch, capsys
):
    """Of other errors, a command shows the one about the model's file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    record = SimpleNamespace(as_dict=dict)
    monkeypatch.setattr(TrainingRecord, "of", lambda *_, **__: record)
    train = SimpleNamespace(target_names=["NORMAL", "PNEUMONIA"])
    data = SimpleNamespace(train=train, share=0.0)
    gone = tmp_path / "gone" / "model.skpneumo"

    def train_and_fail():
        with saved_at_the_end(data, gone, 0) as trained:
            trained.model = load_model(model_file)
            raise error

    with pytest.raises(FileNotFoundError, match=r"saved as .* instead"):
        train_and_fail()
    (place,) = tmp_path.glob("skpneumo-*/model.skpneumo")
    said = f"The model is saved as {place} instead: move it from there."
    assert (said in capsys.readouterr().err) == (error is KeyboardInterrupt)
