"""Out-of-fold predictions: candidates, rows, and the store."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skpneumo.tuning import ResumableGridSearchCV, ResumableHalvingGridSearchCV

GRID = {"C": [0.001, 1.0]}
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    return rng.normal(size=(30, 4)) + y[:, None], y


def search(estimator=None, grid=GRID, **options):
    options = {"cv": FOLDS, "refit": False, "store_predictions": True, **options}
    return ResumableGridSearchCV(estimator or LogisticRegression(), grid, **options)


@pytest.mark.parametrize("labels", [[0, 1], ["NORMAL", "PNEUMONIA"]])
@pytest.mark.parametrize("kind", [object, None])
@pytest.mark.parametrize("stored", [False, True])
def test_each_row_is_predicted_by_a_fit_without_it(table, labels, kind, stored, tmp_path):
    X, y = table
    y = np.array(labels, dtype=kind)[y] if isinstance(labels[0], str) else y
    store = tmp_path if stored else None
    fitted = search(store=store).fit(X, y)
    for candidate, C in enumerate(GRID["C"]):
        estimator = LogisticRegression(C=C)
        all_of_them = fitted.predictions_
        own = all_of_them[all_of_them["candidate"] == candidate].set_index("row").sort_index()
        assert own.index.tolist() == list(range(30))
        expected = cross_val_predict(estimator, X, y, cv=FOLDS)
        assert own["y_pred"].tolist() == expected.tolist()
        proba = cross_val_predict(estimator, X, y, cv=FOLDS, method="predict_proba")
        np.testing.assert_allclose(own[[f"proba_{label}" for label in labels]], proba)
        for fold, (_, test) in enumerate(FOLDS.split(X, y)):
            assert sorted(own.index[own["fold"] == fold]) == sorted(test)
    if stored:
        again = search(store=store).fit(X, y)
        assert again.n_restored_ == 6
        pd.testing.assert_frame_equal(again.predictions_, fitted.predictions_, check_dtype=False)


def test_there_are_no_predictions_by_default(table, tmp_path):
    fitted = search(store=tmp_path, store_predictions=False).fit(*table)
    assert not hasattr(fitted, "predictions_")
    assert list(tmp_path.glob("*.npz")) == []


def test_predictions_of_an_earlier_fit_are_not_left(table):
    fitted = search().fit(*table)
    fitted.set_params(store_predictions=False).fit(*table)
    assert not hasattr(fitted, "predictions_")


def test_a_result_without_predictions_is_not_used_if_they_are_required(counting, rows, tmp_path):
    grid = {"answer": [0, 1]}
    search(counting(), grid, store=tmp_path, store_predictions=False).fit(*rows)
    fitted = search(counting(), grid, store=tmp_path).fit(*rows)
    assert (fitted.n_restored_, counting.n_fits) == (0, 12)
    assert list(fitted.predictions_) == ["candidate", "fold", "row", "y_pred"]
    plain = search(counting(), grid, store=tmp_path, store_predictions=False).fit(*rows)
    assert plain.n_restored_ == 6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("fails", [[True, False], [False, True]])
def test_failed_fits_have_no_predictions(counting, rows, fails):
    fitted = search(counting(), {"fails": fails}).fit(*rows)
    assert set(fitted.predictions_["candidate"]) == {fails.index(False)}


def test_halving_predicts_the_rows_of_each_rung(counting, rows):
    fitted = ResumableHalvingGridSearchCV(
        counting(),
        {"answer": [0, 1, 2]},
        cv=2,
        random_state=0,
        refit=False,
        store_predictions=True,
    ).fit(*rows)
    n_rows = fitted.predictions_.groupby("candidate").size()
    assert n_rows.index.tolist() == list(range(len(fitted.cv_results_["params"])))
    sizes = dict(enumerate(fitted.cv_results_["n_resources"]))
    assert all(n <= sizes[row] for row, n in n_rows.items())
    assert n_rows.iloc[-1] > n_rows.iloc[0]


class Silent(BaseEstimator):
    def fit(self, X, y):
        return self

    def score(self, X, y):
        return 1.0


def test_an_estimator_without_predict_is_refused(table):
    with pytest.raises(TypeError, match=r"store_predictions=True, but Silent has no predict"):
        search(Silent(), {}).fit(*table)


def test_labels_that_need_pickle_are_refused(table, tmp_path):
    class Bytes(LogisticRegression):
        def fit(self, X, y):
            self.classes_ = np.array([b"\0", b"\1"], dtype=object)
            return self

        def predict(self, X):
            return self.classes_[np.zeros(len(X), dtype=int)]

        def predict_proba(self, X):
            return np.ones((len(X), 2)) / 2

        def score(self, X, y):
            return 1.0

    with pytest.raises(TypeError, match="bytes cannot be saved"):
        search(Bytes(), {}, store=tmp_path).fit(*table)


def spoiled(path, foreign):
    path.write_bytes(path.read_bytes()[:40])


def replaced_by_a_pickle(path, foreign):
    path.write_bytes(pickle.dumps(foreign))


def with_a_pickle_inside(path, foreign):
    np.savez(path, rows=np.array([foreign], dtype=object), y_pred=np.zeros(1))


@pytest.mark.parametrize("change", [spoiled, replaced_by_a_pickle, with_a_pickle_inside])
def test_a_foreign_file_of_predictions_is_named_and_runs_no_code(
    change, table, tmp_path, makes_folder
):
    search(store=tmp_path).fit(*table)
    path = next(tmp_path.glob("*.npz"))
    change(path, makes_folder(tmp_path / "it-ran"))
    with pytest.raises(ValueError, match=path.stem):
        search(store=tmp_path).fit(*table)
    assert not (tmp_path / "it-ran").exists()
