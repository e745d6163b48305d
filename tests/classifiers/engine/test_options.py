"""Options of training: the optimizer, and rates by warm-up, half a cosine or a plateau."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpneumo.classifiers.engine._options import warmup_cosine

from ..checks import WatchingCallback


class Rates(WatchingCallback):
    """Records the rate of every step, and at the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.steps[-1])


def rates(small, images, labels, **parameters) -> Rates:
    recorder = Rates()
    small(callbacks=[recorder], **parameters).fit(images, labels)
    return recorder


def scheduled(peak, warmup_epochs, epochs, steps) -> list[float]:
    return list(warmup_cosine(peak, warmup_epochs, epochs, steps))


@given(
    peak=st.floats(1e-5, 1),
    warmup_epochs=st.floats(0, 5),
    epochs=st.integers(1, 8),
    steps=st.integers(1, 9),
)
@settings(max_examples=25, deadline=None)
def test_a_rate_increases_to_its_peak_and_decreases_towards_zero(
    peak, warmup_epochs, epochs, steps
):
    seen = np.array(scheduled(peak, warmup_epochs, epochs, steps))
    top = seen.argmax()
    assert (np.diff(seen[: top + 1]) > 0).all()
    assert (np.diff(seen[top:]) <= 1e-12).all()
    assert (seen > 0).all()
    assert seen.max() <= peak * (1 + 1e-12)


def test_cosine_computed_by_hand():
    expected = 0.5 * (1 + np.cos(np.pi * np.arange(8) / 8))
    np.testing.assert_allclose(scheduled(1.0, 0, epochs=2, steps=4), expected)


def test_warm_up_computed_by_hand():
    seen = scheduled(0.4, 1, epochs=3, steps=4)
    np.testing.assert_allclose(seen[:4], [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(seen[4:], 0.4 * 0.5 * (1 + np.cos(np.pi * np.arange(8) / 8)))


def test_warm_up_may_last_as_long_as_training():
    np.testing.assert_allclose(scheduled(1.0, 9, epochs=1, steps=4), [0.25, 0.5, 0.75, 1.0])


def test_a_classifier_trains_with_the_rates_of_its_schedule(small, images, labels):
    seen = rates(
        small, images, labels, schedule="cosine", warmup_epochs=1, learning_rate=0.02, epochs=3
    )
    np.testing.assert_allclose(seen.steps, scheduled(0.02, 1, epochs=3, steps=4), rtol=1e-6)


def test_a_callback_reads_and_changes_the_rate_of_the_step_that_follows(small, images, labels):
    class Cap(WatchingCallback):
        def __init__(self) -> None:
            super().__init__()
            self.seen = []

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append(float(self.model.optimizer.learning_rate.numpy()))
            self.model.optimizer.learning_rate = min(self.seen[-1], 0.006)

    capped, recorder = Cap(), Rates()
    options = {"schedule": "cosine", "warmup_epochs": 1, "learning_rate": 0.01, "epochs": 2}
    small(callbacks=[capped, recorder], **options).fit(images, labels)
    expected = scheduled(0.01, 1, epochs=2, steps=4)
    np.testing.assert_allclose(capped.seen, expected, rtol=1e-6)
    np.testing.assert_allclose(recorder.steps, np.minimum(expected, 0.006), rtol=1e-6)


def test_a_warm_start_without_a_rate_returns_to_that_of_the_optimizer(small, images, labels):
    recorder = Rates()
    classifier = small(
        schedule="cosine", learning_rate=None, warm_start=True, callbacks=[recorder], epochs=2
    )
    classifier.fit(images, labels).fit(images, labels)
    np.testing.assert_allclose(recorder.steps[:8], recorder.steps[8:], rtol=1e-6)


def test_the_default_peak_is_the_rate_of_the_optimizer(small, images, labels):
    seen = rates(small, images, labels, schedule="cosine", learning_rate=None)
    assert seen.steps[0] == pytest.approx(0.001)


def test_without_a_schedule_the_rate_is_constant(small, images, labels):
    assert np.ptp(rates(small, images, labels).steps) == 0


def test_a_plateau_divides_the_rate_by_ten_while_the_loss_does_not_decrease(small, images, labels):
    seen = rates(
        small,
        images,
        labels,
        schedule="plateau",
        early_stopping=True,
        n_iter_no_change=4,
        tol=9.0,  # no fall is that large
        epochs=9,
    )
    # The first epoch is the best one; after each two more the rate falls, until the stop.
    np.testing.assert_allclose(seen.epochs, [0.01, 0.01, 0.01, 0.001, 0.001], rtol=1e-5)


def test_a_decreasing_loss_does_not_change_the_rate(small, images, labels, unseen):
    recorder = Rates()
    X_val, y_val = unseen
    classifier = small(schedule="plateau", n_iter_no_change=8, callbacks=[recorder], epochs=5)
    classifier.fit(images, labels, X_val=X_val, y_val=y_val)
    assert np.ptp(recorder.epochs) == 0


def test_a_plateau_needs_inner_validation(small, images, labels):
    with pytest.raises(ValueError, match=r"early_stopping=True or pass X_val"):
        small(schedule="plateau").fit(images, labels)


def test_a_schedule_with_one_of_keras_is_an_error_with_a_remedy(small, images, labels):
    own = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 10))
    with pytest.raises(ValueError, match="schedule=None"):
        small(schedule="cosine", optimizer=own, learning_rate=None).fit(images, labels)
