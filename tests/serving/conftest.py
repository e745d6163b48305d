"""A small model of rows of pixels, and files of several formats in memory."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image


def as_rows(images):
    return np.asarray(images).reshape(len(images), -1) / 255


@pytest.fixture(scope="session")
def model(xrays):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    from skpneumo import ImageLoader, make_pipeline

    estimator = make_pipeline(
        ImageLoader(size=16), FunctionTransformer(as_rows), LogisticRegression()
    )
    estimator.fit(xrays.filenames, xrays.target)
    estimator.target_names_ = list(xrays.target_names)
    return estimator


@pytest.fixture(scope="session")
def contents(xrays):
    """Contents of the files of the collection, as for an upload."""
    read = []
    for path in xrays.filenames:
        with open(path, "rb") as file:
            read.append(file.read())
    return read


@pytest.fixture(scope="session")
def image_of():
    """Make a file of one grey level."""

    def make(width, height, form="PNG"):
        file = BytesIO()
        Image.fromarray(np.full((height, width), 90, np.uint8)).save(file, form)
        return file.getvalue()

    return make


@pytest.fixture
def client(model):
    from fastapi.testclient import TestClient

    from skpneumo.serving import make_app

    with TestClient(make_app(model), base_url="http://127.0.0.1:8000") as client:
        yield client
