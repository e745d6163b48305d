import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import VotingClassifier

from skpneumo import ImageLoader, make_pipeline
from skpneumo.evaluation import evaluate, stress_test
from skpneumo.evaluation._corruptions import CORRUPTIONS, HELD_BACK
from skpneumo.evaluation._stress import UNALTERED, corrupted


class Brightness(ClassifierMixin, BaseEstimator):
    """Predicts bright images as positive, and so fails if the exposure changes."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        grey = np.asarray(X).mean(axis=(1, 2, 3)) / 255
        return np.column_stack([1 - grey, grey])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]


@pytest.fixture(scope="module")
def bright():
    y = np.repeat([0, 1], 12)
    X = np.random.default_rng(0).integers(0, 60, (24, 16, 16, 1)) + 80
    X[y == 1] += 60
    return X.astype(np.uint8), y, Brightness().fit(X, y)


def test_a_row_for_each_corruption_and_metric_with_interval_and_n(bright):
    X, y, model = bright
    frame = stress_test(model, X, y)
    assert frame["corruption"].unique().tolist() == [UNALTERED, *CORRUPTIONS, "mean", "worst"]
    assert (frame.groupby("corruption").size() == 4).all()
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()
    assert frame.query("metric == 'recall'")["n"].eq(12).all()


def test_corruptions_held_back_are_neither_in_the_mean_nor_the_worst(bright):
    X, y, model = bright
    everything = stress_test(model, X, y)
    assert set(everything.query("held_back")["corruption"]) == set(HELD_BACK)
    counted = {name: each for name, each in CORRUPTIONS.items() if name not in HELD_BACK}
    summary = "corruption in ['mean', 'worst']"
    without = stress_test(model, X, y, corruptions=counted)
    np.testing.assert_array_equal(
        everything.query(summary)["value"], without.query(summary)["value"]
    )
    worst = everything.query("corruption == 'worst' and metric == 'specificity'").iloc[0]
    assert worst["where"] in counted
    assert worst["value"] == 0


def test_classifier_of_labels_alone_has_no_auc(bright):
    X, y, model = bright
    voting = VotingClassifier([("one", model)]).fit(X, y)
    frame = stress_test(voting, X, y, corruptions={"as they are": lambda image: image})
    of_auc = frame["metric"] == "roc_auc"
    assert frame.loc[of_auc, "value"].isna().all()
    assert (frame.loc[~of_auc, "value"] == 1).all()


def test_finds_the_corruption_that_breaks_the_classifier(bright):
    X, y, model = bright
    values = stress_test(model, X, y).set_index(["corruption", "metric"])["value"]
    assert values[UNALTERED, "balanced_accuracy"] == 1
    assert values["half resolution", "balanced_accuracy"] == 1
    assert values["gamma 0.6", "specificity"] == 0
    assert values["gamma 0.6", "recall"] == 1


def test_unaltered_images_are_evaluated_as_by_evaluate(bright):
    X, y, model = bright
    stressed = stress_test(model, X, y, corruptions={})
    plain = evaluate(model, X, y).set_index("metric").loc[stressed["metric"]]
    np.testing.assert_array_equal(stressed["value"], plain["value"])
    np.testing.assert_array_equal(stressed["low"], plain["low"])


def test_paths_are_altered_as_copies_that_keep_their_patients(xrays):
    pipeline = make_pipeline(ImageLoader(size=16), Brightness()).fit(xrays.filenames, xrays.target)
    frame = stress_test(
        pipeline, xrays.filenames.tolist(), xrays.target, corruptions={"same": lambda image: image}
    )
    same, plain = (frame.query("corruption == @name") for name in ("same", UNALTERED))
    np.testing.assert_array_equal(same["value"], plain["value"])
    n_sick = len(set(xrays.groups[xrays.target == 1]))
    assert plain.set_index("metric").loc["recall", "n_patients"] == n_sick


def test_copies_are_gone_afterwards_and_originals_untouched(xrays):
    originals = [Path(path) for path in xrays.filenames[:3]]
    before = [original.read_bytes() for original in originals]
    with corrupted(xrays.filenames[:3], CORRUPTIONS["burnt-in marker"], "marker") as copies:
        images = ImageLoader(size=224).fit_transform(copies)
        assert images.shape == (3, 224, 224, 1)
    assert not Path(copies[0]).exists()
    assert [original.read_bytes() for original in originals] == before


def test_a_corruption_that_changes_the_size_is_named(bright):
    X, y, model = bright
    with pytest.raises(ValueError, match="'halved' returned an image of shape \\(8, 8\\)"):
        stress_test(model, X, y, corruptions={"halved": lambda image: image.resize((8, 8))})


def test_corruptions_without_functions_are_refused(bright):
    X, y, model = bright
    with pytest.raises(TypeError, match=r"\['blurred'\] is a list; expected a dict"):
        stress_test(model, X, y, corruptions=["blurred"])


def test_missing_files_are_named(xrays, bright):
    with pytest.raises(FileNotFoundError, match=r"BACTERIA-1-1\.jpeg"):
        stress_test(bright[2], ["BACTERIA-1-1.jpeg"], [1])


@pytest.fixture
def twelve_bits(tmp_path):
    """Files of 12 bits in 16, twice as wide as high."""
    y = np.repeat([0, 1], 4)
    pixels = np.linspace(60, 119, 16) + 60 * y[:, None, None] + np.linspace(0, 20, 8)[:, None]
    paths = [str(tmp_path / f"person{i}_virus_{i}.png") for i in range(8)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray((16 * image).astype(np.uint16)).save(path)
    return paths, y


def test_files_are_read_as_the_estimator_reads_them(twelve_bits):
    paths, y = twelve_bits
    model = make_pipeline(ImageLoader(size=16, white=4095), Brightness()).fit(paths, y)
    frame = stress_test(model, paths, y, corruptions={}).set_index("metric")
    assert frame["value"].eq(1).all()


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("size", [16, (8, 16)])
def test_copies_have_the_proportions_that_the_estimators_loader_gives(twelve_bits, resize, size):
    paths, _ = twelve_bits
    loader = ImageLoader(size=size, resize=resize, white=4095)
    with corrupted(paths, lambda image: image, "none", loader) as copies:
        given, own = (loader.transform(each).astype(int) for each in (copies, paths))
    assert abs(given - own).mean() < 5  # resized twice; of another kind, it is 8 or more


def test_a_copy_that_cannot_be_written_is_named(xrays, monkeypatch):
    def save(self, path, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", save)
    copies = corrupted(xrays.filenames[:1], CORRUPTIONS["blur 1.5 px"], "blur")
    with pytest.raises(OSError, match="No space left on device") as raised, copies:
        pass
    assert Path(raised.value.filename).name == f"{Path(xrays.filenames[0]).stem}.png"
