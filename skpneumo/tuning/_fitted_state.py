"""The fitted state of an estimator as arrays and text, and back: reading it runs no code.

Fitted state is parameters plus arrays: the parameters are the search's own and are not saved.
What is read may only consist of numbers, text, arrays, generators of random numbers, and the
records of this package that say how a network is built; everything else is refused.
"""

import json
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import isfunction
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fitted_state", "restore_fitted_state"]

_Arrays = dict[str, NDArray[Any]]

# The structure, as JSON, beside the arrays that it names.
_STRUCTURE = "structure"
_PACKAGES = ("skpneumo.classifiers.", "skpneumo.networks.")
_GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}
# What the callbacks of scikit-learn leave in an estimator belongs to the search that set them.
_OF_CALLBACKS = ("_skl_", "_parent_callback_ctx")


def fitted_state(estimator: Any) -> _Arrays:
    """Give all that ``fit`` has set, as arrays that can be saved without pickle.

    Raises
    ------
    TypeError
        If there is something else in it.
    """
    arrays: _Arrays = {}
    parameters = estimator.get_params(deep=False)
    state = {
        name: value
        for name, value in vars(estimator).items()
        if name not in parameters and not name.startswith(_OF_CALLBACKS)
    }
    try:
        structure = _encode(state, arrays)
    except TypeError as error:
        raise TypeError(
            f"The fitted {type(estimator).__name__} cannot be saved without pickle: {error}. "
            "Search with continue_training=False."
        ) from error
    return {_STRUCTURE: np.array(json.dumps(structure)), **arrays}


def restore_fitted_state(estimator: Any, arrays: _Arrays) -> None:
    """Set what :func:`fitted_state` gave in an estimator of the same parameters.

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        state = _decode(json.loads(str(arrays[_STRUCTURE])), arrays)
    except (AttributeError, ImportError, KeyError, TypeError) as error:
        raise ValueError(f"not a fitted state: {error!r}") from error
    if not isinstance(state, dict) or state.keys() & estimator.get_params(deep=False).keys():
        raise ValueError("not a fitted state: no attributes, or parameters among them")
    vars(estimator).update(state)


def _encode(value: Any, arrays: _Arrays) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_encode(entry, arrays) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(part, arrays) for part in item] for item in value.items()]}
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(value, arrays)
    if isinstance(value, np.random.RandomState):
        return {"RandomState": _encode(value.get_state(legacy=False), arrays)}
    if isinstance(value, np.random.Generator):
        return {"Generator": _encode(value.bit_generator.state, arrays)}
    if isfunction(value) or (is_dataclass(value) and not isinstance(value, type)):
        return _encode_own(value, arrays)
    raise TypeError(f"it holds a {type(value).__name__}")


def _encode_array(value: Any, arrays: _Arrays) -> dict[str, str]:
    array = np.asarray(value)
    kind = "scalar" if isinstance(value, np.generic) else "array"
    if array.dtype.kind == "O":
        if not all(isinstance(entry, str) for entry in array.ravel()):
            raise TypeError("it holds an array of objects that are not text")
        array, kind = array.astype(str), "text"
    elif array.dtype.kind == "V":
        raise TypeError(f"it holds an array of {array.dtype}")
    name = f"array{len(arrays)}"
    arrays[name] = array
    return {kind: name}


def _encode_own(value: Any, arrays: _Arrays) -> dict[str, Any]:
    own = value if isfunction(value) else type(value)
    name = f"{own.__module__}:{own.__qualname__}"
    if not _is_own(own) or _named(name) is not own:
        raise TypeError(f"it holds {value!r}")
    if isfunction(value):
        return {"function": name}
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    return {"record": [name, _encode(parts, arrays)]}


def _decode(value: Any, arrays: _Arrays) -> Any:
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise TypeError("a bare list")
        return value
    ((kind, content),) = value.items()
    if kind in ("list", "tuple"):
        entries = [_decode(entry, arrays) for entry in content]
        return entries if kind == "list" else tuple(entries)
    if kind == "dict":
        return {_decode(key, arrays): _decode(entry, arrays) for key, entry in content}
    if kind in ("array", "scalar", "text"):
        array = arrays[content]
        return {"array": array, "scalar": array[()], "text": array.astype(object)}[kind]
    if kind == "RandomState":
        random_state = np.random.RandomState()
        random_state.set_state(_decode(content, arrays))
        return random_state
    if kind == "Generator":
        return _generator(_decode(content, arrays))
    if kind == "function":
        return _own_function(content)
    if kind == "record":
        name, parts = content
        return _own_record(name)(**_decode(parts, arrays))
    raise TypeError(f"an entry of the unknown kind {kind!r}")


def _generator(state: dict[str, Any]) -> np.random.Generator:
    name = state["bit_generator"]
    if name not in _GENERATORS:
        raise TypeError(f"the unknown generator {name!r}")
    bit_generator = getattr(np.random, name)()
    bit_generator.state = state
    return np.random.Generator(bit_generator)


def _is_own(thing: Any) -> bool:
    return f"{thing.__module__}.".startswith(_PACKAGES)


def _named(name: str) -> Any:
    """Find a function or class of this package's classifiers and networks by its name."""
    module, _, attribute = name.partition(":")
    if not f"{module}.".startswith(_PACKAGES):
        raise TypeError(f"{name!r}, which is not of {' or '.join(_PACKAGES)}")
    return getattr(import_module(module), attribute, None)


def _own_function(name: str) -> Any:
    function = _named(name)
    # The functions of a shape that give a network; no other has its place in a fitted state.
    if not isfunction(function) or not _is_own(function) or "build" not in function.__name__:
        raise TypeError(f"{name!r}, which builds no network")
    return function


def _own_record(name: str) -> Any:
    record = _named(name)
    if not isinstance(record, type) or not is_dataclass(record) or not _is_own(record):
        raise TypeError(f"{name!r}, which is no record")
    return record
