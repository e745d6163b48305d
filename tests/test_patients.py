"""Patients are found the same way by all steps, and stay with their rows."""

import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import NearMiss
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.preprocessing import FunctionTransformer

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    RecallFloorClassifier,
    ResumableHalvingGridSearchCV,
    make_pipeline,
    patient_train_test_split,
)
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._patients import check_groups, find_patients, patients_of
from skpneumo.audit import audit_images
from skpneumo.classifiers import _validation_split
from skpneumo.datasets import UnknownPatientsWarning, patient_ids
from skpneumo.decision import InputGate
from skpneumo.evaluation import (
    compare_protocols,
    evaluate,
    evaluate_predictions,
    persistent_errors,
    stress_test,
)
from skpneumo.loading import ImageArray, ImageStream

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
def test_a_missing_patient_is_read_from_the_name_or_unknown(missing):
    X = frame_of(["person1_virus_6.jpeg", "scan.png", "c.png"], [missing, missing, "ann"])
    with pytest.warns(UnknownPatientsWarning, match="1 of 2 file names"):
        patients = patients_of(X, 3)
    assert patients.tolist() == ["virus-1", "unknown-scan.png", "ann"]


@pytest.mark.parametrize(
    "as_text",
    [
        np.asarray,
        lambda groups: groups.astype(str),
        lambda groups: pd.Series(groups, dtype="string"),
        lambda groups: [str(each) for each in groups.astype(str)],
    ],
)
def test_ids_of_unknown_patients_are_recognised_as_other_text(as_text):
    paths = ["person1_virus_6.jpeg", "scan.png", "scans/c.png"]
    with pytest.warns(UnknownPatientsWarning):
        groups = as_text(patient_ids(paths))
    for X, passed in (paths, groups), (np.zeros((3, 2)), groups), (frame_of(paths, groups), None):
        of_files = {} if isinstance(X, (list, pd.DataFrame)) else {"filenames": paths}
        patients, known, remarks = find_patients(X, 3, passed, **of_files)
        assert list(patients) == ["virus-1", "unknown-scan.png", "unknown-scans/c.png"]
        assert known.tolist() == [True, False, False]
        assert bool(remarks) == (passed is None)


@pytest.mark.parametrize("ids", [["ann", "ann", "bob"], [7, 7, 8]])
def test_groups_may_be_an_array_of_pyarrow(ids):
    for groups in pa.array(ids), pa.chunked_array([ids[:1], ids[1:]]):
        assert check_groups(groups, 3).tolist() == ids
    with pytest.raises(ValueError, match="The patient of 1 of 3 samples is missing"):
        check_groups(pa.array([*ids[:2], None]), 3)


def test_numbers_of_a_table_and_text_of_names_do_not_clash():
    X = frame_of(["person1_virus_6.jpeg", "b.png", "c.png"], [None, 7, 7])
    assert patients_of(X, 3).tolist() == ["virus-1", "7", "7"]


def test_rows_made_of_several_patients_make_those_one():
    X = ImageArray(np.zeros((5, 2)), patients=["a", "b", "c", ("a", "b"), "d"])
    assert patients_of(X, 5).tolist() == ["a", "a", "c", "a", "d"]


def test_unknown_patients_have_a_warning():
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
    "patient_train_test_split": lambda X, y: patient_train_test_split(X, y, test_size=0.5),
    "compare_protocols": lambda X, y: compare_protocols(_Guess(), X, y, cv=2),
    "stress_test": lambda X, y: stress_test(_Fixed(), _images_of(X), y, corruptions={}),
    "RecallFloorClassifier": lambda X, y: RecallFloorClassifier(
        _Guess(), recall=0.1, confidence=0.1, cv=2
    ).fit(X, y),
}


class _Fixed:
    """A classifier that is always right."""

    classes_ = np.array([0, 1])

    def predict(self, X):
        return np.arange(len(X)) % 2

    def predict_proba(self, X):
        return np.eye(2)[self.predict(X)]


