"""The number of updates that a network gets and needs is printed before training."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skpneumo import CNNClassifier, ImageLoader, ImageResampler, Pipeline, make_recipe
from skpneumo.cli._default_pipeline import with_recall_floor
from skpneumo.cli._updates import fewest_updates, fits_line, n_updates, updates_line


def pipeline(*before, **options):
    cnn = CNNClassifier(**{"epochs": 3, "batch_size": 4, **options})
    return Pipeline([*before, ("load", ImageLoader(size=16)), ("cnn", cnn)])


def test_updates_are_those_of_training(xrays):
    rows = np.arange(22)
    X, y = xrays.filenames[rows], np.tile([0, 1], 11)
    model = pipeline(filters=(), dense_units=(), random_state=0, warm_start=True).fit(X, y)
    taken = int(np.asarray(model[-1]._checkpoint.optimizer[0]))  # Keras counts its iterations
    assert n_updates(model, X, y) == taken == 3 * 6


def test_resampling_and_early_stopping_count():
    X, y = np.array([f"{i}.png" for i in range(20)], dtype=object), np.array([0] * 4 + [1] * 16)
    balanced = pipeline(("balance", ImageResampler("under", random_state=0)))
    assert n_updates(balanced, X, y) == 3 * 2
    assert n_updates(pipeline(early_stopping=True, validation_fraction=0.4), X, y) == 3 * 3


def test_a_least_number_of_steps_counts():
    X, y = np.array([f"{i}.png" for i in range(20)], dtype=object), np.repeat([0, 1], 10)
    assert n_updates(pipeline(min_steps=41), X, y) == 45  # whole epochs of 5


def test_a_pretrained_or_a_dense_network_needs_none():
    assert fewest_updates(pipeline()) == 1000
    for name in ("MobileNet", "dense-baseline"):
        assert fewest_updates(make_recipe(name)) == 0


@pytest.mark.parametrize(("name", "enough"), [("robust", True), ("cnn-64-128-256", False)])
def test_the_line_contains_both_numbers_and_the_remedy(name, enough):
    line = updates_line(make_recipe(name), np.empty(150, dtype=object), np.zeros(150))
    assert line.startswith("150 images, ")
    assert ("too few" in line) == ("--epochs" in line) == (not enough)
    assert "--recipe" not in line  # which only one command has
    assert "1,000" in line


def test_other_classifiers_than_networks_have_no_updates():
    dummy = Pipeline([("cnn", DummyClassifier())])
    assert updates_line(dummy, [1, 2], [0, 1]) == "2 images."


def test_a_recall_floor_says_how_many_models_it_takes(xrays):
    assert "is chosen on a third" in fits_line(with_recall_floor(pipeline(), 0.5), xrays)
    said = fits_line(with_recall_floor(pipeline(), 0.8), xrays)
    assert said.startswith("A recall floor of 0.8 needs 5 models, ")
    with pytest.raises(ValueError, match="at least 299 patients of PNEUMONIA, but there are"):
        fits_line(with_recall_floor(pipeline(), 0.99), xrays)
