"""Describe the code of functions and classes that belong to no installed package.

The bytecode is described, not the source, which worker processes cannot read of what was entered
in a notebook or console.
"""

import dis
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

__all__ = ["code_of"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_INSTALLED = {"site-packages", "dist-packages"}
# May be run from their sources; keys contain their versions.
_PACKAGES = {"skpneumo", *sys.stdlib_module_names}


def code_of(thing: Any) -> list[Any]:
    """Describe the code of a function or class, and of what it uses by global names.

    Parameters
    ----------
    thing : function or class
        Of an installed package, nothing is described, because its version is known.

    Returns
    -------
    code : list
        Of types that JSON supports. Global names and attributes of a class stand for functions,
        classes and plain values such as numbers; other objects, and what the code itself changes,
        such as a counter, are not described.
    """
    return list(_described(thing, set()))


def _described(thing: Any, seen: set[int]) -> Iterator[Any]:
    if id(thing) in seen or _is_installed(thing):
        return
    seen.add(id(thing))
    if inspect.isclass(thing):
        for base in thing.__mro__[1:]:
            yield from _described(base, seen)
        yield from _members(thing, seen)
    elif isinstance(function := _function_of(thing), FunctionType):
        code = function.__code__
        yield _written(code)
        for name in sorted(_names_in(code) & function.__globals__.keys() - _stored_by(code)):
            yield from _value(name, function.__globals__[name], seen)


def _members(kind: type, seen: set[int]) -> Iterator[Any]:
    functions = [_function_of(getattr(each, "__func__", each)) for each in vars(kind).values()]
    codes = [each.__code__ for each in functions if isinstance(each, FunctionType)]
    changing = {name for code in codes for name in _stored_by(code)}
    for name, member in sorted(vars(kind).items()):
        if name in changing:
            continue
        if isinstance(member, property):
            for accessor in (member.fget, member.fset, member.fdel):
                yield from _value(name, accessor, seen)
        elif callable(member) or not name.startswith("__"):
            yield from _value(name, getattr(member, "__func__", member), seen)


def _value(name: str, value: Any, seen: set[int]) -> Iterator[Any]:
    """Describe what a name stands for, if it is code or plain."""
    if _is_plain(value):
        yield [name, repr(value)]
    elif inspect.isclass(value) or isinstance(_function_of(value), FunctionType):
        yield [name, *_described(value, seen)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(each) for pair in value.items() for each in pair)
    return isinstance(value, _PLAIN)


def _function_of(thing: Any) -> Any:
    function = getattr(thing, "__func__", thing)  # of a method
    return inspect.unwrap(function) if callable(function) else function


def _written(code: CodeType) -> list[Any]:
    constants = [
        _written(each) if isinstance(each, CodeType) else _constant(each)
        for each in code.co_consts
    ]
    return [code.co_code.hex(), constants, list(code.co_names)]


def _constant(value: Any) -> str:
    # The order of a set differs between processes.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _names_in(code: CodeType) -> set[str]:
    return {name for each in _with_inner(code) for name in each.co_names}


def _stored_by(code: CodeType) -> set[str]:
    """Find the global names and attributes that code sets."""
    return {
        instruction.argval
        for each in _with_inner(code)
        for instruction in dis.get_instructions(each)
        if instruction.opname in ("STORE_ATTR", "STORE_GLOBAL")
    }


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _with_inner(each)


def _is_installed(thing: Any) -> bool:
    package = (getattr(thing, "__module__", None) or "").partition(".")[0]
    if package == "__main__":
        return False
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    return package in _PACKAGES or bool(_INSTALLED & set(Path(file).parts))
