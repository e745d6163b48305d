"""TransferClassifier: features computed once, training of the head, fine-tuning."""

import inspect
import os

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    TransferClassifier,
    build_pretrained,
    make_pipeline,
)
from skpneumo.classifiers import _transfer

from ..brief_backbone import Brief
from .checks import WatchingCallback, run_check

QUARTER = {"backbone": "MobileNet", "backbone_options": {"alpha": 0.25}}

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Batches are drawn by row: an image of weight 2 comes once an epoch, two copies of it "
        "come twice, in batches of their own."
    ),
}


@parametrize_with_checks(
    [
        TransferClassifier(
            "Brief",
            weights=None,
            head_units=(16,),
            epochs=30,
            batch_size=16,
            learning_rate=0.01,
            random_state=0,
        )
    ],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_checks_of_scikit_learn(estimator, check):
    run_check(estimator, check)


def transfer(**parameters) -> TransferClassifier:
    """Make a small classifier with these parameters."""
    defaults = {
        "backbone": "Brief",
        "weights": None,
        "epochs": 3,
        "batch_size": 10,
        "learning_rate": 0.01,
        "precision": "float32",
        "random_state": 0,
    }
    return TransferClassifier(**{**defaults, **parameters})


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Random weights of the backbone, saved by Keras."""
    file = tmp_path_factory.mktemp("weights") / "brief.weights.h5"
    save_weights(file, seed=1)
    return file


def save_weights(file, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    Brief(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(file)


pytestmark = [
    pytest.mark.usefixtures("brief_backbone"),
    # Keras hands h5py its variables, which NumPy 2 asks for a keyword they do not know.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def fitted(weights_file, images, labels) -> TransferClassifier:
    """A fitted classifier, which tests must not change."""
    return transfer(weights=weights_file).fit(images, labels)


@pytest.fixture(scope="module")
def fine_tuned(weights_file, images, labels) -> TransferClassifier:
    """A classifier fine-tuned from its last block, which tests must not change."""
    return transfer(
        weights=weights_file,
        fine_tune_from="conv_pw_13",
        fine_tune_epochs=2,
        fine_tune_learning_rate=1e-3,
    ).fit(images, labels)


class Rates(WatchingCallback):
    """Records the learning rate of each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(round(float(self.model.optimizer.learning_rate), 9))


def body_of(classifier) -> keras.Model:
    features = classifier.network_.get_layer("features")
    (body,) = (layer for layer in features.layers if isinstance(layer, keras.Model))
    return body


def changed_layers(before: keras.Model, after: keras.Model) -> set[str]:
    return {
        layer.name
        for layer, other in zip(before.layers, after.layers, strict=True)
        for a, b in zip(layer.get_weights(), other.get_weights(), strict=True)
        if not np.array_equal(a, b)
    }


# Parameters


def defaults_of(function) -> dict:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
    }


def test_it_has_all_training_parameters_of_cnn_classifier():
    cnn, own = defaults_of(CNNClassifier), defaults_of(TransferClassifier)
    training = list(cnn)[list(cnn).index("optimizer") :]
    training.remove("min_steps")  # a head on features that are there needs few
    assert {name: own[name] for name in training} == {name: cnn[name] for name in training}


def test_defaults_equal_those_of_build_pretrained():
    network, own = defaults_of(build_pretrained), defaults_of(TransferClassifier)
    shared = network.keys() & own.keys() - {"weights", "backbone_options"}
    assert shared >= {"backbone", "global_pooling", "head_units", "activation", "dropout", "l2"}
    assert {name: network[name] for name in shared} == {name: own[name] for name in shared}


def test_the_constructor_only_stores():
    given = {name: object() for name in TransferClassifier().get_params(deep=False)}
    assert vars(TransferClassifier(**given)) == given


# Features


