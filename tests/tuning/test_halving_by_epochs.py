"""Halving by epochs: training from scratch on every rung, or continued training."""

import pickle
import shutil

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.pipeline import make_pipeline

from skpneumo import CNNClassifier, ImageLoader, Pipeline, TransferClassifier
from skpneumo.classifiers import _base
from skpneumo.tuning import ResumableHalvingGridSearchCV, _store, recall_first
from skpneumo.tuning._store import TrainedStates

RATES = {"learning_rate": [0.02, 0.01, 0.0001]}
OPTIONS = {"resource": "epochs", "max_resources": 6, "factor": 2, "cv": 2, "refit": False}


@pytest.fixture
def cnn():
    return CNNClassifier(
        filters=(),
        dense_units=(3,),
        batch_size=5,
        dropout=0.2,
        precision="float32",
        random_state=0,
    )


@pytest.fixture
def epochs(monkeypatch):
    """The number of epochs of every fit, in order."""
    run = []
    fit_network = _base.fit_network

    def counted(spec, X, y, sample_weight, training, *rest):
        run.append(training.epochs)
        return fit_network(spec, X, y, sample_weight, training, *rest)

    monkeypatch.setattr(_base, "fit_network", counted)
    return run


@pytest.mark.parametrize(
    ("kind", "options"), [(HalvingGridSearchCV, {}), (HalvingRandomSearchCV, {"n_candidates": 3})]
)
def test_halving_of_scikit_learn_works_by_epochs_of_a_pipeline(xrays, cnn, epochs, kind, options):
    pipe = Pipeline([("load", ImageLoader(size=8)), ("cnn", cnn)])
    search = kind(
        pipe,
        {"cnn__learning_rate": [0.02, 0.01, 0.0001]},
        resource="cnn__epochs",
        max_resources=3,
        min_resources=1,
        cv=2,
        random_state=0,
        scoring="recall",
        **options,
    ).fit(xrays.filenames, xrays.target)
    assert search.n_resources_ == [1, 3]
    assert search.best_params_["cnn__epochs"] == 3
    assert epochs == [1] * 6 + [3] * 2 + [3]
    assert search.predict(xrays.filenames[:4]).shape == (4,)


def test_continued_training_equals_one_long_fit(cnn, rows, epochs):
    def scores(continue_training):
        search = ResumableHalvingGridSearchCV(
            cnn, RATES, continue_training=continue_training, scoring="neg_log_loss", **OPTIONS
        ).fit(*rows)
        return search.n_resources_, search.cv_results_["mean_test_score"]

    rungs, from_scratch = scores(continue_training=False)
    assert rungs == [3, 6]
    assert epochs == [3] * 6 + [6] * 4
    epochs.clear()
    _, continued = scores(continue_training=True)
    assert epochs == [3] * 6 + [3] * 4
    np.testing.assert_array_equal(continued, from_scratch)


def test_a_pipeline_continues_as_well(xrays, cnn, epochs):
    def scores(continue_training):
        search = ResumableHalvingGridSearchCV(
            Pipeline([("load", ImageLoader(size=8)), ("cnn", cnn)]),
            {"cnn__learning_rate": [0.02, 0.01, 0.0001]},
            continue_training=continue_training,
            scoring="neg_log_loss",
            **OPTIONS | {"resource": "cnn__epochs", "max_resources": 3, "factor": 3},
        ).fit(xrays.filenames, xrays.target)
        return search.cv_results_["mean_test_score"]

    continued = scores(continue_training=True)
    assert epochs == [1] * 6 + [2] * 2
    np.testing.assert_array_equal(continued, scores(continue_training=False))


def test_candidates_may_be_networks(cnn, rows, epochs):
    networks = [
        CNNClassifier(**cnn.get_params() | {"learning_rate": rate}) for rate in (0.02, 0.01)
    ]
    pipe = Pipeline([("cnn", cnn)])
    ResumableHalvingGridSearchCV(
        pipe,
        {"cnn": networks},
        continue_training=True,
        **OPTIONS | {"resource": "cnn__epochs", "max_resources": 4, "min_resources": 2},
    ).fit(*rows)
    assert epochs == [2] * 4 + [2] * 2


def test_the_best_estimator_is_one_fit_from_scratch(cnn, rows, epochs):
    search = ResumableHalvingGridSearchCV(
        cnn, RATES, continue_training=True, **OPTIONS | {"refit": True}
    ).fit(*rows)
    assert epochs[-1] == search.best_params_["epochs"] == 6
    fresh = CNNClassifier(**cnn.get_params() | search.best_params_).fit(*rows)
    np.testing.assert_array_equal(search.predict_proba(rows[0]), fresh.predict_proba(rows[0]))
    assert not search.best_estimator_.warm_start


def test_a_choice_of_ones_own_is_refused_before_the_search(cnn, rows, epochs):
    search = ResumableHalvingGridSearchCV(cnn, RATES, **OPTIONS | {"refit": recall_first})
    with pytest.raises(ValueError, match=r"recall_first.* would not be used.* Set refit=True; or"):
        search.fit(*rows)
    assert epochs == []


def interrupted(search, rows, monkeypatch, n_fits=6):
    """Interrupt the search, by default after its first rung of six fits."""
    fits = []
    with monkeypatch.context() as patch:
        plain = _base.fit_network

        def breaking(*arguments):
            if len(fits) == n_fits:
                raise KeyboardInterrupt
            fits.append(arguments)
            return plain(*arguments)

        patch.setattr(_base, "fit_network", breaking)
        with pytest.raises(KeyboardInterrupt):
            search.fit(*rows)


