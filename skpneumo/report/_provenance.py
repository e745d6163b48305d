"""What is needed to reproduce the numbers."""

import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from skpneumo import __version__
from skpneumo.report._collection import Collection
from skpneumo.report._wording import described

__all__ = ["checksum_of", "parameters", "versions"]

_PACKAGES = (
    "scikit-learn", "imbalanced-learn", "scikeras", "keras", "tensorflow", "torch",
    "jax", "numpy", "scipy", "pandas", "pillow", "matplotlib",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Python and the packages that have a say in the figures, as far as they are installed."""
    found = {"Python": ".".join(map(str, sys.version_info[:3])), "skpneumo": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def parameters(estimator: Any) -> dict[str, str]:
    """The parameters of a model and of all it holds; not the estimators themselves."""
    if not hasattr(estimator, "get_params"):
        return {}
    return {
        name: described(value)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if not _holds_estimators(value)
    }


def checksum_of(collection: Collection) -> str:
    """SHA-256 of what was evaluated, whatever the folder and the order of the rows."""
    rows = collection.rows
    if collection.filenames is not None and all(map(_is_file, collection.filenames[rows])):
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


def _is_file(path: str) -> bool:
    return Path(path).is_file()


def _holds_estimators(value: Any) -> bool:
    members = value if isinstance(value, list | tuple) else [value]
    return any(
        hasattr(each, "get_params")
        or (isinstance(each, tuple) and any(hasattr(part, "get_params") for part in each))
        for each in members
    )