def test_features_are_computed_once(images, labels, unseen, monkeypatch, weights_file):
    computed = []
    compute = _transfer.extract_features

    def counted(spec, weights, X, *how):
        computed.append(len(X))
        return compute(spec, weights, X, *how)

    monkeypatch.setattr(_transfer, "extract_features", counted)
    X_val, y_val = unseen
    classifier = transfer(weights=weights_file, epochs=4)
    classifier.fit(images, labels, X_val=X_val, y_val=y_val)
    assert computed == [len(images), len(X_val)]
    assert len(classifier.history_["val_loss"]) == 4


def test_features_are_standardised_in_the_network(fitted, images):
    features = keras.ops.convert_to_numpy(fitted.network_.get_layer("features")(images))
    vary = features.std(axis=0) > 1e-3
    assert vary.sum() > 100
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(features[:, vary].std(axis=0), 1, atol=1e-3)


def test_the_network_and_the_classifier_predict_the_same(fitted, fine_tuned, images):
    for classifier in (fitted, fine_tuned):
        logits = keras.ops.convert_to_numpy(classifier.network_(images))[:, 0]
        expected = classifier.predict_proba(images)[:, 1]
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)


def test_features_of_random_weights_can_be_learned(images, labels):
    """They are as small as 1e-17, so that a head can use them only after standardisation."""
    assert transfer(**QUARTER, epochs=20).fit(images, labels).score(images, labels) > 0.9


def test_a_frozen_backbone_keeps_its_weights(fitted, weights_file):
    expected = build_pretrained((12, 12, 1), backbone="Brief", weights=weights_file)
    expected = expected.get_layer("features").get_weights()[2:-2]
    body = body_of(fitted).get_weights()
    assert len(body) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(body, expected, strict=True))


def test_candidates_and_folds_share_initial_weights(images, labels, weights_file):
    transfer(weights=weights_file).fit(images, labels)
    before = _transfer._build_body.cache_info()
    for parameters in ({"head_units": (4,)}, {"dropout": 0.5}, {"random_state": 3}):
        transfer(weights=weights_file, epochs=1, **parameters).fit(images[:30], labels[:30])
    after = _transfer._build_body.cache_info()
    assert after.hits == before.hits + 3
    assert after.misses == before.misses


@pytest.mark.slow
def test_a_file_of_weights_that_changed_is_read_again(images, labels, tmp_path):
    file = tmp_path / "changing.weights.h5"
    kernels = []
    for seed in (1, 2):
        save_weights(file, seed=seed)
        os.utime(file, (seed, seed))
        classifier = transfer(weights=file, epochs=1).fit(images, labels)
        kernels.append(body_of(classifier).get_layer("conv1").get_weights()[0])
    assert not np.array_equal(*kernels)


def test_images_of_any_range_share_one_program(images, labels):
    specs, probabilities = [], []
    for white in (1.0, 7.0):
        X = images / 255 * white
        classifier = transfer().fit(X, labels)
        specs.append(classifier.network_spec_)
        probabilities.append(classifier.predict_proba(X))
        assert classifier.value_range_ == (X.min(), X.max())
    assert specs[0] == specs[1]
    np.testing.assert_allclose(*probabilities, atol=1e-3)


# Fine-tuning


def test_fine_tuning_changes_only_the_upper_layers(fine_tuned, fitted):
    assert changed_layers(body_of(fitted), body_of(fine_tuned)) == {"conv_pw_13"}


@pytest.mark.slow
def test_fine_tuning_has_its_own_learning_rate(images, labels, weights_file):
    rates = Rates()
    classifier = transfer(
        weights=weights_file,
        fine_tune_from="conv_pw_13",
        fine_tune_epochs=2,
        fine_tune_learning_rate=1e-4,
        warm_start=True,
        callbacks=[rates],
    ).fit(images, labels)
    assert rates.seen == [0.01] * 3 + [1e-4] * 2
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 5
    classifier.fit(images, labels)
    assert rates.seen[5:] == [1e-4] * 2
    assert classifier.n_iter_ == 7


