"""Recipes: their settings, predictions from paths, and their table."""

import sys
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.model_selection import cross_validate

from skpneumo import (
    ImageResampler,
    PatientKFold,
    Pipeline,
    TransferClassifier,
    list_recipes,
    load_chest_xray,
    make_recipe,
)
from skpneumo.evaluation._corruptions import HELD_BACK
from skpneumo.recipes._hog import hog_features
from skpneumo.recipes._make import MEASURED

NAMES = list(list_recipes().index)
NETWORKS = [name for name in NAMES if name != "hog-svm"]
ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guide" / "recipes.md"
BENCHMARKS = str(ROOT / "benchmarks")

# Word for word what is stated of each, so that nobody changes a study by accident.
STATED = {
    "dense-baseline": {"cnn__filters": ()},
    "dense-32-64-96-128": {"cnn__filters": (), "cnn__dense_units": (32, 64, 96, 128)},
    "cnn-50-50-75": {
        "load__size": 100,
        "cnn__filters": (50, 50, 75),
        "cnn__convs_per_block": 1,
        "cnn__padding": "valid",
        "cnn__dense_units": (75,),
        "cnn__optimizer": "sgd",
        "cnn__momentum": None,
    },
    "cnn-64-128-256": {
        "load__size": 128,
        "cnn__filters": (64, 128, 256),
        "cnn__padding": "same",
        "cnn__kernel_initializer": "he_normal",
        "cnn__l2": 0.01,
        "cnn__dense_units": (64,),
        "cnn__optimizer": "adam",
        "cnn__epochs": 40,
        "cnn__augmentation__rotation": 30,
        "cnn__augmentation__width_shift": 0.15,
        "cnn__augmentation__height_shift": 0.15,
        "cnn__augmentation__shear": 0.1,
        "cnn__augmentation__zoom": 0.1,
        "cnn__augmentation__vertical_flip": True,
        "cnn__augmentation__horizontal_flip": False,
        "cnn__augmentation__fill_mode": "nearest",
    },
    "cnn-double-conv": {"cnn__convs_per_block": 2, "cnn__batch_norm": True},
    "cnn-undersampled": {"balance__sampler": "under"},
    "cnn-conv-pool-dropout": {"load__size": 200, "cnn__convs_per_block": 1, "cnn__pooling": "max"},
    "vgg16": {
        "cnn__backbone": "VGG16",
        "cnn__fine_tune_from": None,
        "cnn__dropout": 0.2,
        "cnn__head_units": (192, 256),
        "cnn__optimizer": "rmsprop",
        "cnn__early_stopping": True,
    },
    "xception": {"cnn__backbone": "Xception", "cnn__fine_tune_from": None},
}

PUBLISHED = {
    "dense-baseline": "accuracy .94 on a new split",
    "dense-32-64-96-128": ".75",
    "cnn-50-50-75": ".72",
    "cnn-64-128-256": ".85",
    "cnn-double-conv": ".74",
    "cnn-undersampled": "accuracy .89, F1 .92",
    "cnn-conv-pool-dropout": ".93-.98 on a pooled split, .70-.75 on the official one",
    "vgg16": ".90-.94",
    "xception": ".75",
}


@pytest.fixture(scope="module")
def etiology(xrays):
    """The collection with its three classes."""
    return load_chest_xray(xrays.root, labels="etiology")


@pytest.mark.parametrize("name", STATED)
def test_a_study_is_as_it_states(name):
    parameters = make_recipe(name).get_params()
    assert {key: parameters[key] for key in STATED[name]} == STATED[name]


def test_numbers_of_blocks_and_layers_that_are_stated():
    assert len(make_recipe("cnn-double-conv")[-1].filters) == 5
    assert len(make_recipe("cnn-conv-pool-dropout")[-1].filters) == 3
    assert len(make_recipe("dense-baseline")[-1].dense_units) == 1
    for name in ("cnn-double-conv", "cnn-undersampled", "cnn-conv-pool-dropout"):
        assert make_recipe(name)[-1].dropout > 0
    assert make_recipe("cnn-undersampled")[-1].dense_units


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_an_unfitted_pipeline_of_known_steps(name):
    pipeline = make_recipe(name, random_state=0, n_jobs=2)
    assert isinstance(pipeline, Pipeline)
    last = "cnn" if name in NETWORKS else "svm"
    assert list(pipeline.named_steps)[-2:] == ["load", last]
    assert pipeline["load"].n_jobs == 2
    assert pipeline["load"].cache is None
    assert not hasattr(pipeline[-1], "classes_")
    assert clone(pipeline).get_params().keys() == pipeline.get_params().keys()
    assert make_recipe(name, random_state=0)[-1] is not make_recipe(name, random_state=0)[-1]


