"""Properties of every image classifier: the contract of scikit-learn, and our additions.

A further classifier joins by an entry in ``CLASSIFIERS``.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

import skpneumo
from skpneumo import CNNClassifier, ImageAugmenter, make_pipeline
from skpneumo._messages import command_line_messages
from skpneumo.classifiers._validation_split import validation_mask
from skpneumo.loading import ImageArray

from .checks import run_check

CLASSIFIERS = [
    CNNClassifier(
        filters=(8,), dense_units=(16,), batch_size=16, learning_rate=0.01, random_state=0
    ),
]
# Trained long enough for the checks that ask for accuracy. Without convolutions, because each
# number of columns that a check comes with is another network to compile.
CHECKED = [clone(classifier).set_params(filters=(), epochs=30) for classifier in CLASSIFIERS]

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Batches are drawn by row: an image of weight 2 comes once an epoch, two copies of it "
        "come twice, in batches of their own."
    ),
}


@parametrize_with_checks(
    CHECKED, expected_failed_checks=lambda _: EXPECTED_FAILURES, xfail_strict=True
)
def test_checks_of_scikit_learn(estimator, check):
    run_check(estimator, check)


every_classifier = pytest.mark.parametrize(
    "classifier",
    [clone(classifier).set_params(epochs=2) for classifier in CLASSIFIERS],
    ids=lambda classifier: type(classifier).__name__,
)


# Construction


@every_classifier
def test_the_constructor_only_stores(classifier):
    given = {name: object() for name in classifier.get_params(deep=False)}
    made = type(classifier)(**given)
    assert vars(made) == given
    assert all(made.get_params(deep=False)[name] is value for name, value in given.items())


@every_classifier
def test_tags_describe_a_classifier_of_images(classifier):
    assert is_classifier(classifier)
    tags = classifier.__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_class
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.allow_nan
    assert tags.target_tags.required


@every_classifier
def test_not_fitted(classifier, images):
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(classifier, method)(images)
    with pytest.raises(NotFittedError):
        _ = classifier.network_


# Images, our own checks in the form of scikit-learn's


@every_classifier
def test_probabilities_of_images(classifier, images, labels):
    classifier = clone(classifier).fit(images, labels)
    proba = classifier.predict_proba(images)
    assert proba.shape == (len(images), 2)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(images), proba.argmax(axis=1))
    np.testing.assert_allclose(classifier.predict_proba(images[:1]), proba[:1], atol=1e-6)


@every_classifier
def test_same_seed_same_fit_and_another_seed_another(classifier, images, labels):
    def proba(seed) -> np.ndarray:
        seeded = clone(classifier).set_params(random_state=seed)
        return seeded.fit(images, labels).predict_proba(images)

    np.testing.assert_array_equal(proba(1), proba(1))
    np.testing.assert_array_equal(proba(1), proba(np.random.RandomState(1)))
    assert not np.array_equal(proba(1), proba(2))


@every_classifier
def test_refit_starts_from_scratch(classifier, images, labels):
    refitted = clone(classifier).fit(images[:20, :, :6], np.arange(20) % 3)
    refitted.fit(images, labels)
    first = clone(classifier).fit(images, labels)
    np.testing.assert_array_equal(refitted.predict_proba(images), first.predict_proba(images))
    assert refitted.history_ == first.history_


@every_classifier
def test_saved_by_pickle_and_joblib(classifier, images, labels, tmp_path):
    classifier = clone(classifier).fit(images, labels)
    expected = classifier.predict_proba(images)
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    for loaded in (
        pickle.loads(pickle.dumps(classifier)),
        joblib.load(tmp_path / "classifier.joblib"),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(images), expected)
        assert loaded.history_ == classifier.history_


@every_classifier
def test_inputs_are_not_modified(classifier, images, labels):
    X = ImageArray(images.copy(), [f"IM-{i:04}-0001.jpeg" for i in range(len(images))])
    y, weights = labels.copy(), np.linspace(0, 1, len(labels))
    kept = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.setflags(write=False)
    classifier = clone(classifier).set_params(class_weight="balanced")
    classifier.fit(X, y, sample_weight=weights).predict_proba(X)
    for array, before in zip((X, y, weights), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert X.filenames.tolist() == kept[0].filenames.tolist()


@every_classifier
def test_nothing_is_written_to_the_current_directory(
    classifier, images, labels, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    classifier = clone(classifier).set_params(early_stopping=True)
    classifier.fit(images, labels).predict(images)
    assert list(tmp_path.iterdir()) == []


@every_classifier
def test_an_image_array_is_fitted_as_a_plain_array(classifier, images, labels):
    X = ImageArray(images, [f"IM-{i:04}-0001.jpeg" for i in range(len(images))])
    expected = clone(classifier).fit(images, labels).predict_proba(images)
    got = clone(classifier).fit(X, labels).predict_proba(X)
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, expected)


# Randomness


def test_global_generators_are_not_changed(small, images, labels, states_of_generators):
    before = states_of_generators()
    classifier = small(dropout=0.5, early_stopping=True, augmentation=ImageAugmenter(rotation=9))
    classifier.fit(images, labels).predict(images)
    assert states_of_generators() == before


def test_global_generators_have_no_influence(small, images, labels, no_programs):
    def proba(seed: int) -> np.ndarray:
        keras.utils.set_random_seed(seed)
        classifier = small(filters=(), dense_units=(4,), dropout=0.5)
        return classifier.fit(images, labels).predict_proba(images)

    first = proba(1)
    no_programs()
    np.testing.assert_array_equal(proba(2), first)


def test_without_a_seed_fits_differ_and_change_no_global_generator(
    small, images, labels, states_of_generators
):
    before = states_of_generators()
    first, second = (
        small(random_state=None).fit(images, labels).predict_proba(images) for _ in range(2)
    )
    assert not np.array_equal(first, second)
    assert states_of_generators() == before


FRESH_PROCESS = """
import sys
import joblib
import numpy as np