def continuing(cnn, store, grid=RATES, **options):
    options = {"continue_training": True, "scoring": "neg_log_loss", **OPTIONS, **options}
    return ResumableHalvingGridSearchCV(cnn, grid, store=store, **options)


def test_an_interrupted_search_continues_from_its_states(cnn, rows, epochs, tmp_path, monkeypatch):
    interrupted(continuing(cnn, tmp_path, error_score="raise"), rows, monkeypatch, n_fits=8)
    assert epochs == [3] * 8
    states = list((tmp_path / "unfinished").rglob("*.npz"))
    assert len(states) == 6  # each fold of each candidate, once
    epochs.clear()
    whole = continuing(cnn, tmp_path, error_score="raise").fit(*rows)
    assert epochs == [3] * 2
    assert whole.n_restored_ == 8
    assert list((tmp_path / "unfinished").rglob("*.npz")) == []
    again = continuing(cnn, tmp_path, error_score="raise").fit(*rows)
    assert again.n_restored_ == 10
    straight = continuing(cnn, None, continue_training=False)
    np.testing.assert_array_equal(
        whole.cv_results_["mean_test_score"], straight.fit(*rows).cv_results_["mean_test_score"]
    )


def test_two_searches_in_a_store_have_their_own_states(cnn, rows, tmp_path, monkeypatch):
    """When one search ends, it does not remove or use the states of the other."""
    interrupted(continuing(cnn, tmp_path), rows, monkeypatch)
    (folder,) = (tmp_path / "unfinished").iterdir()
    states = sorted(folder.iterdir())
    assert len(states) == 6
    continuing(cnn, tmp_path, {"learning_rate": [0.02, 0.001]}, max_resources=4).fit(*rows)
    assert sorted(folder.iterdir()) == states


@pytest.mark.parametrize("method", ["restore", "save"])
def test_another_process_with_the_same_search_may_remove_its_states(
    method, cnn, rows, tmp_path, monkeypatch
):
    """It does so with the state of a rung after the next, and with all of them at its end."""
    plain = getattr(TrainedStates, method)
    atomic_write = _store.atomic_write

    def remove():
        shutil.rmtree(tmp_path / "unfinished")

    def after_the_other(*arguments):
        with monkeypatch.context() as patch:
            if method == "restore":
                remove()
            else:
                patch.setattr(
                    _store, "atomic_write", lambda *given: (remove(), atomic_write(*given))[1]
                )
            return plain(*arguments)

    monkeypatch.setattr(TrainedStates, method, after_the_other)
    np.testing.assert_array_equal(
        continuing(cnn, tmp_path).fit(*rows).cv_results_["mean_test_score"],
        continuing(cnn, None).fit(*rows).cv_results_["mean_test_score"],
    )


def test_a_missing_state_is_trained_again_rung_by_rung(cnn, rows, epochs, tmp_path, monkeypatch):
    """With a schedule, two fits of three epochs differ from one of six."""
    cnn.set_params(schedule="cosine")
    interrupted(continuing(cnn, tmp_path), rows, monkeypatch)
    for path in (tmp_path / "unfinished").rglob("*.npz"):
        path.unlink()
    epochs.clear()
    again = continuing(cnn, tmp_path).fit(*rows)
    assert (epochs, again.n_restored_) == ([3, 3] * 4, 6)
    np.testing.assert_array_equal(
        again.cv_results_["mean_test_score"],
        continuing(cnn, None).fit(*rows).cv_results_["mean_test_score"],
    )


def test_a_foreign_state_is_named_and_runs_no_code(cnn, rows, tmp_path, monkeypatch, makes_folder):
    interrupted(continuing(cnn, tmp_path), rows, monkeypatch)
    for path in (tmp_path / "unfinished").rglob("*.npz"):
        path.write_bytes(pickle.dumps(makes_folder(tmp_path / "it-ran")))
        path.with_suffix(".joblib").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"-3\.npz is not the state of a search"):
        continuing(cnn, tmp_path).fit(*rows)
    assert not (tmp_path / "it-ran").exists()


def test_with_and_without_continuing_do_not_share_results(cnn, rows, tmp_path):
    cnn.set_params(schedule="cosine")
    scores = [
        continuing(cnn, tmp_path, continue_training=continues).fit(*rows)
        for continues in (True, False)
    ]
    assert scores[1].n_restored_ == 0
    first_rung = scores[0].cv_results_["iter"] == 0
    restarted, straight = (each.cv_results_["mean_test_score"] for each in scores)
    np.testing.assert_array_equal(restarted[first_rung], straight[first_rung])
    assert not np.array_equal(restarted[~first_rung], straight[~first_rung])


@pytest.mark.parametrize(
    ("estimator", "resource", "message"),
    [
        (CNNClassifier(), "n_samples", "'epochs'"),
        (CNNClassifier(), "batch_size", "'epochs'"),
        (Pipeline([("cnn", CNNClassifier())]), "n_samples", "'cnn__epochs'"),
        (make_pipeline(LogisticRegression()), "logisticregression__max_iter", "rung to rung"),
        (TransferClassifier(fine_tune_from="conv_pw_13"), "epochs", "two phases"),
    ],
)
def test_estimators_that_cannot_continue_are_refused(estimator, resource, message, rows):
    search = ResumableHalvingGridSearchCV(
        estimator, {}, resource=resource, max_resources=4, continue_training=True, cv=2
    )
    with pytest.raises(ValueError, match=message):
        search.fit(*rows)
