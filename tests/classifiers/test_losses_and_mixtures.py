"""Label smoothing, focal loss, mixup and balanced batches, as the classifier uses them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

# Steps too small to move a weight: the loss of the first epoch is that of the start.
ZERO_LEARNING_RATE = {
    "learning_rate": 1e-30,
    "optimizer": "sgd",
    "epochs": 1,
    "precision": "float32",
}


def start_and_loss(small, images, labels, **parameters) -> tuple[np.ndarray, float]:
    """Initial probabilities of the labels, and the initial training loss."""
    classifier = small(**ZERO_LEARNING_RATE, **parameters).fit(images, labels)
    return classifier.predict_proba(images), classifier.history_["loss"][0]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_distributes_its_share_over_all_classes(small, images, n_classes):
    y = np.arange(len(images)) % n_classes
    proba, loss = start_and_loss(small, images, y, label_smoothing=0.3)
    targets = 0.7 * np.eye(n_classes)[y] + 0.3 / n_classes
    assert loss == pytest.approx(-(targets * np.log(proba)).sum(axis=1).mean(), rel=1e-5)


def test_focal_loss_puts_less_weight_on_easy_images(small, images, labels):
    proba, loss = start_and_loss(small, images, labels, loss="focal")
    of_label = proba[np.arange(len(labels)), labels]
    by_hand = (-((1 - of_label) ** 2) * np.log(of_label)).mean()
    assert loss == pytest.approx(by_hand, rel=1e-4)
    assert loss < log_loss(labels, proba)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_focal_loss_learns(small, images, n_classes):
    y = np.arange(len(images)) % n_classes
    bright = images.copy()
    bright[y == 2] = bright[y == 2] // 4
    classifier = small(loss="focal", epochs=20).fit(bright, y)
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0] / 2


def test_mixup_affects_only_training_and_depends_on_the_seed(small, images, labels, fitted):
    mixed = small(mixup=0.4).fit(images, labels)
    again = clone(mixed).fit(images, labels)
    np.testing.assert_array_equal(mixed.predict_proba(images), again.predict_proba(images))
    np.testing.assert_array_equal(mixed.predict_proba(images), mixed.predict_proba(images))
    assert not np.array_equal(mixed.predict_proba(images), fitted.predict_proba(images))


def test_mixup_makes_predictions_less_confident(small, images, labels):
    plain = small(epochs=20).fit(images, labels).predict_proba(images)
    mixed = small(epochs=20, mixup=1.0).fit(images, labels).predict_proba(images)
    assert mixed.max(axis=1).mean() < plain.max(axis=1).mean()


def test_balanced_batches_raise_the_probability_of_the_rare_class(small, images):
    y = np.zeros(len(images), dtype=int)
    y[:4] = 1
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, images.shape, dtype=np.uint8)  # nothing to learn but the shares
    plain = small(dense_units=(), epochs=2).fit(noise, y).predict_proba(noise)[:, 1].mean()
    balanced = small(dense_units=(), epochs=2, balanced_batches=True).fit(noise, y)
    assert balanced.predict_proba(noise)[:, 1].mean() > plain + 0.1


def test_balanced_batches_depend_on_the_seed(small, images, labels):
    fits = [small(balanced_batches=True).fit(images, labels) for _ in range(2)]
    np.testing.assert_array_equal(*(fit.predict_proba(images) for fit in fits))
