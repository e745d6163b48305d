"""Loaded models predict like the saved ones, bit for bit, and contain nothing else."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    Pipeline,
    TransferClassifier,
    load_model,
    save_model,
)
from skpneumo.persistence import _registry

PREDICT = """
import sys
from pathlib import Path
import numpy as np
from skpneumo.persistence import load_model
folder = Path(sys.argv[1])
inputs = {path.stem: np.load(path) for path in folder.glob("*.npy")}
for path in folder.glob("*/*.skpneumo"):
    model = load_model(path)
    X = inputs[path.parent.name]
    asked = [m for m in ("predict_proba", "decision_function", "predict") if hasattr(model, m)]
    found = {method: np.asarray(getattr(model, method)(X)) for method in asked}
    found = {method: y.astype(str) if y.dtype == object else y for method, y in found.items()}
    np.savez(path.with_suffix(".npz"), **found)
"""


def predictions(model, X):
    asked = [m for m in ("predict_proba", "decision_function", "predict") if hasattr(model, m)]
    found = {method: np.asarray(getattr(model, method)(X)) for method in asked}
    # Labels among which a gate has left NaN, which is not equal to itself.
    return {method: y.astype(str) if y.dtype == object else y for method, y in found.items()}


@pytest.fixture(scope="session")
def saved(
    tmp_path_factory,
    models_on_rows,
    models_on_images,
    model_of_edges,
    model_from_paths,
    rows,
    images,
    large_images,
    xrays,
):
    """Files by kind of input and name, with what a fresh process predicts from them."""
    folder = tmp_path_factory.mktemp("models")
    kinds = {
        "rows": (models_on_rows, rows[0]),
        "images": (models_on_images, images[0]),
        "large": ({"edges": model_of_edges}, large_images[0]),
        "paths": ({"pipeline": model_from_paths}, np.array([str(p) for p in xrays.filenames])),
    }
    for kind, (models, X) in kinds.items():
        np.save(folder / f"{kind}.npy", X)
        (folder / kind).mkdir()
        for name, model in models.items():
            save_model(model, folder / kind / f"{name}.skpneumo")
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", PREDICT, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert run.returncode == 0, run.stderr
    return folder, kinds


def test_predictions_of_a_fresh_process_are_equal_bit_for_bit(saved):
    folder, kinds = saved
    for kind, (models, X) in kinds.items():
        for name, model in models.items():
            expected = predictions(model, X)
            with np.load(folder / kind / f"{name}.npz") as found:
                assert set(found.files) == expected.keys() != set(), name
                for method in found.files:
                    np.testing.assert_array_equal(found[method], expected[method], name)
                    assert found[method].dtype == np.asarray(expected[method]).dtype, name


def types_in(value):
    if isinstance(value, dict):
        yield from ([value["type"]] if "type" in value else [])
        yield from (value["keras"][:1] if "keras" in value else [])
        for each in value.values():
            yield from types_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from types_in(each)


def test_every_type_on_the_list_has_been_saved(saved, other_estimators, rows, tmp_path):
    folder, _ = saved
    for name, estimator in other_estimators.items():
        path = tmp_path / f"{name}.skpneumo"
        save_model(estimator, path)
        loaded = load_model(path)
        if name == "isotonic":
            x = np.linspace(-2, 2, 50)
            np.testing.assert_array_equal(loaded.predict(x), estimator.predict(x))
        elif name == "loader":
            assert loaded.get_params() == estimator.get_params()
        else:
            np.testing.assert_array_equal(loaded.transform(rows[1]), estimator.transform(rows[1]))
    found = set()
    for path in [*folder.glob("*/*.skpneumo"), *tmp_path.glob("*.skpneumo")]:
        with zipfile.ZipFile(path) as archive:
            found |= set(types_in(json.loads(archive.read("model.json"))))
    assert set(_registry._ESTIMATORS) - found == set()


@pytest.mark.parametrize("name", [*_registry._SPLITTERS, *_registry.OPTIMIZERS])
def test_names_on_the_list_exist(name):
    thing = _registry.NAMES.find(name)
    assert isinstance(thing, type)
    assert _registry.NAMES.name_of(thing) == name
    assert thing.__module__.split(".")[0] == name.split(".")[0]


@pytest.mark.parametrize("name", _registry._SPLITTERS)
def test_splitters_are_saved_as_parameters(rows, tmp_path, name):
    splitter = _registry.NAMES.find(name)()
    model = RidgeClassifierCV().fit(*rows).set_params(cv=splitter)
    save_model(model, tmp_path / "model.skpneumo")
    loaded = load_model(tmp_path / "model.skpneumo").cv
    assert type(loaded) is type(splitter)
    assert vars(loaded) == vars(splitter)


@pytest.mark.parametrize("name", _registry.OPTIMIZERS)
def test_optimizers_are_saved_as_parameters(models_on_images, name, tmp_path):
    arguments = {
        "PiecewiseConstantDecay": {"boundaries": [5, 9], "values": [0.1, 0.2, 0.3]},
        "ExponentialDecay": {"decay_rate": 0.5, "decay_steps": 3},
        "InverseTimeDecay": {"decay_rate": 0.5, "decay_steps": 3},
    }.get(name.split(".")[-1], {"decay_steps": 7})
    optimizer = _registry.NAMES.find(name)
    if "schedules" in name:
        if "Restarts" in name:
            arguments = {"first_decay_steps": 7}
        if name.split(".")[-1] != "PiecewiseConstantDecay":
            arguments["initial_learning_rate"] = 0.1
        optimizer = keras.optimizers.SGD(optimizer(**arguments), nesterov=True, momentum=0.5)
    else:
        optimizer = optimizer(0.02, clipnorm=1.0, weight_decay=0.25)
    model = joblib.load(dumped(models_on_images["network"], tmp_path)).set_params(
        optimizer=optimizer
    )
    save_model(model, tmp_path / "model.skpneumo")
    loaded = load_model(tmp_path / "model.skpneumo").optimizer
    assert type(loaded) is type(optimizer)
    assert loaded.get_config() == optimizer.get_config()


def test_shared_objects_are_stored_once_and_shared_again(saved, models_on_rows, tmp_path):
    folder, _ = saved
    floor = load_model(folder / "rows" / "floor with temperature.skpneumo")
    assert floor.estimator_ is floor.estimators_[0]
    frozen = load_model(folder / "rows" / "frozen.skpneumo")
    assert frozen.estimator.estimator is frozen.estimators_[0].estimator


def test_training_continues_from_a_loaded_model(models_on_images, images, tmp_path):
    X, y = images
    model = clone(models_on_images["continuable"]).fit(X, y)
    save_model(model, tmp_path / "model.skpneumo")
    loaded = load_model(tmp_path / "model.skpneumo")
    for each in (model, loaded):
        each.fit(X, y)
        assert each.n_iter_ == 2
    assert loaded.history_ == model.history_
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.optimizer.get_config() == model.optimizer.get_config()


def test_numbers_that_fit_in_float16_take_half_the_space(models_on_images, images, tmp_path):
    model = joblib.load(dumped(models_on_images["network"], tmp_path))
    save_model(model, tmp_path / "whole.skpneumo")
    model.weights_ = [each.astype(np.float16).astype(np.float32) for each in model.weights_]
    save_model(model, tmp_path / "half.skpneumo")
    loaded = load_model(tmp_path / "half.skpneumo")
    for ours, theirs in zip(loaded.weights_, model.weights_, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs)
    sizes = [(tmp_path / f"{name}.skpneumo").stat().st_size for name in ("whole", "half")]
    n_large = sum(each.size for each in model.weights_ if each.size >= 1024)
    assert sizes[0] - sizes[1] > 1.9 * n_large > 1000
    np.testing.assert_array_equal(loaded.predict_proba(images[0]), model.predict_proba(images[0]))


def dumped(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return folder / "model.joblib"


# Nothing of a path


def test_no_path_is_saved(xrays, images, tmp_path):
    cache = tmp_path / "cache"
    pipeline = Pipeline(
        [
            ("load", ImageLoader(size=16, cache=str(cache))),
            (
                "cnn",
                CNNClassifier(
                    filters=(),
                    epochs=1,
                    callbacks=[keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))],
                ),
            ),
        ],
        memory=str(tmp_path / "memory"),
    ).fit(xrays.filenames, xrays.target)
    save_model(pipeline, tmp_path / "model.skpneumo")
    assert str(tmp_path).encode() not in (tmp_path / "model.skpneumo").read_bytes()
    loaded = load_model(tmp_path / "model.skpneumo")
    assert (loaded.memory, loaded[0].cache, loaded[1].callbacks) == (None, None, None)


def test_a_file_of_initial_weights_is_not_saved(models_on_images, tmp_path):
    model = joblib.load(dumped(models_on_images["backbone"], tmp_path))
    assert model.weights is None
    model.weights = tmp_path / "backbone.weights.h5"
    save_model(model, tmp_path / "model.skpneumo")
    assert load_model(tmp_path / "model.skpneumo").weights == TransferClassifier().weights


# What cannot be saved


class OwnStep(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_a_search_is_refused_with_the_remedy(rows, tmp_path):
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(*rows)
    with pytest.raises(TypeError, match=r"GridSearchCV, a search. Save its best_estimator_"):
        save_model(search, tmp_path / "model.skpneumo")
    save_model(search.best_estimator_, tmp_path / "model.skpneumo")


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (RandomForestClassifier(n_estimators=2), "RandomForestClassifier is a sklearn"),
        (make_pipeline(OwnStep(), LogisticRegression()), r"steps\[0\]\[1\] is a .*OwnStep"),
        (make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression()), "func"),
    ],
    ids=["forest", "own", "function"],
)
def test_types_that_are_not_on_the_list_are_refused_with_their_location(
    model, where, rows, tmp_path
):
    with pytest.raises(TypeError, match=where):
        save_model(model.fit(*rows), tmp_path / "model.skpneumo")
    assert not list(tmp_path.iterdir())


def test_unfitted_estimators_are_refused(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(LogisticRegression(), tmp_path / "model.skpneumo")
    assert not list(tmp_path.iterdir())


# Modules that move


def test_a_module_that_moves_breaks_no_file(saved, monkeypatch, images):
    """Files contain names, and this version has a table of their locations."""
    folder, kinds = saved
    path = folder / "images" / "network.skpneumo"
    text = zipfile.ZipFile(path).read("model.json").decode()
    names = {*types_in(json.loads(text)), "skpneumo.NetworkSpec"}
    assert not [name for name in names if any(part.startswith("_") for part in name.split("."))]
    from skpneumo.classifiers.engine import _compiled

    elsewhere = type(sys)("elsewhere")
    elsewhere.NetworkSpec = _compiled.NetworkSpec
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    monkeypatch.setitem(_registry.NAMES._places, "skpneumo.NetworkSpec", "elsewhere:NetworkSpec")
    loaded = load_model(path)
    model = kinds["images"][0]["network"]
    np.testing.assert_array_equal(loaded.predict_proba(images[0]), model.predict_proba(images[0]))


# Formats


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parent.glob("*.skpneumo")), ids=lambda p: p.stem
)
def test_files_of_each_format_are_read(path):
    from skpneumo import read_provenance

    assert (
        path.stem == f"format-{json.loads(zipfile.ZipFile(path).read('manifest.json'))['format']}"
    )
    model, known = load_model(path), read_provenance(path)
    X = np.array(known["images"], dtype=np.uint8)
    np.testing.assert_allclose(model.predict_proba(X), known["probabilities"], atol=1e-6)
    assert model.predict(X).tolist() == known["labels"]


def test_there_is_a_file_of_each_format():
    from skpneumo.persistence._container import FORMAT

    found = {path.stem for path in Path(__file__).parent.glob("*.skpneumo")}
    assert found == {f"format-{number}" for number in range(1, FORMAT + 1)}


def test_a_model_without_a_network_is_saved_and_loaded_without_keras(tmp_path):
    code = (
        "import sys; from sklearn.linear_model import LogisticRegression; "
        "from skpneumo import load_model, make_pipeline, save_model; "
        "model = LogisticRegression().fit([[0.0], [1.0]], [0, 1]); "
        "save_model(make_pipeline(model), sys.argv[1]); load_model(sys.argv[1]); "
        "print('keras' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.skpneumo"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "False\n"


def test_attributes_that_fit_sets_are_documented(models_on_rows, models_on_images):
    models = [*models_on_rows.values(), *models_on_images.values()]
    steps = [step for model in models for _, step in getattr(model, "steps", ())]
    undocumented = {
        f"{type(model).__name__}.{name}"
        for model in [*models, *steps]
        if type(model).__module__.startswith("skpneumo.")
        for name in vars(model)
        if name.endswith("_") and not re.search(rf"\b{name}\b", type(model).__doc__)
    }
    assert not undocumented
