import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skpneumo.enhancement import BorderCropper, ContrastEqualizer, MarkerRemover
from skpneumo.loading import ImageArray, ImageLoader
from skpneumo.pipeline import make_pipeline

STEPS = [
    ContrastEqualizer(),
    ContrastEqualizer("equalize"),
    BorderCropper(),
    MarkerRemover(),
]


def stacks(darkest=0, brightest=255):
    shapes = st.tuples(
        st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 4])
    )
    levels = st.integers(darkest, brightest)
    return shapes.flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=levels))


def test_a_tolerance_may_be_of_any_type():
    X = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), dtype=np.uint8)
    X[:, :2] = 255 - 20
    expected = BorderCropper(20).fit_transform(X)
    assert (expected != X).any()
    for tolerance in (np.int8(20), np.uint8(20)):
        np.testing.assert_array_equal(BorderCropper(tolerance).fit_transform(X), expected)


@settings(max_examples=60, deadline=None)
@given(stacks(), st.sampled_from(STEPS))
def test_shape_and_type_are_preserved_and_input_is_not_modified(X, step):
    before = X.copy()
    Z = step.fit_transform(X)
    assert Z.shape == X.shape
    assert Z.dtype == np.uint8
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(step.transform(X), Z)


@settings(max_examples=40, deadline=None)
@given(stacks(), st.sampled_from(STEPS), st.randoms(use_true_random=False))
def test_each_image_is_changed_independently(X, step, random):
    order = list(range(len(X)))
    random.shuffle(order)
    np.testing.assert_array_equal(step.transform(X[order]), step.transform(X)[order])


def test_file_names_are_kept_where_there_are_any():
    X = np.random.RandomState(0).randint(0, 256, size=(3, 8, 8, 1)).astype(np.uint8)
    for step in STEPS:
        assert list(step.transform(ImageArray(X, ["a", "b", "c"])).filenames) == ["a", "b", "c"]
        assert type(step.transform(X)) is np.ndarray


def test_steps_follow_the_loader_in_a_pipeline(xrays):
    steps = make_pipeline(ImageLoader(size=32), BorderCropper(), ContrastEqualizer())
    X = steps.fit_transform(xrays.filenames)
    assert X.shape == (len(xrays.filenames), 32, 32, 1)
    np.testing.assert_array_equal(X.filenames, xrays.filenames)
    np.testing.assert_array_equal(steps.transform(list(xrays.filenames)), X)


@pytest.mark.parametrize("step", STEPS, ids=repr)
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 1)),
        np.zeros((0, 4, 4, 1), np.uint8),
        np.zeros((2, 0, 4, 1), np.uint8),
        ["a.jpeg", "b.jpeg"],
    ],
    ids=["three dimensions", "float", "no image", "no rows", "paths"],
)
def test_anything_but_images_is_refused(step, X):
    for method in (step.fit, step.transform):
        with pytest.raises(ValueError, match=r"Expected images|minimum of 1"):
            method(X)


@pytest.mark.parametrize(
    "step",
    [
        ContrastEqualizer("clahe"),
        ContrastEqualizer(cutoff=50),
        ContrastEqualizer(cutoff=-1),
        BorderCropper(tolerance=200),
        BorderCropper(tolerance=0.5),
        MarkerRemover(margin=0.6),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(step):
    X = np.zeros((1, 4, 4, 1), np.uint8)
    for method in (step.fit, step.transform):
        with pytest.raises(ValueError, match=f"parameter of {type(step).__name__} must be"):
            method(X)


# -- ContrastEqualizer -------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(stacks(), st.sampled_from([("stretch", 0.0), ("stretch", 5.0), ("equalize", 0.0)]))
def test_darker_pixels_never_become_brighter(X, parameters):
    method, cutoff = parameters
    Z = ContrastEqualizer(method, cutoff=cutoff).transform(X)
    for image, changed in zip(X, Z, strict=True):
        order = np.argsort(image, axis=None)
        assert (np.diff(changed.ravel()[order].astype(int)) >= 0).all()
        # One mapping for all pixels and channels: equal levels stay equal.
        assert len(np.unique(np.column_stack([image.ravel(), changed.ravel()]), axis=0)) == len(
            np.unique(image)
        )


@settings(max_examples=40, deadline=None)
@given(stacks(90, 120))
def test_stretching_without_cutoff_fills_the_range_and_is_idempotent(X):
    step = ContrastEqualizer(cutoff=0)
    Z = step.transform(X)
    for image, changed in zip(X, Z, strict=True):
        if image.min() == image.max():
            np.testing.assert_array_equal(changed, image)
        else:
            # Pillow truncates its table of levels, so that the brightest may be 254.
            assert changed.min() == 0
            assert changed.max() >= 254
    assert np.abs(step.transform(Z).astype(int) - Z).max() <= 1


def test_stretching_undoes_exposure():
    scene = np.linspace(0, 255, 64 * 64).reshape(1, 64, 64, 1)
    bright, dark = (scene * 0.4 + 120).astype(np.uint8), (scene * 0.5 + 10).astype(np.uint8)
    step = ContrastEqualizer()
    difference = step.transform(bright).astype(int) - step.transform(dark)
    assert np.abs(difference).max() <= 4
    assert np.abs(bright.astype(int) - dark).max() > 80


def test_cutoff_ignores_a_marker():
    X = np.tile(np.arange(100, 132, dtype=np.uint8), (32, 1))[None, :, :, None]
    X[0, 0, :4] = 255
    assert ContrastEqualizer(cutoff=0).transform(X)[0, -1, -1, 0] < 60
    assert ContrastEqualizer(cutoff=1).transform(X)[0, -1, -1, 0] == 255


def test_equalizing_spreads_the_grey_levels():
    levels = np.random.RandomState(0).normal(60, 8, size=(1, 100, 100, 1))
    Z = ContrastEqualizer("equalize").transform(np.clip(levels, 0, 255).astype(np.uint8))
    counts, _ = np.histogram(Z, bins=5, range=(0, 256))
    assert counts.min() > 0.12 * Z.size


# -- BorderCropper -----------------------------------------------------------------------------


def xray(height=40, width=30, channels=1, seed=0):
    return (
        np.random.RandomState(seed).randint(60, 200, size=(height, width, channels)).astype("u1")
    )


@settings(max_examples=60, deadline=None)
@given(stacks(21, 234))
def test_an_image_without_border_is_unchanged(X):
    np.testing.assert_array_equal(BorderCropper().transform(X), X)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(0, 8)] * 4),
    st.sampled_from([0, 12, 243, 255]),
    st.sampled_from([1, 3]),
)
def test_a_frame_of_any_width_is_cropped(margins, level, channels):
    top, bottom, left, right = margins
    inner = xray(channels=channels)
    framed = np.pad(inner, [(top, bottom), (left, right), (0, 0)], constant_values=level)
    step = BorderCropper()
    cropped = step.transform(framed[None])[0]
    assert cropped.shape == framed.shape
    if not any(margins):
        np.testing.assert_array_equal(cropped, inner)
    # Nothing of the frame is left, and the corners are those of the image.
    assert cropped.min() >= inner.min()
    assert cropped.max() <= inner.max()
    np.testing.assert_array_equal(
        cropped[[0, 0, -1, -1], [0, -1, 0, -1]], inner[[0, 0, -1, -1], [0, -1, 0, -1]]
    )
    np.testing.assert_array_equal(step.transform(cropped[None])[0], cropped)