folder = sys.argv[1]
X, y = joblib.load(f"{folder}/data.joblib")
kept = joblib.load(f"{folder}/kept.joblib")
new = joblib.load(f"{folder}/unfitted.joblib").fit(X, y)
np.savez(f"{folder}/proba.npz", kept=kept.predict_proba(X), new=new.predict_proba(X))
"""


def test_a_fresh_process_predicts_and_fits_identically(small, images, labels, tmp_path):
    """The current process has fitted other classifiers before and reuses their programs."""
    unfitted = small(
        batch_norm=True,
        dropout=0.3,
        early_stopping=True,
        class_weight="balanced",
        augmentation=ImageAugmenter(rotation=10),
    )
    kept = clone(unfitted).fit(images, labels)
    (tmp_path / "empty").mkdir()
    for name, content in {
        "data": (images, labels),
        "kept": kept,
        "unfitted": unfitted,
    }.items():
        joblib.dump(content, tmp_path / f"{name}.joblib")
    run = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(tmp_path)],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(Path(skpneumo.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    with np.load(tmp_path / "proba.npz") as proba:
        np.testing.assert_array_equal(proba["kept"], kept.predict_proba(images))
        np.testing.assert_array_equal(proba["new"], kept.predict_proba(images))
    assert list((tmp_path / "empty").iterdir()) == []


def test_through_a_pipeline_or_by_hand(small, images, labels, fitted):
    pipeline = make_pipeline(ImageAugmenter(n_copies=0), small()).fit(images, labels)
    np.testing.assert_array_equal(pipeline.predict_proba(images), fitted.predict_proba(images))


# Global settings


def test_global_settings_neither_change_a_fit_nor_are_changed(
    small, images, labels, fitted, no_programs, other_settings
):
    colour = np.repeat(images, 3, axis=3)
    classifier = small().fit(images, labels)
    np.testing.assert_array_equal(classifier.predict_proba(images), fitted.predict_proba(images))
    assert classifier.history_ == fitted.history_
    assert small(epochs=1).fit(colour, labels).network_.output_shape == (None, 1)
    with pytest.raises(ValueError, match="NaN"):
        small().fit(with_nan(images), labels)
    assert keras.config.image_data_format() == "channels_first"
    assert (keras.config.floatx(), keras.config.epsilon()) == ("float64", 0.5)
    assert keras.config.dtype_policy().name == "float64"
    assert dict(sklearn.get_config()) == other_settings


# Labels and shapes


LABELS = st.one_of(
    st.just([False, True]),
    st.lists(st.integers(-(2**31), 2**31), min_size=2, max_size=4, unique=True),
    st.lists(st.text(max_size=5), min_size=2, max_size=4, unique=True).filter(
        # NumPy strips trailing NULs, which may make two texts one, or one that means missing
        lambda texts: len(set(np.array(texts).tolist()) - {"nan", "NaN", "<NA>"}) == len(texts)
    ),
    st.just([0.0, 1.0, 2.0]),
)


@given(labels=LABELS, as_object=st.booleans(), seed=st.integers(0, 9))
@example(labels=["", "0\x00"], as_object=True, seed=0)
@settings(max_examples=25, deadline=None)
def test_any_labels(small, images, labels, as_object, seed):
    rng = np.random.default_rng(seed)
    dtype = object if as_object and isinstance(labels[0], str) else None
    y = np.array(labels, dtype=dtype)[rng.permutation(np.arange(24) % len(labels))]
    classifier = small(filters=(), dense_units=(), epochs=1).fit(images[:24], y)
    assert classifier.classes_.tolist() == sorted(np.array(labels, dtype=dtype).tolist())
    proba = classifier.predict_proba(images)
    assert proba.shape == (len(images), len(labels))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    predicted = classifier.predict(images)
    assert predicted.shape == (len(images),)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, classifier.classes_[proba.argmax(axis=1)])


@given(
    height=st.sampled_from([1, 2, 5]),
    width=st.sampled_from([1, 3]),
    channels=st.sampled_from([1, 3]),
    n=st.integers(4, 12),
    batch_size=st.integers(1, 20),
    dtype=st.sampled_from(["uint8", "int16", "float32", "float64", "bool"]),
)
@settings(max_examples=10, deadline=None)
def test_any_image_shape_batch_size_and_dtype(
    small, height, width, channels, n, batch_size, dtype
):
    X = np.random.default_rng(n).integers(0, 2, (n, height, width, channels))
    X = (X * 99).astype(dtype)
    y = np.arange(n) % 2
    classifier = small(filters=(2,), dense_units=(), epochs=1, batch_size=batch_size).fit(X, y)
    proba = classifier.predict_proba(X)
    assert proba.shape == (n, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert classifier.network_.input_shape == (None, height, width, channels)


def test_labels_of_any_container(small, images, labels, fitted):
    expected = fitted.predict_proba(images)
    for y in (labels.tolist(), pd.Series(labels, index=labels + 7), labels.astype(np.int8)):
        np.testing.assert_array_equal(small().fit(images, y).predict_proba(images), expected)


def test_uint8_and_wider_integers_are_predicted_alike(fitted, images):
    expected = fitted.predict_proba(images)
    for dtype in (np.int64, np.float32, np.float64, np.longdouble):
        np.testing.assert_array_equal(fitted.predict_proba(images.astype(dtype)), expected)


def test_a_list_of_images(small, images, labels, fitted):
    classifier = small().fit(list(images), labels)
    np.testing.assert_array_equal(
        classifier.predict_proba(list(images)), fitted.predict_proba(images)
    )


# Inner validation and early stopping


@pytest.fixture(scope="module")
def overfitting(images, labels, unseen):
    """Images and exchanged labels for validation, whose loss increases."""
    X_val, y_val = unseen
    return {"X_val": X_val, "y_val": 1 - y_val}


def kept_loss(classifier, X_val, y_val) -> float:
    return log_loss(y_val, classifier.predict_proba(X_val))


def test_early_stopping_restores_the_best_weights(small, images, labels, overfitting):
    classifier = small(early_stopping=True, epochs=30, n_iter_no_change=3, learning_rate=0.003)
    classifier.fit(images, labels, **overfitting)
    losses = classifier.history_["val_loss"]
    assert min(losses) < losses[-1]
    assert kept_loss(classifier, **overfitting) == pytest.approx(min(losses), rel=1e-5)
    assert classifier.n_iter_ == len(losses) == np.argmin(losses) + 1 + 3


def test_early_stopping_continues_while_the_loss_decreases(small, images, labels, unseen):
    X_val, y_val = unseen
    classifier = small(early_stopping=True, epochs=4, learning_rate=1e-4, n_iter_no_change=1)
    classifier.fit(images, labels, X_val=X_val, y_val=y_val)
    assert classifier.n_iter_ == 4
    assert kept_loss(classifier, X_val, y_val) == pytest.approx(
        classifier.history_["val_loss"][-1], rel=1e-5
    )


@pytest.mark.parametrize("n_iter_no_change", [1, 2])
def test_tol_is_the_minimum_decrease(small, images, labels, unseen, n_iter_no_change):
    X_val, y_val = unseen
    classifier = small(
        early_stopping=True, epochs=9, tol=100.0, n_iter_no_change=n_iter_no_change
    ).fit(images, labels, X_val=X_val, y_val=y_val)
    assert classifier.n_iter_ == 1 + n_iter_no_change


def test_best_weights_are_restored_after_all_epochs(small, images, labels, overfitting):
    classifier = small(early_stopping=True, epochs=6, n_iter_no_change=50, learning_rate=0.003)
    classifier.fit(images, labels, **overfitting)
    losses = classifier.history_["val_loss"]
    assert classifier.n_iter_ == 6
    assert min(losses) < losses[-1]
    assert kept_loss(classifier, **overfitting) == pytest.approx(min(losses), rel=1e-5)


def test_without_early_stopping_the_last_weights_are_used(small, images, labels, overfitting):
    classifier = small(epochs=6, learning_rate=0.003).fit(images, labels, **overfitting)
    assert classifier.n_iter_ == 6
    losses = classifier.history_["val_loss"]
    assert kept_loss(classifier, **overfitting) == pytest.approx(losses[-1], rel=1e-5)
    assert losses[-1] > min(losses)


def test_validation_fraction_is_held_out(small, images, labels):
    seen = []

    class Spy(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(self.params["steps"])

    for fraction in (0.1, 0.5):
        small(
            early_stopping=True, validation_fraction=fraction, batch_size=1, callbacks=[Spy()]
        ).fit(images, labels)
    assert seen == [36, 20]


def test_x_val_may_have_one_class_only(small, images, labels):
    classifier = small(epochs=1).fit(images, labels, X_val=images[1::2], y_val=labels[1::2])
    assert np.isnan(classifier.history_["val_specificity"]).all()
    assert np.isfinite(classifier.history_["val_loss"]).all()


# Bad input


def with_nan(images):
    X = images.astype(float)
    X[3, 2, 2] = np.nan
    return X


BAD_FIT = {
    "a path": (
        lambda X, y: (["a.jpeg"] * len(y), y),
        "images: got text such as 'a.jpeg'.*ImageLoader",
    ),
    "Paths": (
        lambda X, y: ([Path("a.jpeg")] * len(y), y),
        "got text such as 'a.jpeg'.*ImageLoader",
    ),
    "a column of paths": (
        lambda X, y: (np.array([["a.jpeg"]] * len(y), dtype=object), y),
        "got text such as 'a.jpeg'.*ImageLoader",
    ),
    "3-D": (lambda X, y: (X[..., 0], y), r"got shape \(40, 12, 12\).*X\[\.\.\., None\]"),
    "5-D": (lambda X, y: (X[..., None], y), r"got shape \(40, 12, 12, 1, 1\)"),
    "channels first": (
        lambda X, y: (np.repeat(np.moveaxis(X, -1, 1), 3, axis=1), y),
        r"got \(40, 3, 12, 12\).*channels.*np\.moveaxis\(X, 1, -1\)",
    ),
    "grey channels first": (lambda X, y: (np.moveaxis(X, -1, 1), y), r"np\.moveaxis\(X, 1, -1\)"),
    "volumes": (
        lambda X, y: (np.repeat(X, 12, axis=-1), y),
        r"does not seem to be the channels.*one slice of each volume, such as X\[\.\.\., \[6\]\]",
    ),
    "channels in the middle": (
        lambda X, y: (np.moveaxis(X, -1, 2), y),
        r"np\.moveaxis\(X, 2, -1\)",
    ),
    "NaN": (lambda X, y: (with_nan(X), y), "Input X contains NaN"),
    "infinite": (
        lambda X, y: (np.where(np.isnan(with_nan(X)), np.inf, X), y),
        "Input X contains NaN or infinity in 1 of",
    ),
    "one class": (
        lambda X, y: (X, np.full(len(y), "NORMAL")),
        "2 classes.*'NORMAL'.*how y was made",
    ),
    "y too short": (lambda X, y: (X, y[:-1]), "40 of them and 39 labels"),
    "no y": (lambda X, y: (X, None), "requires y"),
    "continuous y": (lambda X, y: (X, y + np.arange(len(y)) / 7), "continuous"),
    "NaN in y": (lambda X, y: (X, np.where(y == 1, np.nan, 0)), "NaN or None in 20 .* row 1"),
    "NaN among text in y": (
        lambda X, y: (X, ["NORMAL", "PNEUMONIA", np.nan, *["NORMAL"] * (len(y) - 3)]),
        "NaN or None in 1 of 40 labels, the first, nan, in row 2",
    ),
    "one-hot y": (lambda X, y: (X, np.eye(2)[y]), r"one-hot labels.*y\.argmax"),
    "several sizes": (lambda X, y: ([*X[:-1], X[-1, :9]], y), "9, 12, 1.*in row 39"),
    "two columns of y": (lambda X, y: (X, np.column_stack([y, y])), "y should be a 1d array"),
    "empty": (lambda X, y: (X[:0], y[:0]), r"Found array with 0 sample"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_FIT.values(), ids=BAD_FIT)
def test_bad_input_to_fit(small, images, labels, spoil, message):
    X, y = spoil(images, labels)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        small().fit(X, y)


BAD_PREDICT = {
    "paths": (lambda X: ["a.jpeg"] * 3, "got text such as 'a.jpeg'.*ImageLoader"),
    "width": (lambda X: X[:, :, :10], r"\(12, 10, 1\).*fitted on \(12, 12, 1\).*size=\(12, 12\)"),
    "channels": (
        lambda X: np.repeat(X, 3, axis=-1),
        r"shape \(12, 12, 3\).*fitted on \(12, 12, 1\)",
    ),
    "channels first": (lambda X: np.moveaxis(X, -1, 1), r"np\.moveaxis\(X, 1, -1\)"),
    "3-D": (lambda X: X[..., 0], r"got shape \(40, 12, 12\)"),
    "NaN": (with_nan, "contains NaN"),
    "empty": (lambda X: X[:0], "Found array with 0 sample"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_PREDICT.values(), ids=BAD_PREDICT)
def test_bad_input_to_predict(fitted, images, spoil, message):
    for method in (fitted.predict, fitted.predict_proba):
        with pytest.raises(ValueError, match=f"(?s){message}"):
            method(spoil(images))


BAD_VALIDATION = {
    "X_val without y_val": ({"y_val": None}, "X_val and y_val belong together"),
    "y_val without X_val": ({"X_val": None}, "X_val and y_val belong together"),
    "unknown label": ({"y_val": np.full(20, 7)}, r"labels \[7\].*\[0, 1\]"),
    "other length": ({"y_val": np.zeros(3, int)}, "20 of them and 3 labels"),
    "width": (
        {"X_val": np.zeros((20, 12, 10, 1), np.uint8)},
        r"\(12, 10, 1\).*fitted on \(12, 12, 1\)",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_VALIDATION.values(), ids=BAD_VALIDATION)
def test_bad_inner_validation(small, images, labels, unseen, change, message):
    arguments = dict(zip(("X_val", "y_val"), unseen, strict=True)) | change
    with pytest.raises(ValueError, match=f"(?s){message}"):
        small().fit(images, labels, **arguments)


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (np.ones(3), r"sample_weight.shape == \(3,\)"),
        (np.where(np.arange(40) == 5, np.nan, 1), "sample_weight contains NaN"),
        (np.arange(40) % 2, "All images of class 0 have weight zero.* one class is left"),
        (np.zeros(40), "at least one non-zero"),
        (-np.ones(40), "Negative"),
    ],
    ids=["length", "NaN", "one class", "zeros", "negative"],
)
def test_bad_sample_weight(small, images, labels, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(images, labels, sample_weight=sample_weight)


OUT_OF_RANGE = {
    "filters": [4, "ab"],
    "convs_per_block": [0],
    "kernel_size": [0, 2.5],
    "padding": ["full"],
    "pooling": ["min"],
    "global_pooling": ["mean"],
    "dense_units": [16],
    "batch_norm": ["yes"],
    "dropout": [-0.1, 1.0],
    "l1": [-1e-3],
    "l2": [-1e-3],
    "activity_l2": [-1e-3],
    "max_norm": [0, -1],
    "optimizer": [0.1],
    "learning_rate": [0, -0.1, np.inf],
    "batch_size": [0, -1, 1.5],
    "epochs": [0, -1],
    "early_stopping": ["yes"],
    "validation_fraction": [0.0, 1.0],
    "n_iter_no_change": [0],
    "tol": [-1e-3],
    "class_weight": ["even"],
    "augmentation": ["flip"],
    "image_shape": [12],
    "callbacks": [keras.callbacks.TerminateOnNaN()],
    "precision": ["float16"],
    "devices": [0, 1.5, "both"],
    "verbose": [-1],
    "random_state": [-1, "zero"],
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_parameters_out_of_range(small, images, labels, name):
    for value in OUT_OF_RANGE[name]:
        with pytest.raises(ValueError, match=f"'{name}' parameter of CNNClassifier.*Got"):
            small(**{name: value}).fit(images, labels)


def test_a_limit_of_the_augmenter_out_of_range(small, images, labels):
    with pytest.raises(ValueError, match="'rotation' parameter of ImageAugmenter"):
        small(augmentation=ImageAugmenter(rotation=-5)).fit(images, labels)


@pytest.mark.parametrize("rows", [True, False])
def test_image_shape_that_does_not_match_is_refused(small, images, labels, rows):
    X = images.reshape(len(images), -1) if rows else images
    found = "144 features" if rows else r"\(12, 12, 1\)"
    with pytest.raises(ValueError, match=rf"image_shape=\(6, 6, 1\).*{found}"):
        small(image_shape=(6, 6, 1)).fit(X, labels)


# Errors in terms of images


ERRORS = {
    "another height at predict": (
        lambda make, X, y: make().fit(X, y).predict(X[:, :10]),
        r"\(10, 12, 1\).*fitted on \(12, 12, 1\)",
    ),
    "rows at predict after images": (
        lambda make, X, y: make().fit(X, y).predict(X.reshape(len(X), -1)),
        r"fitted on images of shape \(12, 12, 1\)",
    ),
    "one image instead of a stack": (
        lambda make, X, y: make().fit(X, y).predict(X[0]),
        r"X\[None\]|X\[np.newaxis\]|\[X\]",
    ),
    "image_shape of two": (
        lambda make, X, y: make(image_shape=(12, 12)).fit(X.reshape(len(X), -1), y),
        r"image_shape=\(12, 12\).*channels",
    ),
    "negative image_shape": (
        lambda make, X, y: make(image_shape=(-12, -12, 1)).fit(X.reshape(len(X), -1), y),
        r"image_shape=\(-12, -12, 1\)",
    ),
    "no pixels": (
        lambda make, X, y: make().fit(X[:, :0], y),
        r"\(40, 0, 12, 1\)",
    ),
    "NaN in X_val": (
        lambda make, X, y: make().fit(X, y, X_val=with_nan(X), y_val=y),
        "X_val",
    ),
    "unknown label in y_val": (
        lambda make, X, y: make().fit(X, y, X_val=X, y_val=y + 1),
        "y_val",
    ),
    "which image contains NaN": (
        lambda make, X, y: make().fit(with_nan(X), y),
        r"image 3|row 3|\[3\]",
    ),
    "one class, as a Python number": (
        lambda make, X, y: make().fit(X, np.zeros(len(y), int)),
        r"labels are 0\b",
    ),
}


@pytest.mark.parametrize(("act", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_the_cause_and_the_remedy(small, images, labels, act, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        act(small, images, labels)


# Training that continues


def test_warm_starts_and_partial_fits_equal_one_long_fit(small, images, labels):
    whole = small(epochs=4, dropout=0.2).fit(images, labels)
    warm = small(epochs=2, dropout=0.2, warm_start=True).fit(images, labels)
    warm = pickle.loads(pickle.dumps(warm)).fit(images, labels)
    partial = small(dropout=0.2)
    for _ in range(4):
        partial.partial_fit(images, labels)
    for classifier in (warm, partial):
        assert classifier.n_iter_ == len(classifier.history_["loss"]) == 4
        np.testing.assert_array_equal(
            classifier.predict_proba(images), whole.predict_proba(images)
        )


class Interrupts(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_an_interrupted_warm_start_can_be_repeated(small, images, labels):
    warm, again = (
        small(epochs=1, dropout=0.2, warm_start=True).fit(images, labels) for _ in range(2)
    )
    with pytest.raises(KeyboardInterrupt):
        again.set_params(callbacks=[Interrupts()]).fit(images, labels)
    again.set_params(callbacks=None).fit(images, labels)
    np.testing.assert_array_equal(
        again.predict_proba(images), warm.fit(images, labels).predict_proba(images)
    )


def test_balanced_weights_of_one_batch_are_refused(small, images, labels):
    with pytest.raises(ValueError, match=r"'balanced' would weight each batch.*dict\(zip"):
        small(class_weight="balanced").partial_fit(images, labels)
    assert small(class_weight={0: 1, 1: 2}).partial_fit(images, labels).n_iter_ == 1
    with pytest.raises(ValueError, match="Input classes contains NaN or None in 1 of 3"):
        small().partial_fit(images, labels, classes=[0, 1, np.nan])


def test_partial_fit_continues_a_fit(small, images, labels):
    classifier = small(epochs=20).fit(images, labels)
    classifier.partial_fit(images, labels)
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0] / 2
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 21


def test_training_does_not_continue_with_another_network(small, images, labels):
    classifier = small(warm_start=True).fit(images, labels)
    with pytest.raises(ValueError, match=r"dropout from 0\.0 to 0\.5"):
        classifier.set_params(dropout=0.5).fit(images, labels)


def test_the_same_images_stay_held_out(small, images, labels, monkeypatch):
    chosen = []

    def spy(*arguments):
        chosen.append(validation_mask(*arguments))
        return chosen[-1]

    monkeypatch.setattr("skpneumo.classifiers._validation_split.validation_mask", spy)
    small(early_stopping=True, warm_start=True).fit(images, labels).fit(images, labels)
    np.testing.assert_array_equal(*chosen)


# What fit sees, what predict is given, and what to do about it.
OTHER_PIXELS = {
    "0..1 after floats to 254": (lambda X: X * 1.0, lambda X: X / 255, r"X \* 255"),
    "0..1 after uint8": (lambda X: X, lambda X: X / 255, r"\(X \* 255\)\.round\(\)"),
    "uint8 after 0..1": (lambda X: X / 255, lambda X: X, "X / 255"),
    "-1..1 after uint8": (lambda X: X, lambda X: X / 127.5 - 1, r"\(X \+ 1\) \* 127\.5"),
    "uint8 after -1..1": (lambda X: X / 127.5 - 1, lambda X: X, r"X / 127\.5 - 1"),
    "0..1 after -1..1": (lambda X: X / 127.5 - 1, lambda X: X / 255, r"X \* 2 - 1"),
    "-1..1 after 0..1": (lambda X: X / 255, lambda X: X / 127.5 - 1, r"\(X \+ 1\) / 2"),
    "12 bits after 8": (lambda X: X, lambda X: X * np.uint16(16), r"X \* \(255 / 4095\)"),
    "8 bits after 12": (lambda X: X * np.uint16(16), lambda X: X, r"X \* \(4095 / 255\)"),
    "16 bits after 12": (lambda X: X * 16.0, lambda X: X * 256.0, r"X \* \(4095 / 65535\)"),
    "uint8 after z-scores": (
        lambda X: (X - 70.0) / 40,
        lambda X: X,
        "training images were scaled",
    ),
    "z-scores after uint8": (
        lambda X: X,
        lambda X: (X - 70.0) / 40,
        "training images were scaled",
    ),
    "uint8 that was truncated": (lambda X: X, lambda X: (X / 179).astype(np.uint8), r"X \* 255"),
}


@pytest.mark.parametrize(("train", "given", "remedy"), OTHER_PIXELS.values(), ids=OTHER_PIXELS)
def test_another_kind_of_pixels_is_refused(small, images, labels, train, given, remedy):
    X, other = train(images), given(images)
    classifier = small(epochs=1).fit(X, labels)
    message = rf"fitted on values from .*, but X is {other.dtype} from .*{remedy}"
    for refused in (
        lambda: classifier.predict(other),
        lambda: classifier.partial_fit(other, labels),
        lambda: classifier.fit(X, labels, X_val=other, y_val=labels),
    ):
        with pytest.raises(ValueError, match=message):
            refused()


@pytest.mark.parametrize("scale", [1, 1 / 255, 16.0])
def test_darker_brighter_and_black_images_are_predicted(small, images, labels, scale):
    classifier = small(epochs=1).fit(images * scale, labels)
    for factor in (0.25, 0.8, 1.2, 1.4):
        assert len(classifier.predict(np.minimum(images * factor, 255) * scale)) == len(images)
    assert classifier.predict(np.zeros_like(images[:1] * scale)).shape == (1,)


def test_a_first_batch_may_be_darker_than_later_ones(small, images, labels):
    dark, bright = images / 255 / 4, images / 255
    classifier = small().partial_fit(dark, labels).partial_fit(bright, labels)
    assert classifier.value_range_ == (0.0, 1.0)


def test_uint8_without_grey_levels_is_not_trained_on(small, images, labels):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"uint8.*none of its values exceeds 1.*X \* 255"):
            getattr(small(), method)((images > 99).astype(np.uint8), labels)


def test_images_too_dark_for_prediction_are_not_trained_on(small, images, labels):
    fitted = small(epochs=1).fit(images, labels)
    for highest, fine in (9, False), (31, False), (40, True):
        dark = (images * (highest / images.max())).round().astype(np.uint8)
        for act in (
            lambda X: small(epochs=1).fit(X, labels),
            lambda X: small().partial_fit(X, labels),
            lambda X: small(epochs=1).fit(images, labels, X_val=X, y_val=labels),
            lambda X: fitted.predict(X),
        ):
            if fine:
                act(dark)
                continue
            with pytest.raises(ValueError, match=rf"uint8.* {highest}.*ImageLoader\(white=4095\)"):
                act(dark)


def test_files_that_are_too_dark_are_refused_among_others(small, images, labels):
    mixed = images.copy()
    mixed[3] = images[3] // 16
    mixed[5] = images[5] // 32
    mixed[7] = 0  # black has no scale
    names = [f"{row}.png" for row in range(len(images))]
    files = ImageArray(mixed, names)
    highest = mixed[3].max()
    told = rf"uint8.* from \d to {highest} in '3\.png', from \d to {mixed[5].max()} in '5\.png'"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=rf"{told}.*ImageLoader\(white=4095\).*leave them"):
            getattr(small(epochs=1), method)(files, labels)
    fitted = small(epochs=1).fit(images, labels)
    with pytest.raises(ValueError, match=told) as among_others:
        fitted.predict(files)
    assert list(among_others.value.failures) == ["3.png", "5.png"]
    with pytest.raises(ValueError, match="another kind") as alone:
        fitted.predict(mixed[[3]])
    assert str(among_others.value.failures["3.png"]) == str(alone.value)
    again = pickle.loads(pickle.dumps(among_others.value))  # as from a worker process
    assert str(again) == str(among_others.value)
    assert list(again.failures) == ["3.png", "5.png"]
    # An explanation hides parts of images, and so do users.
    assert len(fitted.predict(mixed)) == len(fitted.predict(files[[0, 7]])) + len(mixed) - 2


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_is_as_bright_as_the_brightest_of_its_rows(order, small, images, labels):
    """As an ImageAugmenter in a pipeline appends copies of a file, some of them dark."""
    both = np.concatenate([images, images // 32])[::order]
    names = np.tile([f"{row}.png" for row in range(len(images))], 2)[::order]
    y = np.tile(labels, 2)[::order]
    fitted = small(epochs=1).fit(ImageArray(both, names), y)
    assert len(fitted.predict(ImageArray(both, names))) == len(both)
    without_names = ImageArray(both, [None] * len(both))
    assert len(fitted.predict(without_names)) == len(both)


def test_commands_say_where_the_value_of_white_can_be_given(small, images, labels):
    """Only those that train have the option."""
    fitted = small(epochs=1).fit(images, labels)
    dark = images // 16
    with command_line_messages():
        with pytest.raises(ValueError, match=r"12 in 16, add --white 4095 or another"):
            small(epochs=1).fit(dark, labels)
        with pytest.raises(
            ValueError, match=r"to 8 bits, or train .* `skpneumo fit --white 4095`"
        ):
            fitted.predict(dark)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
def test_class_weights_that_are_no_weights_are_named(small, images, labels, weight):
    with pytest.raises(ValueError, match=r"class_weight=.*: expected finite weights of 0 or more"):
        small(class_weight={0: weight, 1: 1}).fit(images, labels)
