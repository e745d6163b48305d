"""Collect the facts that are needed to reproduce a report."""

import os
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from skpneumo import __version__
from skpneumo._machine import installed_versions
from skpneumo.report._collection import Collection
from skpneumo.report._wording import one_line_repr

__all__ = ["checksum_of", "parameters", "versions"]

_PACKAGES = (
    "scikit-learn", "imbalanced-learn", "scikeras", "keras", "tensorflow", "torch",
    "jax", "numpy", "scipy", "pandas", "pillow", "matplotlib",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Get the versions of Python and of the installed packages that affect the results."""
    own = {"Python": ".".join(map(str, sys.version_info[:3])), "skpneumo": __version__}
    return own | installed_versions(_PACKAGES)


def parameters(estimator: Any) -> dict[str, str]:
    """List the parameters of a model and of all estimators in it."""
    if not hasattr(estimator, "get_params"):
        return {}
    return {
        name: one_line_repr(value)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if not _holds_estimators(value)
    }


def checksum_of(collection: Collection) -> str:
    """Compute a SHA-256 of the evaluated data, independent of folders and row order."""
    rows = collection.rows
    if collection.filenames is not None and all(map(os.path.isfile, collection.filenames[rows])):
        contents: Iterable[bytes] = (
            Path(path).read_bytes() for path in collection.filenames[rows]
        )
    else:
        contents = (row.tobytes() for row in np.asarray(collection.evaluated()))
    lines = [
        f"{sha256(content).hexdigest()} {label}\n"
        for content, label in zip(contents, collection.labels[rows], strict=True)
    ]
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def _holds_estimators(value: Any) -> bool:
    members = value if isinstance(value, list | tuple) else [value]
    return any(
        hasattr(each, "get_params")
        or (isinstance(each, tuple) and any(hasattr(part, "get_params") for part in each))
        for each in members
    )
