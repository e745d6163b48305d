"""Import TensorFlow without the messages that its native code writes to standard error.

There are about ten, about processors and missing GPUs, and one calls itself an error. Messages
before TensorFlow's logging is set up ignore TF_CPP_MIN_LOG_LEVEL (tensorflow#100442), so standard
error is held back during the import, and everything but known noise is passed on. Python's
logging, and a TF_CPP_MIN_LOG_LEVEL set by the user, are not changed.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["QuietImport", "import_tensorflow_quietly", "is_noise"]

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_SILENT = "3"

# Format of native messages: "I0000 00:00:1795716924.089221 15637 file.cc:31] text" and "2026-01-01
# 12:00:00.000000: I tensorflow/file.cc:31] text".
_NATIVE = re.compile(
    r"(?:([IWEF])\d{4} |\d{4}-\d\d-\d\d [\d:.]+: ([IWEF]) )\S*\s*.*?\w+\.cc:\d+\]"
)
_CUDA = re.compile(r"cuda|cudnn|cublas|cufft|gpu", re.IGNORECASE)
_NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called",
    "To enable the following instructions:",
)


def import_tensorflow_quietly() -> None:
    """Silence the import of TensorFlow, whenever it happens; once per process."""
    if "tensorflow" not in sys.modules and not any(
        isinstance(each, QuietImport) for each in sys.meta_path
    ):
        sys.meta_path.insert(0, QuietImport())


class QuietImport(MetaPathFinder):
    """Import hook that finds TensorFlow as Python does, and removes itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as Python does, with a loader that holds standard error back."""
        if fullname != "tensorflow":
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(Loader):
    """Wraps a loader, and holds standard error back while it runs."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        if os.environ.setdefault(_LEVEL, _SILENT) != _SILENT:
            self._loader.exec_module(module)  # the user wants to see the messages
            return
        with _noise_held_back():
            self._loader.exec_module(module)


@contextmanager
def _noise_held_back() -> Iterator[None]:
    """Hold standard error back, and write all but the noise afterwards."""
    with ExitStack() as stack:
        held_back = None
        # A program may have no console, or no folder for temporary files.
        with suppress(OSError):
            stderr = os.dup(2)
            stack.callback(os.close, stderr)
            held_back = stack.enter_context(tempfile.TemporaryFile())
        if held_back is None:
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(stderr, 2)
            held_back.seek(0)
            for line in held_back.read().decode(errors="replace").splitlines():
                if not is_noise(line):
                    print(line, file=sys.stderr)


def is_noise(line: str) -> bool:
    """Tell whether a line that TensorFlow writes during its import is irrelevant.

    Parameters
    ----------
    line : str
        Line of standard error.

    Returns
    -------
    noise : bool
        True for native remarks and warnings, and for native errors about GPUs, which appear if
        there is none.

    Examples
    --------
    >>> from skpneumo._quiet_start import is_noise
    >>> is_noise("I0000 00:00:1795716924.4 15637 cpu_feature_guard.cc:227] This binary is ...")
    True
    >>> is_noise("E0000 00:00:1795716924.4 15637 cuda_platform.cc:52] failed call to cuInit")
    True
    >>> is_noise("E0000 00:00:1795716924.4 15637 allocator.cc:52] out of memory")
    False
    """
    if not line.strip() or line.startswith(_NOISE):
        return True
    native = _NATIVE.match(line)
    if native is None:
        return False
    severity = native[1] or native[2]
    return severity in "IW" or (severity == "E" and bool(_CUDA.search(line)))
