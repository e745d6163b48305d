"""Patients reach the estimators that can use them, and no others."""

import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline

from skpneumo import ImageResampler, PatientKFold, make_pipeline
from skpneumo._fit_arguments import groups_for
from skpneumo.decision import RecallFloorClassifier

GROUPS = ["ann", "bob"]


class HoldsOut(ClassifierMixin, BaseEstimator):
    """Stands for a network with early stopping."""

    def fit(self, X, y, groups=None):
        return self

    def predict_proba(self, X):
        return X


class ManySteps(LogisticRegression):
    """Has an attribute like that of a pipeline."""

    steps = 100


class OwnSplitter:
    """Has the methods of a splitter without a base of scikit-learn."""

    def split(self, X, y=None, groups=None):
        return iter(())

    def get_n_splits(self, X=None, y=None, groups=None):
        return 0


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (LogisticRegression(), None),
        (HoldsOut(), "groups"),
        (RecallFloorClassifier(LogisticRegression()), "groups"),
        (make_pipeline(HoldsOut()), "holdsout__groups"),
        (make_sklearn_pipeline("passthrough", HoldsOut()), "holdsout__groups"),
        (make_pipeline(make_pipeline(HoldsOut())), "pipeline__holdsout__groups"),
        (make_pipeline(LogisticRegression()), None),
        # New rows have no patient.
        (make_pipeline(ImageResampler("over"), HoldsOut()), None),
        (GridSearchCV(HoldsOut(), {}, cv=PatientKFold()), "groups"),
        (GridSearchCV(HoldsOut(), {}, cv=KFold()), None),
        (GridSearchCV(HoldsOut(), {}), None),
        (GridSearchCV(HoldsOut(), {}, cv=OwnSplitter()), "groups"),
        (GridSearchCV(HoldsOut(), {}, cv=[([0], [1])]), None),
        (ManySteps(), None),
        (FrozenEstimator(make_pipeline(HoldsOut())), None),
    ],
)
def test_argument_of_fit(estimator, name):
    assert groups_for(estimator, GROUPS) == ({} if name is None else {name: GROUPS})
    assert groups_for(estimator, None) == {}


@config_context(enable_metadata_routing=True)
def test_with_metadata_routing_it_is_called_groups():
    asks = HoldsOut().set_fit_request(groups=True)
    assert groups_for(make_pipeline(asks), GROUPS) == {"groups": GROUPS}
    assert groups_for(make_pipeline(HoldsOut().set_fit_request(groups=False)), GROUPS) == {}
    assert groups_for(LogisticRegression(), GROUPS) == {}
