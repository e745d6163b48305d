"""``predict_log_proba`` of classifiers, pipelines and wrappers."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    PatientKFold,
    make_chest_xray,
    make_pipeline,
)
from skpneumo._log_probabilities import LogProbaMixin
from skpneumo.decision import InputGate, PriorShiftClassifier, RecallFloorClassifier
from skpneumo.persistence import OnnxClassifier

CNN = CNNClassifier(filters=(), dense_units=(), epochs=1, random_state=0)


@pytest.fixture(scope="module")
def xrays():
    return make_chest_xray(n_patients=12, size=(32, 40), random_state=0)


@pytest.mark.parametrize("search", [False, True])
def test_of_a_pipeline_and_of_a_search(xrays, search):
    model = make_pipeline(ImageLoader(size=8), CNN)
    if search:
        model = GridSearchCV(model, {"cnnclassifier__epochs": [1]}, cv=PatientKFold(2))
    model.fit(xrays.X, xrays.target)
    np.testing.assert_array_equal(
        model.predict_log_proba(xrays.X), np.log(model.predict_proba(xrays.X))
    )


def test_out_of_fold(xrays):
    model = make_pipeline(ImageLoader(size=8), CNN)

    def out_of_fold(method):
        return cross_val_predict(model, xrays.X, xrays.target, cv=PatientKFold(2), method=method)

    np.testing.assert_allclose(
        out_of_fold("predict_log_proba"), np.log(out_of_fold("predict_proba")), rtol=1e-5
    )


@pytest.mark.parametrize(
    "wrapper",
    [
        RecallFloorClassifier(LogisticRegression(), recall=0.5),
        PriorShiftClassifier(LogisticRegression(), prevalence=0.1),
    ],
    ids=lambda wrapper: type(wrapper).__name__,
)
def test_of_wrappers(wrapper):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    model = wrapper.fit(X, y, groups=range(60))
    np.testing.assert_array_equal(model.predict_log_proba(X), np.log(model.predict_proba(X)))


class Sure(LogProbaMixin, ClassifierMixin, BaseEstimator):
    def predict_proba(self, X):
        return np.array([[0.0, 1.0], [np.nan, np.nan]])


def test_of_zero_and_of_withheld_images():
    np.testing.assert_array_equal(
        Sure().predict_log_proba([[0], [1]]), [[-np.inf, 0.0], [np.nan, np.nan]]
    )


@pytest.mark.parametrize("classifier", [InputGate, OnnxClassifier])
def test_the_gate_and_exported_models_have_it_too(classifier):
    assert classifier.predict_log_proba is LogProbaMixin.predict_log_proba
