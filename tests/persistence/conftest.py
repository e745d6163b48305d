"""Fitted models of every type that a file can contain, each fast to fit."""

import hashlib
import json
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import (
    EditedNearestNeighbours,
    NearMiss,
    RandomUnderSampler,
    TomekLinks,
)
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    KFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelBinarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from skpneumo import (
    BorderCropper,
    CNNClassifier,
    ContrastEqualizer,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    MarkerRemover,
    Pipeline,
    RecallFloorClassifier,
    TransferClassifier,
    make_recipe,
)
from skpneumo.decision import FewPatientsWarning, InputGate, PriorShiftClassifier
from skpneumo.evaluation import make_recall_scorer


@pytest.fixture(scope="session")
def rows():
    """Numbers, and labels that are text."""
    rng = np.random.default_rng(0)
    y = np.array(["NORMAL", "PNEUMONIA"])[np.arange(90) % 2]
    X = rng.normal(size=(90, 6)) + 1.2 * (y == "PNEUMONIA")[:, None]
    return X, y


@pytest.fixture(scope="session")
def images():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = rng.integers(0, 120, (30, 12, 12, 1), dtype=np.uint8)
    X[y == 1, 4:9, 4:9] += 60
    return X, y


def small_network(**parameters):
    defaults = {"filters": (4,), "dense_units": (), "epochs": 1, "random_state": 0}
    return CNNClassifier(**(defaults | parameters))


def models_of_rows():
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    return {
        "frozen in a floor": RecallFloorClassifier(linear, recall=0.8, confidence=0.8, cv=3),
        "floor": RecallFloorClassifier(
            linear, recall=0.8, confidence=0.8, specificity=0.8, calibration="isotonic",
            cv=StratifiedKFold(3),
        ),
        "floor with temperature": RecallFloorClassifier(
            linear, recall=0.8, confidence=0.8, calibration="temperature", ensemble=False, cv=3
        ),
        "floor with sigmoid": RecallFloorClassifier(
            linear, recall=0.8, confidence=0.8, calibration="sigmoid", cv=3
        ),
        "gate of rows": InputGate(linear, false_alarm_rate=0.1, on_outlier="nan"),
        "prevalence": PriorShiftClassifier(linear, prevalence=0.1, cv=3),
        **{
            method: CalibratedClassifierCV(linear, method=method, cv=StratifiedKFold(2))
            for method in ("sigmoid", "isotonic", "temperature")
        },
        "tuned": TunedThresholdClassifierCV(linear, scoring=make_recall_scorer("PNEUMONIA"), cv=2),
        "tuned by name": TunedThresholdClassifierCV(linear, cv=KFold(2), store_cv_results=True),
        "fixed": FixedThresholdClassifier(linear, threshold=0.3, pos_label="PNEUMONIA"),
        "voting": VotingClassifier([("a", linear), ("b", GaussianNB())], voting="soft"),
        "stacking": StackingClassifier([("a", linear), ("b", LinearSVC())], cv=2),
        "reduced": make_pipeline(
            SimpleImputer(), RobustScaler(), PCA(3, whiten=True), LinearSVC(C=0.1)
        ),
        "several": make_pipeline(
            FeatureUnion([("a", TruncatedSVD(2, random_state=0)), ("b", MinMaxScaler())]),
            VarianceThreshold(),
            SelectKBest(k=4),
            SelectPercentile(percentile=60),
            MaxAbsScaler(),
            PowerTransformer(),
            QuantileTransformer(n_quantiles=20, random_state=0),
            Normalizer(),
            FunctionTransformer(),
            LinearDiscriminantAnalysis(),
        ),
        "ridge": RidgeClassifier(),
        "ridge over penalties": RidgeClassifierCV(),
        "perceptron": Perceptron(random_state=0),
        "chosen penalty": LogisticRegressionCV(
            Cs=2, cv=2, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False
        ),
        "dummy": DummyClassifier(),
        "resampled": ImbalancedPipeline(
            [
                ("adasyn", ADASYN(sampling_strategy="not majority", random_state=0)),
                ("over", RandomOverSampler(random_state=0)),
                ("smote", SMOTE(random_state=0)),
                ("borderline", BorderlineSMOTE(random_state=0)),
                ("under", RandomUnderSampler(random_state=0)),
                ("near", NearMiss()),
                ("tomek", TomekLinks()),
                ("edited", EditedNearestNeighbours()),
                ("classify", LogisticRegression()),
            ]
        ),
    }  # fmt: skip


