"""Callbacks at the end of each epoch: history, Keras and scikit-learn."""

import pickle
from copy import deepcopy

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.metrics import confusion_matrix, log_loss, recall_score, roc_auc_score
from sklearn.model_selection import cross_val_score

from skpneumo import ImageAugmenter
from skpneumo.classifiers._callbacks import check_monitors, positive_mask, validation_scores

from .checks import WatchingCallback

VALIDATION_SCORES = [
    "val_loss",
    "val_recall",
    "val_false_negatives",
    "val_specificity",
    "val_auc",
    "val_accuracy",
]


def scores_of(y, proba, sample_weight=None, classes=None) -> dict[str, float]:
    y, proba = np.asarray(y), np.asarray(proba)
    weights = np.ones(len(y), np.float32) if sample_weight is None else np.asarray(sample_weight)
    classes = np.arange(proba.shape[1]) if classes is None else np.array(classes)
    return validation_scores(y, proba, weights, positive_mask(classes))


def random_proba(n: int, n_classes: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=n)


# The scores


def test_scores_of_two_classes_computed_by_hand():
    scores = scores_of([0, 0, 1, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8], [0, 1]])
    assert scores["val_false_negatives"] == 1
    assert scores["val_recall"] == pytest.approx(2 / 3)
    assert scores["val_specificity"] == pytest.approx(1 / 2)
    assert scores["val_auc"] == pytest.approx(5 / 6)
    assert scores["val_accuracy"] == pytest.approx(3 / 5)
    by_hand = -np.log([0.9, 0.4, 0.3, 0.8, 1]).mean()
    assert scores["val_loss"] == pytest.approx(by_hand)


