"""The input gate of a file gives the same results as the gate."""

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator

from skpneumo import RecallFloorClassifier
from skpneumo._responses import probabilities_and_labels, reasons_to_withhold
from skpneumo.decision import FewPatientsWarning, InputGate, OutlierImageError, OutlierImageWarning
from skpneumo.fitted import gate_of, threshold_of, without_gate
from skpneumo.persistence import OnnxClassifier, export_onnx
from skpneumo.persistence.onnx import NotExportableError
from skpneumo.persistence.onnx._model import build_model
from skpneumo.persistence.onnx._session import OnnxSession


@pytest.fixture(scope="module")
def gated(pipeline, xrays):
    floor = RecallFloorClassifier(FrozenEstimator(pipeline), recall=0.6, confidence=0.5)
    floor = floor.fit(xrays.filenames, xrays.target)
    gate = InputGate(FrozenEstimator(floor), false_alarm_rate=0.4, on_outlier="nan")
    return gate.fit(xrays.filenames, xrays.target)


@pytest.fixture(scope="module")
def path(gated, tmp_path_factory):
    path = tmp_path_factory.mktemp("gate") / "gated.onnx"
    parity = export_onnx(gated, path)
    assert parity.n_other_checks == 0
    return path


@pytest.fixture(scope="module")
def files(xrays, tmp_path_factory):
    """X-rays and other images."""
    folder = tmp_path_factory.mktemp("outliers")
    rng = np.random.default_rng(0)
    upright = np.asarray(Image.open(xrays.filenames[0]))
    others = {
        "turned": upright[::-1],
        "negative": 255 - upright,
        "noise": rng.integers(0, 256, (50, 70), dtype=np.uint8),
        "blank": np.full((40, 40), 120, np.uint8),
    }
    paths = [str(folder / f"{name}.png") for name in others]
    for path, image in zip(paths, others.values(), strict=True):
        Image.fromarray(np.ascontiguousarray(image)).save(path)
    return [*xrays.filenames[:4], *paths]


def test_scores_of_the_checks(gated, files):
    model = build_model(gated, target_names=None, card="")
    session = OnnxSession(model.SerializeToString(deterministic=True))
    assert session.facts.gate.checks == gated.checks_
    images = [np.asarray(Image.open(path))[..., None] for path in files]
    images = images[4:]  # lossless, and so the same pixels
    found = np.array([session.predict(image).gate for image in images])
    assert found == pytest.approx(gated.check_scores(files[4:]), rel=2e-2, abs=2e-2)


def test_it_withholds_what_the_gate_withholds(gated, path, files):
    model = OnnxClassifier(path)
    expected = gated.reasons(files)
    assert model.reasons(files).tolist() == expected.tolist()
    assert {"upside down", ""} & set(expected)
    assert np.array_equal(np.isnan(model.predict_proba(files)[:, 0]), expected != "")
    assert np.array_equal(np.isnan(model.predict(files)), expected != "")
    assert [each != each for each in model.decide(files)] == (expected != "").tolist()


def test_it_is_removed_like_a_gate(gated, path, files):
    model = OnnxClassifier(path).fit()
    assert gate_of(model).gate is model
    assert threshold_of(model).value == threshold_of(gated).value
    assert reasons_to_withhold(model, files).tolist() == gated.reasons(files).tolist()
    probabilities, labels = probabilities_and_labels(model, files)
    assert np.isfinite(probabilities).all()
    assert set(labels) <= {0, 1}
    assert np.array_equal(without_gate(model).predict_proba(files), probabilities)
    assert (without_gate(model).reasons(files) == "").all()


@pytest.mark.parametrize("on_outlier", ["warn", "raise"])
def test_it_warns_or_raises(on_outlier, path, files):
    model = OnnxClassifier(path).fit()
    model.on_outlier = on_outlier
    if on_outlier == "raise":
        with pytest.raises(OutlierImageError, match=r"blank\.png"):
            model.predict(files)
    else:
        with pytest.warns(OutlierImageWarning, match=r"blank\.png") as caught:
            assert np.isfinite(model.predict_proba(files)).all()
        assert {each.filename for each in caught} == {__file__}


def test_several_gates_are_refused(pipeline, xrays):
    with pytest.warns(FewPatientsWarning):
        gate = InputGate(FrozenEstimator(pipeline)).fit(xrays.filenames, xrays.target)
    members = [(name, FrozenEstimator(gate)) for name in "ab"]
    voting = VotingClassifier(members, voting="soft").fit(xrays.filenames, xrays.target)
    with pytest.raises(NotExportableError, match="2 input gates"):
        build_model(voting, target_names=None, card="")
