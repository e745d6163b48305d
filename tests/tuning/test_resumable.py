"""Saved results are not computed again, and no other results are used."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer, recall_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, StratifiedKFold

import skpneumo
from skpneumo.loading import ImageArray, ImageStream
from skpneumo.tuning import (
    ResumableGridSearchCV,
    ResumableHalvingGridSearchCV,
    ResumableHalvingRandomSearchCV,
    ResumableRandomizedSearchCV,
    _evaluation,
    _keys,
)
from skpneumo.tuning._keys import data_key, key_of

GRID = {"answer": [0, 1]}


@pytest.fixture
def search(counting, tmp_path):
    def make(estimator=None, grid=GRID, **options):
        options = {"cv": 3, "refit": False, "store": tmp_path / "store", **options}
        return ResumableGridSearchCV(estimator or counting(), grid, **options)

    return make


def test_without_a_store_results_equal_those_of_scikit_learn(counting, rows):
    ours = ResumableGridSearchCV(counting(), GRID, cv=3).fit(*rows)
    theirs = GridSearchCV(counting(), GRID, cv=3).fit(*rows)
    assert set(ours.cv_results_) - set(theirs.cv_results_) == {"peak_memory_mb"}
    for name in ("mean_test_score", "split2_test_score", "rank_test_score", "params"):
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name])
    assert ours.best_params_ == theirs.best_params_
    assert ours.n_restored_ == 0
    assert not hasattr(ours, "_run")


def test_results_are_read_from_the_store(search, counting, rows):
    first = search().fit(*rows)
    assert (counting.n_fits, first.n_restored_) == (6, 0)
    second = search().fit(*rows)
    assert (counting.n_fits, second.n_restored_) == (6, 6)
    assert second.cv_results_.keys() == first.cv_results_.keys()
    for name in first.cv_results_:
        np.testing.assert_array_equal(second.cv_results_[name], first.cv_results_[name])


def test_only_new_candidates_are_fitted(search, counting, rows):
    search().fit(*rows)
    larger = search(grid={"answer": [1, 2, 0]}).fit(*rows)
    assert (counting.n_fits, larger.n_restored_) == (9, 6)
    np.testing.assert_allclose(larger.cv_results_["mean_test_score"], [0.5, 0, 0.5])


def test_the_best_is_refitted_each_time(search, counting, rows):
    search(refit=True).fit(*rows)
    again = search(refit=True).fit(*rows)
    assert counting.n_fits == 8
    assert again.predict(rows[0]).tolist() == [0] * 30


@pytest.mark.parametrize("name", ["n_jobs", "verbose"])
def test_parameters_without_effect_do_not_change_the_key(name, search, counting, rows):
    search().fit(*rows)
    assert search(counting(**{name: 2})).fit(*rows).n_restored_ == 6


def test_other_data_folds_scorers_and_options_have_other_results(search, counting, rows):
    X, y = rows
    search().fit(X, y)
    brighter = X.copy()
    brighter[0, 0, 0, 0] += 1
    assert search().fit(brighter, y).n_restored_ == 0
    assert search().fit(X, y[::-1].copy()).n_restored_ == 0
    shuffled = StratifiedKFold(3, shuffle=True, random_state=1)
    assert search(cv=shuffled).fit(X, y).n_restored_ == 0
    assert search(scoring="recall").fit(X, y).n_restored_ == 0
    assert search(scoring=make_scorer(recall_score, pos_label=0)).fit(X, y).n_restored_ == 0
    assert search(return_train_score=True).fit(X, y).n_restored_ == 0
    assert search().fit(X, y).n_restored_ == 6


def test_changed_files_are_other_data(search, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(12)]
    for path in paths:
        with open(path, "w") as file:
            file.write("an image")
    y = np.arange(12) % 2
    search().fit(paths, y)
    assert search().fit(np.array(paths, dtype=object), y).n_restored_ == 6
    os.utime(paths[3], (1, 1))
    assert search().fit(paths, y).n_restored_ == 0
    # Two files of one size and time change places.
    os.utime(paths[4], (1, 1))
    search().fit(paths, y)
    between = str(tmp_path / "between.png")
    for old, new in ((paths[3], between), (paths[4], paths[3]), (between, paths[4])):
        os.rename(old, new)
    assert search().fit(paths, y).n_restored_ == 0


def test_a_parameter_that_names_a_file_changes_with_it(counting, tmp_path):
    weights = tmp_path / "weights.npz"
    keys = []
    for content in (b"one", b"two"):
        weights.write_bytes(content)
        keys += [key_of(estimator=counting(answer=name)) for name in (weights, weights)]
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_several_metrics_are_saved(search, rows):
    options = {"scoring": ["recall", "accuracy"]}
    first = search(**options).fit(*rows).cv_results_
    second = search(**options).fit(*rows)
    assert second.n_restored_ == 6
    np.testing.assert_array_equal(second.cv_results_["mean_test_recall"], [0, 1])
    np.testing.assert_array_equal(second.cv_results_["std_fit_time"], first["std_fit_time"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_failed_fits_are_tried_again(search, counting, rows):
    grid = {"fails": [False, True]}
    search(grid=grid).fit(*rows)
    again = search(grid=grid).fit(*rows)
    assert again.n_restored_ == 3
    assert counting.n_fits == 9
    assert np.isnan(again.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_a_record_describes_its_fit(search, rows, tmp_path):
    search().fit(*rows)
    records = [json.loads(path.read_text()) for path in (tmp_path / "store").iterdir()]
    assert sorted((r["parameters"]["answer"], r["fold"]) for r in records) == [
        (answer, fold) for answer in "01" for fold in range(3)
    ]
    for record in records:
        assert record["process"].endswith(f":{os.getpid()}")
        assert record["result"]["peak_memory_mb"] > 1
        assert record["result"]["fit_time"] > 0


def test_a_foreign_file_among_the_records_is_named(search, rows, tmp_path):
    search().fit(*rows)
    spoiled = next((tmp_path / "store").iterdir())
    spoiled.write_text("{")
    with pytest.raises(ValueError, match=spoiled.name):
        search().fit(*rows)


def lacking(name):
    def edit(record):
        del (record["result"] if name in record["result"] else record)[name]

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        *((lacking(name), f"it has no '{name}'") for name in (
            "parameters", "fold", "result", "test_scores", "train_scores", "fit_time",
            "score_time", "n_test_samples", "fit_error", "peak_memory_mb",
        )),
        (lambda record: record["result"].update(test_scores="high"), "is not a number"),
        (lambda record: record["result"].update(fit_time="long"), "is not a number"),
        (lambda record: record["result"].update(fit_error="out of memory"), "the error of a fit"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_record_that_was_edited_is_named(edit, reason, search, rows, tmp_path):
    search(return_train_score=True).fit(*rows)
    edited = next((tmp_path / "store").glob("*.json"))
    record = json.loads(edited.read_text())
    edit(record)
    edited.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"{edited.name} .*{reason}.*that fit is repeated"):
        search(return_train_score=True, verbose=2).fit(*rows)


def test_a_file_as_store_is_refused(search, rows, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotADirectoryError, match=r"notes\.txt"):
        search(store=tmp_path / "notes.txt").fit(*rows)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_store_that_is_not_writable_is_refused_before_the_first_fit(
    search, counting, rows, tmp_path, monkeypatch
):
    search().fit(*rows)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert search().fit(*rows).n_restored_ == 6  # complete, so nothing is written
    counting.n_fits = 0
    for options in ({"grid": {"answer": [2]}}, {"store": tmp_path / "new" / "store"}):
        with pytest.raises(PermissionError, match="not writable, so the results of the search"):
            search(**options).fit(*rows)
    assert counting.n_fits == 0
    assert not (tmp_path / "new").exists()


def scorer_of(answer, default):
    def score(estimator, X, y, added=default):
        return answer + added

    return score


class Scorer:
    def __init__(self, answer):
        self.answer = answer

    def score(self, estimator, X, y):
        return self.answer


def test_an_empty_store_is_not_the_current_folder(search, rows):
    with pytest.raises(ValueError, match="store='' is empty"):
        search(store="").fit(*rows)


def test_a_frozen_estimator_is_known_by_what_it_has_learned(rows, tmp_path):
    X, y = rows[0].reshape(30, -1), rows[1]

    def n_restored(strategy_of):
        inner = DummyClassifier(strategy="prior").fit(X, strategy_of)
        model = FixedThresholdClassifier(FrozenEstimator(inner))
        search = ResumableGridSearchCV(model, {"threshold": [0.3, 0.5]}, cv=3, store=tmp_path)
        return search.fit(X, y).n_restored_

    assert [n_restored(y), n_restored(y)] == [0, 6]
    assert n_restored(y * (np.arange(30) > 20)) == 0  # the same parameters


def test_a_frozen_estimator_that_cannot_be_pickled_is_refused_with_the_remedy(rows, tmp_path):
    X, y = rows[0].reshape(30, -1), rows[1]
    inner = DummyClassifier().fit(X, y)
    inner.notes_ = lambda: None
    model = FixedThresholdClassifier(FrozenEstimator(inner))
    search = ResumableGridSearchCV(model, {"threshold": [0.5]}, cv=3, store=tmp_path)
    with pytest.raises(TypeError, match=r"cannot be pickled.*Set store=None"):
        search.fit(X, y)


def test_files_of_validation_that_changed_are_other_data(tmp_path):
    class TakesValidation(DummyClassifier):
        def fit(self, X, y, X_val=None):
            return super().fit(np.zeros((len(X), 1)), y)

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

    names = [str(tmp_path / f"{i}.png") for i in range(4)]
    for name in names:
        Path(name).write_bytes(b"an image")

    def n_restored():
        search = ResumableGridSearchCV(
            TakesValidation(), {"random_state": [0, 1]}, cv=2, store=tmp_path / "store"
        )
        return search.fit(names, [0, 1, 0, 1], X_val=np.array(names)).n_restored_

    assert [n_restored(), n_restored()] == [0, 4]
    key = partial(_evaluation._content, "fit_params", {"X_val": np.array(names)})
    before = key()
    Path(names[0]).write_bytes(b"another image")
    assert key() != before
    assert n_restored() == 0


def test_scorers_of_the_same_source_have_different_keys(search, rows):
    scorers = [scorer_of(0, 0), scorer_of(1, 0), scorer_of(1, 1), Scorer(0).score, Scorer(1).score]
    for scorer in scorers:
        assert search(scoring=scorer).fit(*rows).n_restored_ == 0
    for scorer in [scorer_of(1, 1), Scorer(0).score]:
        assert search(scoring=scorer).fit(*rows).n_restored_ == 6


def test_an_edited_metric_has_another_key(tmp_path):
    keys = []
    for body in ("0.0", "1.0"):
        source = f"def metric(y, predicted):\n    return {body}\n"
        path = tmp_path / f"metric_{body}.py"
        path.write_text(source)
        names = {"__name__": "metrics"}
        exec(compile(source, path, "exec"), names)
        keys.append(key_of(scoring=make_scorer(names["metric"])))
    assert keys[0] != keys[1]


def test_all_scorers_of_scikit_learn_have_different_keys():
    names = get_scorer_names()
    assert len({key_of(scoring=get_scorer(name)) for name in names}) == len(names)


def test_images_of_other_names_or_parameters_are_other_data(xrays):
    paths = xrays.filenames[:4]
    streams = [
        ImageStream(paths, size=(8, 8)),
        ImageStream(paths, size=(16, 16)),
        ImageStream(paths, size=(8, 8), color_mode="rgb"),
        ImageStream(paths, size=(8, 8), resize="pad"),
    ]
    pixels = np.zeros((4, 8, 8, 1), dtype=np.uint8)
    images = [pixels, ImageArray(pixels, paths), ImageArray(pixels, paths[::-1])]
    keys = [data_key(X) for X in [*streams, *images]]
    assert len(set(keys)) == len(keys)
    assert data_key(ImageStream(paths, size=(8, 8), cache="elsewhere", n_jobs=2)) == keys[0]


def test_the_backend_of_keras_is_part_of_the_key(monkeypatch, tmp_path):
    """It is the backend that Keras would choose, whether Keras is imported or not."""
    assert _keys._backend() == keras.config.backend()
    here = key_of(a=1)
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert _keys._backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert _keys._backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert _keys._backend() == "torch"
    assert key_of(a=1) != here


def score_without_name(estimator, X, y):
    return 0.0


def test_objects_that_cannot_be_identified_again_are_refused(search, rows):
    def anonymous(estimator, X, y):
        return 0.0

    with pytest.raises(TypeError, match="lambda"):
        search(scoring=lambda estimator, X, y: 0.0).fit(*rows)
    search(scoring=anonymous).fit(*rows)
    assert search(scoring=anonymous).fit(*rows).n_restored_ == 6
    assert search(scoring=score_without_name).fit(*rows).n_restored_ == 0


def test_a_store_needs_reproducible_folds_and_candidates(search, counting, rows, tmp_path):
    with pytest.raises(ValueError, match="integer random_state"):
        search(cv=StratifiedKFold(3, shuffle=True)).fit(*rows)
    draws = {"refit": False, "store": tmp_path / "store", "cv": 3}
    with pytest.raises(ValueError, match="random_state=None"):
        ResumableRandomizedSearchCV(counting(), GRID, n_iter=1, **draws).fit(*rows)
    with pytest.raises(ValueError, match="random_state=None"):
        ResumableHalvingGridSearchCV(counting(), GRID, **draws).fit(*rows)
    for seed in (0, 0):
        drawn = ResumableRandomizedSearchCV(
            counting(), GRID, n_iter=1, random_state=seed, **draws
        ).fit(*rows)
    assert drawn.n_restored_ == 3


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ResumableGridSearchCV, {}),
        (ResumableRandomizedSearchCV, {"n_iter": 3}),
        (ResumableHalvingGridSearchCV, {"factor": 2}),
        (ResumableHalvingRandomSearchCV, {"n_candidates": 4}),
    ],
)
def test_all_searches_can_be_cloned_and_check_parameters(kind, options, counting):
    made = kind(counting(), GRID, store="here", device_slots=2, **options)
    copy = clone(made).get_params()
    assert {name: copy[name] for name in options} == options
    assert copy["store"] == "here"
    assert copy["device_slots"] == 2
    with pytest.raises(ValueError, match="device_slots"):
        kind(counting(), GRID, device_slots=0).fit([[0], [1]], [0, 1])


def test_halving_by_samples_resumes(counting, rows, tmp_path):
    def halving():
        return ResumableHalvingGridSearchCV(
            counting(), {"answer": [0, 1, 2]}, cv=2, random_state=0, refit=False, store=tmp_path
        ).fit(*rows)

    first, again = halving(), halving()
    assert first.n_restored_ == 0
    assert again.n_restored_ == counting.n_fits == 2 * sum(first.n_candidates_)
    np.testing.assert_array_equal(
        again.cv_results_["mean_test_score"], first.cv_results_["mean_test_score"]
    )


def test_callbacks_are_called_for_restored_fits(search, rows):
    class Heard:
        def __init__(self):
            self.begun = self.ended = 0

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            self.begun += context.task_name == "candidate-split-evaluation"

        def on_fit_task_end(self, estimator, context):
            self.ended += context.task_name == "candidate-split-evaluation"

        def teardown(self, estimator, context):
            pass

    for _ in range(2):
        heard = Heard()
        search().set_callbacks(heard).fit(*rows)
        assert (heard.begun, heard.ended) == (6, 6)


def test_verbose_prints_restored_fits(search, rows, capsys):
    search().fit(*rows)
    capsys.readouterr()
    search(verbose=2).fit(*rows)
    printed = capsys.readouterr().out
    assert printed.count("from the store: answer=1") == 3


SCRIPT = """
import sys, time
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from skpneumo.tuning import ResumableGridSearchCV

