"""The classifier that runs an ONNX file."""

import pickle
import shutil
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from skpneumo import (
    CNNClassifier,
    ContrastEqualizer,
    ImageLoader,
    RecallFloorClassifier,
    evaluate,
    make_pipeline,
)
from skpneumo._loader_of import loader_of
from skpneumo._responses import probabilities_and_labels
from skpneumo.fitted import positive_label, threshold_of
from skpneumo.persistence import OnnxClassifier, export_onnx


@pytest.fixture(scope="module")
def floor(pipeline, xrays):
    floor = RecallFloorClassifier(
        FrozenEstimator(pipeline), recall=0.6, confidence=0.5, specificity=0.6
    )
    return floor.fit(xrays.filenames, xrays.target)


@pytest.fixture(scope="module")
def path(floor, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "floor.onnx"
    export_onnx(floor, path)
    return path


def test_predictions_of_paths_are_those_of_the_model(path, floor, xrays):
    model = OnnxClassifier(path)
    expected = floor.predict_proba(xrays.filenames)
    assert model.predict_proba(xrays.filenames) == pytest.approx(expected, abs=1e-5)
    far = np.abs(expected[:, 1:] - [floor.threshold_, floor.upper_threshold_]).min(axis=1) > 1e-4
    for name in ("predict", "decide"):
        found, right = (getattr(each, name)(xrays.filenames) for each in (model, floor))
        assert (found == right)[far].all()
    probabilities, labels = probabilities_and_labels(
        model, xrays.frame.rename(columns={"filenames": "path"})
    )
    assert np.array_equal(probabilities, model.predict_proba(xrays.filenames))
    assert np.array_equal(labels, model.predict(xrays.filenames))


@pytest.mark.parametrize("asked", [None, "abnormal", "normal"])
def test_the_positive_class_is_that_of_the_model(asked, pipeline, xrays, tmp_path):
    named = deepcopy(pipeline)
    named[-1].classes_ = np.array(["abnormal", "normal"])  # the illness is the first
    y = named.classes_[1 - xrays.target]
    model = FixedThresholdClassifier(FrozenEstimator(named), threshold=0.3, pos_label=asked)
    model.fit(xrays.filenames, y)
    export_onnx(model, tmp_path / "model.onnx")
    exported = OnnxClassifier(tmp_path / "model.onnx").fit()
    assert positive_label(exported) == positive_label(model) == (asked or "abnormal")
    found, right = threshold_of(exported), threshold_of(model)
    assert (found.value, found.pos_label) == (right.value, right.pos_label)


def test_images_of_any_size(path, xrays):
    model = OnnxClassifier(path)
    images = [np.asarray(Image.open(each)) for each in xrays.filenames[:3]]
    images.append(np.stack([images[0]] * 3, axis=-1))
    found = model.predict_proba(images)
    assert found[:3] == pytest.approx(model.predict_proba(xrays.filenames[:3]), abs=5e-3)
    assert np.array_equal(found[0], found[3])
    stack = np.stack([images[0], images[0]])[..., None]
    assert np.array_equal(model.predict_proba(stack), found[[0, 0]])


def save_12_bits_in_16(path):
    values = np.linspace(0, 4095, 40 * 40).reshape(40, 40)
    Image.fromarray(values.astype(np.uint16)).save(path)
    return str(path)


def test_files_that_are_too_dark_are_refused_as_by_the_model(pipeline, xrays, tmp_path):
    export_onnx(pipeline, tmp_path / "model.onnx")
    exported = OnnxClassifier(tmp_path / "model.onnx")
    dark = save_12_bits_in_16(tmp_path / "dark.png")
    files = [xrays.filenames[0], dark]
    for model in (pipeline, exported):
        for X in (files, [dark]):
            with pytest.raises(ValueError, match=r"from \d to 16 in '.*dark\.png'") as caught:
                model.predict(X)
            assert list(caught.value.failures) == [dark]
    with pytest.raises(ValueError, match="X is uint8 from 9 to 9"):
        exported.predict([np.full((20, 20), 9, np.uint8)])
    black = np.zeros((20, 20), np.uint8)
    assert len(exported.predict([black])) == 1


def test_dark_files_are_equalised_as_in_the_model(xrays, tmp_path):
    model = make_pipeline(
        ImageLoader(size=16),
        ContrastEqualizer("stretch"),
        CNNClassifier(filters=(2,), dense_units=(), epochs=1, random_state=0),
    ).fit(xrays.filenames, xrays.target)
    export_onnx(model, tmp_path / "model.onnx")
    dark = save_12_bits_in_16(tmp_path / "dark.png")
    found = OnnxClassifier(tmp_path / "model.onnx").predict_proba([dark])
    assert found == pytest.approx(model.predict_proba([dark]), abs=1e-5)


def test_the_value_of_white_is_that_of_the_model(pipeline, xrays, tmp_path):
    model = clone(pipeline).set_params(imageloader__white=4095)
    model.fit(xrays.filenames, xrays.target)
    export_onnx(model, tmp_path / "model.onnx")
    deep = save_12_bits_in_16(tmp_path / "deep.png")
    exported = OnnxClassifier(tmp_path / "model.onnx")
    assert exported.predict_proba([deep]) == pytest.approx(model.predict_proba([deep]), abs=1e-5)
    assert loader_of(exported).white == 4095  # for reports


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4)), "Image 0 is float64"),
        (np.zeros((4, 4, 4), np.uint8), "4 channels"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
    ],
)
def test_other_input_than_images_is_refused(path, image, message):
    with pytest.raises(ValueError, match=message):
        OnnxClassifier(path).predict([image])


