"""Patients are known the same way by every consumer, and travel with the rows."""

import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    RecallFloorClassifier,
    ResumableHalvingGridSearchCV,
    make_pipeline,
)
from skpneumo._patients import find_patients, patients_of
from skpneumo.audit import audit_images
from skpneumo.classifiers import _validation_split
from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.evaluation import evaluate, evaluate_predictions, persistent_errors
from skpneumo.loading import ImageArray, ImageStream

LAYOUTS = [
    "{patient}/{row}.png",
    "site/{patient}-{row}.dcm",
    "IM-0001-0001-{row}.jpeg",
    "person1_virus_{row}.jpeg",
]
NAMES = ["scan-a.png", "scan-b.png", "scan-c.png", "scan-d.png"]


def frame_of(paths, patients):
    return pd.DataFrame(
        {"path": pd.Series(paths, dtype=object), "patient": pd.Series(patients, dtype=object)}
    )


# One answer


def test_groups_override_what_x_carries_and_that_overrides_the_names():
    X = frame_of(["IM-0001-0001.jpeg", "IM-0002-0001.jpeg"], ["ann", "ann"])
    assert patients_of(X, 2, ["x", "y"]).tolist() == ["x", "y"]
    assert patients_of(X, 2).tolist() == ["ann", "ann"]
    assert patients_of(X["path"], 2).tolist() == ["normal-IM-0001", "normal-IM-0002"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "", " "])
def test_a_missing_patient_is_read_off_the_name_or_unknown(missing):
    X = frame_of(["person1_virus_6.jpeg", "scan.png", "c.png"], [missing, missing, "ann"])
    with pytest.warns(UnknownPatientsWarning, match="1 of 2 file names"):
        patients = patients_of(X, 3)
    assert patients.tolist() == ["virus-1", "unknown-scan.png", "ann"]


def test_numbers_of_a_table_and_text_of_names_do_not_clash():
    X = frame_of(["person1_virus_6.jpeg", "b.png", "c.png"], [None, 7, 7])
    assert patients_of(X, 3).tolist() == ["virus-1", "7", "7"]


def test_rows_made_of_several_patients_make_those_one():
    X = ImageArray(np.zeros((5, 2)), patients=["a", "b", "c", ("a", "b"), "d"])
    assert patients_of(X, 5).tolist() == ["a", "a", "c", "a", "d"]


def test_what_nothing_tells_is_said():
    _, known, (remark,) = find_patients(np.zeros((3, 2)), 3)
    assert not known.any()
    assert "3 samples" in remark
    assert "groups" in remark


# Every consumer

CONSUMERS = {
    "evaluate": lambda X, y: evaluate(_Fixed(), X, y, n_resamples=5),
    "evaluate_predictions": lambda X, y: evaluate_predictions(
        y, y.astype(float), filenames=X["path"], n_resamples=5, subgroups=None
    ),
    "persistent_errors": lambda X, y: persistent_errors(y, np.tile(y[:, None], (1, 2)), X=X),
    "PatientKFold": lambda X, y: list(PatientKFold(2).split(X, y)),
}


class _Fixed:
    """A classifier that knows everything."""

    classes_ = np.array([0, 1])

    def predict(self, X):
        return np.arange(len(X)) % 2

    def predict_proba(self, X):
        return np.eye(2)[self.predict(X)]


@pytest.mark.parametrize("consume", CONSUMERS.values(), ids=CONSUMERS)
def test_every_consumer_says_when_patients_are_unknown(consume):
    X, y = frame_of(NAMES * 2, [None] * 8), np.arange(8) % 2
    X["path"] = [f"{i}-{name}" for i, name in enumerate(X["path"])]
    with pytest.warns(UnknownPatientsWarning) as caught:
        consume(X, y)
    assert len([each for each in caught if each.category is UnknownPatientsWarning]) == 1


