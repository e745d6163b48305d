"""The input gate: withheld images, false alarms, and conditions."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
from skpneumo._gate_parts import SIDE
from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.decision import (
    FewPatientsWarning,
    InputGate,
    OutlierImageError,
    OutlierImageWarning,
    RecallFloorClassifier,
)
from skpneumo.decision._gate_calibration import choose_thresholds, patients_needed
from skpneumo.decision._gate_inputs import changed_copies, small_grey
from skpneumo.fitted import classifiers_of, gate_of, threshold_of, unwrap, without_gate

RATE = 0.1
SIZE = 32


def rows_of_pixels(images):
    return np.asarray(images).reshape(len(images), -1) / 255


def on_pixels():
    return make_pipeline(FunctionTransformer(rows_of_pixels), LogisticRegression(max_iter=200))


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    root = tmp_path_factory.mktemp("gate")
    return make_chest_xray(root, n_patients=90, size=48, random_state=0)


@pytest.fixture(scope="module")
def images(collection):
    return ImageLoader(size=SIZE).transform(collection.filenames)


@pytest.fixture(scope="module")
def parts(collection):
    """Rows of two thirds of the patients, and of the others."""
    codes = np.unique(collection.groups, return_inverse=True)[1]
    return np.flatnonzero(codes % 3 > 0), np.flatnonzero(codes % 3 == 0)


@pytest.fixture(scope="module")
def network(collection, parts):
    """A pipeline of paths with a network, fitted on two thirds of the patients."""
    train, _ = parts
    cnn = CNNClassifier(filters=(4, 8), dense_units=(), global_pooling="average", epochs=2,
                        random_state=0)  # fmt: skip
    model = make_pipeline(ImageLoader(size=SIZE), cnn)
    return model.fit(collection.filenames[train], collection.target[train])


@pytest.fixture(scope="module")
def gated(network, collection, parts):
    train, _ = parts
    gate = InputGate(FrozenEstimator(network), false_alarm_rate=RATE)
    return gate.fit(collection.filenames[train], collection.target[train])


@pytest.fixture(scope="module")
def gated_pixels(images, collection, parts):
    train, _ = parts
    return InputGate(on_pixels(), false_alarm_rate=RATE).fit(
        images[train], collection.target[train]
    )


def withheld(gate, X):
    return gate.reasons(X) != ""


def strange_images(images):
    rng = np.random.default_rng(0)
    plain = np.asarray(images)
    return {
        "upside down": plain[:, ::-1],
        "rotated by 180 degrees": plain[:, ::-1, ::-1],
        "rotated by 90 degrees": np.rot90(plain, axes=(1, 2)),
        "negative": 255 - plain,
        "noise": rng.integers(0, 256, plain.shape, dtype=np.uint8),
        "blank": np.full_like(plain, 90),
    }


@pytest.mark.parametrize("fixture", ["gated", "gated_pixels"])
def test_only_upright_films_pass(fixture, request, images, parts, tmp_path):
    from PIL import Image

    gate = request.getfixturevalue(fixture)
    _, held_out = parts
    images = images[held_out]

    def as_given(stack, name):
        if fixture == "gated_pixels":
            return stack
        paths = [tmp_path / f"{name} {row}.png" for row in range(len(stack))]
        for path, image in zip(paths, stack, strict=True):
            Image.fromarray(np.ascontiguousarray(image[..., 0])).save(path)
        return paths

    share = {
        name: withheld(gate, as_given(stack, name)).mean()
        for name, stack in {
            "as they are": np.asarray(images),
            "mirrored": np.asarray(images)[:, :, ::-1],
            "turned": changed_copies(images, np.random.RandomState(1)),
            **strange_images(images),
        }.items()
    }
    assert max(share.pop(name) for name in ("as they are", "mirrored", "turned")) <= 3 * RATE
    assert min(share.values()) > 0.9, share


def test_reasons_name_the_checks_that_fail(gated_pixels, images):
    flipped = gated_pixels.reasons(images[:, ::-1])
    assert np.mean(["upside down" in each for each in flipped]) > 0.9
    scores = gated_pixels.check_scores(images[:, ::-1])
    assert scores.shape == (len(images), 3)
    failed = scores > gated_pixels.thresholds_
    np.testing.assert_array_equal(failed.any(axis=1), flipped != "")
    np.testing.assert_array_equal(failed[:, 1], ["upside down" in each for each in flipped])


def test_only_withheld_images_get_nan(gated_pixels, images):
    gate = clone(gated_pixels)
    gate.__dict__.update(gated_pixels.__dict__, on_outlier="nan")
    mixed = np.concatenate([images[:4], images[:4, ::-1]])
    out = withheld(gate, mixed)
    assert 0 < out.sum() < 8
    ungated = without_gate(gate)
    assert ungated is gate.estimator_
    proba, labels = gate.predict_proba(mixed), gate.predict(mixed)
    np.testing.assert_array_equal(np.isnan(proba).all(axis=1), out)
    np.testing.assert_array_equal(proba[~out], ungated.predict_proba(mixed)[~out])
    np.testing.assert_array_equal(np.isnan(labels), out)
    np.testing.assert_array_equal(labels[~out], ungated.predict(mixed)[~out])
    assert gate.predict(images[:1]).dtype == labels.dtype


def test_text_labels_get_nan_too(images, collection):
    names = np.array(collection.target_names)[collection.target]
    gate = InputGate(on_pixels(), on_outlier="nan", false_alarm_rate=RATE).fit(images, names)
    labels = gate.predict(np.concatenate([images[:2], 255 - images[:2]]))
    assert labels.dtype == object
    assert all(each != each for each in labels[2:])  # NaN


def test_warning_and_error_name_the_files(gated, collection, images, tmp_path):
    from PIL import Image

    path = tmp_path / "flipped.png"
    Image.fromarray(np.asarray(images)[0, ::-1, :, 0]).save(path)
    paths = [collection.filenames[0], str(path)]
    with pytest.warns(OutlierImageWarning, match=r"flipped\.png \(.*upside down"):
        warned = gated.predict_proba(paths)
    assert np.isfinite(warned).all()
    strict = clone(gated)
    strict.__dict__.update(gated.__dict__, on_outlier="raise")
    with pytest.raises(OutlierImageError, match=r"1 of 2 images .*flipped\.png") as caught:
        strict.predict(paths)
    assert caught.value.reasons[0] == ""
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_same_answers_from_paths_frames_images_and_streams(gated, network, collection, images):
    paths = collection.filenames[:7]
    frame = pd.DataFrame({"path": paths, "patient": collection.groups[:7]})
    stream = ImageLoader(size=SIZE, stream=True).transform(paths)
    expected = gated.check_scores(paths)
    np.testing.assert_array_equal(gated.check_scores(frame), expected)
    bare = clone(gated)
    bare.__dict__.update(gated.__dict__, estimator_=network[-1])
    np.testing.assert_array_equal(bare.check_scores(images[:7]), expected)
    np.testing.assert_array_equal(bare.check_scores(stream), expected)


def test_fits_on_streams_and_frames_as_on_images(collection, images, network):
    cnn = FrozenEstimator(network[-1])
    kwargs = {"false_alarm_rate": 0.2, "max_images": 60}
    expected = InputGate(cnn, **kwargs).fit(images, collection.target)
    stream = ImageLoader(size=SIZE, stream=True).transform(collection.filenames)
    on_stream = InputGate(cnn, **kwargs).fit(stream, collection.target)
    np.testing.assert_array_equal(on_stream.thresholds_, expected.thresholds_)
    frame = pd.DataFrame({"path": collection.filenames, "patient": collection.groups})
    on_frame = InputGate(FrozenEstimator(network), **kwargs).fit(frame, collection.target)
    np.testing.assert_allclose(on_frame.thresholds_, expected.thresholds_, rtol=1e-6)


def test_last_features_make_the_logits(network, images):
    cnn = network[-1]
    features = cnn.last_features(images[:5])
    kernel, bias = cnn.weights_[-2:]
    logits = (features @ kernel + bias)[:, 0]
    np.testing.assert_allclose(
        1 / (1 + np.exp(-logits)), cnn.predict_proba(images[:5])[:, 1], rtol=1e-4
    )


def test_goes_around_and_into_a_recall_floor(collection, parts, images):
    train, held_out = parts
    floor = RecallFloorClassifier(on_pixels(), recall=0.8, confidence=0.8)
    gate = InputGate(floor, on_outlier="nan", false_alarm_rate=RATE)
    gate.fit(images[train], collection.target[train], groups=collection.groups[train])
    assert threshold_of(gate).chosen_by is gate.estimator_
    assert gate_of(gate).gate is gate
    assert isinstance(unwrap(gate), LogisticRegression)
    assert len(classifiers_of(gate)) == 1
    inside = RecallFloorClassifier(
        FrozenEstimator(clone(gate).set_params(estimator=on_pixels(), on_outlier="warn").fit(
            images[train], collection.target[train]
        )), recall=0.5, confidence=0.5,
    )  # fmt: skip
    with pytest.warns(OutlierImageWarning):
        inside.fit(
            np.concatenate([images[held_out], 255 - images[held_out][:1]]),
            np.append(collection.target[held_out], 1),
            groups=np.append(collection.groups[held_out], "other"),
        )
    assert gate_of(inside) is not None
    assert gate_of(without_gate(inside)) is None


def test_gate_in_a_pipeline_is_found_with_what_comes_before(collection, images, parts):
    train, _ = parts
    gate = InputGate(on_pixels(), false_alarm_rate=RATE)
    model = make_pipeline(ImageLoader(size=SIZE), gate)
    model.fit(collection.filenames[train], collection.target[train])
    found = gate_of(model)
    assert isinstance(found.transformers[0], ImageLoader)
    np.testing.assert_array_equal(
        without_gate(model).predict_proba(collection.filenames[:3]),
        model[-1].estimator_.predict_proba(images[:3]),
    )


@pytest.mark.parametrize("fraction", [None, 0.4])
def test_terms_name_the_patients_of_calibration(fraction, images, collection):
    seen = []

    class Watched(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append((len(X), len(y), len(sample_weight)))
            return super().fit(X, y)

    gate = InputGate(
        Watched(max_iter=1000), false_alarm_rate=0.2, calibration_fraction=fraction
    ).fit(rows_of_pixels(images), collection.target, groups=collection.groups,
          sample_weight=np.ones(len(images)))  # fmt: skip
    assert gate.calibration_ == ("fitted" if fraction is None else "held out")
    n_patients = len(np.unique(collection.groups))
    if fraction is None:
        assert seen == [(len(images),) * 3]
        assert gate.n_patients_ == n_patients
        assert "the model was" in gate.terms_
    else:
        assert seen[0][0] == pytest.approx(0.6 * len(images), rel=0.1)
        assert len(set(seen[0])) == 1
        assert gate.n_patients_ < 0.5 * n_patients
        assert "neither the model" in gate.terms_


def test_few_patients_have_a_warning_with_the_rate_that_holds(images, collection):
    with pytest.warns(FewPatientsWarning, match="are too few for the rate of 0.01"):
        gate = InputGate(on_pixels()).fit(images, collection.target)
    n_patients = len(np.unique(collection.groups))
    assert gate.false_alarm_rate_ == 3 / (n_patients + 1)
    assert str(patients_needed(0.01, 3)) in gate.terms_
    assert not withheld(gate, images).any()


def test_one_patient_is_refused(images, collection):
    with pytest.raises(ValueError, match="1 patient"):
        InputGate(on_pixels()).fit(images, collection.target, groups=np.zeros(len(images)))


def test_unknown_patients_are_warned_of(images, collection):
    with pytest.warns(UnknownPatientsWarning):
        gate = InputGate(on_pixels(), false_alarm_rate=RATE).fit(
            np.asarray(images), collection.target
        )
    assert not gate.patients_known_
    assert "counted as one patient each" in gate.terms_


def test_fitted_state_is_arrays_and_simple_estimators(gated):
    allowed = {"PCA", "LogisticRegression", "ndarray", "NoneType", "list", "str", "float", "int",
               "bool", "FrozenEstimator", "Pipeline"}  # fmt: skip
    state = {name: value for name, value in vars(gated).items() if name.endswith("_")}
    assert {type(value).__name__ for value in state.values()} <= allowed
    assert gated.feature_references_.dtype == np.float32
    assert len(gated.feature_references_) <= 2 * gated.max_images
    assert gated.checks_ == ["features", "pixels", "orientation", "polarity"]
    assert len(gated.thresholds_) == 4


def test_many_features_are_used_in_part(collection, images, monkeypatch):
    monkeypatch.setattr("skpneumo.decision._input_gate._MOST_FEATURES", 100)
    rows = rows_of_pixels(images)
    gate = InputGate(LogisticRegression(C=0.01), false_alarm_rate=RATE)
    gate.fit(rows, collection.target, groups=collection.groups)
    assert len(gate.feature_columns_) == 100
    assert gate.feature_reducer_.n_features_in_ == 100
    assert gate.check_scores(rows[:3]).shape == (3, 1)


def test_references_are_limited_to_whole_patients(images, collection):
    gate = InputGate(on_pixels(), false_alarm_rate=0.3, max_images=30)
    gate.fit(images, collection.target)
    assert 40 <= len(gate.pixel_references_) <= 60
    again = clone(gate).fit(images, collection.target)
    np.testing.assert_array_equal(again.thresholds_, gate.thresholds_)
    other = clone(gate).set_params(random_state=1).fit(images, collection.target)
    assert (other.thresholds_ != gate.thresholds_).any()


def test_metadata_is_routed_to_the_estimator(images, collection):
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression(C=0.01).set_fit_request(sample_weight=True)
        gate = InputGate(inner, false_alarm_rate=RATE)
        weights = (collection.target == 1).astype(float) + 0.01
        gate.fit(rows_of_pixels(images), collection.target, groups=collection.groups,
                 sample_weight=weights)  # fmt: skip
    expected = LogisticRegression(C=0.01).fit(rows_of_pixels(images), collection.target, weights)
    np.testing.assert_allclose(gate.estimator_.coef_, expected.coef_)


@pytest.mark.parametrize("n_checks", [1, 3])
def test_new_patients_are_withheld_as_often_as_stated(n_checks):
    rng = np.random.default_rng(0)
    n_patients, n_images, rate = 300, 3, 0.05

    def scores(n):
        patient = np.repeat(np.arange(n), n_images)
        shared = rng.normal(size=(n, n_checks))[patient]
        return shared + rng.normal(size=(len(patient), n_checks)), patient

    shares = []
    for _ in range(40):
        thresholds, kept = choose_thresholds(*scores(n_patients), rate)
        assert kept == rate
        new, patient = scores(2000)
        shares.append(np.unique(patient[(new > thresholds).any(axis=1)]).size / 2000)
    assert 0.5 * rate < np.mean(shares) < rate * 1.05


def test_equal_scores_of_all_patients_withhold_no_image():
    thresholds, _ = choose_thresholds(np.ones((50, 2)), np.arange(50), 0.1)
    np.testing.assert_allclose(thresholds, 1, atol=1.1e-5)
    assert (thresholds > 1 + 2e-7).all()  # nor one whose score is rounded otherwise


@pytest.mark.parametrize("shape", [(7, 64, 48), (7, 20, 33), (7, 32, 32)])
def test_small_images_are_means_over_cells(shape):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    small = small_grey(images)
    assert small.shape == (7, SIDE * SIDE)
    np.testing.assert_allclose(small.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(small.std(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(small_grey(images * 0.25 + 7), small, atol=1e-3)
    if shape == (7, 64, 48):
        cells = images.mean(axis=-1).repeat(2, axis=2).reshape(7, 32, 2, 32, 3).mean(axis=(2, 4))
        expected = cells.reshape(7, -1)
        expected = (expected - expected.mean(1, keepdims=True)) / expected.std(1, keepdims=True)
        np.testing.assert_allclose(small, expected, atol=1e-4)
    assert not small_grey(np.full((2, *shape[1:], 1), 77, dtype=np.uint8)).any()


def test_copies_are_mirrored_and_slightly_turned(images):
    plain = np.asarray(images[:6])
    copies = changed_copies(plain, np.random.RandomState(0))
    np.testing.assert_array_equal(copies[::2], plain[::2, :, ::-1])
    assert (copies[1::2] != plain[1::2]).any(axis=(1, 2, 3)).all()
    assert np.abs(copies[1::2].astype(float) - plain[1::2]).mean() < 40
    assert copies.dtype == plain.dtype


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.filterwarnings("ignore::skpneumo.decision.FewPatientsWarning")
@pytest.mark.filterwarnings("ignore::skpneumo.decision.OutlierImageWarning")
@parametrize_with_checks([InputGate(LogisticRegression())])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_images_that_an_ensemble_loads_inside_are_not_seen(collection):
    paths, labels = np.asarray(collection.filenames)[:, None], collection.target
    model = BaggingClassifier(
        make_pipeline(ImageLoader(size=8), on_pixels()), n_estimators=2, random_state=0
    )
    with pytest.raises(ValueError, match=r"BaggingClassifier gets text such as .*ImageLoader"):
        InputGate(model).fit(paths, labels)