@pytest.mark.slow
def test_without_weights_all_layers_are_trained_together(images, labels):
    rates = Rates()
    classifier = transfer(
        fine_tune_from="all",
        fine_tune_epochs=2,
        fine_tune_learning_rate=1e-3,
        callbacks=[rates],
    ).fit(images, labels)
    assert rates.seen == [1e-3] * 2
    start = classifier.network_spec_.build(0)
    moved = changed_layers(body_of(classifier), start.get_layer("features").layers[4])
    assert {"conv1", "conv1_bn", "conv_pw_13", "conv_pw_13_bn"} <= moved


def test_an_unknown_layer_is_refused_before_training(images, labels, weights_file):
    rates = Rates()
    classifier = transfer(weights=weights_file, fine_tune_from="conv_pw_31", callbacks=[rates])
    with pytest.raises(ValueError, match=r"no layer 'conv_pw_31'.*'conv_pw_13'"):
        classifier.fit(images, labels)
    assert not rates.seen


@pytest.mark.slow
def test_early_stopping_and_schedules_apply_to_both_phases(images, labels, weights_file):
    classifier = transfer(
        weights=weights_file,
        fine_tune_from="conv_pw_13",
        fine_tune_epochs=2,
        early_stopping=True,
        validation_fraction=0.3,
        schedule="cosine",
        ema_momentum=0.9,
        head_units=(4,),
        dropout=0.2,
        l2=0.01,
        label_smoothing=0.1,
        balanced_batches=True,
        class_weight="balanced",
        loss="focal",
    ).fit(images, labels)
    assert classifier.n_iter_ == 5
    assert np.isfinite(classifier.history_["val_auc"]).all()


# Parameters that the head does not use


@pytest.mark.parametrize(
    "parameters", [{"augmentation": ImageAugmenter(rotation=10)}, {"mixup": 0.4}]
)
def test_augmentation_of_frozen_features_warns(images, labels, fitted, parameters):
    classifier = clone(fitted).set_params(**parameters)
    with pytest.warns(
        UserWarning, match=f"{next(iter(parameters))} have no effect.*a step"
    ) as caught:
        classifier.fit(images, labels)
    assert {each.filename for each in caught} == {__file__}
    np.testing.assert_array_equal(classifier.predict_proba(images), fitted.predict_proba(images))


@pytest.mark.slow
def test_augmentation_and_mixup_apply_to_fine_tuning(images, labels, fine_tuned):
    changed = (
        clone(fine_tuned)
        .set_params(augmentation=ImageAugmenter(rotation=20), mixup=0.4)
        .fit(images, labels)
    )
    assert changed.history_["loss"][:3] == fine_tuned.history_["loss"][:3]
    assert changed.history_["loss"][3:] != fine_tuned.history_["loss"][3:]


def test_augmentation_for_predictions_does_not_warn(images, labels, fitted):
    classifier = (
        clone(fitted)
        .set_params(augmentation=ImageAugmenter(rotation=20), n_tta=2)
        .fit(images, labels)
    )
    averaged = classifier.predict_proba(images)
    assert averaged.shape == (len(images), 2)
    assert not np.allclose(averaged, fitted.predict_proba(images), atol=1e-3)


# Continuing


def test_warm_start_continues_with_the_head(images, labels, weights_file):
    whole = transfer(weights=weights_file, epochs=4).fit(images, labels)
    halves = transfer(weights=weights_file, epochs=2, warm_start=True).fit(images, labels)
    halves.fit(images, labels)
    np.testing.assert_allclose(halves.history_["loss"], whole.history_["loss"], rtol=1e-4)
    assert halves.n_iter_ == 4


