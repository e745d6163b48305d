"""Pipelines from paths to probabilities, in all tools of scikit-learn."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as ImbalancedLearnPipeline
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.preprocessing import StandardScaler

import skpneumo
from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    Pipeline,
    load_chest_xray,
    make_pipeline,
    patient_ids,
    patient_train_test_split,
)
from skpneumo.enhancement import ContrastEqualizer

FRESH_PROCESS = """
import sys
import joblib
import numpy as np

paths, model, out = sys.argv[1:]
np.save(out, joblib.load(model).predict_proba(joblib.load(paths)))
"""


def make_pipe(**parameters) -> Pipeline:
    pipe = Pipeline(
        [
            ("balance", ImageResampler("under", random_state=0)),
            ("load", ImageLoader(size=(12, 12))),
            (
                "cnn",
                CNNClassifier(
                    filters=(4,),
                    dense_units=(8,),
                    epochs=2,
                    batch_size=16,
                    learning_rate=0.01,
                    augmentation=ImageAugmenter(horizontal_flip=True, rotation=10),
                    random_state=0,
                ),
            ),
        ]
    )
    return pipe.set_params(**parameters)


@pytest.fixture(scope="module")
def paths(xrays) -> np.ndarray:
    return xrays.filenames


@pytest.fixture(scope="module")
def pipe(xrays) -> Pipeline:
    """A fitted pipeline that no test changes."""
    return make_pipe().fit(xrays.filenames, xrays.target)


@pytest.fixture(scope="module")
def proba(pipe, paths) -> np.ndarray:
    return pipe.predict_proba(paths)


def test_the_pipeline_is_imbalanced_learns():
    made = make_pipeline(ImageLoader(), CNNClassifier())
    assert type(made) is type(made[:1]) is type(clone(made)) is Pipeline
    assert isinstance(made, ImbalancedLearnPipeline)
    assert list(made.named_steps) == ["imageloader", "cnnclassifier"]


def test_all_parameters_of_imbalanced_learns_are_handed_on(tmp_path):
    options = {"memory": str(tmp_path), "transform_input": ["X_val"], "verbose": True}
    assert options.items() <= make_pipeline(ImageLoader(), **options).get_params().items()
    assert options.items() <= Pipeline([("load", ImageLoader())], **options).get_params().items()


def test_from_paths_to_probabilities(pipe, proba, xrays, paths):
    assert proba.shape == (len(paths), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert pipe.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(pipe.predict(paths), proba.argmax(axis=1))
    assert pipe.score(paths, xrays.target) == np.mean(proba.argmax(axis=1) == xrays.target)


def test_the_pipeline_is_its_steps_by_hand(pipe, proba, xrays, paths):
    balance, load, cnn = (clone(step) for _, step in pipe.steps)
    drawn, y = balance.fit_resample(paths, xrays.target)
    assert len(drawn) < len(paths)
    cnn.fit(load.transform(drawn), y)
    np.testing.assert_array_equal(cnn.predict_proba(load.transform(paths)), proba)


def test_clone_fits_the_same(pipe, proba, xrays, paths):
    copy = clone(pipe)
    with pytest.raises(NotFittedError):
        copy.predict(paths)
    np.testing.assert_array_equal(copy.fit(paths, xrays.target).predict_proba(paths), proba)


def test_prediction_neither_resamples_nor_augments(pipe, proba, paths):
    np.testing.assert_array_equal(pipe.predict_proba(paths), proba)
    np.testing.assert_allclose(pipe.predict_proba(paths[3:4]), proba[3:4], atol=1e-6)
    backwards = pipe.predict_proba(paths[::-1])[::-1]
    np.testing.assert_allclose(backwards, proba, atol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        list,
        pd.Series,
        lambda paths: [Path(path) for path in paths],
        lambda paths: paths.reshape(-1, 1),
        lambda paths: pd.DataFrame({"file": paths}),
    ],
    ids=["list", "Series", "Paths", "column", "DataFrame"],
)
def test_every_form_of_paths_gives_the_same(proba, xrays, paths, form):
    fitted = make_pipe().fit(form(paths), xrays.target)
    np.testing.assert_array_equal(fitted.predict_proba(form(paths)), proba)


def test_parameters_of_every_depth(pipe, xrays, paths):
    parameters = pipe.get_params()
    assert parameters["cnn__augmentation__rotation"] == 10
    assert parameters["load__size"] == (12, 12)
    changed = make_pipe(cnn__augmentation__rotation=90, cnn__l2=0.1, balance__sampler="over")
    changed.fit(paths, xrays.target)
    assert not np.array_equal(changed.predict_proba(paths), pipe.predict_proba(paths))


def test_a_fresh_process_predicts_identically(pipe, proba, paths, tmp_path):
    """Nothing is imported or compiled there yet."""
    joblib.dump(list(paths), tmp_path / "paths.joblib")
    joblib.dump(pipe, tmp_path / "model.joblib")
    names = [str(tmp_path / name) for name in ("paths.joblib", "model.joblib", "proba.npy")]
    run = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, *names],
        env={**os.environ, "PYTHONPATH": str(Path(skpneumo.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), proba)


def test_early_stopping_knows_the_patients_of_the_files(xrays, paths, monkeypatch):
    from skpneumo.classifiers import _validation_split
    from skpneumo.classifiers._validation_split import validation_mask

    sides = []

    def spy(X, y, patients, *more):
        held_out = validation_mask(X, y, patients, *more)
        sides.extend(zip(patients, held_out, strict=True))
        return held_out

    monkeypatch.setattr(_validation_split, "validation_mask", spy)
    fitted = make_pipe(cnn__early_stopping=True, cnn__validation_fraction=0.3)
    fitted.fit(paths, xrays.target)
    patients = pd.DataFrame(sides, columns=["patient", "held_out"]).groupby("patient")["held_out"]
    assert (patients.nunique() == 1).all()
    assert patients.size().max() > 1
    assert {"val_recall", "val_false_negatives", "val_auc"} <= fitted[-1].history_.keys()


def test_oversampled_copies_stay_together_in_inner_validation(xrays, paths, monkeypatch):
    """Copies of one file are one group whatever its name says."""
    from skpneumo.classifiers import _validation_split
    from skpneumo.classifiers._validation_split import validation_mask

    chosen = []

    def spy(X, y, patients, *more):
        held_out = validation_mask(X, y, np.arange(len(y)), *more)
        chosen.append(([image.tobytes() for image in X], held_out))
        return held_out

    monkeypatch.setattr(_validation_split, "validation_mask", spy)
    make_pipe(balance__sampler="over", cnn__early_stopping=True).fit(paths, xrays.target)
    ((contents, held_out),) = chosen
    assert len(contents) > len(set(contents))
    sides = [
        {c for c, held in zip(contents, held_out, strict=True) if held == side} for side in (0, 1)
    ]
    assert sides[0]
    assert sides[1]
    assert sides[0].isdisjoint(sides[1])


# Model selection


@pytest.mark.slow
def test_grid_search_over_patients_in_two_processes(xrays, paths):
    search = GridSearchCV(
        make_pipe(),
        {"cnn__augmentation__rotation": [0, 15]},
        scoring="recall",
        cv=PatientKFold(3),
        n_jobs=2,
        error_score="raise",
    )
    search.fit(paths, xrays.target)
    assert len(search.cv_results_["params"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # The same numbers come out without processes, and of the winner refitted by hand.
    alone = clone(search.best_estimator_)
    scores = cross_val_score(alone, paths, xrays.target, scoring="recall", cv=PatientKFold(3))
    assert scores.mean() == pytest.approx(search.best_score_)
    expected = search.predict_proba(paths)
    np.testing.assert_array_equal(alone.fit(paths, xrays.target).predict_proba(paths), expected)


def test_cross_val_predict(xrays, paths):
    """No image is predicted by a network that has seen its patient."""
    cv = PatientKFold(3)
    out_of_fold = cross_val_predict(
        make_pipe(), paths, xrays.target, cv=cv, method="predict_proba"
    )
    train, test = next(cv.split(paths, xrays.target))
    assert not set(patient_ids(paths[train])) & set(patient_ids(paths[test]))
    by_hand = make_pipe().fit(paths[train], xrays.target[train]).predict_proba(paths[test])
    np.testing.assert_array_equal(out_of_fold[test], by_hand)


def test_recall_auc_and_average_precision_are_scorers_of_the_pipeline(pipe, xrays, paths):
    from sklearn.metrics import get_scorer

    for name in ("recall", "roc_auc", "average_precision", "neg_log_loss"):
        assert np.isfinite(get_scorer(name)(pipe, paths, xrays.target))


def test_calibrated(xrays, paths):
    calibrated = CalibratedClassifierCV(make_pipe(), cv=PatientKFold(2), ensemble=False)
    calibrated.fit(paths.reshape(-1, 1), xrays.target)
    proba = calibrated.predict_proba(paths.reshape(-1, 1))
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_bagged(xrays, paths):
    column = paths.reshape(-1, 1)
    bagging = BaggingClassifier(make_pipe(), n_estimators=2, random_state=0)
    bagging.fit(column, xrays.target)
    members = [member.predict_proba(column) for member in bagging.estimators_]
    assert not np.array_equal(*members)
    np.testing.assert_allclose(bagging.predict_proba(column), np.mean(members, axis=0))


# Callbacks of scikit-learn


def false_negatives(y, predicted) -> int:
    return int(np.sum((y == 1) & (predicted == 0)))


SCORING = {"recall": "recall", "false_negatives": make_scorer(false_negatives)}


def epochs_of(monitor: ScoringMonitor) -> pd.DataFrame:
    log = monitor.get_logs().data_as_pandas
    return log[log.task_name == "epoch"].reset_index(drop=True)


def test_every_epoch_of_a_pipeline_is_scored(pipe, xrays, paths):
    monitor = ScoringMonitor(scoring=SCORING)
    watched = make_pipe()
    watched[-1].set_callbacks(monitor)
    proba = watched.fit(paths, xrays.target).predict_proba(paths)
    np.testing.assert_array_equal(proba, pipe.predict_proba(paths))
    epochs = epochs_of(monitor)
    assert epochs.task_id.tolist() == [0, 1]
    assert monitor.get_logs().estimator_name == "Pipeline"
    drawn, y = watched[0].fit_resample(paths, xrays.target)
    assert epochs.recall.iloc[-1] == recall_score(y, watched.predict(drawn))
    assert epochs.false_negatives.iloc[-1] == false_negatives(y, watched.predict(drawn))


@pytest.mark.slow
def test_every_epoch_of_every_candidate_and_fold_of_a_search_in_two_processes(xrays, paths):
    monitor = ScoringMonitor(scoring=SCORING)
    watched = make_pipe()
    watched[-1].set_callbacks(monitor)
    search = GridSearchCV(
        watched,
        {"cnn__augmentation__rotation": [0, 15]},
        scoring="recall",
        cv=PatientKFold(3),
        n_jobs=2,
        error_score="raise",
    )
    search.fit(paths, xrays.target)
    epochs = epochs_of(monitor)
    # Candidates and folds are numbered together; the winner is fitted once more at the end.
    fits = epochs.groupby("parent_task_id_path", sort=True)
    assert len(fits) == 2 * 3 + 1
    assert all(fit.task_id.tolist() == [0, 1] for _, fit in fits)
    n_ill = np.count_nonzero(xrays.target == 1)
    assert epochs.recall.between(0, 1).all()
    assert epochs.false_negatives.between(0, n_ill).all()
    # What was scored is what was trained on: the first fit, done again by hand.
    train, _ = next(PatientKFold(3).split(paths, xrays.target))
    first = make_pipe(cnn__augmentation__rotation=0).fit(paths[train], xrays.target[train])
    drawn, y = first[0].fit_resample(paths[train], xrays.target[train])
    logged = next(iter(fits))[1].iloc[-1]
    assert logged.recall == recall_score(y, first.predict(drawn))
    assert logged.false_negatives == false_negatives(y, first.predict(drawn))


def shown_by(capsys) -> str:
    """Get the printed text; rich writes to the last standard output of this process."""
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_progress_bar_of_a_pipeline_counts_the_epochs_of_its_network(xrays, paths, capsys):
    watched = make_pipe().set_callbacks(ProgressBar())
    watched.fit(paths, xrays.target)
    shown = shown_by(capsys)
    assert "CNNClassifier" in shown
    assert "100%" in shown
    assert not hasattr(watched[-1], "_skl_callbacks")


@pytest.mark.slow
def test_progress_bar_of_a_search_reaches_the_networks_in_two_processes(xrays, paths, capsys):
    search = GridSearchCV(make_pipe(), {"cnn__l2": [0]}, cv=PatientKFold(2), n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(paths, xrays.target)
    shown = shown_by(capsys)
    assert "GridSearchCV" in shown
    assert "CNNClassifier" in shown


def test_callbacks_are_torn_down_when_a_step_fails(paths):
    class Told:
        calls = ()

        def setup(self, estimator, context):
            self.calls += ("setup",)

        def on_fit_task_begin(self, estimator, context):
            self.calls += (context.task_name,)

        def on_fit_task_end(self, estimator, context):
            self.calls += ("end",)

        def teardown(self, estimator, context):
            self.calls += ("teardown",)

    told = Told()
    with pytest.raises(FileNotFoundError):
        make_pipe().set_callbacks(told).fit(["nowhere.jpeg", "nowhere2.jpeg"], [0, 1])
    assert told.calls == ("setup", "fit", "fit-final-estimator", "teardown")


def test_a_pipeline_may_end_without_an_estimator(paths, xrays):
    loaded = Pipeline([("load", ImageLoader(size=8)), ("end", "passthrough")])
    assert loaded.fit(paths, xrays.target).transform(paths).shape == (len(paths), 8, 8, 1)


# Metadata


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_x_val_as_paths_through_transform_input(routing, xrays, paths):
    """The validation files are loaded by the steps before the classifier, and not resampled."""
    train, test, y_train, y_test = patient_train_test_split(
        paths, xrays.target, test_size=0.3, random_state=0
    )
    pipe = make_pipe()
    pipe.set_params(cnn=pipe[-1].set_fit_request(X_val=True, y_val=True))
    routed = Pipeline(pipe.steps, transform_input=["X_val"])
    routed.fit(train, y_train, X_val=test, y_val=y_test)
    history = routed[-1].history_
    proba = routed.predict_proba(test)
    assert history["val_false_negatives"][-1] == np.sum((y_test == 1) & (proba[:, 1] < 0.5))
    expected = -np.log(proba[np.arange(len(test)), y_test]).mean()
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_sample_weight_is_routed(routing, xrays, paths):
    pipe = Pipeline(
        [("load", ImageLoader(size=(12, 12))), ("cnn", make_pipe()[-1])],
    )
    pipe[-1].set_fit_request(sample_weight=True)
    heavy = np.where(xrays.target == 1, 50.0, 1.0)
    weighted = clone(pipe).fit(paths, xrays.target, sample_weight=heavy).predict_proba(paths)
    plain = clone(pipe).fit(paths, xrays.target).predict_proba(paths)
    assert weighted[:, 1].mean() > plain[:, 1].mean()


# Bad input


def test_a_missing_file_is_named(pipe):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpeg"):
        pipe.predict(["nowhere.jpeg"])


def test_a_text_file_named_jpeg_is_named(paths, xrays, tmp_path):
    (tmp_path / "text.jpeg").write_text("no image")
    spoilt = [*paths[:-1], str(tmp_path / "text.jpeg")]
    with pytest.raises(ValueError, match=r"text\.jpeg"):
        make_pipe(balance__sampler="over").fit(spoilt, xrays.target)


def test_no_paths_at_all(pipe):
    with pytest.raises(ValueError, match="empty list of paths"):
        pipe.predict([])
    with pytest.raises(ValueError, match="empty"):
        make_pipe().fit([], [])


def test_labels_and_paths_of_different_length(xrays, paths):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_pipe().fit(paths, xrays.target[:-1])


def test_one_class(paths):
    with pytest.raises(ValueError, match=r"1 class|2 classes"):
        make_pipe().fit(paths, np.ones(len(paths), int))
    with pytest.raises(ValueError, match=r"2 classes"):
        make_pipeline(ImageLoader(size=12), make_pipe()[-1]).fit(paths, np.ones(len(paths), int))


def test_what_is_no_list_of_paths_is_refused_by_the_loader(xrays, paths):
    for X in (iter(paths), (path for path in paths), Path(paths[0])):
        with pytest.raises(TypeError, match=r"got (a \w+|the single path).*\. (Pass|Use) "):
            make_pipe()[1:].fit(X, xrays.target)


def test_without_a_loader(xrays, paths):
    with pytest.raises(ValueError, match="Put an ImageLoader before the classifier"):
        make_pipeline(make_pipe()[-1]).fit(paths, xrays.target)


@pytest.mark.parametrize(
    "size",
    [
        (12, 14),
        (14, 14),
    ],
)
def test_another_size_at_predict(pipe, paths, size):
    changed = Pipeline([("load", ImageLoader(size=size)), ("cnn", pipe[-1])])
    with pytest.raises(ValueError, match=r"fitted on \(12, 12, 1\).*ImageLoader\(size=\(12, 12\)"):
        changed.predict(paths)


# Real X-rays


@pytest.mark.real
@pytest.mark.slow
def test_the_readme_search_on_real_xrays(real_data):
    """The search of the README at 64 pixels, on a part of the files and for few epochs."""
    xrays = load_chest_xray(real_data / "chest_xray", split="train")
    some = slice(None, None, len(xrays.filenames) // 100)
    paths, y = xrays.filenames[some], xrays.target[some]
    pipe = Pipeline(
        [
            ("balance", ImageResampler("under", random_state=0)),
            ("load", ImageLoader(size=(64, 64), n_jobs=2)),
            (
                "cnn",
                CNNClassifier(
                    filters=(8, 16),
                    dropout=0.3,
                    l2=1e-4,
                    epochs=3,
                    early_stopping=True,
                    augmentation=ImageAugmenter(horizontal_flip=True, rotation=10),
                    random_state=0,
                ),
            ),
        ]
    )
    search = GridSearchCV(
        pipe,
        {"cnn__l2": [0, 1e-4], "cnn__augmentation__rotation": [0, 15]},
        scoring="recall",
        cv=PatientKFold(2),
        error_score="raise",
    )
    search.fit(paths, y)
    assert 0 < search.best_score_ <= 1
    assert np.isfinite(search.predict_proba(paths)).all()


# Patients and weights, row by row


def test_weights_follow_resampled_rows():
    """Half of the images have a wrong label and the weight 0."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    X = rng.integers(0, 60, (120, 8, 8, 1)).astype(np.uint8)
    X[y == 1] += 100
    wrong = np.zeros(120, dtype=bool)
    wrong[:40] = wrong[80:100] = True
    classifier = CNNClassifier(filters=(4,), epochs=20, learning_rate=0.01, random_state=0)
    weighted = Pipeline(
        [("under", ImageResampler("under", random_state=0)), ("cnn", classifier)]
    ).fit(X, np.where(wrong, 1 - y, y), cnn__sample_weight=np.where(wrong, 0.0, 1.0))
    assert weighted.score(X, y) == 1.0


