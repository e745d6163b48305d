import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import TomekLinks
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_classifier_data_not_an_array

from skpneumo.augmentation import ImageAugmenter
from skpneumo.enhancement import BorderCropper, ContrastEqualizer, MarkerRemover
from skpneumo.loading import ImageLoader
from skpneumo.pipeline import make_pipeline
from skpneumo.rebalancing import ImageResampler

from .image_step_checks import (
    check_clone_does_the_same,
    check_constructor_only_stores,
    check_file_names_follow_their_rows,
    check_fitted_attributes_end_in_underscore,
    check_global_generators_are_left_alone,
    check_images_stay_uint8,
    check_input_is_left_alone,
    check_one_row,
    check_parameters_are_left_alone,
    check_rows_stay_in_order,
    parametrize_image_step_checks,
)

STEPS = [
    ImageLoader(size=(10, 12)),
    ImageLoader(size=8, color_mode="rgb", resize="pad", n_jobs=2),
    ImageResampler("under"),
    ImageResampler("over"),
    ImageResampler(TomekLinks()),
    ContrastEqualizer(),
    ContrastEqualizer("equalize"),
    BorderCropper(),
    MarkerRemover(),
    ImageAugmenter(),
    ImageAugmenter(rotation=10, zoom=0.1, horizontal_flip=True, brightness=0.2, n_copies=2),
]


@parametrize_image_step_checks(STEPS)
def test_image_steps(estimator, check):
    check(estimator)


@parametrize_image_step_checks(
    [ImageResampler(SMOTE(k_neighbors=1))],
    expected_failed_checks={
        "check_file_names_follow_their_rows": "an image that was made up comes from no file"
    },
)
def test_steps_that_make_images_up(estimator, check):
    check(estimator)


_ROWS = "it takes images, and the check brings rows of numbers"

OF_IMBALANCED_LEARN = {
    "check_samplers_one_label": "it balances nothing, so that one label is as good as two",
    "check_samplers_fit": _ROWS,
    "check_samplers_fit_resample": _ROWS,
    "check_samplers_list": _ROWS,
    "check_samplers_multiclass_ova": _ROWS,
    "check_samplers_preserve_dtype": _ROWS,
    "check_samplers_sample_indices": _ROWS,
    "check_samplers_2d_target": _ROWS,
}


def _imbalanced_learn_checks():
    for estimator, check in estimator_checks_generator(ImageAugmenter(random_state=0)):
        name = check.func.__name__
        reason = OF_IMBALANCED_LEARN.get(name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        yield pytest.param(estimator, check, id=name, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(_imbalanced_learn_checks()))
def test_imbalanced_learn_accepts_the_augmenter(estimator, check):
    check(estimator)


@pytest.mark.parametrize("sampler", ["under", "over"])
def test_a_pipeline_with_a_resampler_takes_what_scikit_learns_classifiers_take(sampler):
    resampler = ImageResampler(sampler, random_state=0)
    check_classifier_data_not_an_array("Pipeline", make_pipeline(resampler, LogisticRegression()))


# -- the checks catch what they are for --------------------------------------------------------


class _Step(TransformerMixin, BaseEstimator):
    """A step without fault, for others to spoil."""

    def __init__(self, level=1):
        self.level = level

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X).copy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags


class _ConvertsInInit(_Step):
    def __init__(self, level=1):
        self.level = str(level)


class _Remembers(_Step):
    def fit(self, X, y=None):
        self.seen = len(X)
        return self


class _ChangesItsParameters(_Step):
    def fit(self, X, y=None):
        self.level = 2
        return self


class _WritesIntoItsInput(_Step):
    def transform(self, X):
        X[0] = 0
        return X.copy()


class _ReturnsItsInput(_Step):
    def transform(self, X):
        return X[:]


class _ReturnsFloats(_Step):
    def transform(self, X):
        return X / 255


class _SeedsTheWorld(_Step):
    def transform(self, X):
        np.random.seed(1)  # noqa: NPY002
        return X.copy()


class _SortsRows(_Step):
    def transform(self, X):
        return X[np.argsort(X.mean(axis=(1, 2, 3)))]


class _LooksAtTheBatch(_Step):
    def transform(self, X):
        return (X - X.min(axis=0)).astype(np.uint8)


class _DrawsDifferently(_Step):
    def transform(self, X):
        return np.random.default_rng().permutation(X)


@pytest.mark.parametrize(
    ("step", "check"),
    [
        (_ConvertsInInit, check_constructor_only_stores),
        (_Remembers, check_fitted_attributes_end_in_underscore),
        (_ChangesItsParameters, check_parameters_are_left_alone),
        (_WritesIntoItsInput, check_input_is_left_alone),
        (_ReturnsItsInput, check_input_is_left_alone),
        (_ReturnsFloats, check_images_stay_uint8),
        (_SeedsTheWorld, check_global_generators_are_left_alone),
        (_SortsRows, check_rows_stay_in_order),
        (_LooksAtTheBatch, check_one_row),
        (_DrawsDifferently, check_clone_does_the_same),
        (_Step, check_file_names_follow_their_rows),
    ],
    ids=lambda value: value.__name__,
)
def test_a_spoiled_step_is_caught(step, check):
    with pytest.raises(AssertionError):
        check(step.__name__, step())
    if step is not _Step:
        check("_Step", _Step())
