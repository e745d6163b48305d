"""ImageAugmenter as a sampler: what it returns, carries along, repeats and refuses.

The checks that every image step passes are in ``tests/test_image_step_checks.py``.
"""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from skpneumo.augmentation import ImageAugmenter, _augmenter
from skpneumo.loading import ImageArray
from skpneumo.pipeline import make_pipeline


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def lively(**parameters):
    """An augmenter that changes every image."""
    return ImageAugmenter(
        **{"rotation": 30, "zoom": 0.2, "contrast": 0.3, "random_state": 0, **parameters}
    )


def test_the_number_of_copies_may_be_of_any_type():
    X, y = noise(70, 8, 8, 1), np.arange(70)
    expected, _ = lively(n_copies=3).fit_resample(X, y)
    copies, labels = lively(n_copies=np.int8(3)).fit_resample(X, y)
    np.testing.assert_array_equal(copies, expected)
    assert len(labels) == 280


def test_originals_come_first_and_unchanged_then_copy_after_copy():
    X, y = noise(5, 16, 16, 1), np.arange(5)
    before = X.copy()
    augmenter = lively(n_copies=3)
    X_res, y_res = augmenter.fit_resample(X, y)
    assert X_res.shape == (20, 16, 16, 1)
    assert X_res.dtype == np.uint8
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(X_res[:5], X)
    np.testing.assert_array_equal(augmenter.sample_indices_, np.tile(np.arange(5), 4))
    np.testing.assert_array_equal(y_res, np.tile(y, 4))
    versions = X_res.reshape(4, 5, -1)
    assert len(np.unique(versions, axis=0)) == 4


def test_zero_copies_are_allowed_for_grids():
    X = noise(3, 8, 8, 1)
    X_res, y_res = lively(n_copies=0).fit_resample(X, ["a", "b", "c"])
    np.testing.assert_array_equal(X_res, X)
    assert list(y_res) == ["a", "b", "c"]


def test_copies_equal_the_originals_with_default_parameters():
    X = noise(3, 8, 8, 1)
    X_res, _ = ImageAugmenter(n_copies=2).fit_resample(X, [0, 1, 0])
    np.testing.assert_array_equal(X_res, np.tile(X, (3, 1, 1, 1)))


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 1]),
        np.array(["sick", "well", "sick"]),
        np.array(["sick", 1, None], dtype=object),
        np.array([0.5, 1.5, 2.5]),
        np.eye(3),
    ],
    ids=["int", "str", "object", "float", "2-D"],
)
def test_labels_of_any_type_follow_their_images(y):
    _, y_res = lively().fit_resample(noise(3, 8, 8, 1), y)
    assert y_res.dtype == y.dtype
    np.testing.assert_array_equal(y_res, np.concatenate([y, y]))


def test_labels_stay_in_their_container():
    X = noise(3, 8, 8, 1)
    series = pd.Series([1, 0, 1], index=[10, 20, 30], name="pneumonia")
    _, y_res = lively().fit_resample(X, series)
    pd.testing.assert_series_equal(y_res, pd.Series([1, 0, 1] * 2, name="pneumonia"))
    assert lively().fit_resample(X, [1, 0, 1])[1] == [1, 0, 1] * 2


def test_file_names_are_carried_for_the_copies():
    names = ["a.jpeg", "b.jpeg", "c.jpeg"]
    X = ImageArray(noise(3, 8, 8, 1), names)
    X_res, _ = lively(n_copies=2).fit_resample(X, [0, 1, 0])
    assert list(X_res.filenames) == names * 3
    assert list(X.filenames) == names
    assert list(lively().augment_images(X).filenames) == names


@pytest.mark.parametrize(
    "make_random_state",
    [lambda: 7, lambda: np.random.RandomState(7), lambda: np.random.default_rng(7)],
    ids=["int", "RandomState", "Generator"],
)
def test_the_same_seed_gives_the_same_images(make_random_state):
    X, y = noise(6, 12, 12, 1), np.zeros(6)
    first, second = (
        lively(random_state=make_random_state()).fit_resample(X, y)[0] for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, lively(random_state=8).fit_resample(X, y)[0])