SLOW_TO_COMPILE = {"robust", "quality", "cnn-double-conv", "vgg16", "xception"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW_TO_COMPILE else name
        for name in NAMES
    ],
)
def test_every_recipe_tells_normal_bacterial_and_viral_apart(name, etiology):
    """Three classes, from paths to probabilities; two are in the tests of the command line."""
    weights = {"weights": None} if name in ("vgg16", "xception") else {}
    epochs = {"epochs": 1} if name in NETWORKS else {}
    pipeline = make_recipe(name, size=24, random_state=0, **epochs, **weights)
    pipeline.fit(etiology.filenames, etiology.target)
    proba = pipeline.predict_proba(etiology.filenames)
    assert proba.shape == (len(etiology.filenames), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert pipeline.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(pipeline.predict(etiology.filenames), proba.argmax(axis=1))


def test_three_classes_end_to_end(etiology):
    """Grouped folds, one-vs-rest AUC and mean recall, then a fit that is checked by class."""
    assert list(etiology.target_names) == ["NORMAL", "BACTERIA", "VIRUS"]
    pipeline = make_recipe("cnn-undersampled", size=24, epochs=8, random_state=0)
    scores = cross_validate(
        pipeline,
        etiology.filenames,
        etiology.target,
        scoring=["recall_macro", "roc_auc_ovr", "accuracy"],
        cv=PatientKFold(2),
        error_score="raise",
    )
    for name in ("recall_macro", "roc_auc_ovr", "accuracy"):
        assert ((scores[f"test_{name}"] >= 0) & (scores[f"test_{name}"] <= 1)).all()
    fitted = clone(pipeline).set_params(cnn__epochs=60, cnn__dropout=0.0)
    fitted.fit(etiology.filenames, etiology.target)
    proba = fitted.predict_proba(etiology.filenames)
    assert roc_auc_score(etiology.target, proba, multi_class="ovr") > 0.8
    recalls = recall_score(etiology.target, fitted.predict(etiology.filenames), average=None)
    assert recalls.shape == (3,)
    assert recalls.mean() > 0.5  # guessing gives a third


def test_classes_are_balanced_if_the_study_states_it(xrays):
    balance = make_recipe("cnn-undersampled", random_state=0)[0]
    assert isinstance(balance, ImageResampler)
    _, y = balance.fit_resample(xrays.filenames, xrays.target)
    assert np.ptp(np.bincount(y)) == 0


@pytest.mark.parametrize("name", ["robust", "quality"])
def test_our_recipes_do_not_train_on_corruptions_held_back(name):
    """Corruptions held back for stress tests are not used in training."""
    assert HELD_BACK == ("keystone 15 %", "sigmoid window", "white frame 8 %")
    augmentation = make_recipe(name)[-1].augmentation
    assert augmentation.fill_value == 0  # a frame may be black, never white
    assert augmentation.shear == 0
    assert not augmentation.marks
    assert not augmentation.erasing


# Options


@pytest.mark.parametrize("name", NETWORKS)
def test_size_and_epochs_reach_the_network(name):
    pipeline = make_recipe(name, size=48, epochs=3)
    assert pipeline["load"].size == 48
    assert pipeline[-1].epochs == 3
    assert pipeline.get_params().get("cnn__min_steps", 0) == 0  # epochs that are asked for count


def test_epochs_of_a_recipe_without_a_network_are_refused():
    with pytest.raises(ValueError, match=r"epochs=3 .*but the recipe 'hog-svm'"):
        make_recipe("hog-svm", epochs=3)


def test_edges_are_described_whatever_the_exposure():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (3, 32, 40, 1), dtype=np.uint8)
    features = hog_features(images)
    assert features.shape == (3, 3 * 4 * 2 * 2 * 9)
    np.testing.assert_allclose(hog_features(2 * images + 10), features, atol=0.01)
    assert np.abs(features[0] - features[1]).max() > 0.1
    with pytest.raises(ValueError, match=r"15 x 40 pixels.*need 16 per side"):
        hog_features(images[:, :15])


def test_without_scikit_image_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(ImportError, match=r"pip install \"skpneumo\[hog\]\""):
        hog_features(np.zeros((1, 16, 16, 1), np.uint8))


@pytest.mark.parametrize("name", ["densenet121", "DenseNet121", "EfficientNetB0", "MobileNet"])
def test_any_backbone_by_name_in_any_case(name):
    classifier = make_recipe(name, random_state=3)[-1]
    assert isinstance(classifier, TransferClassifier)
    assert classifier.backbone.lower() == name.lower()
    assert hasattr(keras.applications, classifier.backbone)
    assert classifier.weights == "imagenet"
    assert classifier.random_state == 3


