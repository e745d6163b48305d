"""File names of an ImageArray follow its rows."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import resample, shuffle

from skpneumo._sklearn import _safe_indexing
from skpneumo.loading import ImageArray

N = 6


def make_images(n: int = N) -> ImageArray:
    """Image i is filled with i and comes from file "i.png"."""
    pixels = np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1) * np.ones((1, 4, 3, 1), np.uint8)
    return ImageArray(pixels, [f"{i}.png" for i in range(n)])


def assert_names_match_pixels(X: ImageArray) -> None:
    assert isinstance(X, ImageArray)
    assert X.filenames is not None
    assert X.filenames.dtype == object
    fill = np.asarray(X).max(axis=tuple(range(1, X.ndim)))
    assert_array_equal(X.filenames, np.array([f"{i}.png" for i in fill], dtype=object))


ROWS = st.one_of(
    st.slices(N),
    st.lists(st.integers(-N, N - 1), min_size=1),
    st.lists(st.integers(-N, N - 1), max_size=9).map(lambda rows: np.array(rows, dtype=int)),
    st.lists(st.booleans(), min_size=N, max_size=N),
    st.lists(st.booleans(), min_size=N, max_size=N).map(np.array),
)


@settings(max_examples=100, deadline=None)
@given(
    rows=ROWS,
    others=st.sampled_from(
        [(), (...,), (slice(None),), (slice(2, 4), ...), (1,), (slice(None), 0), (..., 0)]
    ),
)
def test_row_indexing_selects_names_as_well(rows, others):
    X = make_images()
    selected = X[(rows, *others)] if others else X[rows]
    assert_array_equal(selected, np.asarray(X)[(rows, *others)] if others else np.asarray(X)[rows])
    assert_names_match_pixels(selected)


def test_empty_selections_have_no_rows_and_no_names():
    X = make_images()
    for nothing in (X[[]], X[3:3], X[np.zeros(N, dtype=bool)]):
        assert nothing.shape == (0, 4, 3, 1)
        assert nothing.filenames.shape == (0,)


@pytest.mark.parametrize("key", [(), ..., slice(None), (slice(None), slice(1, 3)), (..., 0)])
def test_all_rows(key):
    assert_names_match_pixels(make_images()[key])


@pytest.mark.parametrize(
    "key", [2, -1, np.int64(2), np.array(2), (2,), (2, ...), (2, slice(1, 3))]
)
def test_one_row_is_a_plain_image(key):
    image = make_images()[key]
    assert type(image) is np.ndarray
    assert image.ndim == 3


@pytest.mark.parametrize(
    "derive",
    [
        lambda X: X.mean(axis=(1, 2, 3)),
        lambda X: X.transpose(1, 0, 2, 3),
        lambda X: X[None],
        lambda X: X[np.array([[0, 1], [2, 3]])],
        lambda X: X[X > 2],
        lambda X: X[:, [0, 1], :, [0, 0]],  # numpy puts the selected axis first
        lambda X: X[..., 0, 0, 0, None],
        lambda X: np.take(X, [0, 1], axis=1),
        lambda X: np.take(X, [0, 1]),
        lambda X: X[np.bool_(True)],
    ],
)
def test_other_derived_arrays_have_no_names(derive):
    assert getattr(derive(make_images()), "filenames", None) is None


@pytest.mark.parametrize(
    "select",
    [
        lambda X, rows: np.take(X, rows, axis=0),
        lambda X, rows: X.take(rows, axis=0, mode="wrap"),
        lambda X, rows: _safe_indexing(X, rows),
        lambda X, rows: shuffle(X, random_state=0),
        lambda X, rows: resample(X, random_state=0),
        lambda X, rows: train_test_split(X, random_state=0)[0],
        lambda X, rows: train_test_split(X, random_state=0)[1],
        lambda X, rows: X[next(KFold(3).split(X))[1]],
    ],
)
def test_row_selection_of_scikit_learn_selects_names(select):
    assert_names_match_pixels(select(make_images(), np.array([4, 0, 4])))


ORDER = np.array([4, 0, 5, 2, 1, 3])
MOVES = {
    "sort": lambda X: np.sort(X, axis=0),
    "sort from the end": lambda X: np.sort(X, axis=-4),
    "sort in place": lambda X: [X.sort(axis=0), X][1],
    "sort one column": lambda X: np.sort(X[:, 0, 0, 0]),
    "partition": lambda X: np.partition(X, 2, axis=0),
    "partition in place": lambda X: [X.partition(2, axis=0), X][1],
    "sort columns": lambda X: np.sort(X, axis=1),
    "flip": np.flip,
    "flipud": np.flipud,
    "roll": lambda X: np.roll(X, 2, axis=0),
    "rot90": lambda X: np.rot90(X, 2),
    "swapaxes": lambda X: np.swapaxes(X, 0, 1),
    "moveaxis": lambda X: np.moveaxis(X, 0, 2),
    "permutation": lambda X: np.random.RandomState(0).permutation(X),
    "permutation of a generator": lambda X: np.random.default_rng(0).permutation(X),
    "permuted": lambda X: np.random.default_rng(0).permuted(X, axis=0),
    "choice": lambda X: np.random.default_rng(0).choice(X, 3, axis=0),
    "take": lambda X: np.take(X, ORDER, axis=-4),
    "take_along_axis": lambda X: np.take_along_axis(X, ORDER[:, None, None, None], axis=0),
    "delete": lambda X: np.delete(X, [1], axis=0),
    "insert": lambda X: np.insert(X, 1, 9, axis=0),
    "append": lambda X: np.append(X, X[:2], axis=0),
    "unique": lambda X: np.unique(X, axis=0),
    "compress": lambda X: np.compress(ORDER > 2, X, axis=0),
    "where": lambda X: np.where(X > 2, X, X[::-1]),
    "tile": lambda X: np.tile(X, (2, 1, 1, 1)),
    "pad": lambda X: np.pad(X, ((1, 0), (0, 0), (0, 0), (0, 0))),
    "vstack": lambda X: np.vstack([X[2:], X[:2]]),
    "out": lambda X: np.add(X[::-1], 0, out=X.copy()),
    "in place with others": lambda X: np.add(X, 0 * X[::-1], out=X),
    "reduceat": lambda X: np.maximum.reduceat(X, [0, 2], axis=0),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_names_are_never_those_of_other_rows(move):
    moved = move(make_images()[ORDER])
    if getattr(moved, "filenames", None) is not None:
        assert_names_match_pixels(moved)


def test_names_follow_into_an_array_for_results():
    X = make_images()
    buffer = X[:2].copy()
    np.multiply(X[2:4], 1, out=buffer)
    assert_names_match_pixels(buffer)
    X += 0
    assert_names_match_pixels(X)
    np.concatenate([X[:2], X[4:]], out=np.empty((4, 4, 3, 1), np.uint8))


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda X: X.copy(),
        copy.copy,
        copy.deepcopy,
        *[lambda X, p=p: pickle.loads(pickle.dumps(X, protocol=p)) for p in range(2, 6)],
    ],
)
@pytest.mark.parametrize("rows", [slice(None), slice(None, None, 2)])
def test_copies_and_pickles_keep_names(duplicate, rows):
    X = make_images()[rows]
    twin = duplicate(X)
    assert_names_match_pixels(twin)
    assert_array_equal(twin, X)
    assert twin.dtype == np.uint8
    twin[:] = 0
    assert X.any(), "not a copy"


def test_joblib_keeps_names_and_maps_the_pixels_into_memory(tmp_path):
    joblib.dump(make_images(), tmp_path / "X.joblib")
    X = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert_names_match_pixels(X)
    assert not X.flags.writeable


def names_and_owner(X):
    owner = X
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return list(X.filenames), type(owner)


def test_worker_processes_share_the_pixels_as_a_memory_map():
    (names, owner), _ = joblib.Parallel(n_jobs=2, max_nbytes=10)(
        joblib.delayed(names_and_owner)(make_images()) for _ in range(2)
    )
    assert names == [f"{i}.png" for i in range(N)]
    assert owner is np.memmap


def test_a_view_is_made_and_names_can_be_absent():
    pixels = np.zeros((2, 3, 3, 1), np.uint8)
    X = ImageArray(pixels)
    assert X.filenames is None
    assert X[[0]].filenames is None
    assert pickle.loads(pickle.dumps(X)).filenames is None
    X[0] = 7
    assert pixels[0, 0, 0, 0] == 7


@pytest.mark.parametrize("filenames", [["a"], [["a", "b"]], "a", []])
def test_the_number_of_names_must_be_that_of_images(filenames):
    with pytest.raises(ValueError, match="one file name for each image"):
        ImageArray(np.zeros((2, 3, 3, 1), np.uint8), filenames)
