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
def gated_model_file(model_file, xrays, tmp_path_factory):
    from sklearn.frozen import FrozenEstimator

    from skpneumo import load_model, save_model
    from skpneumo.decision import FewPatientsWarning, InputGate

    gate = InputGate(FrozenEstimator(load_model(model_file)), on_outlier="nan")
    with pytest.warns(FewPatientsWarning):
        gate.fit(xrays.filenames, xrays.target)
    path = tmp_path_factory.mktemp("gated") / "model.skpneumo"
    save_model(gate, path)
    return path


@pytest.fixture(scope="session")
def upside_down(xrays, tmp_path_factory):
    """An X-ray that a gate withholds."""
    from PIL import Image, ImageOps

    path = tmp_path_factory.mktemp("upside_down") / "upside_down.png"
    ImageOps.flip(Image.open(xrays.filenames[0])).save(path)
    return str(path)


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