@pytest.mark.parametrize("name", [name for name in CONSUMERS if name != "evaluate_predictions"])
def test_no_consumer_warns_where_x_carries_them(name):
    X, y = frame_of([f"{i}.png" for i in range(8)], list("aabbccdd")), np.repeat([0, 1], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CONSUMERS[name](X, np.arange(8) % 2 if name != "PatientKFold" else y)


def test_evaluation_counts_the_patients_that_x_carries():
    X, y = frame_of([f"{i}.png" for i in range(8)], list("aabbccdd")), np.arange(8) % 2
    assert set(evaluate(_Fixed(), X, y, n_resamples=5)["n_patients"]) <= {4}


def test_the_audit_takes_them_from_the_frame(xrays):
    X = frame_of(xrays.filenames, ["everybody"] * len(xrays.filenames))
    audit = audit_images(X, open_files=False)
    assert set(audit.frame["patient"]) == {"everybody"}


# Along the rows


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("rows", [slice(1, 5), [4, 0, 4], np.arange(9) % 2 == 0])
def test_images_carry_the_patients_of_the_frame(xrays, stream, rows):
    patients = np.array([f"p{i // 2}" for i in range(9)], dtype=object)
    images = ImageLoader(size=8, stream=stream).fit_transform(
        frame_of(xrays.filenames[:9], patients)
    )
    assert isinstance(images, ImageStream if stream else ImageArray)
    assert images[rows].patients.tolist() == patients[rows].tolist()
    assert np.asanyarray(images[rows]).patients.tolist() == patients[rows].tolist()


IMAGES = ImageArray(
    np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 6, 1),
    [f"{i}.png" for i in range(6)],
    list("aabbcc"),
)


@pytest.mark.parametrize(
    ("derive", "patients"),
    [
        (lambda X: X / 255, "aabbcc"),
        (lambda X: (X - X.mean(axis=0)) / X.std(axis=0), "aabbcc"),
        (lambda X: np.clip(255 - X, 0, 9), "aabbcc"),
        (lambda X: X.astype(np.float32), "aabbcc"),
        (lambda X: X.reshape(6, -1), "aabbcc"),
        (lambda X: np.repeat(X, 3, axis=-1), "aabbcc"),
        (lambda X: np.repeat(X, 2, axis=0), "aaaabbbbcccc"),
        (lambda X: np.concatenate([X, X[:1]]), "aabbcca"),
        (lambda X: np.concatenate([X, X], axis=-1), "aabbcc"),
        (lambda X: X[::-1], "ccbbaa"),
        (lambda X: X[:, ::-1], "aabbcc"),
        (lambda X: X.take([5, 0], axis=0), "ca"),
        (lambda X: X + X, "aabbcc"),
    ],
)
def test_what_keeps_the_rows_keeps_their_patients(derive, patients):
    derived = derive(IMAGES)
    assert "".join(derived.patients) == patients
    assert len(derived.filenames) == len(derived.patients) == len(derived)


@pytest.mark.parametrize(
    "derive",
    [
        lambda X: X + X[::-1],
        lambda X: X.mean(axis=0),
        lambda X: X.sum(axis=(1, 2, 3)),
        lambda X: np.concatenate([X, np.asarray(X)]),
        lambda X: X.transpose(1, 0, 2, 3),
        lambda X: X.reshape(12, -1),
        lambda X: X[None],
        lambda X: np.repeat(X, 2),
    ],
)
def test_what_mixes_rows_names_no_patient(derive):
    assert getattr(derive(IMAGES), "patients", None) is None


def test_copies_keep_their_patient_and_new_rows_those_of_their_sources():
    rng = np.random.default_rng(0)
    patients = [f"p{i // 2}" for i in range(30)]
    images = ImageArray(rng.integers(0, 256, (30, 5, 5, 1)).astype(np.uint8), patients=patients)
    y = np.repeat([0, 1], [20, 10])
    copied, _ = ImageResampler("over", random_state=0).fit_resample(images, y)
    original = {image.tobytes(): name for image, name in zip(images, patients, strict=True)}
    assert copied.patients.tolist() == [original[image.tobytes()] for image in copied]
    made, _ = ImageResampler(SMOTE(k_neighbors=3), random_state=0).fit_resample(images, y)
    assert made.patients[:30].tolist() == patients
    assert all(
        isinstance(each, tuple) and set(each) < set(patients[20:]) for each in made.patients[30:]
    )


# No patient on both sides of inner validation


@given(
    seed=st.integers(0, 999),
    resampler=st.sampled_from([None, "over", "under", SMOTE(k_neighbors=2)]),
    scaled=st.booleans(),
    by=st.sampled_from(["frame", "groups"]),
)
@settings(max_examples=25, deadline=None)
def test_no_patient_is_trained_on_and_validated_by(seed, resampler, scaled, by):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [28, 14])
    patients = np.array([f"{label}-{rng.integers(7)}" for label in y], dtype=object)
    by = "frame" if isinstance(resampler, SMOTE) else by
    pixels = rng.integers(0, 256, (42, 5, 5, 1)).astype(np.uint8)
    images = ImageArray(pixels, patients=patients if by == "frame" else None)
    steps = [] if resampler is None else [ImageResampler(resampler, random_state=seed)]
    steps += [FunctionTransformer(lambda X: X / 255.0)] * scaled
    steps += [_Recorder()]
    asked = (
        {} if by == "frame" or isinstance(resampler, SMOTE) else {"_recorder__groups": patients}
    )
    training, validation = make_pipeline(*steps).fit(images, y, **asked)[-1].sides_
    trained = {
        source for each in training for source in (each if isinstance(each, tuple) else (each,))
    }
    assert validation
    assert not any(isinstance(each, tuple) for each in validation)
    assert trained.isdisjoint(validation)


