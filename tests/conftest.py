"""What the tests share: where the real X-rays are, and a small synthetic collection."""

import gc
import os
import pickle
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Who starts the tests in the background has them ignore Ctrl-C. What the tests start would inherit
# that, and those that interrupt it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Collecting the garbage of TensorFlow's graphs as often as Python does takes a tenth of the time.
gc.set_threshold(50_000, 20, 50)

REAL_DATA = Path(
    os.environ.get("SKPNEUMO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real X-rays, or a skip that says where they were looked for."""
    if not (REAL_DATA / "chest_xray").is_dir():
        pytest.skip(
            f"the real X-rays are not at {REAL_DATA}; name their folder in SKPNEUMO_REAL_DATA"
        )
    return REAL_DATA


@pytest.fixture(scope="session")
def xrays(tmp_path_factory):
    """A tiny synthetic collection in the Kaggle layout, made once a session."""
    from skpneumo import make_chest_xray

    return make_chest_xray(tmp_path_factory.mktemp("chest_xray"), n_patients=24, random_state=0)


@pytest.fixture(scope="session")
def brief_backbone():
    """Have a backbone of three convolutions among those of Keras, by the name of "Brief"."""
    import keras

    from .brief_backbone import Brief

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keras.applications, "Brief", Brief, raising=False)
        yield


@pytest.fixture
def states_of_generators():
    """Return the states of the global generators of Python, NumPy and Keras when called."""
    import keras

    keras_generator = keras.src.random.seed_generator.global_seed_generator

    def states():
        of_keras = keras.ops.convert_to_numpy(keras_generator().state).tolist()
        return pickle.dumps((random.getstate(), np.random.get_state(), of_keras))  # noqa: NPY002

    return states


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    """Close what a test has drawn; matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


# Each set to something else than its default; what computes may read none of them.
OF_SKLEARN = {
    "array_api_dispatch": True,
    "assume_finite": True,
    "display": "text",
    "enable_cython_pairwise_dist": False,
    "enable_metadata_routing": True,
    "pairwise_dist_chunk_size": 16,
    "print_changed_only": False,
    "skip_parameter_validation": True,
    "sparse_interface": "sparray",
    "transform_output": "pandas",
    "working_memory": 1,
}
OF_KERAS = {
    "set_dtype_policy": ("float64", "float32"),
    "set_epsilon": (0.5, 1e-7),
    "set_floatx": ("float64", "float32"),
    "set_image_data_format": ("channels_first", "channels_last"),
    "set_max_epochs": (1, None),
    "set_max_steps_per_epoch": (1, None),
    "disable_flash_attention": "enable_flash_attention",
    "disable_interactive_logging": "enable_interactive_logging",
    "disable_traceback_filtering": "enable_traceback_filtering",
    "enable_unsafe_deserialization": None,
    "set_backend": None,  # another program
}


@pytest.fixture
def other_settings(monkeypatch):
    """Set every global setting of scikit-learn and Keras to something else."""
    import keras
    import sklearn

    config = keras.config
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without which no array API can be set
    changes = [name for name in dir(config) if name.startswith(("set_", "disable_"))]
    assert {*changes, "enable_unsafe_deserialization"} == OF_KERAS.keys()
    assert sklearn.get_config().keys() == OF_SKLEARN.keys()
    before = sklearn.get_config()
    sklearn.set_config(**OF_SKLEARN)
    for name, value in OF_KERAS.items():
        if isinstance(value, tuple):
            getattr(config, name)(value[0])
        elif value is not None:
            getattr(config, name)()
    yield OF_SKLEARN
    sklearn.set_config(**before)
    for name, value in OF_KERAS.items():
        if isinstance(value, tuple):
            getattr(config, name)(value[1])
        elif value is not None:
            getattr(config, value)()
