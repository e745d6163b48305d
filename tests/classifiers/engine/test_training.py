"""Training: the loss, the optimizer, and augmentation."""

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.utils import compute_class_weight

from skpneumo import ImageAugmenter
from skpneumo.classifiers.engine._training import verbosity

# Steps too small to move a weight: the loss of the first epoch is that of the start.
ZERO_LEARNING_RATE = {"learning_rate": 1e-30, "optimizer": "sgd", "epochs": 1}


def proba_of(classifier, images, labels, **arguments) -> np.ndarray:
    return classifier.fit(images, labels, **arguments).predict_proba(images)


# The loss


@pytest.mark.parametrize("batch_size", [1, 10, 40, 400])
def test_training_loss_is_the_mean_over_images_for_any_batch_size(
    small, images, labels, batch_size
):
    classifier = small(**ZERO_LEARNING_RATE, batch_size=batch_size, precision="float32")
    expected = log_loss(labels, proba_of(classifier, images, labels))
    assert classifier.history_["loss"][0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_training_loss_is_weighted(small, images, n_classes):
    y = np.arange(len(images)) % n_classes
    sample_weight = np.linspace(0.5, 3, len(images))
    classifier = small(
        **ZERO_LEARNING_RATE, class_weight={0: 2.0, 1: 0.5, 2: 1.0}, precision="float32"
    )
    if n_classes == 2:
        classifier.set_params(class_weight={0: 2.0, 1: 0.5})
    proba = proba_of(classifier, images, y, sample_weight=sample_weight)
    weights = sample_weight * np.array([2.0, 0.5, 1.0])[y]
    expected = np.mean(-np.log(proba[np.arange(len(y)), y]) * weights)
    assert classifier.history_["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_penalties_are_part_of_the_training_loss(small, images, labels):
    plain, penalised = (small(**ZERO_LEARNING_RATE, l2=l2).fit(images, labels) for l2 in (0, 0.1))
    kernels = [w for w in plain.weights_ if w.ndim > 1]
    by_hand = 0.1 * sum((kernel**2).sum() for kernel in kernels)
    difference = penalised.history_["loss"][0] - plain.history_["loss"][0]
    assert difference == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(
    ("learning_rate", "epochs"),
    [
        (1e30, 5),
        (1e38, 1),
    ],
)
def test_a_diverging_loss_is_an_error(small, images, labels, learning_rate, epochs):
    classifier = small(learning_rate=learning_rate, epochs=epochs, batch_size=40)
    with pytest.raises(ValueError, match=r"became .* Lower learning_rate"):
        classifier.fit(images, labels)


def test_a_diverging_loss_does_not_affect_the_next_fit(small, images, labels, fitted):
    with pytest.raises(ValueError, match="training loss became"):
        small(learning_rate=1e30).fit(images, labels)
    np.testing.assert_array_equal(proba_of(small(), images, labels), fitted.predict_proba(images))


# Weights


def test_class_weight_shifts_predictions_to_the_class_of_more_weight(small, images, labels):
    towards_0, towards_1 = (
        proba_of(small(class_weight=weight), images, labels)[:, 1].mean()
        for weight in ({0: 20, 1: 1}, {0: 1, 1: 20})
    )
    assert towards_0 < towards_1 - 0.1


def test_balanced_uses_the_weights_of_scikit_learn(small, images, labels):
    few = np.flatnonzero((labels == 1) | (np.arange(len(labels)) < 8))
    X, y = images[few], labels[few]
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    balanced, by_hand, plain = (
        proba_of(small(class_weight=weight), X, y)
        for weight in ("balanced", dict(enumerate(weights)), None)
    )
    np.testing.assert_array_equal(balanced, by_hand)
    assert not np.array_equal(balanced, plain)


def test_class_weight_is_keyed_by_the_labels_of_the_user(small, images, labels):
    names = np.array(["NORMAL", "PNEUMONIA"])[labels]
    np.testing.assert_array_equal(
        proba_of(small(class_weight={"NORMAL": 3, "PNEUMONIA": 1}), images, names),
        proba_of(small(class_weight={0: 3, 1: 1}), images, labels),
    )


def test_class_weight_and_sample_weight_multiply(small, images, labels):
    np.testing.assert_array_equal(
        proba_of(small(class_weight={0: 3, 1: 1}), images, labels),
        proba_of(small(), images, labels, sample_weight=np.where(labels == 0, 3.0, 1.0)),
    )


def test_images_of_weight_zero_have_no_influence(small, images, labels):
    sample_weight = np.ones(len(labels))
    sample_weight[::5] = 0
    changed, wrong = images.copy(), labels.copy()
    changed[::5] = 255 - changed[::5]
    wrong[::5] = 1 - wrong[::5]
    np.testing.assert_array_equal(
        proba_of(small(), images, labels, sample_weight=sample_weight),
        small().fit(changed, wrong, sample_weight=sample_weight).predict_proba(images),
    )


# The optimizer


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adamw"])
def test_an_optimizer_by_name_learns(small, images, labels, name):
    dense = {"filters": (), "dense_units": ()}
    classifier = small(optimizer=name, epochs=6, **dense).fit(images, labels)
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0]


def test_an_optimizer_by_name_and_as_instance_are_the_same(small, images, labels, fitted):
    instance = small(optimizer=keras.optimizers.Adam())
    np.testing.assert_array_equal(proba_of(instance, images, labels), fitted.predict_proba(images))


def test_learning_rate_none_uses_that_of_the_optimizer(small, images, labels):
    own = small(optimizer=keras.optimizers.SGD(0.07), learning_rate=None)
    named = small(optimizer="sgd", learning_rate=0.07)
    other = small(optimizer="sgd", learning_rate=0.02)
    expected = proba_of(named, images, labels)
    np.testing.assert_allclose(proba_of(own, images, labels), expected, atol=1e-6)
    assert not np.allclose(proba_of(other, images, labels), expected)


def test_options_of_an_optimizer_have_an_effect(small, images, labels):
    plain, momentum = (
        proba_of(small(optimizer=keras.optimizers.SGD(momentum=m)), images, labels)
        for m in (0.0, 0.9)
    )
    assert not np.allclose(plain, momentum)


def test_an_optimizer_instance_is_not_changed(small, images, labels):
    optimizer = keras.optimizers.Adam(0.5)
    before = optimizer.get_config()
    classifier = small(optimizer=optimizer)
    proba = proba_of(classifier, images, labels)
    assert optimizer.get_config() == before
    assert not optimizer.built
    assert classifier.optimizer is optimizer
    for copy in (clone(classifier), pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(proba_of(copy, images, labels), proba)


def test_a_schedule_of_keras_needs_learning_rate_none(small, images, labels):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    optimizer = keras.optimizers.SGD(schedule)
    classifier = small(optimizer=optimizer, learning_rate=None, filters=(), dense_units=())
    classifier.fit(images, labels)
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0]


def test_a_schedule_of_keras_and_a_learning_rate_is_an_error_with_a_remedy(small, images, labels):
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10))
    with pytest.raises((TypeError, ValueError), match="learning_rate=None"):
        small(optimizer=optimizer, learning_rate=0.1).fit(images, labels)


