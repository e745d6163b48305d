"""Held-out rows are stratified, and groups are kept together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpneumo import ImageAugmenter
from skpneumo.classifiers import _validation_split
from skpneumo.classifiers._validation_split import validation_mask
from skpneumo.datasets import UnknownPatientsWarning, patient_ids
from skpneumo.loading import ImageArray

ONE_PATIENT = ["person1_virus_1.jpeg", "person1_virus_2.jpeg"]


def distinct_images(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint16).view(np.uint8).reshape(n, 1, 2, 1)


def choose(X, y, filenames=None, fraction=0.2, seed=0) -> np.ndarray:
    patients = np.arange(len(y)) if filenames is None else patient_ids(filenames)
    return validation_mask(X, np.asarray(y), patients, fraction, np.random.RandomState(seed))


def sides_of(held_out: np.ndarray, groups) -> dict:
    return {group: set(held_out[np.asarray(groups) == group]) for group in set(groups)}


@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=4),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_the_share_of_each_class_is_held_out(counts, fraction, seed):
    y = np.random.RandomState(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    held_out = choose(distinct_images(len(y)), y, fraction=fraction, seed=seed)
    assert held_out.shape == y.shape
    assert held_out.dtype == bool
    for label, count in enumerate(counts):
        n_held_out = held_out[y == label].sum()
        assert 1 <= n_held_out <= count - 1
        assert abs(n_held_out - fraction * count) <= 1


@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_identical_images_and_images_of_a_patient_stay_together(data, seed):
    n = data.draw(st.integers(8, 40))
    y = np.arange(n) % 2
    content = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    content[:4], content[4:8] = [20, 21, 22, 23], [24, 25, 26, 27]
    content = 2 * content + y  # no image bears two labels
    patient = data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    patient[:8] = range(20, 28)
    names = [
        f"person{p}_bacteria_{i}.jpeg" if label else f"IM-{p:04}-{i:04}.jpeg"
        for i, (p, label) in enumerate(zip(patient, y, strict=True))
    ]
    held_out = choose(distinct_images(256)[content], y, names, seed=seed)
    for groups in (content.tolist(), list(zip(patient, y.tolist(), strict=True))):
        numbers = [sorted(set(groups)).index(group) for group in groups]
        assert all(len(sides) == 1 for sides in sides_of(held_out, numbers).values())
    assert set(y[held_out]) == set(y[~held_out]) == {0, 1}


def test_groups_are_connected_transitively():
    """A and B have the same patient, B and C the same content: the three are one group."""
    X = distinct_images(10)
    X[2] = X[1]
    y = np.zeros(10, dtype=int)
    y[5:] = 1
    numbers = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    names = [f"IM-{p:04}-0001-{i:04}.jpeg" for i, p in enumerate(numbers)]
    for seed in range(10):
        assert len(set(choose(X, y, names, fraction=0.5, seed=seed)[:3])) == 1


def test_patients_of_equal_number_but_another_class_are_separate():
    names = [f"person{i}_{kind}_1.jpeg" for kind in ("virus", "bacteria") for i in range(5)]
    y = np.repeat([0, 1], 5)
    sides = {tuple(choose(distinct_images(10), y, names, seed=seed)[[0, 5]]) for seed in range(20)}
    assert (True, False) in sides


def test_files_of_unknown_names_are_separate_patients_with_a_warning():
    names = [f"scan_{i}.png" for i in range(20)]
    y = np.arange(20) % 2
    with pytest.warns(UnknownPatientsWarning, match="20 of 20 file names"):
        assert choose(distinct_images(20), y, names).sum() == 4


def test_the_choice_depends_only_on_the_seed():
    X, y = distinct_images(30), np.arange(30) % 2
    np.testing.assert_array_equal(choose(X, y, seed=3), choose(X, y, seed=3))
    assert not np.array_equal(choose(X, y, seed=3), choose(X, y, seed=4))


@pytest.mark.parametrize(
    ("content", "y", "names", "found"),
    [
        ([0, 1, 2], [0, 0, 1], None, r"1 image\(s\) of 1 patient"),
        ([0, 1, 2, 2, 2], [0, 0, 1, 1, 1], None, r"3 image\(s\) of 1 patient"),
        (
            [0, 1, 2, 3],
            [0, 0, 1, 1],
            ["IM-0001-0001.jpeg", "IM-0002-0001.jpeg", *ONE_PATIENT],
            r"2 image\(s\) of 1 patient",
        ),
    ],
    ids=["one image", "copies of one", "one patient"],
)
def test_a_class_that_cannot_be_on_both_sides_is_an_error(content, y, names, found):
    with pytest.raises(ValueError, match=rf"Class 1 .*{found}.*X_val.*early_stopping=False"):
        choose(distinct_images(10)[content], y, names)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("y", [np.tile([0, 1], 20), np.tile([0, 0, 0, 1], 10)])
def test_patients_with_images_of_both_classes_are_split(y, seed):
    """Every patient is healthy at first, so that no patient begins with class 1."""
    patients = np.repeat(np.arange(10), 4)
    rng = np.random.RandomState(seed)
    held_out = validation_mask(distinct_images(40), y, patients, 0.3, rng)
    assert all(len(sides) == 1 for sides in sides_of(held_out, patients).values())
    assert held_out.sum() == 12
    assert set(y[held_out]) == set(y[~held_out]) == {0, 1}


def test_a_class_that_some_patients_have_beside_another_is_on_both_sides():
    """The rarest class has its own patients; the second is seen in them, and in one other."""
    y = np.array([0] * 20 + [1, 1, 2, 1, 2, 2, 1])
    patients = np.array([*range(20), 20, 21, 21, 22, 22, 23, 24])
    for seed in range(20):
        rng = np.random.RandomState(seed)
        held_out = validation_mask(distinct_images(27), y, patients, 0.2, rng)
        assert set(y[held_out]) == set(y[~held_out]) == {0, 1, 2}


def test_a_class_that_would_be_missing_from_training_is_on_both_sides():
    """Class 1 is left to patients who were chosen for their other classes."""
    y = np.array([2, 0, 1, 0, 0, 2, 2, 2, 1, 1, 1])
    patients = np.array(list("04012020203"))
    for seed in range(50):
        rng = np.random.RandomState(seed)
        held_out = validation_mask(distinct_images(11), y, patients, 0.2, rng)
        assert set(y[held_out]) == set(y[~held_out]) == {0, 1, 2}


# Within fit


@pytest.mark.parametrize("shared", [True, False])
def test_patients_who_are_trained_on_and_validated_are_warned_of(small, images, labels, shared):
    patients = [f"{label}-{i // 4}" for i, label in enumerate(labels)]
    in_training = np.array([int(patient[2:]) < 6 for patient in patients])
    X = ImageArray(images, patients=np.array(patients, dtype=object))
    validation = {"X_val": X[~in_training], "y_val": labels[~in_training]}
    rows = np.ones(len(labels), dtype=bool) if shared else in_training
    classifier = small(epochs=1, early_stopping=True)
    if not shared:
        classifier.fit(X[rows], labels[rows], **validation)
        return
    with pytest.warns(
        UserWarning, match=r"X and X_val have \d+ patients in common.*Leave"
    ) as found:
        classifier.fit(X[rows], labels[rows], **validation)
    assert found[0].filename == __file__


def test_the_warning_of_unknown_patients_names_the_line_of_the_caller(small, images, labels):
    classifier = small(early_stopping=True, epochs=1, validation_fraction=0.3)
    with pytest.warns(UnknownPatientsWarning) as caught:
        classifier.fit(images, labels)
    assert caught[0].filename == __file__


@pytest.fixture
def choices(monkeypatch) -> list[tuple]:
    """Arguments and results of the calls of validation_mask in ``fit``."""
    seen = []

    def spy(X, y, filenames, *more):
        held_out = validation_mask(X, y, filenames, *more)
        seen.append((filenames, held_out))
        return held_out

    monkeypatch.setattr(_validation_split, "validation_mask", spy)
    return seen


def test_fit_keeps_the_patients_of_an_image_array_together(small, images, labels, choices):
    names = [
        f"person{i // 4}_bacteria_{i}.jpeg" if label else f"IM-{i // 4:04}-{i:04}.jpeg"
        for i, label in enumerate(labels)
    ]
    classifier = small(early_stopping=True, epochs=1, validation_fraction=0.3)
    classifier.fit(ImageArray(images, names), labels)
    ((asked, held_out),) = choices
    assert asked.tolist() == patient_ids(names).tolist()
    patients = [(i // 4) * 2 + label for i, label in enumerate(labels)]
    assert all(len(sides) == 1 for sides in sides_of(held_out, patients).values())


def test_a_plain_array_has_no_known_patients_in_fit(small, images, labels, choices):
    small(early_stopping=True, epochs=1, validation_fraction=0.3).fit(images, labels)
    ((asked, held_out),) = choices
    assert len(set(asked)) == len(labels)
    assert held_out[labels == 0].sum() == held_out[labels == 1].sum() == 6


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "X_val": True}])
def test_nothing_is_held_out_without_early_stopping(small, images, labels, choices, options):
    options = dict(options)
    validation = {"X_val": images, "y_val": labels} if options.pop("X_val", None) else {}
    small(epochs=1, **options).fit(images, labels, **validation)
    assert choices == []


def test_held_out_images_are_not_trained_on_and_not_augmented(
    small, images, labels, choices, monkeypatch
):
    n_drawn = []
    draw = ImageAugmenter.sample_params

    def spy(self, n, *args):
        n_drawn.append(n)
        return draw(self, n, *args)

    monkeypatch.setattr(ImageAugmenter, "sample_params", spy)
    classifier = small(
        early_stopping=True, validation_fraction=0.25, augmentation=ImageAugmenter(rotation=90)
    )
    classifier.fit(images, labels)
    ((_, held_out),) = choices
    assert n_drawn == [30, 30, 30]
    assert held_out.sum() == 10
    # The kept weights score the raw held-out images as the history says.
    proba = classifier.predict_proba(images[held_out])
    truth = proba[np.arange(10), labels[held_out]]
    assert -np.log(truth).mean() == pytest.approx(min(classifier.history_["val_loss"]), rel=1e-4)


def test_too_few_images_for_early_stopping_is_an_error(small, images, labels):
    with pytest.raises(ValueError, match=r"too few independent images.*early_stopping=False"):
        small(early_stopping=True).fit(images[:3], labels[:3])


def test_the_class_with_too_few_images_is_named(small, images, labels):
    names = np.array(["NORMAL", "PNEUMONIA"])[labels]
    with pytest.raises(ValueError, match="PNEUMONIA"):
        small(early_stopping=True).fit(images[:3], names[:3])


def test_images_of_weight_zero_may_be_held_out(small, images, labels):
    sample_weight = np.zeros(len(labels))
    sample_weight[:2] = 1
    small(early_stopping=True).fit(images, labels, sample_weight=sample_weight)