class Slow(ClassifierMixin, BaseEstimator):
    def __init__(self, answer=0):
        self.answer = answer
    def fit(self, X, y):
        with open(sys.argv[2], "a") as log:
            print(self.answer, file=log)
        time.sleep(float(sys.argv[3]))
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return np.full(len(X), self.answer)

X, y = np.arange(30).reshape(-1, 1), np.arange(30) % 2
search = ResumableGridSearchCV(
    Slow(), {"answer": [0, 1, 2]}, cv=2, refit=False, store=sys.argv[1], n_jobs=int(sys.argv[4]),
    store_predictions=True,
).fit(X, y)
print(search.n_restored_, *search.cv_results_["mean_test_score"], len(search.predictions_))
"""


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_search_continues_from_its_results(tmp_path, n_jobs):
    script, store, log = (tmp_path / name for name in ("search.py", "store", "log"))
    script.write_text(SCRIPT)

    def command(seconds):
        return [sys.executable, script, store, log, str(seconds), str(n_jobs)]

    env = os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])}
    with subprocess.Popen(command(0.5), env=env, start_new_session=True) as process:
        while len(list(store.glob("*.json"))) < 2 and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    saved, begun = len(list(store.glob("*.json"))), len(log.read_text().split())
    assert 2 <= saved < 6
    assert begun - saved <= n_jobs
    run = subprocess.run(command(0), env=env, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(saved), "0.5", "0.5", "0.0", "90"]
    assert len(log.read_text().split()) == begun + 6 - saved
