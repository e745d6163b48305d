"""Warnings are shown for the line of the user, however deep they are raised."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skpneumo import PatientKFold, make_pipeline, patient_train_test_split
from skpneumo.datasets import UnknownPatientsWarning
from skpneumo.decision import (
    InputGate,
    OutlierImageWarning,
    PriorShiftClassifier,
    RecallFloorClassifier,
)
from skpneumo.evaluation import (
    ThresholdDisplay,
    compare,
    compare_predictions,
    decision_curve,
    decision_curve_predictions,
    evaluate,
    evaluate_predictions,
    persistent_errors,
)
from skpneumo.report import EvaluationReport

Y = np.tile([0, 1], 40)
X = np.random.default_rng(0).normal(size=(80, 2)) + 2 * Y[:, np.newaxis]
NAMES = [f"scan{row}.png" for row in range(80)]
MODEL = LogisticRegression().fit(X, Y)
SCORE = MODEL.predict_proba(X)[:, 1]
LINEAR = LogisticRegression()


@pytest.mark.parametrize(
    "act",
    [
        lambda: evaluate(MODEL, X, Y),
        lambda: evaluate_predictions(Y, SCORE, filenames=NAMES),
        lambda: compare(MODEL, MODEL, X, Y),
        lambda: compare_predictions(Y, SCORE, SCORE),
        lambda: decision_curve(MODEL, X, Y),
        lambda: decision_curve_predictions(Y, SCORE),
        lambda: persistent_errors(Y, [MODEL, MODEL], X=X),
        lambda: ThresholdDisplay.from_estimator(MODEL, X, Y),
        lambda: list(PatientKFold(2).split(NAMES, Y)),
        lambda: patient_train_test_split(NAMES, Y),
        lambda: RecallFloorClassifier(LINEAR, recall=0.5).fit(X, Y),
        lambda: RecallFloorClassifier(LINEAR, recall=0.5).n_fits(X, Y),
        lambda: InputGate(LINEAR, false_alarm_rate=0.2).fit(X, Y),
        lambda: PriorShiftClassifier(LINEAR, cv=2).fit(X, Y),
        lambda: PriorShiftClassifier(LINEAR, cv=2).fit(X, Y, groups=range(80)).adapt(X),
        # Through scikit-learn.
        lambda: make_pipeline(RecallFloorClassifier(LINEAR, recall=0.5)).fit(X, Y),
        lambda: cross_val_score(RecallFloorClassifier(LINEAR, recall=0.5), X, Y, cv=2),
    ],
)
def test_unknown_patients(act):
    with pytest.warns(UnknownPatientsWarning) as caught:
        act()
    assert {each.filename for each in caught} == {__file__}


def test_unknown_patients_of_a_report():
    with pytest.warns(UnknownPatientsWarning) as caught:
        EvaluationReport.from_estimator(MODEL, X, Y)
    assert {each.filename for each in caught} == {__file__}


def test_withheld_images_of_a_gate_in_a_pipeline():
    model = make_pipeline("passthrough", InputGate(LINEAR, false_alarm_rate=0.2))
    model.fit(X, Y, inputgate__groups=range(80))
    with pytest.warns(OutlierImageWarning) as caught:
        model.predict(X + 100)
    assert caught[0].filename == __file__
