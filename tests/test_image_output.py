"""``set_output`` of pipelines with image steps."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skpneumo import (
    BorderCropper,
    ContrastEqualizer,
    ImageLoader,
    ImageResampler,
    MarkerRemover,
    make_chest_xray,
    make_pipeline,
)
from skpneumo.loading import ImageArray


def mean_grey(images):
    return np.asarray(images).mean(axis=(1, 2, 3))[:, np.newaxis]


def one_name(step, names):
    return ["grey"]


@pytest.fixture(scope="module")
def xrays():
    return make_chest_xray(n_patients=8, size=(32, 40), random_state=0)


@pytest.fixture
def features():
    """From paths to a column of numbers, through every kind of image step."""
    return make_pipeline(
        ImageLoader(size=16),
        MarkerRemover(),
        BorderCropper(),
        ContrastEqualizer(),
        FunctionTransformer(mean_grey, feature_names_out=one_name),
        StandardScaler(),
    )


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.mark.parametrize("container", FRAMES)
@pytest.mark.parametrize("by_option", [False, True])
def test_steps_after_images_make_frames(xrays, features, container, by_option):
    plain = features.fit_transform(xrays.X)
    with sklearn.config_context(transform_output=container if by_option else "default"):
        if not by_option:
            features.set_output(transform=container)
        made = features.fit_transform(xrays.X)
        assert isinstance(made, FRAMES[container])
        assert isinstance(features[:-2].transform(xrays.X), ImageArray)
    np.testing.assert_array_equal(made, plain)


def test_images_beside_other_columns_make_frames(xrays, features):
    table = xrays.X.assign(age=np.arange(len(xrays.X)))
    columns = ColumnTransformer(
        [("image", features, ["path"]), ("age", StandardScaler(), ["age"])]
    )
    plain = columns.fit_transform(table)
    made = columns.set_output(transform="pandas").fit_transform(table)
    assert isinstance(made, pd.DataFrame)
    np.testing.assert_array_equal(made, plain)


def test_a_classifier_with_a_sampler_and_images_predicts_the_same(xrays, features):
    def probabilities(container):
        model = make_pipeline(
            ImageResampler("under", random_state=0), *features, LogisticRegression()
        )
        model.set_output(transform=container)
        return model.fit(xrays.X, xrays.target).predict_proba(xrays.X)

    np.testing.assert_array_equal(probabilities("pandas"), probabilities("default"))
