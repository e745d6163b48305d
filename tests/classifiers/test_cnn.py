"""CNNClassifier: every parameter has its effect on the network or its training."""

import inspect

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skpneumo import CNNClassifier, build_cnn
from skpneumo.classifiers._saved_weights import write_weights

OTHER_THAN_DEFAULT = {
    "filters": (3, 2),
    "convs_per_block": 2,
    "kernel_size": 5,
    "padding": "valid",
    "pooling": "average",
    "global_pooling": "max",
    "dense_units": (5,),
    "activation": "elu",
    "batch_norm": True,
    "dropout": 0.25,
    "kernel_initializer": "glorot_uniform",
    "l1": 0.001,
    "l2": 0.01,
    "activity_l2": 0.002,
    "max_norm": 2.0,
}

# Of one layer, so that each compiles quickly.
DENSE = {"filters": (), "dense_units": (4,)}


def defaults_of(function) -> dict:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
    }


def without_seeds(config):
    if isinstance(config, dict):
        return {k: without_seeds(v) for k, v in config.items() if k not in ("seed", "name")}
    return [without_seeds(v) for v in config] if isinstance(config, (list, tuple)) else config


def test_defaults_equal_those_of_build_cnn():
    network, classifier = defaults_of(build_cnn), defaults_of(CNNClassifier)
    shared = network.keys() & classifier.keys()
    assert shared >= OTHER_THAN_DEFAULT.keys()
    assert {name: network[name] for name in shared} == {name: classifier[name] for name in shared}
    assert all(classifier[name] != value for name, value in OTHER_THAN_DEFAULT.items())


def test_every_argument_of_build_cnn_is_a_parameter():
    derived = {"input_shape", "n_outputs", "value_range", "dtype", "seed"}
    assert defaults_of(build_cnn).keys() - derived <= defaults_of(CNNClassifier).keys()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_network_equals_that_of_build_cnn(images, n_classes):
    y = np.arange(len(images)) % n_classes
    classifier = CNNClassifier(
        **OTHER_THAN_DEFAULT, epochs=1, precision="float32", random_state=0
    ).fit(images, y)
    expected = build_cnn(
        images.shape[1:], 1 if n_classes == 2 else n_classes, **OTHER_THAN_DEFAULT
    )
    assert without_seeds(classifier.network_.get_config()) == without_seeds(expected.get_config())


def test_the_network_is_a_new_model_with_the_fitted_weights(fitted):
    first, second = fitted.network_, fitted.network_
    assert first is not second
    for got, kept in zip(first.get_weights(), fitted.weights_, strict=True):
        np.testing.assert_array_equal(got, kept)
    first.set_weights([np.zeros_like(w) for w in first.get_weights()])
    assert any(w.any() for w in fitted.weights_)


def test_fitted_attributes(fitted, images):
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.input_shape_ == (12, 12, 1)
    assert fitted.value_range_ == (0.0, 255.0)
    assert fitted.n_iter_ == 3
    assert all(type(weights) is np.ndarray for weights in fitted.weights_)
    assert isinstance(fitted.network_, keras.Model)


# Each parameter that acts in training


def kernels(classifier) -> list[np.ndarray]:
    return [weights for weights in classifier.weights_ if weights.ndim > 1]


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_penalties_make_weights_small(small, images, labels, penalty):
    plain, penalised = (
        small(**DENSE, epochs=8, **{penalty: strength}).fit(images, labels)
        for strength in (0.0, 0.1)
    )
    for free, held in zip(kernels(plain), kernels(penalised), strict=True):
        assert np.linalg.norm(held) < np.linalg.norm(free)


@pytest.mark.parametrize(
    "precision",
    [
        "float32",
        "bfloat16",
    ],
)
def test_activity_l2_makes_outputs_small(small, images, labels, precision):
    def mean_square(classifier) -> float:
        network = classifier.network_
        part = keras.Model(network.input, network.get_layer("dense1_activation").output)
        return float(np.mean(keras.ops.convert_to_numpy(part(images)) ** 2))

    plain, penalised = (
        small(**DENSE, epochs=8, activity_l2=strength, precision=precision).fit(images, labels)
        for strength in (0.0, 0.1)
    )
    assert mean_square(penalised) < mean_square(plain) / 2


def test_max_norm_holds_after_training(small, images, labels):
    classifier = small(**DENSE, max_norm=0.5, learning_rate=0.1).fit(images, labels)
    for kernel in kernels(classifier):
        norms = np.linalg.norm(kernel, axis=0)
        assert (norms <= 0.5 + 1e-4).all()
        assert norms.max() > 0.4