@given(n_classes=st.integers(2, 4), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_scores_agree_with_scikit_learn(n_classes, seed):
    y = np.random.default_rng(seed).permutation(np.arange(20) % n_classes)
    proba = random_proba(20, n_classes, seed)
    predicted = proba.argmax(axis=1)
    matrix = confusion_matrix(y, predicted, labels=range(n_classes))
    scores = scores_of(y, proba)
    assert list(scores) == VALIDATION_SCORES
    assert all(type(score) is float for score in scores.values())
    assert scores["val_false_negatives"] == matrix[1:, 0].sum()
    assert scores["val_specificity"] == pytest.approx(matrix[0, 0] / matrix[0].sum())
    assert scores["val_loss"] == pytest.approx(log_loss(y, proba))
    assert scores["val_recall"] == pytest.approx(recall_score(y > 0, predicted > 0))
    auc = roc_auc_score(y, proba[:, 1] if n_classes == 2 else proba, multi_class="ovr")
    assert scores["val_auc"] == pytest.approx(auc)


def test_only_the_loss_is_weighted():
    y, proba, weights = [0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [1.0, 5.0, 0.0]
    weighted, plain = scores_of(y, proba, weights), scores_of(y, proba)
    assert weighted["val_loss"] == pytest.approx(-(np.log(0.9) + 5 * np.log(0.2)) / 6)
    assert {k: v for k, v in weighted.items() if k != "val_loss"} == {
        k: v for k, v in plain.items() if k != "val_loss"
    }


@pytest.mark.parametrize(
    ("y", "n_classes", "undefined"),
    [
        ([1, 1, 1], 2, {"val_specificity", "val_auc"}),
        ([0, 0, 0], 2, {"val_recall", "val_auc"}),
        ([1, 2, 2], 3, {"val_specificity", "val_auc"}),
        ([0, 1, 0], 3, {"val_auc"}),
    ],
)
def test_a_score_of_a_missing_class_is_nan_without_a_warning(y, n_classes, undefined):
    scores = scores_of(y, random_proba(len(y), n_classes, 0))
    assert {name for name, score in scores.items() if np.isnan(score)} == undefined


@pytest.mark.parametrize(
    ("classes", "recall", "specificity"),
    [
        (["abnormal", "normal"], 0.0, 1.0),
        (["Covid", "Non-Covid"], 0.0, 1.0),
        (["healthy", "ill"], 1.0, 0.0),
        (["COVID", "TB"], np.nan, np.nan),
        ([1, 2], 1.0, 0.0),
    ],
)
def test_recall_is_that_of_the_illness_not_of_the_last_class(classes, recall, specificity):
    """The network predicts the second class for every image."""
    scores = scores_of([0, 0, 1], [[0.1, 0.9]] * 3, classes=classes)
    assert scores["val_recall"] == pytest.approx(recall, nan_ok=True)
    assert scores["val_specificity"] == pytest.approx(specificity, nan_ok=True)


def test_monitoring_recall_needs_a_known_illness():
    stop = keras.callbacks.EarlyStopping("val_recall", mode="max")
    assert positive_mask(np.array(["COVID", "TB"]), [keras.callbacks.EarlyStopping()]) is None
    assert positive_mask(np.array(["abnormal", "normal"]), [stop]).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"EarlyStopping monitors 'val_recall'.*'COVID', 'TB'"):
        positive_mask(np.array(["COVID", "TB"]), [stop])


# The history


def test_history_without_inner_validation_has_scores_of_training(fitted):
    assert list(fitted.history_) == ["loss", "accuracy"]
    assert all(0 <= share <= 1 for share in fitted.history_["accuracy"])
    assert len(fitted.history_["loss"]) == fitted.n_iter_ == 3
    assert all(isinstance(loss, float) for loss in fitted.history_["loss"])


def test_history_with_inner_validation_has_the_clinical_scores(validated):
    assert list(validated.history_) == ["loss", "accuracy", *VALIDATION_SCORES]
    assert {len(scores) for scores in validated.history_.values()} == {validated.n_iter_} == {5}


def test_scores_of_the_last_epoch_are_those_of_the_classifier(validated, unseen):
    X, y = unseen
    proba = validated.predict_proba(X)
    last = {name: scores[-1] for name, scores in validated.history_.items()}
    false_negatives = np.sum((y == 1) & (proba[:, 1] < 0.5))
    assert last["val_false_negatives"] == false_negatives
    assert last["val_recall"] == pytest.approx(1 - false_negatives / np.sum(y == 1))
    assert last["val_specificity"] == pytest.approx(np.mean(proba[y == 0, 1] < 0.5))
    assert last["val_auc"] == pytest.approx(roc_auc_score(y, proba[:, 1]))
    assert last["val_loss"] == pytest.approx(log_loss(y, proba), rel=1e-5)


def test_inner_validation_has_no_influence_on_training(validated, small, images, labels):
    plain = small(epochs=5).fit(images, labels)
    assert plain.history_["loss"] == validated.history_["loss"]
    np.testing.assert_array_equal(plain.predict_proba(images), validated.predict_proba(images))


# Keras's callbacks


class Recorder(WatchingCallback):
    """Records the calls of its hooks."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.stop_after = stop_after
        self.logs = []
        self.n_batches = 0
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_train_end(self, logs=None):
        self.calls.append("end")

    def on_train_batch_end(self, batch, logs=None):
        self.n_batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        if epoch + 1 == self.stop_after:
            self.model.stop_training = True


def test_callbacks_are_called_with_the_scores_of_inner_validation(small, images, labels, unseen):
    recorder = Recorder()
    X_val, y_val = unseen
    classifier = small(callbacks=[recorder]).fit(images, labels, X_val=X_val, y_val=y_val)
    assert recorder.calls == ["begin", "end"]
    assert recorder.n_batches == 3 * 4
    assert recorder.logs == pd.DataFrame(classifier.history_).to_dict("records")


def test_a_callback_may_stop_training(small, images, labels):
    classifier = small(callbacks=[Recorder(stop_after=2)], epochs=9).fit(images, labels)
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 2


def test_training_does_not_change_the_callbacks_parameter(small, images, labels, tmp_path):
    """After a fit, a callback with an open file, such as CSVLogger, could not be copied."""
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ReduceLROnPlateau("loss", patience=0),
        keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True),
    ]
    before = [vars(callback).copy() for callback in callbacks]
    classifier = small(callbacks=callbacks).fit(images, labels)
    assert [vars(callback) for callback in callbacks] == before
    assert classifier.callbacks is callbacks
    pd.testing.assert_series_equal(
        pd.read_csv(tmp_path / "log.csv")["loss"],
        pd.Series(classifier.history_["loss"], name="loss"),
        rtol=1e-6,
    )
    copies = [
        pickle.loads(pickle.dumps(classifier)),
        deepcopy(classifier),
        clone(classifier).fit(images, labels),
    ]
    for copy in copies:
        np.testing.assert_array_equal(copy.predict_proba(images), classifier.predict_proba(images))
    assert len(cross_val_score(classifier, images, labels, cv=2)) == 2


def test_a_callback_is_the_same_copy_in_all_its_hooks(small, images, labels):
    class Counter(keras.callbacks.Callback):
        n = 0

        def on_epoch_end(self, epoch, logs=None):
            self.n += 1
            logs["n"] = float(self.n)

    counter = Counter()
    classifier = small(callbacks=[counter]).fit(images, labels)
    assert classifier.history_["n"] == [1, 2, 3]
    assert counter.n == 0


def test_after_training_a_callback_does_not_reference_a_model(small, images, labels):
    recorder = Recorder()
    small(callbacks=[recorder]).fit(images, labels)
    assert recorder.model is None
    assert len(recorder.logs) == 3


def test_a_callback_that_cannot_be_copied_is_refused(small, images, labels, tmp_path):
    callback = keras.callbacks.Callback()
    with (
        (tmp_path / "log").open("w") as callback.file,
        pytest.raises(TypeError, match=r"callbacks cannot be copied.*on_train_begin"),
    ):
        small(callbacks=[callback]).fit(images, labels)


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": ImageAugmenter(rotation=20), "mixup": 0.2},
        {"dropout": 0.3, "l2": 0.01, "ema_momentum": 0.9},
    ],
    ids=["augmentation", "regularization"],
)
def test_a_callback_saves_a_network_that_loads(options, small, images, labels, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    seen = Recorder()
    classifier = small(callbacks=[checkpoint, seen], **options).fit(images, labels)
    network = keras.saving.load_model(tmp_path / "3.keras")
    assert network.input_shape == (None, 12, 12, 1)
    for saved, weight in zip(network.get_weights(), classifier.weights_, strict=True):
        np.testing.assert_array_equal(saved, weight)
    if "ema_momentum" not in options:  # for which the optimizer is none of Keras's
        network.fit(images, labels.reshape(-1, 1), verbose=0)


def test_a_learning_rate_lowered_by_a_callback_is_reset_for_the_next_fit(
    small, images, labels, fitted
):
    lowering = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 10)
    changed = small(callbacks=[lowering]).fit(images, labels)
    assert not np.array_equal(changed.predict_proba(images), fitted.predict_proba(images))
    np.testing.assert_array_equal(
        small().fit(images, labels).predict_proba(images), fitted.predict_proba(images)
    )


def test_callbacks_may_be_a_tuple_or_empty(small, images, labels, fitted):
    for callbacks in ((), [], (Recorder(),)):
        classifier = small(callbacks=callbacks).fit(images, labels)
        assert classifier.history_ == fitted.history_


def test_monitoring_a_score_that_is_not_logged_is_refused_before_training():
    stop = [keras.callbacks.EarlyStopping("val_accuracy", mode="max")]
    check_monitors(stop, validated=True)
    with pytest.raises(
        ValueError, match=r"EarlyStopping monitors 'val_accuracy'.*X_val and y_val"
    ):
        check_monitors(stop, validated=False)
    unknown = [keras.callbacks.ReduceLROnPlateau("auc", mode="max")]
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau monitors 'auc'.*one of loss, acc"):
        check_monitors(unknown, validated=True)
    check_monitors([*unknown, Recorder()], validated=True)  # which may log it


def test_training_may_stop_by_the_accuracy_of_inner_validation(small, images, labels, unseen):
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=0, min_delta=1)
    X_val, y_val = unseen
    classifier = small(callbacks=[stop]).fit(images, labels, X_val=X_val, y_val=y_val)
    assert classifier.n_iter_ == 2
    assert classifier.history_["val_accuracy"][-1] == classifier.score(X_val, y_val)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_accuracy_is_that_of_the_images_trained_on(small, images, n_classes):
    """The learning rate is zero, so that all batches have the same weights."""
    y = np.arange(len(images)) % n_classes
    classifier = small(learning_rate=1e-12, epochs=2).fit(images, y)
    assert classifier.history_["accuracy"] == pytest.approx([classifier.score(images, y)] * 2)


def test_training_may_stop_by_its_own_accuracy(small, images, labels):
    stop = keras.callbacks.EarlyStopping("accuracy", mode="max", patience=0, min_delta=1)
    assert small(callbacks=[stop]).fit(images, labels).n_iter_ == 2


def test_an_object_that_is_not_a_callback_is_named(small, images, labels):
    with pytest.raises((TypeError, ValueError), match=r"callbacks.*print"):
        small(callbacks=[print]).fit(images, labels)


# scikit-learn's callbacks


def test_scoring_monitor_has_one_entry_per_epoch(small, images, labels):
    monitor = ScoringMonitor(scoring=["recall", "neg_log_loss"])
    classifier = small().set_callbacks(monitor).fit(images, labels)
    epochs = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert [entry["task_id"] for entry in epochs] == [0, 1, 2]
    expected = -log_loss(labels, classifier.predict_proba(images))
    assert epochs[-1]["neg_log_loss"] == pytest.approx(expected, rel=1e-6)
    assert len({entry["neg_log_loss"] for entry in epochs}) == 3
    assert all(0 <= entry["recall"] <= 1 for entry in epochs)


def test_scoring_monitor_scores_the_labels_of_the_user(small, images, labels):
    monitor = ScoringMonitor(scoring="accuracy")
    names = np.array(["NORMAL", "PNEUMONIA"])[labels]
    classifier = small().set_callbacks(monitor).fit(images, names)
    assert monitor.get_logs().data[-1]["accuracy"] == classifier.score(images, names)


def test_scoring_monitor_reads_inner_validation(validated, small, images, labels, unseen):
    """Scores of inner validation are reused; those computed by scikit-learn are of training."""

    def held_out(classifier, X, y):
        return {name: classifier.history_[name][-1] for name in VALIDATION_SCORES}

    monitor = ScoringMonitor(scoring=held_out)
    X_val, y_val = unseen
    watched = small(epochs=5).set_callbacks(monitor)
    watched.fit(images, labels, X_val=X_val, y_val=y_val)
    epochs = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    for name in VALIDATION_SCORES:
        assert [entry[name] for entry in epochs] == validated.history_[name]
    assert watched.history_ == validated.history_


def test_scoring_monitor_ends_with_early_stopping(small, images, labels):
    monitor = ScoringMonitor(scoring="accuracy")
    classifier = small(early_stopping=True, epochs=8, n_iter_no_change=1, tol=9.0)
    classifier.set_callbacks(monitor).fit(images, labels)
    entries = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert len(entries) == classifier.n_iter_ == 2


def test_callbacks_of_scikit_learn_do_not_change_the_fit(small, images, labels, fitted):
    classifier = small().set_callbacks(ScoringMonitor(scoring="accuracy")).fit(images, labels)
    np.testing.assert_array_equal(classifier.predict_proba(images), fitted.predict_proba(images))


def test_progress_bar_counts_epochs(small, images, labels, capsys):
    classifier = small().set_callbacks(ProgressBar()).fit(images, labels)
    assert classifier.n_iter_ == 3
    captured = capsys.readouterr()
    # Where rich writes is the process's: the command line, once run in it, chose standard error.
    shown = captured.out + captured.err
    assert "CNNClassifier" in shown
    assert "100%" in shown