def test_weights_of_synthetic_rows_are_refused():
    X = np.random.default_rng(0).integers(0, 99, (30, 4, 4, 1)).astype(np.uint8)
    y = np.repeat([0, 1], [20, 10])
    classifier = CNNClassifier(filters=(2,), epochs=1, random_state=0)
    pipe = make_pipeline(ImageResampler(SMOTE(k_neighbors=2), random_state=0), classifier)
    with pytest.raises(ValueError, match=r"sample_weight.*ImageResampler.*rows without an entry"):
        pipe.fit(X, y, cnnclassifier__sample_weight=np.ones(30))


def test_arguments_of_a_step_behind_a_sampler_are_refused():
    X = np.random.default_rng(0).normal(size=(30, 4))
    y = np.repeat([0, 1], [20, 10])
    pipe = make_pipeline(ImageResampler("under"), StandardScaler(), LogisticRegression())
    with pytest.raises(ValueError, match=r"standardscaler__sample_weight.*Put .standard"):
        pipe.fit(X, y, standardscaler__sample_weight=np.ones(30))


class SaysPatients(LogisticRegression):
    """What a last step is given, as it remembers it."""

    def fit(self, X, y):
        self.patients_, self.grey_ = [*X.patients], np.asarray(X).mean(axis=(1, 2, 3))
        return super().fit(self.grey_[:, None], y)


