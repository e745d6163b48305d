"""What the tests share: where the real X-rays are, and a small synthetic collection."""

import os
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Who starts the tests in the background has them ignore Ctrl-C. What the tests start would inherit
# that, and those that interrupt it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    """Close what a test has drawn; matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