@pytest.mark.parametrize(
    "parameters",
    [{"optimizer": "adma"}, {"activation": "rleu"}, {"kernel_initializer": "he_norml"}],
    ids=lambda parameters: next(iter(parameters)),
)
def test_a_misspelt_name_is_an_error_that_names_it(small, images, labels, parameters):
    ((_, name),) = parameters.items()
    with pytest.raises(ValueError, match=name):
        small(**parameters).fit(images, labels)


def test_early_stopping_needs_no_learning_rate(small, images, labels):
    classifier = small(early_stopping=True, learning_rate=None).fit(images, labels)
    assert "val_loss" in classifier.history_


# Augmentation


@pytest.fixture
def params(monkeypatch) -> list:
    """All parameters that an augmenter sampled."""
    seen = []
    draw = ImageAugmenter.sample_params

    def spy(self, *args):
        drawn = draw(self, *args)
        seen.append(drawn)
        return drawn

    monkeypatch.setattr(ImageAugmenter, "sample_params", spy)
    return seen


def test_augmentation_is_sampled_again_for_each_image_in_each_epoch(small, images, labels, params):
    small(augmentation=ImageAugmenter(rotation=10)).fit(images, labels)
    assert [len(drawn.affine) for drawn in params] == [len(images)] * 3
    assert len(np.unique(np.concatenate([drawn.affine for drawn in params]), axis=0)) == 3 * 40


def test_prediction_samples_nothing_and_uses_the_original_images(small, images, labels, params):
    classifier = small(augmentation=ImageAugmenter(rotation=90, brightness=0.9))
    classifier.fit(images, labels)
    params.clear()
    proba = classifier.predict_proba(images)
    np.testing.assert_array_equal(classifier.predict_proba(images), proba)
    assert params == []
    logits = keras.ops.convert_to_numpy(classifier.network_(images))[:, 0]
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-logits)), atol=0.02)


def test_limits_of_the_augmenter_change_the_fit(small, images, labels, fitted):
    classifier = small(augmentation=ImageAugmenter(rotation=0.0, horizontal_flip=True))
    before = proba_of(classifier, images, labels)
    assert not np.array_equal(before, fitted.predict_proba(images))
    classifier.set_params(augmentation__rotation=45)
    after = proba_of(classifier, images, labels)
    assert not np.array_equal(before, after)
    assert clone(classifier).get_params()["augmentation__rotation"] == 45


def test_seed_and_copies_of_the_augmenter_have_no_effect_in_training(small, images, labels):
    first, second = (
        proba_of(small(augmentation=ImageAugmenter(rotation=20, **options)), images, labels)
        for options in ({"random_state": 1}, {"random_state": 2, "n_copies": 5})
    )
    np.testing.assert_array_equal(first, second)


def test_augmentation_works_for_other_pixel_values(small, images, labels):
    """Floats from 0 to 1 are the same images: fill value and intensities are scaled."""
    augmenter = ImageAugmenter(rotation=30, brightness=0.3, fill_mode="constant", fill_value=128)
    full = images.copy()
    full[0, 0, 0], full[1, 0, 0] = 0, 255  # so that the range seen is that of uint8
    options = {"augmentation": augmenter, "precision": "float32", "filters": (), "epochs": 2}
    as_uint8 = small(**options).fit(full, labels).predict_proba(full)
    scaled = full / np.float32(255)
    as_floats = small(**options).fit(scaled, labels).predict_proba(scaled)
    np.testing.assert_allclose(as_uint8, as_floats, atol=1e-3)


# Verbosity


def test_training_is_silent_by_default(small, images, labels, capfd):
    small(early_stopping=True, batch_size=9).fit(images, labels).predict(images)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, True])
def test_verbose_shows_epochs_and_scores(small, images, labels, capsys, verbose):
    small(verbose=verbose, early_stopping=True).fit(images, labels)
    shown = capsys.readouterr().out
    assert "Epoch 3/3" in shown
    assert "loss" in shown
    assert "val_recall" in shown


def test_without_standard_output_nothing_is_printed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert [verbosity(each) for each in (0, 1, 2)] == [0, 0, 0]
