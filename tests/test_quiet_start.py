"""The start of TensorFlow is silent, but other lines than noise are passed on.

That a script and a notebook are silent to their end: `test_readme.py`.
"""

import os
import subprocess
import sys

import pytest

from skpneumo._quiet_start import is_noise

NOISE = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795716924.089221   15637 cudart_stub.cc:31] Could not find cuda drivers
I0000 00:00:1795716924.410151   15637 cpu_feature_guard.cc:227] This binary is optimized
To enable the following instructions: AVX2 FMA, rebuild TensorFlow
W0000 00:00:1795716924.410151   15637 gpu_device.cc:2342] Cannot dlopen some GPU libraries.
E0000 00:00:1795716955.976163   15637 cuda_platform.cc:52] failed call to cuInit: INTERNAL
2026-11-26 18:12:09.123456: E external/local_xla/cuda_dnn.cc:8310] Unable to register cuDNN
2026-11-26 18:12:09.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on
"""


@pytest.mark.parametrize("line", NOISE.splitlines())
def test_native_remarks_are_noise(line):
    assert is_noise(line)


@pytest.mark.parametrize(
    "line",
    [
        "E0000 00:00:1795716955.976163   15637 allocator.cc:52] out of memory",
        "F0000 00:00:1795716955.976163   15637 cuda_platform.cc:52] failed",
        "Traceback (most recent call last):",
        "INFO:mine:I0000 is what I say",
    ],
)
def test_other_lines_than_noise_are_kept(line):
    assert not is_noise(line)


def run(script, **variables):
    env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", script],
        env=env | {"KERAS_BACKEND": "tensorflow"} | variables,
        capture_output=True,
        text=True,
        check=True,
    )


FAKE = """
import logging, os, sys
sys.path.insert(0, sys.argv[1]) if len(sys.argv) > 1 else None
logging.basicConfig()
import skpneumo
logging.getLogger("mine").warning("before")
import tensorflow
assert tensorflow.__spec__.loader is tensorflow.__loader__
assert "Quiet" not in type(tensorflow.__loader__).__name__
logging.getLogger("mine").warning("after")
os.write(2, b"I0000 00:00:1.2 3 late.cc:1] no longer held back\\n")
"""


@pytest.fixture
def fake_tensorflow(tmp_path):
    """A package of the same name that quickly writes the same lines."""
    package = tmp_path / "tensorflow"
    package.mkdir()
    source = f"import os\nos.write(2, {NOISE.encode()!r})\nos.write(2, b'a problem of yours\\n')\n"
    (package / "__init__.py").write_text(source)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


def test_noise_is_held_back_and_the_rest_and_logging_are_not(fake_tensorflow):
    assert run(FAKE, **fake_tensorflow).stderr.splitlines() == [
        "WARNING:mine:before",
        "a problem of yours",
        "WARNING:mine:after",
        "I0000 00:00:1.2 3 late.cc:1] no longer held back",
    ]


def test_noise_is_shown_if_the_user_asked_for_it(fake_tensorflow):
    shown = run(FAKE, TF_CPP_MIN_LOG_LEVEL="0", **fake_tensorflow).stderr
    assert NOISE in shown


def test_an_import_that_fails_says_why(fake_tensorflow, tmp_path):
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        "import os\nos.write(2, b'told before\\n')\nraise ImportError('broken')"
    )
    script = "import skpneumo\ntry:\n    import tensorflow\nexcept ImportError as e:\n    print(e)"
    failed = run(script, **fake_tensorflow)
    assert (failed.stdout, failed.stderr) == ("broken\n", "told before\n")


def test_an_import_needs_no_folder_for_temporary_files(fake_tensorflow):
    script = (
        "import tempfile\ndef fail(): raise FileNotFoundError('no folder')\n"
        "tempfile.TemporaryFile = fail\nimport skpneumo, tensorflow"
    )
    assert "a problem of yours" in run(script, **fake_tensorflow).stderr


@pytest.mark.slow
def test_doctor_is_silent_but_for_what_it_finds():
    done = run("import sys\nfrom skpneumo.cli import main\nsys.exit(main(['doctor']))")
    assert done.stderr == ""
    assert "Backend" in done.stdout
