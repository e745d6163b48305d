"""Encode values as JSON and arrays, and decode them without running code from files.

Supported are numbers, text, containers, arrays and random generators. Types and functions are
written as names, and only those of a closed registry are read.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from importlib import import_module
from inspect import isfunction
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NETWORK_NAMES", "Arrays", "Decoder", "Encoder", "Registry", "read_json"]

Arrays = dict[str, NDArray[Any]]

_ENGINE = "skpneumo.classifiers.engine"
# Types and functions in fitted networks of this package. Files contain these names, so if a module
# moves, change its location here but not the name.
NETWORK_NAMES = {
    "skpneumo.build_cnn": "skpneumo.networks:build_cnn",
    "skpneumo.build_pretrained": "skpneumo.networks:build_pretrained",
    "skpneumo.build_features": "skpneumo.networks._pretrained:build_features",
    "skpneumo.build_head": "skpneumo.networks._pretrained:build_head",
    "skpneumo.NetworkSpec": f"{_ENGINE}._compiled:NetworkSpec",
    "skpneumo.StepSpec": f"{_ENGINE}._compiled:StepSpec",
    "skpneumo.TrainingCheckpoint": f"{_ENGINE}._training:TrainingCheckpoint",
}

_GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}
_MT19937_WORDS, _PHILOX_WORDS = 624, 4
_NUMBERS = {
    name: np.dtype(name).type
    for name in (
        "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "float16", "float32", "float64",
    )
}  # fmt: skip
_MOST_TEXT = 2**26  # bytes of all arrays of text, where each entry is as wide as the longest one
# Arrays with at least this many numbers are stored as float16 if that loses nothing.
_WORTH_HALVING = 1024

# Possessive, and with an optional end of text, so that it takes linear time.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class Registry:
    """The types and functions that files can contain, by name.

    Parameters
    ----------
    places : mapping of str to str
        Name -> ``"module:attribute"``. Others are neither written nor read.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    @cached_property
    def _names_by_attribute(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, place in self._places.items():
            names.setdefault(place.rpartition(":")[2], []).append(name)
        return names

    def name_of(self, thing: Any) -> str | None:
        """Find the name of a type or function; None if it is not in this registry."""
        for name in self._names_by_attribute.get(getattr(thing, "__name__", ""), []):
            if self.find(name) is thing:
                return name
        return None

    def find(self, name: Any) -> Any:
        """Find a type or function by its name.

        Raises
        ------
        ValueError
            If the name is unknown.
        """
        if not isinstance(name, str) or name not in self._places:
            raise ValueError(
                f"it holds {name!r}, which is not among the known types and functions"
            )
        module, _, attribute = self._places[name].partition(":")
        return getattr(import_module(module), attribute)


class Encoder:
    """Encodes values as JSON content that refers to arrays by name.

    Parameters
    ----------
    registry : Registry
        The types and functions that may occur.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What the structure names.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.arrays: Arrays = {}
        self._array_names: dict[int, Any] = {}
        self._alive: list[Any] = []  # so that ids are not reused

    def encode(self, value: Any, place: str = "it") -> Any:
        """Encode a value.

        Parameters
        ----------
        value : object
            The value.
        place : str
            Its location, for errors.

        Returns
        -------
        structure : object
            Content for JSON.

        Raises
        ------
        TypeError
            If it contains something that cannot be encoded.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if isfinite(value) else {"float": repr(value)}
        if type(value) in (list, tuple):
            entries = [self.encode(each, f"{place}[{i}]") for i, each in enumerate(value)]
            return {type(value).__name__: entries}
        if type(value) is dict:
            return {"dict": self.encode_items(value, place)}
        if isinstance(value, np.generic):
            return self._encode_scalar(value, place)
        if isinstance(value, np.ndarray):
            return self._encode_array(value, place)
        if isinstance(value, np.dtype) and value.name in _NUMBERS:
            return {"dtype": value.name}
        if isinstance(value, np.random.RandomState):
            return {"RandomState": self.encode(value.get_state(legacy=False), place)}
        if isinstance(value, np.random.Generator):
            return {"Generator": self.encode(value.bit_generator.state, place)}
        if isfunction(value) and (name := self.registry.name_of(value)) is not None:
            return {"function": name}
        if is_dataclass(type(value)) and (name := self.registry.name_of(type(value))) is not None:
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            return {"record": [name, self.encode(parts, place)]}
        return self.encode_other(value, place)

    def encode_other(self, value: Any, place: str) -> Any:
        """Encode a value of another kind; overridden by subclasses."""
        raise TypeError(f"{place} holds {_described(value)}")

    def encode_items(self, value: Mapping[Any, Any], place: str) -> list[Any]:
        """Encode a mapping as pairs, because its keys need not be text."""
        return [
            [self.encode(key, f"a key of {place}"), self.encode(entry, f"{place}[{key!r}]")]
            for key, entry in value.items()
        ]

    def _encode_scalar(self, value: np.generic, place: str) -> Any:
        if isinstance(value, np.str_):
            return {"scalar": ["str", str(value)]}
        if value.dtype.name not in _NUMBERS:
            raise TypeError(f"{place} holds {_described(value)} of {value.dtype}")
        return {"scalar": [value.dtype.name, self.encode(value.item(), place)]}

    def _encode_array(self, value: NDArray[Any], place: str) -> Any:
        array = np.asarray(value)
        if array.dtype.kind in "OU":
            return self._encode_text(array, place)
        if array.dtype.name not in _NUMBERS:
            raise TypeError(f"{place} holds an array of {array.dtype}")
        if id(value) not in self._array_names:
            self._alive.append(value)
            self._array_names[id(value)] = self._encode_numbers(array)
        return self._array_names[id(value)]

    def _encode_numbers(self, array: NDArray[Any]) -> Any:
        how = {}
        # The last bits of matrix products depend on the memory order.
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            array, how["order"] = array.T, "F"
        array = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
        if array.dtype == np.float32 and array.size >= _WORTH_HALVING:
            with np.errstate(over="ignore"):
                halved = array.astype(np.float16)
            if np.array_equal(halved.astype(np.float32).view(np.uint32), array.view(np.uint32)):
                array, how["dtype"] = halved, "float32"
        name = f"array{len(self.arrays)}"
        self.arrays[name] = array
        return {"array": {"name": name, **how} if how else name}

    def _encode_text(self, array: NDArray[Any], place: str) -> Any:
        entries = array.ravel().tolist()
        if not all(type(entry) is str for entry in entries):
            raise TypeError(f"{place} holds an array of objects that are not text")
        return {"text": [array.dtype.kind, list(array.shape), entries]}


class Decoder:
    """Decodes the results of an :class:`Encoder` with the same registry.

    Parameters
    ----------
    registry : Registry
        The types and functions that may occur.
    arrays : dict of str to ndarray
        What the structure names.
    """

    def __init__(self, registry: Registry, arrays: Arrays) -> None:
        self.registry = registry
        self._arrays = arrays
        self._made: dict[tuple[Any, ...], NDArray[Any]] = {}
        self._text_bytes = 0
        self.kinds: dict[str, Callable[[Any], Any]] = {
            "float": _non_finite,
            "list": self._decode_entries,
            "tuple": lambda content: tuple(self._decode_entries(content)),
            "dict": self.decode_items,
            "scalar": self._decode_scalar,
            "array": self._decode_array,
            "text": self._decode_text,
            "dtype": lambda content: np.dtype(_NUMBERS[content]),
            "RandomState": self._decode_random_state,
            "Generator": lambda content: _generator(self.decode(content)),
            "function": self._decode_function,
            "record": self._decode_record,
        }

    def decode(self, value: Any) -> Any:
        """Decode a value.

        Raises
        ------
        ValueError
            If it cannot be the result of an encoder.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError("it holds an entry without a kind")
        ((kind, content),) = value.items()
        if kind not in self.kinds:
            raise ValueError(f"it holds an entry of the unknown kind {kind!r}")
        try:
            return self.kinds[kind](content)
        except (AttributeError, LookupError, OverflowError, TypeError) as error:
            raise ValueError(f"it holds a malformed {kind} ({error})") from error

    def decode_items(self, content: Any) -> dict[Any, Any]:
        """Decode the pairs of a mapping."""
        return {self.decode(key): self.decode(entry) for key, entry in _list(content)}

    def _decode_entries(self, content: Any) -> list[Any]:
        return [self.decode(entry) for entry in _list(content)]

    def _decode_scalar(self, content: Any) -> Any:
        kind, value = content
        if kind == "str" and isinstance(value, str):
            return np.str_(value)
        number = self.decode(value)
        if not isinstance(number, (bool, int, float)):
            raise TypeError("no number")
        return _NUMBERS[kind](number)

    def _decode_array(self, content: Any) -> NDArray[Any]:
        how = dict(content) if isinstance(content, dict) else {"name": content}
        key = name, order, dtype = how.pop("name"), how.pop("order", None), how.pop("dtype", None)
        # Only these variants, because each one needs its own memory.
        if how or order not in (None, "F") or dtype not in (None, "float32"):
            raise TypeError(f"an array of the order {order!r} and the type {dtype!r}")
        if key not in self._made:
            array = self._arrays[name]
            if dtype is not None:
                if array.dtype != np.float16:
                    raise TypeError(f"{array.dtype} stored for {dtype!r}")
                array = array.astype(np.float32)
            self._made[key] = array.T if order == "F" else array
        return self._made[key]

    def _decode_text(self, content: Any) -> NDArray[Any]:
        kind, shape, entries = content
        if kind not in ("O", "U") or not all(isinstance(each, str) for each in _list(entries)):
            raise TypeError("no text")
        longest = max([1, *map(len, entries)])
        self._text_bytes += 4 * longest * len(entries) if kind == "U" else 0
        if self._text_bytes > _MOST_TEXT:
            raise ValueError(f"its arrays of text need more than {_MOST_TEXT} bytes")
        array = np.empty(len(entries), dtype=object if kind == "O" else f"U{longest}")
        array[:] = entries
        return array.reshape(shape)

    def _decode_random_state(self, content: Any) -> np.random.RandomState:
        state = self.decode(content)
        _check_position(state)
        random_state = np.random.RandomState()
        random_state.set_state(state)
        return random_state

    def _decode_function(self, content: Any) -> Any:
        function = self.registry.find(content)
        if not isfunction(function):
            raise TypeError(f"{content!r} is not a function")
        return function

    def _decode_record(self, content: Any) -> Any:
        name, parts = content
        record = self.registry.find(name)
        if not isinstance(record, type) or not is_dataclass(record):
            raise TypeError(f"{name!r} is not a record")
        return record(**self.decode(parts))


def read_json(data: bytes, *, most_bytes: int, most_entries: int, deepest: int = 100) -> Any:
    """Parse JSON of a limited length, number of entries and depth.

    The limits are checked before parsing, because an empty list of 2 bytes of text needs 64 bytes
    of memory.

    Raises
    ------
    ValueError
        If it exceeds a limit, is not JSON, or has a repeated name.
    """
    if len(data) > most_bytes:
        raise ValueError(f"it holds {len(data)} bytes of JSON, but at most {most_bytes} are read")
    n_entries = sum(data.count(each) for each in (b",", b"[", b"{"))
    if n_entries > most_entries:
        raise ValueError(
            f"it holds {n_entries} entries of JSON, but at most {most_entries} are read"
        )
    depth = deepest_so_far = 0
    for match in _TOKENS.finditer(data):
        token = match[0]
        depth += (token in (b"[", b"{")) - (token in (b"]", b"}"))
        deepest_so_far = max(deepest_so_far, depth)
    if deepest_so_far > deepest:
        raise ValueError(
            f"its JSON has {deepest_so_far} nested levels, but at most {deepest} are read"
        )
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_repetition, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its JSON cannot be read: {error}") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name is repeated")
    return content


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")


def _non_finite(content: Any) -> float:
    if content not in ("inf", "-inf", "nan"):
        raise TypeError(f"{content!r}")
    return float(content)


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError("no list")
    return content


def _generator(state: dict[str, Any]) -> np.random.Generator:
    name = state["bit_generator"]
    if name not in _GENERATORS:
        raise ValueError(f"it holds the unknown generator {name!r}")
    _check_position(state)
    bit_generator = getattr(np.random, name)()
    bit_generator.state = state
    return np.random.Generator(bit_generator)


def _check_position(state: dict[str, Any]) -> None:
    """Raise for a position outside of the buffer, which NumPy would read without a check."""
    for length, position in (
        (_MT19937_WORDS, state["state"].get("pos", 0)),
        (_PHILOX_WORDS, state.get("buffer_pos", 0)),
    ):
        if not isinstance(position, int) or not 0 <= position <= length:
            raise ValueError(
                f"it holds a random generator with the invalid position {position!r} of {length}"
            )


def _described(value: Any) -> str:
    if isfunction(value) or isinstance(value, type):
        return f"{value!r}"
    return f"a {type(value).__name__}"
