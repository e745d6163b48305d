"""Keys of saved results: hashes of everything that a result depends on."""

import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.frozen import FrozenEstimator

from skpneumo._file_state import file_state
from skpneumo._images import is_stream
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._sklearn import _BaseScorer
from skpneumo.tuning._code import code_of

__all__ = ["data_key", "key_of"]

# Parameters that, by convention, affect only how a result is computed.
_WITHOUT_EFFECT = {"cache", "memory", "n_jobs", "verbose"}

_PACKAGES = ("skpneumo", "scikit-learn", "imbalanced-learn", "keras")


def key_of(**parts: Any) -> str:
    """Hash estimators, parameters, arrays and scorers, in the same way in all processes.

    Raises
    ------
    TypeError
        If a part, such as a lambda, cannot be identified in a later run.
    """
    backend = _backend()
    versions = {name: _version(name) for name in (*_PACKAGES, backend)} | {"backend": backend}
    text = json.dumps([versions, _described(parts)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def data_key(X: Any) -> str:
    """Hash the content of an array, or the states of the files that paths name.

    Patients that the rows carry are included, because inner validation depends on them.
    """
    patients = carried_patients(X)
    filenames = getattr(X, "filenames", None)
    if is_stream(X):
        content: Any = [_file_states(X.filenames), X.shape[1:], X.resize]
    elif filenames is None and (paths := filenames_of(X)) is not None:
        content = _file_states(paths)
    else:
        content = X if filenames is None else [X, filenames]
    return joblib.hash(content if patients is None else [content, patients])


def _file_states(paths: Iterable[Any]) -> list[Any]:
    # Without a state: plain text, or a file whose absence the loader will report.
    return [(os.fspath(path), file_state(path)) for path in paths]


def _parameter(value: Any) -> Any:
    """Write a parameter of an estimator; of one that names a file, such as weights, its state."""
    if isinstance(value, str | os.PathLike) and os.path.isfile(value):
        return [os.fspath(value), file_state(value)]
    return _described(value)


def _described(value: Any) -> Any:
    """Describe a value by types that JSON supports."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_described(entry) for entry in value]
    if isinstance(value, dict):
        return {str(name): _described(entry) for name, entry in value.items()}
    if inspect.isclass(value):
        return [_name_of(value), code_of(value)]
    if hasattr(value, "get_params"):
        parameters = {
            name: _parameter(entry)
            for name, entry in value.get_params(deep=False).items()
            if name not in _WITHOUT_EFFECT
        }
        # A frozen estimator is not fitted again, so that results depend on what it has learned.
        learned = [_hash(value.estimator)] if isinstance(value, FrozenEstimator) else []
        return [_described(type(value)), parameters, *learned]
    if isinstance(value, _BaseScorer):
        return [_name_of(type(value)), _described(vars(value))]
    if inspect.isroutine(value):
        return [_name_of(value), _source_of(value), _described(_surroundings_of(value))]
    if isinstance(value, partial):
        return [_described(value.func), _described(value.args), _described(value.keywords)]
    if hasattr(value, "get_config"):  # without the name, because Keras numbers names
        config = {name: part for name, part in value.get_config().items() if name != "name"}
        return [_described(type(value)), _described(config)]
    return [_described(type(value)), _hash(value)]


def _hash(value: Any) -> str:
    try:
        digest: str = joblib.hash(value)
    except Exception as error:  # pickle can raise any exception
        raise TypeError(
            f"{value!r} cannot be pickled, so results that depend on it cannot be found again. "
            "Set store=None, or use a named function or class."
        ) from error
    return digest


def _name_of(thing: Any) -> str:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<lambda>" in name:
        raise TypeError(
            f"{thing!r} has no name by which a later run could identify it. Write it as a "
            "function with def, or set store=None."
        )
    return name


def _source_of(function: Any) -> str | None:
    """Return the source of a function, so that results of an earlier version are not used."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # written in C, or entered in a console
        return None


def _surroundings_of(function: Any) -> list[Any]:
    """List what a function depends on besides its source: defaults, closure, object."""
    own = function.__self__ if inspect.ismethod(function) else None
    # Unwrapped like its source, without the variables of decorators.
    function = inspect.unwrap(getattr(function, "__func__", function))
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return [
        own,
        getattr(function, "__defaults__", None),
        getattr(function, "__kwdefaults__", None),
        [content for content in cells if content is not function],  # unless it is recursive
    ]


def _backend() -> str:
    """Return the backend of Keras without importing Keras, which takes seconds.

    A search over other estimators does not need Keras, but the key must be the same in all
    processes.
    """
    keras = sys.modules.get("keras")
    if keras is not None:
        return keras.config.backend()
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"]
    home = Path(os.environ.get("KERAS_HOME") or Path(os.path.expanduser("~"), ".keras"))
    try:
        config = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras uses its defaults then
        return "tensorflow"
    return config.get("backend", "tensorflow")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:  # not installed, but run from its sources
        return None