def test_an_int_repeats_itself_and_a_generator_continues():
    X, y = noise(6, 12, 12, 1), np.zeros(6)
    fixed, moving = lively(random_state=1), lively(random_state=np.random.RandomState(1))
    np.testing.assert_array_equal(fixed.fit_resample(X, y)[0], fixed.fit_resample(X, y)[0])
    assert not np.array_equal(moving.fit_resample(X, y)[0], moving.fit_resample(X, y)[0])
    np.testing.assert_array_equal(
        fixed.augment_images(X, random_state=5), lively(random_state=5).augment_images(X)
    )


def test_global_generators_are_neither_read_nor_advanced(states_of_generators):
    X, y = noise(4, 8, 8, 1), np.zeros(4)
    before = states_of_generators()
    for random_state in (None, 3):
        lively(random_state=random_state).fit_resample(X, y)
    assert states_of_generators() == before
    np.random.seed(0)  # noqa: NPY002
    first = lively(random_state=None).augment_images(X)
    np.random.seed(0)  # noqa: NPY002
    assert not np.array_equal(first, lively(random_state=None).augment_images(X))


def test_images_beyond_one_batch_are_augmented_as_well(monkeypatch):
    X, y = noise(10, 8, 8, 1), np.zeros(10)
    whole, _ = lively().fit_resample(X, y)
    monkeypatch.setattr(_augmenter, "_BATCH_SIZE", 4)
    in_batches, _ = lively().fit_resample(X, y)
    np.testing.assert_array_equal(whole, in_batches)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from([(1, 12, 1), (12, 1, 1), (1, 1, 1), (9, 14, 1), (16, 16, 3)]),
    n=st.integers(1, 4),
    n_copies=st.integers(0, 2),
    rotation=st.floats(0, 180),
    shift=st.floats(0, 1),
    shear=st.floats(0, 89.9),
    zoom=st.floats(0, 0.999),
    crop_scale=st.none() | st.tuples(st.floats(0.001, 0.5), st.floats(0.5, 1)),
    flip=st.booleans(),
    intensity=st.floats(0, 1),
    gamma=st.floats(0, 100),
    fill_mode=st.sampled_from(["constant", "nearest", "reflect", "wrap"]),
    random_state=st.integers(0, 2**32 - 1),
)
def test_any_parameters_in_range_give_images_of_the_same_kind(
    shape, n, n_copies, rotation, shift, shear, zoom, crop_scale, flip, intensity, gamma,
    fill_mode, random_state,
):  # fmt: skip
    X = noise(n, *shape)
    augmenter = ImageAugmenter(
        rotation=rotation,
        width_shift=shift,
        height_shift=shift,
        shear=shear,
        zoom=zoom,
        crop_scale=crop_scale,
        vertical_flip=flip,
        brightness=intensity,
        contrast=intensity,
        gamma=gamma,
        fill_mode=fill_mode,
        fill_value=9,
        n_copies=n_copies,
        random_state=random_state,
    )
    X_res, y_res = augmenter.fit_resample(X, np.arange(n))
    assert X_res.shape == (n * (1 + n_copies), *shape)
    assert X_res.dtype == np.uint8
    np.testing.assert_array_equal(X_res[:n], X)
    np.testing.assert_array_equal(y_res, augmenter.sample_indices_)
    np.testing.assert_array_equal(X_res, augmenter.fit_resample(X, np.arange(n))[0])


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "wrap"])
def test_geometry_stays_within_the_grey_levels_of_an_image(fill_mode):
    """Interpolated values lie between neighbours, so they stay in the range of the image."""
    X = np.clip(noise(8, 20, 20, 1), 60, 180)
    X_res, _ = ImageAugmenter(
        rotation=180, zoom=0.9, shear=60, crop_scale=(0.05, 1.0), fill_mode=fill_mode, n_copies=5
    ).fit_resample(X, np.zeros(8))
    assert X_res.min() >= 60
    assert X_res.max() <= 180


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 16)), r"got an array of shape \(4, 16\).*Reshape your data"),
        (noise(4, 8, 8), r"X\[..., np.newaxis\]"),
        (np.array(["a.jpeg", "b.jpeg"], dtype=object), "ImageLoader"),
        (np.array(["a.jpeg", "b.jpeg"]), "ImageLoader"),
        (np.zeros((0, 8, 8, 1), np.uint8), r"0 sample\(s\)"),
        (np.zeros((2, 0, 8, 1), np.uint8), "0 pixels"),
        (np.full((3, 4, 4, 1), np.nan), "NaN or infinity in 3 of 3 images"),
        (np.array([0, np.inf]).reshape(2, 1, 1, 1), "first of them image 1"),
        (np.linspace(0, 1, 16).reshape(1, 4, 4, 1), r"float64 from 0.0 to 1.0.*X \* 255"),
        (np.linspace(0, 255, 16).reshape(1, 4, 4, 1), r"X.round\(\).astype\(np.uint8\)"),
        (np.full((1, 4, 4, 1), 300), "int64 from 300 to 300"),
        (np.full((1, 4, 4, 1), -1), "int64 from -1 to -1"),
    ],
)
def test_other_input_than_images_is_refused_with_a_remedy(X, message):
    for method in (lively().fit_resample, lively().fit):
        with pytest.raises(ValueError, match=message):
            method(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match=message):
        lively().augment_images(X)