def test_a_black_bar_beside_a_white_one_is_found():
    framed = np.zeros((40, 40, 1), np.uint8)
    framed[:6] = 255
    framed[6:, 6:] = xray(34, 34)
    assert BorderCropper().transform(framed[None]).min() >= 60


def test_borders_within_the_tolerance_count():
    framed = np.pad(xray(), [(3, 3), (3, 3), (0, 0)], constant_values=30)[None]
    np.testing.assert_array_equal(BorderCropper(tolerance=20).transform(framed), framed)
    assert BorderCropper(tolerance=30).transform(framed).min() >= 60


@pytest.mark.parametrize("level", [0, 255])
def test_an_image_that_is_nearly_all_border_is_unchanged(level):
    blank = np.full((1, 40, 40, 1), level, np.uint8)
    np.testing.assert_array_equal(BorderCropper().transform(blank), blank)
    marked = blank.copy()
    marked[0, 4:9, 4:9] = 128
    np.testing.assert_array_equal(BorderCropper().transform(marked), marked)


@pytest.mark.real
def test_real_xrays_are_cropped_slightly_and_equalized_in_exposure(real_data):
    paths = sorted((real_data / "chest_xray" / "train").glob("*/*.jpeg"))[::50]
    X = ImageLoader(size=128).transform(paths)
    cropped = BorderCropper().transform(X)
    share = np.mean([not np.array_equal(a, b) for a, b in zip(X, cropped, strict=True)])
    assert 0.05 < share < 0.4
    bright = np.percentile(X, 98, axis=(1, 2, 3))
    bright_after = np.percentile(ContrastEqualizer().transform(X), 98, axis=(1, 2, 3))
    assert bright_after.std() < bright.std() / 3


# -- MarkerRemover -----------------------------------------------------------------------------


def marked_images(n_channels=1):
    """A gradient with a letter in each corner and one in the middle, and the plain gradient."""
    plain = np.tile(np.linspace(60, 130, 120), (120, 1))[..., None].repeat(n_channels, -1)
    marked = plain.copy()
    for top, left in ((4, 5), (5, 100), (100, 8), (102, 102), (55, 55)):
        marked[top : top + 11, left : left + 3] = 250
        marked[top + 8 : top + 11, left : left + 9] = 250
    return marked[None].round().astype(np.uint8), plain[None]


@pytest.mark.parametrize("n_channels", [1, 3])
def test_marks_near_the_edges_are_painted_over_and_the_middle_is_unchanged(n_channels):
    marked, plain = marked_images(n_channels)
    painted = MarkerRemover().transform(marked)
    middle = np.s_[:, 40:80, 40:80]
    np.testing.assert_array_equal(painted[middle], marked[middle])
    painted[middle] = plain[middle].round()
    assert np.abs(painted - plain).max() < 20


def test_the_margin_limits_where_marks_are_removed():
    marked, plain = marked_images()
    everywhere = MarkerRemover(margin=0.5).transform(marked)
    assert np.abs(everywhere - plain).max() < 20
    np.testing.assert_array_equal(MarkerRemover(margin=0).transform(marked), marked)