@pytest.mark.slow
def test_a_backbone_begins_with_the_weights_of_a_file(xrays, tmp_path):
    body = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    path = tmp_path / "body.weights.h5"
    body.save_weights(path)
    pipeline = make_recipe("MobileNet", size=32, epochs=1, weights=path, random_state=0)
    pipeline.set_params(cnn__backbone_options={"alpha": 0.25})
    pipeline.fit(xrays.filenames, xrays.target)
    kernel = body.layers[1].get_weights()[0]
    assert any(np.array_equal(weight, kernel) for weight in pipeline[-1].weights_)


def test_making_a_pretrained_recipe_downloads_nothing(monkeypatch):
    def no_download(*args, **kwargs):
        raise AssertionError("a download was begun")

    monkeypatch.setattr(keras.utils, "get_file", no_download)
    for name in ("vgg16", "xception", "resnet50"):
        assert make_recipe(name)[-1].weights == "imagenet"
        assert make_recipe(name, weights=None)[-1].weights is None


@pytest.mark.parametrize("weights", [None, "body.weights.h5"])
def test_weights_for_a_network_from_scratch_are_refused(weights):
    with pytest.raises(ValueError, match=r"'vgg16'.*'robust' trains from scratch"):
        make_recipe("robust", weights=weights)


@pytest.mark.parametrize(
    ("name", "meant"), [("robst", "robust"), ("densnet121", "densenet121"), ("vgg-16", "vgg16")]
)
def test_unknown_names_are_refused_with_a_suggestion(name, meant):
    with pytest.raises(ValueError, match=f"no recipe '{name}'. Did you mean '{meant}'") as raised:
        make_recipe(name)
    for known in NAMES:
        assert known in str(raised.value)


# Chance


@pytest.mark.parametrize("name", NAMES)
def test_random_state_reaches_every_part_that_is_random(name):
    pipeline = make_recipe(name, random_state=5)
    states = {
        key: value
        for key, value in pipeline.get_params().items()
        if key.endswith("random_state") and "augmentation" not in key
    }
    assert states
    assert None not in states.values()


def test_making_recipes_does_not_use_global_generators():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for name in NAMES:
        make_recipe(name)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# The table


def test_the_table_has_each_recipe_with_its_source_and_figure():
    table = list_recipes()
    assert {"robust", "quality", "hog-svm", *STATED} == set(table.index)
    assert table.index.is_unique
    assert set(table.source[["robust", "quality", "hog-svm"]]) == {"this package"}
    assert (table.summary.str.len() > 20).all()
    published = table.published[table.published != ""]
    assert published.to_dict() == PUBLISHED


def test_only_recipes_have_been_measured():
    measured = pd.read_csv(MEASURED, index_col="recipe")
    assert set(measured.index) <= set(NAMES)
    assert measured.index.is_unique
    assert {"recall", "specificity", "roc_auc", "minutes"} <= set(measured.columns)


def test_what_was_measured_stands_beside_what_was_published(tmp_path, monkeypatch):
    figures = tmp_path / "measured.csv"
    figures.write_text('recipe,recall\nvgg16,"0.97 [0.96, 0.98]"\n')
    monkeypatch.setattr("skpneumo.recipes._make.MEASURED", figures)
    table = list_recipes()
    assert table.loc["vgg16", ["published", "recall"]].tolist() == [".90-.94", "0.97 [0.96, 0.98]"]
    assert table.recall.isna().sum() == len(table) - 1


def test_the_guide_has_each_recipe_with_its_figure():
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    for name in NAMES:
        row = next(row for row in rows if row.startswith(f"| `{name}`"))
        assert PUBLISHED.get(name, "") in row.replace("–", "-")


def test_the_guide_shows_what_was_measured_in_tables_as_the_benchmark_writes_them(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = import_module("recipes")
    page = GUIDE.read_text(encoding="utf-8")
    measured = pd.read_csv(MEASURED, dtype=str)
    tables = benchmark.as_markdown(measured).strip().split("\n\n")
    figures, stress, cost = tables
    assert all(table in page for table in tables)
    assert all(f"| {each} |" in figures + stress + cost for each in measured.loc[0].dropna())
    assert "| vgg16 |" in figures
    assert "| vgg16 |" not in stress
    assert "| vgg16 |" in cost
    assert max(len(table.splitlines()[0].split("|")) - 2 for table in tables) <= 11


def test_without_stress_tests_there_is_one_table(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    table = pd.DataFrame({"recipe": ["a"], "recall": ["0.900 [0.800, 0.950]"]})
    written = import_module("recipes").as_markdown(table)
    assert written == "| recipe | recall |\n|---|---|\n| a | 0.900 [0.800, 0.950] |\n"