def test_small_integers_of_any_dtype_and_nested_lists_are_images():
    X = noise(2, 4, 4, 1)
    expected, _ = lively().fit_resample(X, [0, 1])
    for same in (X.astype(int), X.astype(np.uint16), X.tolist()):
        X_res, _ = lively().fit_resample(same, [0, 1])
        assert X_res.dtype == np.uint8
        np.testing.assert_array_equal(X_res, expected)


def test_labels_are_required_and_must_match_the_images():
    with pytest.raises(ValueError, match="augment_images"):
        lively().fit_resample(noise(3, 8, 8, 1), None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        lively().fit_resample(noise(3, 8, 8, 1), [0, 1])


@pytest.mark.parametrize("method", ["fit", "fit_resample"])
@pytest.mark.parametrize(
    ("name", "value"), [("rotation", 200), ("crop_scale", (0.5, 5.0)), ("n_copies", 0.5)]
)
def test_parameters_are_checked_when_used(method, name, value):
    with pytest.raises(ValueError, match=name):
        getattr(ImageAugmenter(**{name: value}), method)(noise(2, 8, 8, 1), [0, 1])


def test_single_image():
    X_res, y_res = lively().fit_resample(noise(1, 8, 8, 1), [1])
    assert X_res.shape == (2, 8, 8, 1)
    assert y_res == [1, 1]


def flatten(X):
    return np.asarray(X).reshape(len(X), -1) / 255


def make_augmented_classifier():
    return make_pipeline(
        lively(n_copies=2), FunctionTransformer(flatten), LogisticRegression(max_iter=500)
    )


def test_a_pipeline_augments_in_fit_and_never_in_predict():
    X = noise(12, 6, 6, 1)
    y = np.arange(12) % 2
    pipe = make_augmented_classifier().fit(X, y)
    X_res, y_res = lively(n_copies=2).fit_resample(X, y)
    by_hand = LogisticRegression(max_iter=500).fit(flatten(X_res), y_res)
    np.testing.assert_array_equal(pipe.predict_proba(X), by_hand.predict_proba(flatten(X)))


def test_a_grid_reaches_its_parameters():
    X = noise(12, 6, 6, 1)
    y = np.arange(12) % 2
    grid = {"imageaugmenter__rotation": [0, 15], "imageaugmenter__n_copies": [0, 1]}
    search = GridSearchCV(make_augmented_classifier(), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_importing_the_augmenter_imports_no_keras():
    code = (
        "import sys, numpy as np; from skpneumo.augmentation import ImageAugmenter\n"
        "ImageAugmenter(rotation=3).sample_params(2, (4, 4), np.random.default_rng(0))\n"
        "sys.exit(sorted({'keras', 'tensorflow', 'jax', 'torch', 'matplotlib'} & set(sys.modules))"
        " or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