@pytest.mark.slow
def test_partial_fit_trains_the_head_and_then_fine_tunes(images, labels, weights_file):
    rates = Rates()
    classifier = transfer(
        weights=weights_file,
        fine_tune_from="conv_pw_13",
        fine_tune_learning_rate=1e-4,
        callbacks=[rates],
    )
    for _ in range(3):
        classifier.partial_fit(images, labels)
    assert rates.seen == [0.01, 1e-4, 1e-4]
    assert classifier.n_iter_ == 3


def test_a_fit_interrupted_in_fine_tuning_leaves_nothing_fitted(images, labels, weights_file):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if len(self.model.input_shape) == 4:  # the head is trained on rows
                raise InterruptedError

    classifier = transfer(weights=weights_file, fine_tune_from="conv_pw_13", callbacks=[Stop()])
    with pytest.raises(InterruptedError):
        classifier.fit(images, labels)
    assert not hasattr(classifier, "weights_")
    assert not hasattr(classifier, "history_")


# Weights


def test_a_wrong_path_of_weights_is_named(images, labels, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone.weights.h5': there is no such file"):
        transfer(weights=tmp_path / "gone.weights.h5").fit(images, labels)
    with pytest.raises(FileNotFoundError, match="'imagnet': there is no such file"):
        transfer(weights="imagnet").fit(images, labels)


def test_weights_of_another_width_are_refused(images, labels, weights_file):
    classifier = transfer(weights=weights_file, backbone_options={"width": 0.5})
    with pytest.raises(ValueError, match=r"brief.weights.h5' are not those of Brief.*0\.5"):
        classifier.fit(images, labels)


# A scikit-learn citizen


def test_three_classes(images, unseen, weights_file):
    y = np.array(["normal", "virus", "bacteria"])[np.arange(len(images)) % 3]
    classifier = transfer(weights=weights_file, head_units=(4,)).fit(images, y)
    assert classifier.classes_.tolist() == ["bacteria", "normal", "virus"]
    proba = classifier.predict_proba(unseen[0])
    assert proba.shape == (len(unseen[0]), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert classifier.network_.output_shape == (None, 3)


def test_saved_by_joblib(fine_tuned, images, tmp_path):
    joblib.dump(fine_tuned, tmp_path / "classifier.joblib")
    loaded = joblib.load(tmp_path / "classifier.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(images), fine_tuned.predict_proba(images))
    assert loaded.history_ == fine_tuned.history_


def test_same_seed_same_probabilities(images, labels):
    def proba(seed) -> np.ndarray:
        return transfer(random_state=seed).fit(images, labels).predict_proba(images)

    np.testing.assert_array_equal(proba(1), proba(1))
    assert not np.allclose(proba(1), proba(2), atol=1e-3)


def test_in_a_pipeline_from_paths(xrays, weights_file):
    pipe = make_pipeline(ImageLoader(size=(32, 32)), transfer(weights=weights_file))
    pipe.fit(xrays.filenames, xrays.target)
    proba = pipe.predict_proba(xrays.filenames)
    assert proba.shape == (len(xrays.filenames), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.real
@pytest.mark.slow
def test_weights_of_imagenet_are_better_than_none(real_data):
    from skpneumo import load_chest_xray, patient_train_test_split

    xrays = load_chest_xray(real_data / "chest_xray", split="train")
    rows = np.random.default_rng(0).permutation(len(xrays.filenames))[:300]
    X = ImageLoader(size=(96, 96)).fit_transform(xrays.filenames[rows])
    X, X_val, y, y_val = patient_train_test_split(
        X, xrays.target[rows], test_size=0.33, random_state=0
    )
    file = real_data / "weights" / "mobilenet_0.75_224_notop.weights.h5"
    aucs = []
    for weights in (file, None):
        classifier = TransferClassifier(
            "MobileNet", backbone_options={"alpha": 0.75}, weights=weights, random_state=0
        )
        classifier.fit(X, y, X_val=X_val, y_val=y_val)
        aucs.append(classifier.history_["val_auc"][-1])
    assert aucs[0] > aucs[1]
