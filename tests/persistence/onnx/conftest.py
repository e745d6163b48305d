"""Fitted models and random numbers for the tests of ONNX files."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for graphs.py


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def pipeline(xrays):
    """A small network behind a loader, fitted."""
    from skpneumo import CNNClassifier, ImageLoader, make_pipeline

    network = CNNClassifier(
        filters=(4,), dense_units=(), batch_norm=True, epochs=3, random_state=0
    )
    return make_pipeline(ImageLoader(size=16), network).fit(xrays.filenames, xrays.target)