def test_it_is_a_scikit_learn_classifier(path, floor, xrays):
    model = OnnxClassifier(path)
    assert is_classifier(model)
    assert clone(model).path == path
    assert model.classes_.tolist() == [0, 1]
    assert not hasattr(model, "target_names_")
    assert model.recall_floor_["recall"] == 0.6
    threshold = threshold_of(model)
    assert (threshold.value, threshold.pos_label) == (floor.threshold_, 1)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(xrays.filenames[:2]), model.predict(xrays.filenames[:2]))
    assert 0 <= model.score(xrays.filenames, xrays.target) <= 1
    assert "recall" in set(evaluate(model, xrays.filenames, xrays.target)["metric"])


def test_it_needs_neither_keras_nor_tensorflow(path, xrays):
    source = (
        "import sys; from skpneumo.persistence import OnnxClassifier\n"
        "from skpneumo._responses import probabilities_and_labels\n"
        f"model = OnnxClassifier({str(path)!r})\n"
        f"model.predict([{xrays.filenames[0]!r}])\n"
        f"probabilities_and_labels(model, [{xrays.filenames[0]!r}])\n"
        "print(sorted({'keras', 'tensorflow', 'scikeras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_missing_and_invalid_files_are_refused(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        OnnxClassifier(tmp_path / "missing.onnx").predict([])
    with pytest.raises(IsADirectoryError):
        OnnxClassifier(tmp_path).fit()
    with pytest.raises(AttributeError, match="no attribute 'weights_'"):
        OnnxClassifier(path).weights_  # noqa: B018


def test_without_onnxruntime_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r'pip install "skpneumo\[onnx\]"'):
        OnnxClassifier(path).fit()


def test_without_onnx_all_is_imported_and_the_error_says_what_to_install():
    code = """
import sys
sys.modules["onnx"] = sys.modules["onnxruntime"] = None
import skpneumo.serving._facts
from skpneumo.persistence import NotExportableError, OnnxClassifier, export_onnx
OnnxClassifier("model.onnx").fit()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert 'pip install "skpneumo[onnx]"' in done.stderr.splitlines()[-1]


def test_the_file_may_be_moved(path, tmp_path, xrays):
    moved = tmp_path / "other.onnx"
    shutil.copy(path, moved)
    found = OnnxClassifier(moved).predict_proba(xrays.filenames[:1])
    assert np.array_equal(found, OnnxClassifier(path).predict_proba(xrays.filenames[:1]))
