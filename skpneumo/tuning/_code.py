"""Describe the code of functions and classes, so that results of edited code are not reused.

Everything is followed that the code of a function or class names::

    function ── bytecode, defaults, closure, what it wraps
       ├── global names          helper(X), SCALE
       └── names in own modules  steps.helper(X), steps.SCALE
    class ── members, bases, metaclass
    partial, property, cached_property, method ── their functions and arguments

Own functions are described by their bytecode, because worker processes cannot read the source of
a notebook or console; those of installed packages by the version of the package; and plain values
that cannot change, such as numbers, texts and tuples of these, by what they are.

Not described, so that a key is the same after a call and in each process, are the content of
lists, dicts, sets, arrays and other objects (of an object, its class is described), names that the
code itself sets, such as counters, what a function imports inside itself, and what is found only
when the code runs, as by ``getattr``.
"""

import json
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from skpneumo.tuning._bytecode import (
    ATTRIBUTE,
    CLOSURE,
    GLOBAL,
    instructions_of,
    is_plain,
    names_in,
    text_of,
)
from skpneumo.tuning._packages import package_of

__all__ = ["closure_of", "code_of"]

# Where wrappers of Python, such as methods and partial, have what they wrap.
_WRAPPED = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel", "args", "keywords")


class _Use(NamedTuple):
    """A value, the name by which it is used, and the places where code can set this name."""

    places: tuple[str, ...]
    name: str
    value: Any


def code_of(thing: Any) -> list[str]:
    """Describe the code of a function or class, and of what it uses.

    Returns
    -------
    code : list of str
        The same in all processes, and after each call.
    """
    _, stored = _code_parts(thing, set())
    parts, _ = _code_parts(thing, stored)
    return sorted(parts)


def closure_of(function: Any) -> dict[str, Any]:
    """Return the variables of enclosing functions that a function uses, if they are set yet."""
    variables = {}
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            variables[name] = cell.cell_contents
        except ValueError:  # not set yet
            continue
    return variables


def _code_parts(thing: Any, changing: set[Any]) -> tuple[set[str], set[Any]]:
    """Describe what can be reached without changing names, and find the names that it sets."""
    parts, stored = set(), set()
    reached = {}  # with the values, because the id of a deleted one is used again
    waiting = [(_label(thing), thing)]
    while waiting:
        label, value = waiting.pop()
        if (label, id(value)) in reached:
            continue
        reached[label, id(value)] = value
        if package := package_of(_module_of(value)):
            parts.add(package)
        if type(value) is FunctionType:
            stored |= {(_place(*each, value), each[1]) for each in names_in(value.__code__).stored}
            if not package:
                parts.add(json.dumps([label, instructions_of(value.__code__)]))
        for use in _uses(value, is_own=not package):
            if _is_changing(use, changing):
                continue
            if is_plain(use.value):
                text = text_of(use.value)
            else:
                text = _label_in(value, use)
                waiting.append((text, use.value))
            parts.add(json.dumps([label, use.places[0], use.name, text]))
    return parts, stored


def _is_changing(use: _Use, changing: set[Any]) -> bool:
    # `self.scale = scale(X)` sets an attribute of an object, no function of this name.
    is_code = issubclass(type(use.value), (type, FunctionType))
    places = [place for place in use.places if place != ATTRIBUTE or not is_code]
    return any((place, use.name) in changing for place in places)


def _uses(value: Any, is_own: bool) -> Iterator[_Use]:
    kind = type(value)
    if kind is FunctionType:  # decorators of packages, too, return functions around own ones
        inner = closure_of(value) | {"__wrapped__": vars(value).get("__wrapped__")}
        yield from (_Use((CLOSURE,), *each) for each in inner.items())
        if is_own:
            defaults = {"": value.__defaults__, **(value.__kwdefaults__ or {})}
            yield from (_Use(("default",), *each) for each in defaults.items())
            yield from _globals(value)
    elif issubclass(kind, type) and is_own:
        yield from _members(value)
        yield from (_Use(("base",), "", each) for each in (*value.__mro__[1:], kind))
    elif kind in (tuple, frozenset):
        yield from (_Use(("entry",), "", each) for each in value)
    elif kind.__module__ in ("builtins", "functools"):
        for name in _WRAPPED:
            inner = getattr(value, name, {})
            entries = inner if type(inner) is dict else {"": inner}
            yield from (_Use((name,), str(key), each) for key, each in entries.items())
    elif not issubclass(kind, ModuleType):
        yield _Use(("class",), "", kind)


def _globals(function: FunctionType) -> Iterator[_Use]:
    for first, *attributes in names_in(function.__code__).loaded:
        value = function.__globals__.get(first)
        if first not in function.__globals__ or _is_special(first):
            continue
        yield _Use((_place(GLOBAL, first, function),), first, value)
        for name in attributes:
            if not _is_own_module(value) or _is_special(name):
                break
            place = _place(GLOBAL, name, value)
            try:  # not in its dict, because modules can load names on first use
                value = getattr(value, name)
            except Exception:  # the code will raise it, if it gets there
                break
            yield _Use((place, ATTRIBUTE), name, value)


def _is_own_module(value: Any) -> bool:
    return issubclass(type(value), ModuleType) and package_of(_module_of(value)) is None


def _members(kind: type) -> Iterator[_Use]:
    for name, member in list(vars(kind).items()):
        is_code = issubclass(type(member), (FunctionType, staticmethod, classmethod))
        inherited = [vars(base)[name] for base in kind.__mro__[1:] if name in vars(base)]
        # Workers receive classes without what equals the inherited.
        is_inherited = bool(inherited) and _are_equal(member, inherited[0])
        if not is_inherited and (is_code or not _is_special(name)):
            yield _Use((ATTRIBUTE,), name, member)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _are_equal(a: Any, b: Any) -> bool:
    return a is b or (is_plain(a) and is_plain(b) and text_of(a) == text_of(b))


def _place(place: str, name: str, user: Any) -> str:
    return f"{place} of {_module_of(user)}" if place == GLOBAL else place


def _label(value: Any) -> str:
    if type(value) is FunctionType:  # not by its name, which decorators copy
        return f"{_module_of(value)}.{value.__code__.co_qualname}"
    if issubclass(type(value), type):
        return f"{value.__module__}.{value.__qualname__}"
    return f"a {_label(type(value))}"


def _label_in(owner: Any, use: _Use) -> str:
    """Label a value by its definition, and by its user if there can be several of a definition."""
    label = _label(use.value)
    is_one_of_several = label.startswith("a ") or "<locals>" in label
    return f"{_label(owner)} {use.name}: {label}" if is_one_of_several else label


def _module_of(value: Any) -> str:
    if type(value) is FunctionType:  # decorators copy __module__
        return str(value.__globals__.get("__name__"))
    if issubclass(type(value), ModuleType):
        return str(vars(value).get("__name__"))
    return str(value.__module__ if issubclass(type(value), type) else type(value).__module__)
