"""Checks for the steps that scikit-learn's own checks skip: those that take paths or images.

Of the same form as :mod:`sklearn.utils.estimator_checks`: a check takes the estimator's name and
an instance, which it clones. Which checks a step gets follows from what it is (a transformer or
a sampler) and takes (paths, images or both).
"""

import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, clone
from sklearn.utils import estimator_checks as sklearn_checks
from sklearn.utils import get_tags
from sklearn.utils._testing import set_random_state

from skpneumo.loading import ImageArray
from skpneumo.pipeline import make_pipeline

Check = Callable[[str, BaseEstimator], None]

N_IMAGES = 8
LABELS = np.array([0, 1, 1, 0, 1, 1, 0, 1])


def parametrize_image_step_checks(
    estimators: list[BaseEstimator], *, expected_failed_checks: dict[str, str] | None = None
) -> pytest.MarkDecorator:
    """Parametrize a test ``(estimator, check)`` with every check of every estimator.

    ``expected_failed_checks`` maps the name of a check to the reason why it fails; one that
    passes after all is a failure.
    """
    reasons = expected_failed_checks or {}
    parameters = []
    for estimator in estimators:
        for check in yield_image_step_checks(estimator):
            name = check.__name__
            marks = (
                [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
            )
            parameters.append(
                pytest.param(
                    estimator,
                    partial(check, type(estimator).__name__),
                    id=f"{estimator}-{name}",
                    marks=marks,
                )
            )
    return pytest.mark.parametrize(("estimator", "check"), parameters)


def yield_image_step_checks(estimator: BaseEstimator) -> Iterator[Check]:
    """Yield the checks that apply to an estimator."""
    # Of scikit-learn's checks, those that do not bring rows of numbers.
    yield sklearn_checks.check_estimator_cloneable
    yield sklearn_checks.check_estimator_tags_renamed
    yield sklearn_checks.check_valid_tag_types
    yield sklearn_checks.check_estimator_repr
    yield sklearn_checks.check_no_attributes_set_in_init
    yield sklearn_checks.check_do_not_raise_errors_in_init_or_set_params
    yield sklearn_checks.check_parameters_default_constructible
    yield sklearn_checks.check_mixin_order
    yield sklearn_checks.check_get_params_invariance
    yield sklearn_checks.check_set_params
    yield sklearn_checks.check_param_validation

    yield check_constructor_only_stores
    yield check_clone_does_the_same
    yield check_fitted_survives_pickle
    yield check_refit_does_the_same
    yield check_fitted_attributes_end_in_underscore
    yield check_parameters_are_left_alone
    yield check_input_is_left_alone
    yield check_read_only_input
    yield check_global_generators_are_left_alone
    yield check_works_in_a_pipeline
    yield check_empty_input_is_refused
    yield check_images_stay_uint8
    yield check_file_names_follow_their_rows
    if _takes_paths(estimator):
        yield check_forms_of_paths
        yield check_not_a_path_is_named
    if _is_sampler(estimator):
        yield check_sample_indices
        yield check_labels_of_any_type
        yield check_lengths_must_agree
    else:
        yield check_rows_stay_in_order
        yield check_one_row
        yield check_works_without_fit
    if _opens_files(estimator):
        yield check_missing_files_are_named


# -- what a step is and takes ------------------------------------------------------------------


def _is_sampler(estimator: Any) -> bool:
    return hasattr(estimator, "fit_resample")


def _takes_paths(estimator: Any) -> bool:
    return get_tags(estimator).input_tags.string


def _opens_files(estimator: Any) -> bool:
    return _takes_paths(estimator) and not _is_sampler(estimator)


def _takes_images(estimator: Any) -> bool:
    return not _opens_files(estimator)


# -- what a step is given ----------------------------------------------------------------------


def make_images() -> np.ndarray:
    """Images with a black border, a gradient and noise: every step finds something to do."""
    rng = np.random.RandomState(0)
    images = rng.randint(40, 120, size=(N_IMAGES, 16, 12, 1)) + np.arange(12)[:, None] * 5
    images[:, :2] = 0
    return images.astype(np.uint8)


def make_paths(folder: Path) -> np.ndarray:
    """The same images as files."""
    paths = [folder / f"IM-{i:04d}-0001.png" for i in range(N_IMAGES)]
    for path, image in zip(paths, make_images(), strict=True):
        Image.fromarray(image[:, :, 0]).save(path)
    return np.array([str(path) for path in paths], dtype=object)


def for_each_input(check: Callable[[str, Any, np.ndarray], None]) -> Check:
    """Run a check on paths, on images, or on both, whatever the step takes."""

    @wraps(check)
    def check_each(name: str, estimator_orig: Any) -> None:
        with TemporaryDirectory() as folder:
            if _takes_paths(estimator_orig):
                check(name, estimator_orig, make_paths(Path(folder)))
            if _takes_images(estimator_orig):
                check(name, estimator_orig, make_images())

    return check_each


def on_paths(check: Callable[[str, Any, np.ndarray], None]) -> Check:
    """Run a check on paths."""

    @wraps(check)
    def check_paths(name: str, estimator_orig: Any) -> None:
        with TemporaryDirectory() as folder:
            check(name, estimator_orig, make_paths(Path(folder)))

    return check_paths


def _new(estimator: Any) -> Any:
    """A clone that params the same each time."""
    step = clone(estimator)
    set_random_state(step)
    return step


def _run(step: Any, X: Any, y: Any = LABELS) -> Any:
    if _is_sampler(step):
        return step.fit_resample(X, y)[0]
    return step.fit(X, y).transform(X)


def _flat(X: Any) -> list[Any]:
    """Rows in any form, as a list that compares."""
    return [np.asarray(row).ravel().tolist() for row in np.asarray(X, dtype=object)]


# -- the checks --------------------------------------------------------------------------------


def check_constructor_only_stores(name: str, estimator_orig: Any) -> None:
    parameters = {key: object() for key in signature(type(estimator_orig)).parameters}
    step = type(estimator_orig)(**parameters)
    assert vars(step) == parameters, f"{name} does more with its parameters than to store them"


@for_each_input
def check_clone_does_the_same(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    step = _new(estimator_orig)
    expected = _run(step, X)
    np.testing.assert_array_equal(_run(clone(step), X), expected)


@for_each_input
def check_fitted_survives_pickle(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    step = _new(estimator_orig)
    expected = _run(step, X)
    kept = pickle.loads(pickle.dumps(step))
    assert kept.get_params().keys() == step.get_params().keys()
    assert vars(kept).keys() == vars(step).keys()
    again = _run(kept, X) if _is_sampler(step) else kept.transform(X)
    np.testing.assert_array_equal(again, expected)


@for_each_input
def check_refit_does_the_same(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    step = _new(estimator_orig)
    _run(step, X[:-1], LABELS[:-1])
    np.testing.assert_array_equal(_run(step, X), _run(_new(estimator_orig), X))


@for_each_input
def check_fitted_attributes_end_in_underscore(
    name: str, estimator_orig: Any, X: np.ndarray
) -> None:
    step = _new(estimator_orig)
    _run(step, X)
    added = vars(step).keys() - step.get_params(deep=False).keys()
    assert all(key.endswith("_") for key in added), f"{name} sets {sorted(added)} in fit"


@for_each_input
def check_parameters_are_left_alone(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    step = _new(estimator_orig)
    before = joblib.hash(step.get_params())
    _run(step, X)
    assert joblib.hash(step.get_params()) == before, f"{name} changes its parameters in fit"


@for_each_input
def check_input_is_left_alone(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    X, y = X.copy(), LABELS.copy()
    before = joblib.hash((X, y))
    result = _run(_new(estimator_orig), X, y)
    assert joblib.hash((X, y)) == before, f"{name} writes into its input"
    assert not np.shares_memory(result, X), f"{name} returns a view of its input"


@for_each_input
def check_read_only_input(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    expected = _run(_new(estimator_orig), X)
    X, y = X.copy(), LABELS.copy()
    X.setflags(write=False)  # as joblib hands large arrays to its workers
    y.setflags(write=False)
    np.testing.assert_array_equal(_run(_new(estimator_orig), X, y), expected)


@for_each_input
def check_global_generators_are_left_alone(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = pickle.dumps((random.getstate(), np.random.get_state()))  # noqa: NPY002
    for step in (_new(estimator_orig), clone(estimator_orig)):
        _run(step, X)
        after = pickle.dumps((random.getstate(), np.random.get_state()))  # noqa: NPY002
        assert after == before, f"{name} params from, or seeds, a global generator"


@for_each_input
def check_works_in_a_pipeline(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    expected = _run(_new(estimator_orig), X)
    pipeline = make_pipeline(_new(estimator_orig))
    if _is_sampler(estimator_orig):
        result, _ = clone(pipeline).fit_resample(X, LABELS)
    else:
        result = clone(pipeline).fit_transform(X, LABELS)
    np.testing.assert_array_equal(result, expected)


@for_each_input
def check_empty_input_is_refused(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"(?i)empty|0 sample|no image|at least one|minimum"):
        _run(_new(estimator_orig), X[:0], LABELS[:0])


def check_images_stay_uint8(name: str, estimator_orig: Any) -> None:
    def check(name: str, estimator_orig: Any, X: np.ndarray) -> None:
        result = _run(_new(estimator_orig), X)
        assert result.dtype == np.uint8
        assert result.ndim == 4
        if X.ndim == 4:
            assert result.shape[1:] == X.shape[1:]

    _images_or_files(check)(name, estimator_orig)


def check_file_names_follow_their_rows(name: str, estimator_orig: Any) -> None:
    def check(name: str, estimator_orig: Any, X: np.ndarray) -> None:
        names = X if X.ndim == 1 else np.array([f"{i}.png" for i in range(len(X))], dtype=object)
        step = _new(estimator_orig)
        result = _run(step, X if X.ndim == 1 else ImageArray(X, names))
        rows = step.sample_indices_ if _is_sampler(step) else np.arange(len(X))
        assert isinstance(result, ImageArray), f"{name} drops the file names"
        np.testing.assert_array_equal(result.filenames, names[rows])

    _images_or_files(check)(name, estimator_orig)


def _images_or_files(check: Callable[[str, Any, np.ndarray], None]) -> Check:
    """Run a check on whatever the step makes images of."""

    def check_one(name: str, estimator_orig: Any) -> None:
        if _opens_files(estimator_orig):
            on_paths(check)(name, estimator_orig)
        else:
            check(name, estimator_orig, make_images())

    return check_one


@on_paths
def check_forms_of_paths(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    expected = _flat(_run(_new(estimator_orig), X))
    for form in (
        X.tolist(),
        tuple(X),
        X.astype(str),
        X.reshape(-1, 1),
        [[path] for path in X],
        pd.Series(X, index=range(10, 10 + len(X))),
        pd.DataFrame({"path": X}),
    ):
        assert _flat(_run(_new(estimator_orig), form)) == expected, f"{name} on {type(form)}"
    result = _run(_new(estimator_orig), [Path(path) for path in X])
    if not _opens_files(estimator_orig):
        result = [str(path) for path in result]
    assert _flat(result) == expected, f"{name} on a list of Path"


@on_paths
def check_not_a_path_is_named(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    bad = X.copy()
    bad[3] = None
    with pytest.raises(TypeError, match="Entry 3 of the paths is None"):
        _run(_new(estimator_orig), bad)


@on_paths
def check_missing_files_are_named(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    missing = X.copy()
    missing[2], missing[5] = (str(Path(X[0]).with_name(other)) for other in ("no.png", "nor.png"))
    with pytest.raises(FileNotFoundError) as caught:
        _run(_new(estimator_orig), missing)
    for path in (missing[2], missing[5]):
        assert path in str(caught.value), f"{name} does not name {path}"


@for_each_input
def check_rows_stay_in_order(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    order = np.random.RandomState(1).permutation(len(X))
    expected = _run(_new(estimator_orig), X)
    result = _run(_new(estimator_orig), X[order], LABELS[order])
    np.testing.assert_array_equal(result, expected[order])


@for_each_input
def check_one_row(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    expected = _run(_new(estimator_orig), X)
    np.testing.assert_array_equal(_run(_new(estimator_orig), X[:1], LABELS[:1]), expected[:1])


@for_each_input
def check_works_without_fit(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    expected = _run(_new(estimator_orig), X)
    np.testing.assert_array_equal(_new(estimator_orig).transform(X), expected)
    np.testing.assert_array_equal(_new(estimator_orig).fit(X).transform(X), expected)


@for_each_input
def check_sample_indices(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    step = _new(estimator_orig)
    X_res, y_res = step.fit_resample(X, LABELS)
    rows = step.sample_indices_
    assert isinstance(rows, np.ndarray)
    assert rows.dtype.kind == "i"
    assert len(rows) == len(X_res) == len(y_res)
    assert rows.min() >= -1
    assert rows.max() < len(X)
    np.testing.assert_array_equal(y_res[rows >= 0], LABELS[rows[rows >= 0]])


@for_each_input
def check_labels_of_any_type(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    _, expected = _new(estimator_orig).fit_resample(X, LABELS)
    for names in (["NORMAL", "PNEUMONIA"], [False, True], [-1, 1]):
        y = np.array(names)[LABELS]
        for form in (y, y.tolist(), pd.Series(y, name="target")):
            _, y_res = _new(estimator_orig).fit_resample(X, form)
            assert type(y_res) is type(form)
            np.testing.assert_array_equal(np.asarray(y_res), np.array(names)[expected])
            if isinstance(y_res, pd.Series):
                assert y_res.name == "target"
                assert y_res.dtype == form.dtype


@for_each_input
def check_lengths_must_agree(name: str, estimator_orig: Any, X: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"{len(X)}.*{len(X) - 1}|{len(X) - 1}.*{len(X)}"):
        _new(estimator_orig).fit_resample(X, LABELS[:-1])