class _Guess(ClassifierMixin, BaseEstimator):
    """A classifier that learns nothing from any input."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        positive = np.linspace(0.1, 0.9, len(X))
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _images_of(X):
    return ImageArray(np.zeros((len(X), 9, 9, 1), np.uint8), filenames_of(X), carried_patients(X))


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
def test_steps_that_keep_rows_keep_their_patients(derive, patients):
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
def test_steps_that_mix_rows_have_no_patients(derive):
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


def test_new_rows_name_their_sources_if_patients_are_unknown():
    rng = np.random.default_rng(0)
    names = [f"scan-{i}.png" for i in range(30)]
    images = ImageArray(rng.integers(0, 256, (30, 5, 5, 1)).astype(np.uint8), names)
    smote = ImageResampler(SMOTE(k_neighbors=3), random_state=0)
    made, y = smote.fit_resample(images, np.repeat([0, 1], [20, 10]))
    sources = {f"unknown-{name}" for name in names[20:]}
    assert all(isinstance(each, tuple) and set(each) < sources for each in made.patients[30:])
    # Whoever holds rows out warns all the same, and holds out none that was made of others.
    with pytest.warns(UnknownPatientsWarning, match="30 of 30 samples"):
        patients = _validation_split.patients_of_rows(made, y, None)
    training, validation = _validation_split.training_and_validation(
        made, y, patients, 0.3, np.random.RandomState(0)
    )
    held_out = set(patients[validation])
    assert not validation[30:].any()
    assert held_out
    assert all(held_out.isdisjoint(each) for each in patients[30:][training[30:]])


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
    """Splits the rows as ``fit`` does, without training."""

    def __init__(self):
        super().__init__(filters=(2,), epochs=1)

    def fit(self, X, y, groups=None):
        patients = _validation_split.patients_of_rows(X, y, groups)
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
    """Raises when it predicts or validates with a patient of its training.

    It knows patients independently of X: by the file of a row, or by the first pixel of an
    image, divided by 255 or not.
    """

    def __init__(self, c=0, patient_of=None, scale=1):
        self.c = c
        self.patient_of = patient_of
        self.scale = scale

    def _true_patients(self, X):
        if isinstance(X, ImageArray):
            return np.rint(np.asarray(X)[:, 0, 0, 0] * self.scale).astype(int)
        paths = X["path"] if isinstance(X, pd.DataFrame) else np.ravel(np.asarray(X, dtype=object))
        return np.array([self.patient_of[str(path)] for path in paths])

    def _number(self, name):
        path = name.removeprefix("unknown-")
        known = path in self.patient_of
        return self.patient_of[path] if known else int(re.search(r"(\d+)$", name)[1])

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        patients = self._true_patients(X)
        real = np.ones(len(patients), dtype=bool)
        if isinstance(X, ImageArray):  # as of a network that stops early
            named = _validation_split.patients_of_rows(X, y, None)
            real = np.array([not isinstance(each, tuple) for each in named])
            training, validation = _validation_split.training_and_validation(
                X, np.searchsorted(self.classes_, y), named, 0.3, np.random.RandomState(0)
            )
            assert not validation[~real].any()
            sources = {self._number(each) for row in named[training & ~real] for each in row}
            assert (sources | {*patients[training & real]}).isdisjoint(patients[validation])
        self.seen_ = {*patients[real]}
        return self

    def predict_proba(self, X):
        patients = self._true_patients(X)
        assert self.seen_.isdisjoint(patients)
        positive = np.array(
            [0.2 + 0.6 * (zlib.crc32(b"%d" % each) % 97) / 97 for each in patients]
        )
        return np.column_stack([1 - positive, positive])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def floor(estimator, **options):
    return RecallFloorClassifier(estimator, recall=0.3, confidence=0.5, **options)


def search(estimator, grid, folds=2, kind=GridSearchCV, **options):
    return kind(estimator, grid, cv=PatientKFold(folds), error_score="raise", **options)


# Each gets an estimator that may be a pipeline, and the name that its parameter c has there.
NESTS = {
    "recall floor": lambda est, c: floor(est),
    "folds of a recall floor": lambda est, c: floor(est, cv=3),
    "search of a recall floor": lambda est, c: search(
        floor(est, cv=2), {f"estimator__{c}": [0, 1]}, scoring="recall"
    ),
    "recall floor of a search": lambda est, c: floor(search(est, {c: [0, 1]}), cv=2),
    "search": lambda est, c: search(est, {c: [0, 1]}, folds=3),
    "random search": lambda est, c: search(
        est, {c: [0, 1]}, kind=RandomizedSearchCV, n_iter=2, random_state=0
    ),
    "halving": lambda est, c: search(
        est,
        {c: [0, 1]},
        kind=ResumableHalvingGridSearchCV,
        min_resources=32,
        return_train_score=False,
    ),
    "calibration": lambda est, c: CalibratedClassifierCV(est, cv=PatientKFold(3)),
    "calibration of a search": lambda est, c: CalibratedClassifierCV(
        search(est, {c: [0, 1]}), cv=PatientKFold(2)
    ),
    "stacking": lambda est, c: StackingClassifier([("a", est), ("b", est)], cv=PatientKFold(3)),
    "search of stacking": lambda est, c: search(
        StackingClassifier([("a", est)], cv=PatientKFold(2)), {f"a__{c}": [0, 1]}
    ),
    "threshold": lambda est, c: TunedThresholdClassifierCV(est, cv=PatientKFold(3), thresholds=4),
}

N_PATIENTS = 60
# How files are called, and whether that tells their patients. A frame tells them as well.
NAMED = [
    "person{patient}_virus_{row}.jpeg",
    "a/IM-{patient:04d}-{row:04d}",
    "VIRUS-{patient}-{row}.dcm",
]
UNNAMED = ["{patient}/scan{row}.png", "site/1.2.840.{row}", "x-{row}.dcm", "{row}.jpeg"]
FORMS = {
    "list": list,
    "array": lambda paths: np.array(paths, dtype=object),
    "column": lambda paths: np.array(paths, dtype=object)[:, None],
    "Series": lambda paths: pd.Series(paths, dtype=object),
    "Paths": lambda paths: [Path(path) for path in paths],
    "frame": lambda paths: pd.DataFrame({"path": pd.Series(paths, dtype=object)}),
}
# Few neighbours, because a deep search leaves two patients of a class.
SAMPLERS = [
    None, "over", "under", RandomOverSampler(), NearMiss(n_neighbors=1), SMOTE(k_neighbors=1),
    BorderlineSMOTE(k_neighbors=1, m_neighbors=2),
]  # fmt: skip


@st.composite
def collections(draw):
    """Paths in some form, labels, the patient of each path, and whether X tells all of them.

    A file whose patient is unknown counts as one patient.
    """
    n_images = np.array(
        draw(st.lists(st.integers(1, 3), min_size=N_PATIENTS, max_size=N_PATIENTS))
    )
    patients = np.repeat(np.arange(N_PATIENTS), n_images)
    patients = patients[np.random.default_rng(draw(st.integers(0, 99))).permutation(len(patients))]
    told_by = draw(st.sampled_from(["names", "frame", "some of a frame", "nothing"]))
    layout = draw(st.sampled_from(NAMED if told_by == "names" else UNNAMED))
    paths = [layout.format(patient=patient, row=row) for row, patient in enumerate(patients)]
    ids = pd.Series([f"p{patient}" for patient in patients], dtype=object)
    y = (patients % 5 < 2).astype(int)
    if told_by == "nothing":
        patients = np.arange(len(patients))
    if "frame" in told_by:
        if told_by == "some of a frame":
            row = draw(st.integers(0, len(ids) - 1))
            ids[row] = draw(st.sampled_from([None, np.nan, ""]))
            patients[row] = 200
        X = FORMS["frame"](paths).assign(patient=ids, age=5)
    else:
        X = FORMS[draw(st.sampled_from(list(FORMS)))](paths)
    return X, y, dict(zip(paths, patients, strict=True)), told_by in ("names", "frame")


class _Loader(TransformerMixin, BaseEstimator):
    """Makes images of noise from paths like ImageLoader; the first pixel is the patient."""

    def __init__(self, patient_of=None):
        self.patient_of = patient_of

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        names = filenames_of(X)
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (len(names), 3, 3, 1)).astype(np.uint8)
        pixels[:, 0, 0, 0] = [self.patient_of[name] for name in names]
        return ImageArray(pixels, names, carried_patients(X))


@st.composite
def estimators(draw, patient_of):
    """An estimator for paths, alone or behind steps, and the name of its parameter c."""
    if not draw(st.booleans()):
        return _Suspicious(patient_of=patient_of), "c"
    sampler, scaled = draw(st.sampled_from(SAMPLERS)), draw(st.booleans())
    resampling = [] if sampler is None else [ImageResampler(sampler, random_state=0)]
    of_paths = not isinstance(sampler, BaseEstimator) and draw(st.booleans())
    pipe = make_pipeline(
        *(resampling if of_paths else []),
        _Loader(patient_of),
        *([] if of_paths else resampling),
        *([FunctionTransformer(lambda X: X / 255.0)] if scaled else []),
        _Suspicious(patient_of=patient_of, scale=255 if scaled else 1),
    )
    return pipe, f"{pipe.steps[-1][0]}__c"


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
@given(data=st.data(), collection=collections(), nested=st.booleans())
# Without shrinking, which takes minutes where each example is several searches.
@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_no_nested_estimator_has_a_patient_on_both_sides(nest, data, collection, nested):
    X, y, patient_of, known = collection
    model = nest(*data.draw(estimators(patient_of)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if nested:
            cross_val_score(model, X, y, cv=PatientKFold(2), error_score="raise")
        else:
            model.fit(X, y)
    said = [each for each in caught if issubclass(each.category, UnknownPatientsWarning)]
    assert bool(said) != known


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


class AsksForGroups(LogisticRegression):
    """Holds images out for itself, and so wants to know their patients."""

    def fit(self, X, y, groups=None):
        self.groups_ = groups
        return super().fit(X, y)


@pytest.mark.parametrize("routed", [True, False])
@pytest.mark.parametrize(
    "wrapper",
    [
        lambda estimator: RecallFloorClassifier(estimator, recall=0.5, confidence=0.5),
        lambda estimator: InputGate(estimator, false_alarm_rate=0.5),
    ],
)
def test_groups_reach_an_estimator_that_asks_for_them(wrapper, routed):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 2)) + y[:, None]
    groups = np.arange(60) // 2 * 2 + y
    with sklearn.config_context(enable_metadata_routing=routed):
        estimator = AsksForGroups()
        if routed:
            estimator = make_pipeline("passthrough", estimator.set_fit_request(groups=True))
        fitted = wrapper(estimator).fit(X, y, groups=groups).estimator_
        fitted = fitted[-1] if routed else fitted
        assert len(fitted.groups_)
        assert set(fitted.groups_) <= set(groups)


def test_another_number_of_labels_is_said_before_anything_is_predicted():
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "patient": [1, 2]})
    for X in (frame, frame[["path"]]):
        with pytest.raises(ValueError, match=r"X has 2 rows, and there are labels .* of 3"):
            patients_of(X, 3)


@pytest.mark.parametrize(
    "groups",
    [
        ["a", "a", "b"],
        ("a", "a", "b"),
        np.array(["a", "a", "b"]),
        np.array([["a"], ["a"], ["b"]], dtype=object),
        pd.Series(["a", "a", "b"]),
        pd.Series(["a", "a", "b"], dtype="category"),
        pd.DataFrame({"patient": ["a", "a", "b"]}),
        [1, 1, 2],
        np.array([1.0, 1.0, 2.0]),
        pd.Series([1, 1, 2], dtype="Int64"),
    ],
)
def test_forms_of_groups(groups):
    checked = check_groups(groups, 3)
    assert checked.shape == (3,)
    assert np.unique(checked, return_inverse=True)[1].tolist() == [0, 0, 1]


@given(st.integers(1, 50))
def test_range_says_that_each_sample_is_a_patient(n):
    assert check_groups(range(n), n).tolist() == list(range(n))


@pytest.mark.parametrize(
    "groups",
    [
        ["a", None, "b"],
        ["a", np.nan, "b"],
        ["a", pd.NA, "b"],
        ["a", "", "b"],
        ["a", " ", "b"],
        [1, None, 2],
        [1.0, np.nan, 2.0],
        np.array([1, np.nan, 2]),
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"])),
        np.ma.array(["a", "hidden", "b"], mask=[False, True, False]),
    ],
)
def test_missing_ids_are_named(groups):
    with pytest.raises(ValueError, match=r"patient of 1 of 3 .* in row 1\. Give each"):
        check_groups(groups, 3)


def test_a_missing_id_is_shown_without_its_numpy_type():
    with pytest.raises(ValueError, match="groups has nan in row 1"):
        check_groups(np.array([1, np.nan, 2]), 3)


def test_five_missing_ids_are_named_at_most():
    with pytest.raises(ValueError, match=r"of 7 of 8 samples .* row 1, 2, 3, 4, 5, \.\.\.\. Give"):
        check_groups(["a", *[None] * 7], 8)


def test_ids_of_several_types_might_be_one_patient():
    with pytest.raises(TypeError, match="types int, str"):
        check_groups([7, "7"], 2)


@pytest.mark.parametrize("groups", [[], ["a"], np.zeros(3)])
def test_every_sample_needs_a_patient(groups):
    with pytest.raises(ValueError, match=f"There are 2 samples but {len(groups)} groups"):
        check_groups(groups, 2)


def test_no_samples_are_accepted():
    assert check_groups([], 0).shape == (0,)