def test_memory_knows_changed_files_and_patients(tmp_path):
    for i in range(6):
        Image.new("L", (8, 8), 20 * i).save(tmp_path / f"{i}.png")
    frame = pd.DataFrame(
        {"path": [str(tmp_path / f"{i}.png") for i in range(6)], "patient": range(6)}
    )
    y = np.arange(6) % 2

    def fitted(frame):
        steps = ImageLoader(size=8), ContrastEqualizer(cutoff=45), SaysPatients()
        pipe = make_pipeline(*steps, memory=str(tmp_path / "memory")).fit(frame, y)
        assert pipe.memory == str(tmp_path / "memory")
        return pipe[-1]

    assert fitted(frame).patients_ == [*range(6)]
    assert fitted(frame.assign(patient=[0, 0, 1, 1, 2, 2])).patients_ == [0, 0, 1, 1, 2, 2]
    assert fitted(frame).patients_ == [*range(6)]
    Image.new("L", (8, 8), 200).save(tmp_path / "0.png")
    assert fitted(frame).grey_[0] == 200


def test_other_bases_of_a_subclass_take_part_in_fit():
    class Counts(ImbalancedLearnPipeline):
        n_fits_ = 0

        def _fit(self, X, y=None, routed_params=None, raw_params=None):
            type(self).n_fits_ += 1
            return super()._fit(X, y, routed_params, raw_params)

    class Both(Pipeline, Counts):
        pass

    X, y = np.arange(8.0)[:, np.newaxis], np.tile([0, 1], 4)
    model = Both([("scale", StandardScaler()), ("classify", LogisticRegression())]).fit(X, y)
    assert model.n_fits_ == 1