def test_dropout_changes_training_but_not_prediction(small, images, labels):
    plain, dropped = (small(**DENSE, dropout=rate).fit(images, labels) for rate in (0.0, 0.5))
    assert not np.allclose(plain.predict_proba(images), dropped.predict_proba(images))
    np.testing.assert_array_equal(dropped.predict_proba(images), dropped.predict_proba(images))


def test_batch_norm_learns_and_predicts_with_moving_averages(small, images, labels):
    classifier = small(batch_norm=True, epochs=15, batch_size=8).fit(images, labels)
    assert classifier.score(images, labels) > 0.9
    alone = np.concatenate([classifier.predict_proba(images[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, classifier.predict_proba(images)[:5], atol=1e-6)
    moving = [
        kept
        for variable, kept in zip(classifier.network_.weights, classifier.weights_, strict=True)
        if "moving" in variable.name
    ]
    assert len(moving) == 4
    assert not any(np.allclose(w, 0) or np.allclose(w, 1) for w in moving)


def test_epochs_and_batch_size_change_the_fit(small, images, labels, fitted):
    for parameters in ({"epochs": 2}, {"batch_size": 20}, {"learning_rate": 0.02}):
        changed = small(**parameters).fit(images, labels)
        assert not np.array_equal(changed.predict_proba(images), fitted.predict_proba(images))
        assert changed.n_iter_ == changed.epochs


def test_it_learns(small, images, labels, unseen):
    classifier = small(epochs=15).fit(images, labels)
    assert classifier.score(*unseen) > 0.9


# Rows of pixels


def test_rows_of_pixels_with_image_shape_are_the_images(small, images, labels, fitted):
    rows = images.reshape(len(images), -1)
    classifier = small(image_shape=(12, 12, 1)).fit(rows, labels)
    assert classifier.input_shape_ == (12, 12, 1)
    np.testing.assert_array_equal(classifier.predict_proba(rows), fitted.predict_proba(images))


def test_image_shape_may_be_a_list_and_be_given_for_images(small, images, labels, fitted):
    classifier = small(image_shape=[12, 12, 1]).fit(images, labels)
    np.testing.assert_array_equal(classifier.predict_proba(images), fitted.predict_proba(images))
    assert clone(classifier).image_shape == [12, 12, 1]


def test_rows_without_image_shape_are_one_pixel_high(small, labels):
    rows = np.random.default_rng(0).normal(size=(len(labels), 7))
    classifier = small(filters=(2,), dense_units=()).fit(rows, labels)
    assert classifier.input_shape_ == (1, 7, 1)
    assert classifier.value_range_ == (rows.min(), rows.max())
    assert classifier.n_features_in_ == 7


def test_few_images_get_more_epochs_and_a_longer_warm_up(small, images, labels):
    """There are four steps per epoch."""
    parameters = {"schedule": "cosine", "ema_momentum": 0.9}
    least = small(epochs=2, warmup_epochs=1, min_steps=15, **parameters).fit(images, labels)
    assert least.n_iter_ == 4
    same = small(epochs=4, warmup_epochs=2, **parameters).fit(images, labels)
    for one, other in zip(least.weights_, same.weights_, strict=True):
        np.testing.assert_array_equal(one, other)
    enough = small(epochs=3, min_steps=5).fit(images, labels)
    assert enough.n_iter_ == 3


def test_training_begins_with_the_weights_of_a_file(
    small, images, labels, fitted, unseen, tmp_path
):
    X, y = unseen
    file = tmp_path / "weights.npz"
    write_weights(file, fitted.weights_, dict(fitted.network_spec_.arguments), images)
    began = small(initial_weights=file, learning_rate=1e-12, epochs=1).fit(X, y)
    for one, other in zip(began.weights_[:-2], fitted.weights_[:-2], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)
    again = small(initial_weights=file, epochs=1).fit(X, y)
    assert not np.array_equal(again.weights_[0], began.weights_[0])
    with pytest.raises(ValueError, match=r"filters=\[4\], this one filters=\[5\]"):
        small(filters=(5,), initial_weights=file).fit(X, y)


# Of torch, whose arrays NumPy 2 asks for a keyword they do not know.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")
def test_images_that_initial_weights_were_trained_on_warn(
    small, images, labels, fitted, unseen, tmp_path
):
    file = tmp_path / "weights.npz"
    write_weights(file, fitted.weights_, dict(fitted.network_spec_.arguments), images[:10])
    classifier = small(initial_weights=file, epochs=1)
    with pytest.warns(UserWarning, match="trained on 10 of these 40 images") as in_fit:
        classifier.fit(images, labels)
    with pytest.warns(UserWarning, match="trained on 3 of these 5 images") as later:
        classifier.predict_proba(images[7:12])
    shown = [each for each in [*in_fit, *later] if each.category is not DeprecationWarning]
    assert {each.filename for each in shown} == {__file__}
    classifier.predict_proba(unseen[0])
