"""Memory does not grow with the candidates of a search, because they share programs."""

import keras
import pytest

from skpneumo import CNNClassifier
from skpneumo.classifiers.engine._compiled import (
    CompiledPrediction,
    CompiledTraining,
    prediction_programs,
    training_programs,
)
from skpneumo.tuning import ResumableGridSearchCV

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="counts the traces of TensorFlow"
)


@pytest.fixture
def seen(monkeypatch):
    """A list with an entry for every program built and every training step traced."""
    entries = []

    def count(kind, name, entry):
        plain = getattr(kind, name)

        def counted(self, *args, **kwargs):
            entries.append(entry)
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, counted)

    count(CompiledTraining, "__init__", "training")
    count(CompiledPrediction, "__init__", "prediction")
    count(keras.Model, "train_step", "trace")
    for pool in (training_programs, prediction_programs):
        monkeypatch.setattr(pool, "_idle", [])
    return entries


def test_candidates_that_differ_in_learning_rate_and_batch_size_share_one_program(seen, rows):
    cnn = CNNClassifier(filters=(), dense_units=(3,), epochs=1, batch_size=5, random_state=0)
    grid = {
        "learning_rate": [0.1, 0.03, 0.01, 0.003],
        "class_weight": [None, "balanced"],
        "epochs": [1, 2],
        "schedule": [None, "cosine"],
    }
    search = ResumableGridSearchCV(cnn, grid, cv=2).fit(*rows)
    assert len(search.cv_results_["params"]) == 32
    assert sorted(seen) == ["prediction", "trace", "training"]