class _Recorder(CNNClassifier):
    """Divides the rows as ``fit`` does, and trains nothing."""

    def __init__(self):
        super().__init__(filters=(2,), epochs=1)

    def fit(self, X, y, groups=None):
        patients = _validation_split.rows_of_patients(X, y, groups)
        parts = _validation_split.training_and_validation(
            np.asarray(X), y, patients, 0.3, np.random.RandomState(0)
        )
        self.sides_ = [set(patients[part]) for part in parts]
        return self


def test_fit_takes_groups_and_warns_without(small_images):
    images, labels = small_images
    classifier = CNNClassifier(filters=(2,), epochs=1, early_stopping=True, random_state=0)
    classifier.fit(images, labels, groups=np.arange(len(labels)))
    with pytest.warns(UnknownPatientsWarning):
        classifier.fit(images, labels)


# No patient on both sides of any split, however deep


class _Suspicious(ClassifierMixin, BaseEstimator):
    """Refuses to predict for a patient that it was trained on."""

    def __init__(self, c=0):
        self.c = c

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = set(X["patient"])
        return self

    def predict_proba(self, X):
        assert self.seen_.isdisjoint(X["patient"])
        positive = np.array(
            [0.2 + 0.6 * (zlib.crc32(path.encode()) % 97) / 97 for path in X["path"]]
        )
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


GRID = {"c": [0, 1]}
NESTS = {
    "recall floor": lambda: RecallFloorClassifier(_Suspicious(), recall=0.3, confidence=0.5),
    "folds of a recall floor": lambda: RecallFloorClassifier(
        _Suspicious(), recall=0.3, confidence=0.5, cv=3
    ),
    "search over a recall floor": lambda: GridSearchCV(
        RecallFloorClassifier(_Suspicious(), recall=0.3, confidence=0.5, cv=2),
        {"estimator__c": [0, 1]},
        scoring="recall",
        cv=PatientKFold(2),
        error_score="raise",
    ),
    "search": lambda: GridSearchCV(_Suspicious(), GRID, cv=PatientKFold(3), error_score="raise"),
    "halving": lambda: ResumableHalvingGridSearchCV(
        _Suspicious(),
        GRID,
        cv=PatientKFold(2),
        min_resources=12,
        return_train_score=False,
        error_score="raise",
    ),
    "calibration": lambda: CalibratedClassifierCV(_Suspicious(), cv=PatientKFold(3)),
    "calibration of a search": lambda: CalibratedClassifierCV(
        GridSearchCV(_Suspicious(), GRID, cv=PatientKFold(2), error_score="raise"),
        cv=PatientKFold(2),
    ),
    "stacking": lambda: StackingClassifier([("a", _Suspicious())], cv=PatientKFold(3)),
    "threshold": lambda: TunedThresholdClassifierCV(_Suspicious(), cv=PatientKFold(3)),
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
@given(data=st.data(), per_patient=st.integers(1, 4), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=2, deadline=None)
def test_no_nest_has_a_patient_on_both_sides(nest, data, per_patient, layout):
    n_patients = 24
    patients = np.repeat(np.arange(n_patients), per_patient)
    order = data.draw(st.permutations(range(len(patients))))
    X = frame_of(
        [layout.format(patient=patient, row=row) for row, patient in enumerate(patients)],
        [f"p{patient}" for patient in patients],
    ).iloc[list(order)]
    y = np.array(X["patient"].str[1:].astype(int) % 2)
    nest().fit(X, y)
    cross_val_score(nest(), X, y, cv=PatientKFold(2), error_score="raise")


def test_groups_can_be_routed_to_fit(small_images):
    images, labels = small_images
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = CNNClassifier(filters=(2,), epochs=1, early_stopping=True, random_state=0)
        classifier.set_fit_request(groups=True, sample_weight=False)
        pipe = make_pipeline(FunctionTransformer(), classifier)
        pipe.fit(images, labels, groups=np.arange(20) % 10)
    assert "val_loss" in pipe[-1].history_


@pytest.fixture
def small_images():
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 2
    return (rng.integers(0, 99, (20, 4, 4, 1)) + 100 * labels[:, None, None, None]).astype(
        np.uint8
    ), labels
