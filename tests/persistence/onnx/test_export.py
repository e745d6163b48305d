"""Export: the file, and models for which none is written."""

import json

import numpy as np
import onnx
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from skpneumo import CNNClassifier, ImageLoader, make_pipeline
from skpneumo.persistence import OnnxClassifier, export_onnx
from skpneumo.persistence.onnx import NotExportableError


@pytest.fixture(scope="module")
def exported(pipeline, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    parity = export_onnx(pipeline, path, target_names=["NORMAL", "PNEUMONIA"], card="# A card")
    return path, parity


def test_the_file_is_valid_onnx_and_says_what_it_is(exported):
    model = onnx.load(exported[0])
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version >= 17
    said = {each.key: each.value for each in model.metadata_props}
    assert json.loads(said["names"]) == ["NORMAL", "PNEUMONIA"]
    assert json.loads(said["classes"]) == [0, 1]
    assert json.loads(said["threshold"]) == 0.5
    assert said["card"] == "# A card"
    assert said["digest"].startswith("sha256:")
    assert json.loads(said["loading"])["size"] == [16, 16]


def test_parity_is_reported(exported):
    _, parity = exported
    assert parity.largest < 1e-5
    assert parity.n_other_labels == 0
    assert parity.n_images >= 10


def test_parity_on_given_files_and_pixels(pipeline, xrays, tmp_path):
    grey = np.full((30, 50), 99, np.uint8)
    colour = np.zeros((20, 20, 3), np.uint8)
    images = [*xrays.filenames[:2], grey, colour]
    assert export_onnx(pipeline, tmp_path / "m.onnx", images=images).n_images == 4
    with pytest.raises(ValueError, match="float64"):
        export_onnx(pipeline, tmp_path / "m.onnx", images=[np.zeros((4, 4))])
    with pytest.raises(ValueError, match="images is empty"):
        export_onnx(pipeline, tmp_path / "m.onnx", images=[])


def test_nothing_is_written_where_graph_and_model_differ(pipeline, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with pytest.raises(NotExportableError, match=r"differs from the model.*No file was written"):
        export_onnx(pipeline, path, tolerance=0)
    from skpneumo.persistence.onnx import _calibration

    wrong = _calibration.both_classes
    monkeypatch.setattr(
        "skpneumo.persistence.onnx._estimators.both_classes",
        lambda graph, positive, number: wrong(graph, positive, 1 - number),
    )
    with pytest.raises(NotExportableError, match=r"[1-9]\d* of \d+ labels"):
        export_onnx(pipeline, path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_nan_is_not_parity(pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(
        CNNClassifier, "predict_proba", lambda self, X: np.full((len(X), 2), np.nan)
    )
    with pytest.raises(NotExportableError, match="differs from the model"):
        export_onnx(pipeline, tmp_path / "model.onnx")


def test_16_bit_networks_are_compared_in_float32(pipeline, xrays, tmp_path):
    network = pipeline.steps[-1][1]
    before = network.precision
    network.precision = "bfloat16"
    try:
        parity = export_onnx(pipeline, tmp_path / "model.onnx", images=xrays.filenames[:2])
        assert network.precision == "bfloat16"
    finally:
        network.precision = before
    assert parity.largest < 1e-5


def test_names_and_card_that_the_model_has(pipeline, xrays, tmp_path):
    pipeline.target_names_, pipeline.card_ = ["A", "B"], "kept"
    try:
        export_onnx(pipeline, tmp_path / "m.onnx", images=xrays.filenames[:1])
    finally:
        del pipeline.target_names_, pipeline.card_
    model = OnnxClassifier(tmp_path / "m.onnx")
    assert model.target_names_ == ["A", "B"]
    assert model.card_ == "kept"
    with pytest.raises(ValueError, match="target_names has 3 names"):
        export_onnx(pipeline, tmp_path / "m.onnx", target_names=["A", "B", "C"])


class NoProbabilities(ClassifierMixin, BaseEstimator):
    pass


def test_only_fitted_classifiers_are_exported(tmp_path):
    with pytest.raises(TypeError, match="NoProbabilities has no predict_proba"):
        export_onnx(NoProbabilities(), tmp_path / "m.onnx")
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        export_onnx(make_pipeline(ImageLoader(), CNNClassifier()), tmp_path / "m.onnx")
