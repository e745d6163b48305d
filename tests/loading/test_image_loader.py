"""ImageLoader as a scikit-learn step: forms of paths, order, parameters, threads."""

import os
import pickle
import signal
import threading
from pathlib import Path
from time import sleep

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

from skpneumo.loading import ImageArray, ImageLoader, _reading

LEVELS = [10, 200, 60, 120, 240, 30, 90]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of one grey level each, in several formats and sizes, with unusual names."""
    folder = tmp_path_factory.mktemp("radiographs")
    names = ["a.png", "b c.jpeg", "Röntgen Thorax.tiff", "雪.png", "d.JPG", "e", "f.jpeg.png"]
    for i, (name, level) in enumerate(zip(names, LEVELS, strict=True)):
        kind = {".jpeg": "JPEG", ".JPG": "JPEG", ".tiff": "TIFF"}.get(Path(name).suffix, "PNG")
        Image.new("L", (20 + i, 30 - i), level).save(folder / name, format=kind)
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    """The files in the order of LEVELS."""
    by_level = {int(ImageLoader(size=1).transform([p]).item()): str(p) for p in folder.iterdir()}
    return [by_level[level] for level in LEVELS]


FORMS = {
    "list of str": list,
    "list of Path": lambda paths: [Path(path) for path in paths],
    "tuple": tuple,
    "array of str": np.array,
    "object array": lambda paths: np.array(paths, dtype=object),
    "object array of Path": lambda paths: np.array([Path(p) for p in paths], dtype=object),
    "column": lambda paths: np.array(paths).reshape(-1, 1),
    "nested list": lambda paths: [[path] for path in paths],
    "Series": lambda paths: pd.Series(paths, index=np.arange(len(paths))[::-1] + 5),
    "DataFrame column": lambda paths: pd.DataFrame({"file": paths}),
}


@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    rows=st.lists(st.integers(0, len(LEVELS) - 1), min_size=1, max_size=12),
    size=st.one_of(st.integers(1, 9), st.tuples(st.integers(1, 9), st.integers(1, 9))),
    color_mode=st.sampled_from(["grayscale", "rgb"]),
    n_jobs=st.sampled_from([None, 1, 2, -1]),
)
def test_every_form_of_paths_in_row_order(paths, form, rows, size, color_mode, n_jobs):
    chosen = [paths[row] for row in rows]
    X = FORMS[form](chosen)
    before = pickle.dumps(X)
    images = ImageLoader(size=size, color_mode=color_mode, n_jobs=n_jobs).fit_transform(X)
    height, width = (size, size) if isinstance(size, int) else size
    assert isinstance(images, ImageArray)
    assert images.shape == (len(rows), height, width, 3 if color_mode == "rgb" else 1)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    expected = np.array(LEVELS, np.uint8)[rows].reshape(-1, 1, 1, 1)
    assert_array_equal(images, np.broadcast_to(expected, images.shape))
    assert_array_equal(images.filenames, np.array(chosen, dtype=object))
    assert pickle.dumps(X) == before


def test_images_do_not_depend_on_threads(xrays):
    one = ImageLoader(size=(40, 50), resize="crop", n_jobs=1).transform(xrays.filenames)
    two = ImageLoader(size=(40, 50), resize="crop", n_jobs=2).transform(xrays.filenames)
    assert_array_equal(one, two)
    assert one.std() > 10


def test_n_jobs_none_follows_parallel_config(paths, monkeypatch):
    threads = set()
    decode_image = _reading.decode_image

    def spy(*args):
        threads.add(threading.current_thread().name)
        sleep(0.005)
        return decode_image(*args)

    monkeypatch.setattr(_reading, "decode_image", spy)
    many = [
        f"{os.path.dirname(path)}{'/' * i}/{os.path.basename(path)}"
        for path in paths
        for i in range(4)
    ]
    ImageLoader(size=4, cache=False).transform(many)
    assert threads == {threading.main_thread().name}
    with joblib.parallel_config("loky", n_jobs=2):
        ImageLoader(size=4, cache=False, n_jobs=2).transform(many)
    with joblib.parallel_config("threading", n_jobs=2):
        ImageLoader(size=4, cache=False).transform(many)
    assert len(threads) > 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_stops_at_the_next_image(monkeypatch, n_jobs):
    decoded = []

    def slow_decode(path, *args):
        decoded.append(path)
        sleep(0.01)
        if len(decoded) == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return np.zeros((4, 4, 1), np.uint8)

    monkeypatch.setattr(_reading, "decode_image", slow_decode)
    with pytest.raises(KeyboardInterrupt):
        ImageLoader(size=4, cache=False, n_jobs=n_jobs).transform(
            [f"{i}.png" for i in range(3500)]
        )
    sleep(0.05)
    stopped_at = len(decoded)
    sleep(0.1)
    assert len(decoded) == stopped_at < 700


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 0}, "size"),
        ({"size": (64,)}, r"size=\(64,\) is not a size; expected a positive int or"),
        ({"size": (64, 64, 1)}, "is not a size"),
        ({"size": (64, -1)}, "is not a size"),
        ({"size": (64, 0.5)}, "is not a size"),
        ({"size": "64"}, "size"),
        ({"color_mode": "grey"}, "color_mode"),
        ({"resize": "squash"}, "resize"),
        ({"n_jobs": 0.5}, "n_jobs"),
        ({"cache": True}, "cache"),
        ({"cache": 3}, "cache"),
        ({"stream": 1.5}, "stream"),
    ],
)
def test_wrong_parameters_are_named_by_fit_and_by_transform(paths, parameters, message):
    loader = ImageLoader(**parameters)
    with pytest.raises(ValueError, match=message):
        loader.fit(paths)
    with pytest.raises(ValueError, match=message):
        loader.transform(paths)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "empty list of paths"),
        ("one.jpeg", TypeError, r"Use \['one.jpeg'\]"),
        ([None], TypeError, "Entry 0 of the paths is None"),
        (np.zeros((3, 4)), ValueError, r"shape \(3, 4\)"),
    ],
)
def test_other_inputs_than_a_column_of_paths_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        ImageLoader().fit(X)
    with pytest.raises(error, match=message):
        ImageLoader().transform(X)


def test_what_can_be_read_once_is_refused_by_fit(paths):
    with pytest.raises(TypeError, match=r"once, and fit and transform each.*list\(X\)"):
        ImageLoader().fit_transform(iter(paths))


def test_fit_opens_no_file():
    ImageLoader().fit(["nowhere.jpeg"])


# scikit-learn's common checks make up numbers for X and skip an estimator that says it takes
# strings only. Those of them that need no X are run here one by one, the others have their like
# above and below.
SKLEARN_CHECKS = [
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_transformer_n_iter,
    estimator_checks.check_valid_tag_types,
]


@pytest.mark.parametrize("check", SKLEARN_CHECKS)
def test_scikit_learn_checks_that_need_no_numbers(check):
    check("ImageLoader", ImageLoader())


def test_tags_declare_the_input():
    tags = get_tags(ImageLoader())
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert not tags.requires_fit
    check_is_fitted(ImageLoader())


def check_clone(loader, paths):
    twin = clone(loader.fit(paths))
    assert twin.get_params() == loader.get_params()
    assert_array_equal(twin.transform(paths), loader.transform(paths))


def check_pickle(loader, paths):
    expected = loader.fit_transform(paths)
    assert_array_equal(pickle.loads(pickle.dumps(loader)).transform(paths), expected)


def check_fit_leaves_no_trace(loader, paths):
    before = dict(vars(loader))
    assert loader.fit(paths) is loader
    loader.transform(paths)
    assert vars(loader) == before


def check_unfitted_and_fitted_agree(loader, paths):
    unfitted = clone(loader).transform(paths)
    assert_array_equal(loader.fit(paths[:1]).transform(paths), unfitted)
    assert_array_equal(clone(loader).fit_transform(paths, [0] * len(paths)), unfitted)


def check_sample_order_and_subsets(loader, paths):
    whole = loader.transform(paths)
    order = np.random.default_rng(0).permutation(len(paths))
    assert_array_equal(loader.transform(np.array(paths)[order]), whole[order])
    for path, image in zip(paths, whole, strict=True):
        assert_array_equal(loader.transform([path])[0], image)


def check_uint8_is_kept_by_indexing(loader, paths):
    assert loader.transform(paths)[[1, 0]].dtype == np.uint8


@pytest.mark.parametrize(
    "check",
    [
        check_clone,
        check_pickle,
        check_fit_leaves_no_trace,
        check_unfitted_and_fitted_agree,
        check_sample_order_and_subsets,
        check_uint8_is_kept_by_indexing,
    ],
)
@pytest.mark.parametrize(
    "loader",
    [
        ImageLoader(),
        ImageLoader((6, 9), "rgb", "pad", n_jobs=2),
        ImageLoader(5, cache=False),
        ImageLoader(5, stream=True),
    ],
)
def test_image_step(check, loader, paths):
    check(clone(loader), paths)


def test_in_a_pipeline_under_cross_validation(paths):
    y = np.array(LEVELS) > 100
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    pipeline = make_pipeline(ImageLoader(size=3), flatten, DecisionTreeClassifier(random_state=0))
    assert cross_val_predict(pipeline, paths, y, cv=2).shape == y.shape
    assert_array_equal(pipeline.fit(paths, y).predict(paths), y)


def test_transform_output_config_leaves_images_alone(paths):
    from sklearn import config_context

    with config_context(transform_output="pandas"):
        assert isinstance(ImageLoader(size=3).fit_transform(paths), ImageArray)
