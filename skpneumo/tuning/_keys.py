"""Keys of saved results: a hash of everything a result depends on."""

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

from skpneumo._file_state import file_state
from skpneumo._images import is_stream
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._sklearn import _BaseScorer

__all__ = ["data_key", "key_of"]

# By scikit-learn's conventions and ours these change how a result is computed, not the result.
_WITHOUT_EFFECT = {"cache", "memory", "n_jobs", "verbose"}

_PACKAGES = ("skpneumo", "scikit-learn", "imbalanced-learn", "keras")


def key_of(**parts: Any) -> str:
    """Hash estimators, parameters, arrays and scorers, equal ones alike in all processes.

    Raises
    ------
    TypeError
        If a part cannot be told from another one in a later run, as a lambda.
    """
    backend = _backend()
    versions = {name: _version(name) for name in (*_PACKAGES, backend)} | {"backend": backend}
    text = json.dumps([versions, _described(parts)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def data_key(X: Any) -> str:
    """Hash the content of an array, or of paths the states of the files.

    What the rows carry counts too: inner validation goes by their patients.
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
    """Write a value as JSON can."""
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
        return _name_of(value)
    if hasattr(value, "get_params"):
        parameters = {
            name: _parameter(entry)
            for name, entry in value.get_params(deep=False).items()
            if name not in _WITHOUT_EFFECT
        }
        return [_name_of(type(value)), parameters]
    if isinstance(value, _BaseScorer):
        return [_name_of(type(value)), _described(vars(value))]
    if inspect.isroutine(value):
        return [_name_of(value), _source_of(value), _described(_surroundings_of(value))]
    if isinstance(value, partial):
        return [_described(value.func), _described(value.args), _described(value.keywords)]
    if hasattr(value, "get_config"):  # Keras numbers names, and equal objects must be equal here
        config = {name: part for name, part in value.get_config().items() if name != "name"}
        return [_name_of(type(value)), _described(config)]
    try:
        return [_name_of(type(value)), joblib.hash(value)]
    except Exception as error:  # pickle raises whatever it likes
        raise TypeError(
            f"{value!r} cannot be pickled, so a result that depends on it cannot be found again. "
            "Search without store, or use a named function or class."
        ) from error


def _name_of(thing: Any) -> str:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<lambda>" in name:
        raise TypeError(
            f"{thing!r} has no name by which a later run would know it from another one. Write "
            "it as a function with def, or search without store."
        )
    return name


def _source_of(function: Any) -> str | None:
    """Look into a function, so that a result does not outlive the function's former content."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # written in C, or typed into a console
        return None


def _surroundings_of(function: Any) -> list[Any]:
    """List what decides a function's result besides its source: defaults, closure, object."""
    own = function.__self__ if inspect.ismethod(function) else None
    # As its source is found: what a decorator keeps for itself is not the function's.
    function = inspect.unwrap(getattr(function, "__func__", function))
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return [
        own,
        getattr(function, "__defaults__", None),
        getattr(function, "__kwdefaults__", None),
        [content for content in cells if content is not function],  # one that calls itself
    ]


def _backend() -> str:
    """Name the backend of Keras as Keras would, without the seconds that its import takes.

    A search over other estimators needs no Keras, and the key must be the same in all processes.
    """
    keras = sys.modules.get("keras")
    if keras is not None:
        return keras.config.backend()
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"]
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        config = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras takes its defaults then
        return "tensorflow"
    return config.get("backend", "tensorflow")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:  # run from its sources
        return None
