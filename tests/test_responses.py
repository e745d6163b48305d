"""Scores and decisions are those of the classifier, reading every image once."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC

from skpneumo import CNNClassifier
from skpneumo._responses import (
    how_to_get_probabilities,
    probabilities_and_labels,
    scores_and_decisions,
    scores_of,
)
from skpneumo.decision import RecallFloorClassifier
from skpneumo.pipeline import make_pipeline

RNG = np.random.default_rng(0)
Y = np.arange(240) % 2
X = RNG.normal(size=(240, 4)) + 0.8 * Y[:, np.newaxis]


class Reader(TransformerMixin, BaseEstimator):
    """Counts the rows it transforms, as the loader would decode files."""

    n_read = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        Reader.n_read += len(X)
        return X

    def __sklearn_is_fitted__(self):
        return True


def floor(estimator, **options):
    return RecallFloorClassifier(estimator, recall=0.8, confidence=0.8, **options)


def network():
    return CNNClassifier(filters=(), epochs=1, random_state=0)


MODELS = {
    "probabilities": lambda: make_pipeline(Reader(), GaussianNB()),
    "decision function": lambda: make_pipeline(Reader(), "passthrough", LinearSVC()),
    "probabilities that predict does not follow": lambda: make_pipeline(
        Reader(), SVC(probability=True, random_state=0)
    ),
    "network": lambda: make_pipeline(Reader(), network()),
    "search": lambda: GridSearchCV(
        make_pipeline(Reader(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2
    ),
    "fixed threshold": lambda: FixedThresholdClassifier(
        make_pipeline(Reader(), LogisticRegression()), threshold=0.8
    ),
    "fixed threshold of the other class": lambda: FixedThresholdClassifier(
        make_pipeline(Reader(), LogisticRegression()), threshold=0.3, pos_label=0
    ),
    "fixed threshold on the decision function": lambda: FixedThresholdClassifier(
        make_pipeline(Reader(), LogisticRegression()),
        threshold=0.5,
        response_method="decision_function",
    ),
    "default threshold": lambda: FixedThresholdClassifier(
        make_pipeline(Reader(), LogisticRegression())
    ),
    "tuned threshold of the other class": lambda: TunedThresholdClassifierCV(
        make_pipeline(Reader(), LogisticRegression()),
        scoring=make_scorer(f1_score, pos_label=0),
        cv=2,
    ),
    "tuned threshold": lambda: TunedThresholdClassifierCV(
        make_pipeline(Reader(), LogisticRegression()), cv=2
    ),
    "recall floor": lambda: floor(make_pipeline(Reader(), LogisticRegression())),
    "recall floor of the other class": lambda: floor(
        make_pipeline(Reader(), LogisticRegression()), pos_label=0
    ),
    "pipeline that ends in a recall floor": lambda: make_pipeline(
        Reader(), floor(LogisticRegression(), calibration="temperature")
    ),
    "frozen": lambda: FrozenEstimator(make_pipeline(Reader(), GaussianNB()).fit(X, Y)),
}


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("pos_label", [1, 0])
@pytest.mark.parametrize("model", MODELS)
def test_responses_are_those_of_the_classifier_at_one_reading(model, pos_label):
    model = MODELS[model]().fit(X, Y)
    Reader.n_read = 0
    score, called = scores_and_decisions(model, X, pos_label)
    assert Reader.n_read == len(X)
    np.testing.assert_array_equal(score, scores_of(model, X, pos_label))
    np.testing.assert_array_equal(called, model.predict(X) == pos_label)


def test_scores_of_pairs_of_classes_are_not_scores_of_a_class():
    y = np.arange(240) % 3
    for shape in ("ovo", "ovr"):
        model = make_pipeline(SVC(decision_function_shape=shape)).fit(X, y)
        score, called = scores_and_decisions(model, X, 2)
        np.testing.assert_array_equal(called, model.predict(X) == 2)
        if shape == "ovo":
            assert score is None
        else:
            np.testing.assert_array_equal(score, model.decision_function(X)[:, 2])


def test_scores_of_stacking_are_those_of_its_final_estimator():
    y = np.arange(240) % 3
    pairs = SVC(decision_function_shape="ovo")
    for first, last in ((pairs, SVC()), (SVC(), pairs)):
        model = StackingClassifier([("svm", first)], final_estimator=last, cv=2).fit(X, y)
        assert (scores_of(model, X, 2) is None) == (last is pairs)


def test_classifier_of_three_classes_is_asked_once():
    y = np.arange(240) % 3
    model = make_pipeline(Reader(), network()).fit(X, y)
    Reader.n_read = 0
    _, called = scores_and_decisions(model, X, 2)
    assert Reader.n_read == len(X)
    np.testing.assert_array_equal(called, model.predict(X) == 2)


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("model", [name for name in MODELS if name != "decision function"])
def test_labels_and_probabilities_are_those_of_the_classifier_at_one_reading(model):
    model = MODELS[model]().fit(X, Y)
    Reader.n_read = 0
    probabilities, labels = probabilities_and_labels(model, X)
    assert Reader.n_read == len(X)
    np.testing.assert_array_equal(probabilities, model.predict_proba(X))
    np.testing.assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize(
    ("member", "said"),
    [(GaussianNB(), "needs no new fit"), (LinearSVC(), "of classifiers with predict_proba")],
)
def test_soft_voting_is_advised_where_it_is_possible(member, said):
    voting = make_pipeline(VotingClassifier([("one", member)])).fit(X, Y)
    assert said in how_to_get_probabilities(voting)
    voting.set_params(votingclassifier__voting="soft")
    if "no new fit" in said:
        assert voting.predict_proba(X).shape == (len(X), 2)


def test_another_classifier_is_advised_where_voting_is_inside_a_search():
    """The search has fitted copies, which its parameters do not reach."""
    search = GridSearchCV(VotingClassifier([("one", GaussianNB())]), {}).fit(X, Y)
    assert how_to_get_probabilities(search) == "Use a classifier with predict_proba."
