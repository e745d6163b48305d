"""Patients reach the estimators that can use them, and no others."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
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
        (make_pipeline(ImageResampler("over"), HoldsOut()), "holdsout__groups"),
        # New rows have no patient.
        (make_pipeline(ImageResampler(SMOTE()), HoldsOut()), None),
        (make_pipeline(ImageResampler("over"), SMOTE(), HoldsOut()), None),
        # These pipelines do not resample arguments with the rows.
        (make_imblearn_pipeline(ImageResampler("over"), HoldsOut()), None),
        (make_imblearn_pipeline(RandomUnderSampler(), HoldsOut()), None),
        (GridSearchCV(HoldsOut(), {}, cv=PatientKFold()), "groups"),
        (GridSearchCV(HoldsOut(), {}, cv=KFold()), None),
        (GridSearchCV(HoldsOut(), {}), None),
        (GridSearchCV(HoldsOut(), {}, cv=OwnSplitter()), "groups"),
        (GridSearchCV(HoldsOut(), {}, cv=[([0], [1])]), None),
        (GridSearchCV(make_pipeline(HoldsOut()), {}), "holdsout__groups"),
        (ManySteps(), None),
        (FrozenEstimator(make_pipeline(HoldsOut())), None),
    ],
)
def test_argument_of_fit(estimator, name):
    assert groups_for(estimator, GROUPS) == ({} if name is None else {name: GROUPS})
    assert groups_for(estimator, None) == {}


def test_splitter_and_estimator_of_a_search_get_the_patients():
    search = GridSearchCV(make_pipeline(HoldsOut()), {}, cv=PatientKFold())
    names = ["groups", "holdsout__groups"]
    assert groups_for(search, GROUPS) == dict.fromkeys(names, GROUPS)
    within = [f"gridsearchcv__{name}" for name in names]
    assert groups_for(make_pipeline(search), GROUPS) == dict.fromkeys(within, GROUPS)


OVER, NEW_ROWS = ImageResampler("over"), ImageResampler(SMOTE())


@pytest.mark.parametrize(
    ("pipeline", "grid", "passed"),
    [
        (make_pipeline(OVER, HoldsOut()), {"holdsout": [HoldsOut(), LogisticRegression()]}, False),
        (make_pipeline(OVER, HoldsOut()), [{}, {"holdsout": [GaussianNB()]}], False),
        (make_pipeline(OVER, HoldsOut()), {"holdsout": [HoldsOut()]}, True),
        (make_pipeline(OVER, HoldsOut()), {"imageresampler__sampler": ["under", SMOTE()]}, False),
        (make_pipeline(OVER, HoldsOut()), {"imageresampler__sampler": ["under", "over"]}, True),
        (make_pipeline(OVER, HoldsOut()), {"imageresampler": ["passthrough", NEW_ROWS]}, False),
        (make_pipeline(OVER, HoldsOut()), {"imageresampler": ["passthrough", None]}, True),
        (make_imblearn_pipeline("passthrough", HoldsOut()), {"passthrough": [OVER]}, False),
    ],
)
def test_patients_are_passed_only_if_all_candidates_of_a_search_can_use_them(
    pipeline, grid, passed
):
    search = GridSearchCV(pipeline, grid)
    assert groups_for(search, GROUPS) == ({"holdsout__groups": GROUPS} if passed else {})


@pytest.mark.parametrize("resampler", [None, ImageResampler("over"), ImageResampler("under")])
@pytest.mark.parametrize("searched", [False, True])
def test_the_floor_hands_the_patients_on_row_by_row(resampler, searched):
    """Each row is a number that tells its patient."""
    patients = np.arange(120) // 3
    y = (patients % 5 > 1).astype(int)
    seen = []

    class Records(GaussianNB):
        def fit(self, X, y, groups=None):
            seen.append(np.array_equal(np.asarray(X)[:, 0] // 3, groups))
            return super().fit(X, y)

    model = make_pipeline(*([] if resampler is None else [resampler]), Records())
    if searched:
        model = GridSearchCV(model, {"records__var_smoothing": [1e-9, 1e-8]}, cv=PatientKFold(2))
    RecallFloorClassifier(model, recall=0.5).fit(np.arange(120.0)[:, None], y, groups=patients)
    assert seen == [True] * (5 if searched else 1)


@config_context(enable_metadata_routing=True)
def test_with_metadata_routing_it_is_called_groups():
    asks = HoldsOut().set_fit_request(groups=True)
    assert groups_for(make_pipeline(asks), GROUPS) == {"groups": GROUPS}
    assert groups_for(make_pipeline(HoldsOut().set_fit_request(groups=False)), GROUPS) == {}
    assert groups_for(LogisticRegression(), GROUPS) == {}