@pytest.fixture(scope="session")
def models_on_rows(rows):
    """Fitted models, by name, that predict from rows of numbers."""
    X, y = rows
    unbalanced = np.flatnonzero((y == "NORMAL") | (np.arange(len(y)) % 3 == 0))
    models = {}
    for name, model in models_of_rows().items():
        chosen = unbalanced if name == "resampled" else slice(None)
        models[name] = model.fit(X[chosen], y[chosen])
    frozen = FrozenEstimator(models["fixed"])
    models["frozen"] = RecallFloorClassifier(frozen, recall=0.8, confidence=0.8).fit(X, y)
    return models


class FittedWhenUsed(Mapping):
    """Models by name, each fitted when it is first asked for: some tests need few of them."""

    def __init__(self, models, X, y):
        self._models, self._X, self._y = models, X, y
        self._fitted = {}

    def __getitem__(self, name):
        if name not in self._fitted:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FewPatientsWarning)
                self._fitted[name] = clone(self._models[name]).fit(self._X, self._y)
        return self._fitted[name]

    def __iter__(self):
        return iter(self._models)

    def __len__(self):
        return len(self._models)


@pytest.fixture(scope="session")
def models_on_images(images):
    """Fitted networks, by name, that predict from images."""
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    networks = {
        "network": small_network(dense_units=(8,), dropout=0.2, normalization="local"),
        "continuable": small_network(
            warm_start=True, optimizer=keras.optimizers.SGD(schedule, momentum=0.5)
        ),
        "views": small_network(augmentation=ImageAugmenter(rotation=5), n_tta=2, ema_momentum=0.9),
        "backbone": TransferClassifier("MobileNet", weights=None, epochs=1, random_state=0),
        "average": VotingClassifier(
            [(f"network{i}", small_network(random_state=i)) for i in range(2)], voting="soft"
        ),
        "gated": InputGate(
            VotingClassifier([("a", small_network()), ("b", small_network())], voting="soft"),
            on_outlier="nan",
            false_alarm_rate=0.3,
        ),
        "enhanced": Pipeline(
            [
                ("equalize", ContrastEqualizer()),
                ("crop", BorderCropper()),
                ("letters", MarkerRemover()),
                ("cnn", small_network()),
            ]
        ),
        "augmented": Pipeline(
            [
                ("augment", ImageAugmenter(rotation=5, random_state=0)),
                ("balance", ImageResampler(SMOTE(k_neighbors=2), random_state=0)),
                ("cnn", small_network()),
            ]
        ),
    }
    return FittedWhenUsed(networks, *images)


@pytest.fixture(scope="session")
def large_images(images):
    """Images as large as the features of edges need."""
    X, y = images
    return np.repeat(np.repeat(X, 2, axis=1), 2, axis=2), y


@pytest.fixture(scope="session")
def model_of_edges(large_images):
    """The recipe without a network, except for its loader."""
    return make_recipe("hog-svm", random_state=0)[-1].set_params(cv=3).fit(*large_images)


@pytest.fixture(scope="session")
def model_from_paths(xrays):
    """A small model like those of ``skpneumo fit``."""
    pipeline = Pipeline(
        [
            ("balance", ImageResampler("under", random_state=0)),
            ("load", ImageLoader(size=16)),
            ("cnn", small_network()),
        ]
    )
    return pipeline.fit(xrays.filenames, xrays.target)


@pytest.fixture(scope="session")
def other_estimators(rows):
    """Fitted estimators, by name, that are not classifiers of rows."""
    X, y = rows
    return {
        "isotonic": IsotonicRegression().fit(X[:, 0], y == "NORMAL"),
        "labels": LabelEncoder().fit(y),
        "binarized": LabelBinarizer().fit(y),
        "loader": ImageLoader(size=(16, 12), resize="pad"),
    }


@pytest.fixture
def rewrite():
    """Change the structure of a file, and correct its digests."""

    def rewrite(path: Path, change) -> Path:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        content = {
            name: json.loads(data) if name.endswith(".json") else data
            for name, data in members.items()
        }
        changed = change(content) or content
        members = {
            name: each if isinstance(each, bytes) else json.dumps(each).encode()
            for name, each in changed.items()
        }
        manifest = changed["manifest.json"]
        if isinstance(manifest, dict):
            manifest["sha256"] = {
                name: hashlib.sha256(data).hexdigest()
                for name, data in members.items()
                if name != "manifest.json"
            }
            members["manifest.json"] = json.dumps(manifest).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path

    return rewrite
