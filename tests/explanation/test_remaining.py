"""Results without a part of the images: the changes, and the metrics."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skpneumo._lung_field import lung_field
from skpneumo._predictions import Predictions
from skpneumo.evaluation import evaluate_predictions
from skpneumo.explanation._model import ImageModel
from skpneumo.explanation._remaining import CHANGES, remaining_metrics


class ByBrightness:
    """Classifier by the mean of the pixels in a place or in the whole image."""

    classes_ = np.array([0, 1])

    def __init__(self, place=np.s_[:, :]):
        self.place = place

    def predict_proba(self, images):
        positive = images[(slice(None), *self.place)].mean(axis=(1, 2, 3)) / 255
        return np.column_stack([1 - positive, positive])

    def predict(self, images):
        return (self.predict_proba(images)[:, 1] >= 0.5).astype(int)


def remaining(classifier, images, y, patient=None, **options):
    predictions = Predictions.of(
        y,
        classifier.predict_proba(images)[:, 1],
        classifier.predict(images),
        groups=np.arange(len(y)) if patient is None else patient,
        pos_label=1,
    )
    model = ImageModel(classifier.classes_, classifier)
    return remaining_metrics(model, images, predictions, **options)


def value(frame, images, metric):
    return frame.set_index(["images", "metric"]).loc[(images, metric), "value"]


def test_each_change_keeps_only_its_part(tested):
    images = tested.images[:6]
    lungs = lung_field(images)
    black = images.min()
    without, alone, frame = (
        CHANGES[name](images) for name in ("lungs blacked out", "lungs alone", "frame alone")
    )
    assert (without[lungs] == black).all()
    assert (without[~lungs] == images[~lungs]).all()
    assert (alone[lungs] == images[lungs]).all()
    assert (alone[~lungs] == black).all()
    assert (frame[:, 5:-5, 5:-5] == black).all()
    assert (frame[:, :5] == images[:, :5]).all()
    assert (frame[:, :, -5:] == images[:, :, -5:]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_text_is_painted_into_corners_alone(tested, dtype):
    images = (tested.images[:6] / (255 if dtype is np.float32 else 1)).astype(dtype)
    marked = CHANGES["text painted in"](images)
    assert marked.dtype == images.dtype
    changed = (marked != images).any(axis=-1)
    assert changed.any(axis=(1, 2)).all()
    assert not changed[:, 10:-10].any()
    assert marked.max() == images.max()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_text_is_painted_out(dtype):
    white = 255 if dtype is np.uint8 else 1
    images = np.full((2, 48, 48, 1), 0.3 * white, dtype)
    marked = images.copy()
    marked[:, 2:6, 3:8] = white
    cleaned = CHANGES["text painted out"](marked)
    assert cleaned.dtype == images.dtype
    np.testing.assert_allclose(cleaned, images, rtol=0.02)


def test_the_figures_are_those_of_the_changed_images():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    images = rng.integers(20, 60, (60, 32, 32, 1)).astype(np.uint8)
    images[y == 1, :3] = 200
    images[0, 0, 0] = 0
    frame = remaining(ByBrightness(np.s_[:3, :]), images, y)
    assert list(frame["images"].unique()) == list(CHANGES)
    assert value(frame, "as they are", "AUC") == 1
    assert value(frame, "frame alone", "AUC") == 1
    assert value(frame, "frame alone", "recall") == 1
    for name in ("lungs blacked out", "lungs alone", "text painted in"):
        score = ByBrightness(np.s_[:3, :]).predict_proba(CHANGES[name](images))[:, 1]
        assert value(frame, name, "AUC") == pytest.approx(roc_auc_score(y, score))
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()
    # The intervals of an evaluation, which have a width where there is no error as well.
    assert (frame["low"] < frame["high"]).all()
    predict = ByBrightness(np.s_[:3, :])
    evaluated = evaluate_predictions(
        y, predict.predict_proba(images)[:, 1], predict.predict(images), pos_label=1
    ).set_index("metric")
    as_they_are = frame[frame["images"].eq("as they are")].set_index("metric")
    for name, metric in (("AUC", "roc_auc"), ("recall", "recall")):
        expected = evaluated.loc[metric, ["low", "high"]].to_list()
        assert as_they_are.loc[name, ["low", "high"]].to_list() == pytest.approx(expected)


def test_auc_counts_ties_by_half_as_scikit_learn_does():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 50)
    images = np.repeat(rng.integers(100, 104, 50) + 2 * y, 64).reshape(50, 8, 8, 1)
    images = images.astype(np.uint8)
    classifier = ByBrightness()
    expected = roc_auc_score(y, classifier.predict_proba(images)[:, 1])
    assert value(remaining(classifier, images, y), "as they are", "AUC") == pytest.approx(expected)


def test_decisions_are_by_the_threshold_if_there_is_one():
    y = np.arange(20) % 2
    images = np.full((20, 16, 16, 1), 100, np.uint8)
    images[:, 0, 0] = 0
    images[y == 1, 1] = 250
    frame = remaining(ByBrightness(np.s_[1:2, :]), images, y, threshold=2.0)
    assert value(frame, "text painted out", "recall") == 0
    assert value(frame, "text painted out", "specificity") == 1
