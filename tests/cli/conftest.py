"""A model file for the commands that need one."""

import pytest


@pytest.fixture(scope="session")
def model_file(xrays, tmp_path_factory):
    from skpneumo import CNNClassifier, ImageLoader, Pipeline, save_model

    model = Pipeline(
        [
            ("load", ImageLoader(size=(16, 16))),
            ("cnn", CNNClassifier(filters=(4,), dense_units=(), epochs=2, random_state=0)),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "model.skpneumo"
    save_model(model.fit(xrays.filenames, xrays.target), path)
    return path


@pytest.fixture(scope="session")
def three_class_model_file(xrays, tmp_path_factory):
    import numpy as np

    from skpneumo import CNNClassifier, ImageLoader, Pipeline, save_model

    target = np.unique(xrays.etiology, return_inverse=True)[1]
    model = Pipeline(
        [
            ("load", ImageLoader(size=(16, 16))),
            ("cnn", CNNClassifier(filters=(), dense_units=(), epochs=1, random_state=0)),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "etiology.skpneumo"
    save_model(model.fit(xrays.filenames, target), path)
    return path
