"""The choice by recall among candidates that are nearly the best, for arbitrary results."""

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skpneumo.tuning import recall_first


def results_of(recall, guard, name="balanced_accuracy"):
    """Make the results of a search from scores of shape (n_candidates, n_splits)."""
    results = {"params": [{}] * len(recall)}
    for metric, scores in (("recall", recall), (name, guard)):
        scores = np.asarray(scores, dtype=float)
        results[f"mean_test_{metric}"] = scores.mean(axis=1)
        results |= {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return results


shares = st.integers(0, 50).map(lambda n: n / 50)  # folds of some fifty patients: ties occur


@st.composite
def scores(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=6))
    return [draw(arrays(float, shape, elements=shares)) for _ in range(2)]


@given(scores(), st.sampled_from(["balanced_accuracy", "roc_auc"]))
def test_the_choice_is_nearly_the_best_and_has_the_highest_recall_of_these(scores, name):
    recall, guard = scores
    results = results_of(recall, guard, name)
    chosen = recall_first(results)
    # Means of the same scores in another order differ by rounding errors.
    recalls, guards = (results[f"mean_test_{metric}"].round(9) for metric in ("recall", name))
    best = guards.argmax()
    n_splits = guard.shape[1]
    error = guard[best].std(ddof=1) / np.sqrt(n_splits) if n_splits > 1 else 0.0
    near = guards >= guards[best] - error
    assert near[chosen]
    assert recalls[chosen] == recalls[near].max()
    # Never of less recall than the choice by the guard alone.
    assert recalls[chosen] >= recalls[best]
    equals = near & (recalls == recalls[chosen])
    assert guards[chosen] == guards[equals].max()
    assert chosen == np.flatnonzero(equals & (guards == guards[chosen]))[0]


@given(scores(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_folds_does_not_matter(scores, random):
    recall, guard = scores
    candidates, folds = list(range(len(recall))), list(range(recall.shape[1]))
    random.shuffle(candidates)
    random.shuffle(folds)
    results = results_of(recall, guard)
    other = results_of(recall[candidates][:, folds], guard[candidates][:, folds])
    means = np.stack([results["mean_test_recall"], results["mean_test_balanced_accuracy"]])
    # Sums of floats depend on their order, so choices at the very edge may differ.
    best = guard.mean(axis=1).argmax()
    edge = guard.mean(axis=1) - guard.mean(axis=1)[best]
    if recall.shape[1] > 1:
        edge = edge + guard[best].std(ddof=1) / np.sqrt(recall.shape[1])
        assume(np.abs(edge).min() > 1e-9)
    assume(len(np.unique(means[1].round(9))) == len(candidates))
    chosen, shuffled = recall_first(results), candidates[recall_first(other)]
    np.testing.assert_allclose(means[0][chosen], means[0][shuffled], atol=1e-9)


@given(scores())
def test_a_failed_candidate_is_not_chosen(scores):
    recall, guard = scores
    assume(len(recall) > 1)
    best = int(guard.mean(axis=1).argmax())
    for failed in (recall, guard):
        before = failed[best].copy()
        failed[best, 0] = np.nan
        assert recall_first(results_of(recall, guard)) != best
        failed[best] = before


def test_the_guard_decides_between_the_same_recalls_in_other_folds():
    recall = [[0.7, 0.9, 0.8], [0.7, 0.8, 0.9]]
    first, second = results_of(recall, recall)["mean_test_recall"]
    assert first > second  # by a rounding error
    assert recall_first(results_of(recall, [[0.8, 0.7, 0.9], [0.8, 0.75, 0.9]])) == 1


def test_a_model_that_predicts_every_image_as_positive_is_not_chosen():
    recall = [[0.9, 0.92, 0.94], [1.0, 1.0, 1.0], [0.95, 0.93, 0.94]]
    balanced = [[0.88, 0.91, 0.9], [0.5, 0.5, 0.5], [0.87, 0.9, 0.9]]
    results = results_of(recall, balanced)
    assert results["mean_test_recall"].argmax() == 1  # which refit="recall" would choose
    assert recall_first(results) == 2


SCORING = ["recall", "balanced_accuracy", "roc_auc"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize(
    ("kind", "options"), [(GridSearchCV, {}), (RandomizedSearchCV, {"n_iter": 2})]
)
def test_searches_of_scikit_learn_accept_it(kind, options):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 2)) + 2 * y[:, None]
    search = kind(
        DummyClassifier(strategy="constant"), {"constant": [0, 1]}, scoring=SCORING, **options
    )
    assert search.set_params(refit=recall_first).fit(X, y).best_params_ == {"constant": 1}
    search = kind(
        LogisticRegression(),
        {"class_weight": [{0: 1, 1: 1000}, None]},
        scoring=SCORING,
        cv=4,
        **options,
    )
    search.set_params(refit="recall").fit(X, y)
    assert search.best_params_["class_weight"] is not None  # scikit-learn's choice, as before
    search.set_params(refit=recall_first).fit(X, y)
    assert search.best_params_["class_weight"] is None
    search.set_params(refit=partial(recall_first, guard="roc_auc")).fit(X, y)
    assert search.best_index_ in (0, 1)


def test_without_a_guard_the_error_lists_the_metrics():
    results = results_of([[1.0]], [[1.0]], "accuracy")
    with pytest.raises(ValueError, match=r"scoring has \['recall', 'accuracy'\]. Add one"):
        recall_first(results)
    assert recall_first(results, guard="accuracy") == 0
    with pytest.raises(ValueError, match=r"no metric 'sensitivity'"):
        recall_first(results, recall="sensitivity", guard="accuracy")


def test_without_any_score_there_is_an_error():
    with pytest.raises(ValueError, match="all fits or scores failed"):
        recall_first(results_of([[np.nan]], [[1.0]]))
